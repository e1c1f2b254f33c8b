"""What the demo publishes: the same every time, at the promised pace, with texts that do not repeat."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ronzio.demo import Clock, Plan, Post, Scenario
from ronzio.demo.places import BY_ID

START = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
PLAN = Plan()


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario(PLAN, Clock.starting(START))


@pytest.fixture(scope="module")
def posts(scenario: Scenario) -> list[Post]:
    return scenario.posts(None, after(1200))


def test_the_same_in_another_process(posts: list[Post]) -> None:
    assert Scenario(PLAN, Clock.starting(START)).posts(None, after(1200)) == posts


def test_another_seed_writes_other_texts(posts: list[Post]) -> None:
    others = Scenario(Plan(seed=8), Clock.starting(START)).posts(None, after(1200))
    assert len({post.paragraphs for post in posts} & {post.paragraphs for post in others}) < len(posts) * 0.01


def test_step_by_step_is_the_same_as_at_once(scenario: Scenario, posts: list[Post]) -> None:
    steps = [scenario.posts(None, after(0))]
    steps += [scenario.posts(after(second - 7.5), after(second)) for second in (7.5 * i for i in range(1, 161))]
    assert [post.key for step in steps for post in step] == [post.key for post in posts]


def test_no_key_twice_and_every_post_is_found_by_its_key(scenario: Scenario, posts: list[Post]) -> None:
    assert len({post.key for post in posts}) == len(posts)
    assert all(scenario.find(post.key, after(1200)) == post for post in posts)


@pytest.mark.parametrize(
    "key", ["", "c", "c-1", "c01", "cx", "c99999999", "s9999-agenzia", "x99-agenzia", "s0", "q1", "c²"]
)
def test_unknown_keys_find_nothing(scenario: Scenario, key: str) -> None:
    assert scenario.find(key, after(1200)) is None


def test_nothing_is_found_before_it_is_out(scenario: Scenario, posts: list[Post]) -> None:
    assert all(scenario.find(post.key, post.published_at - timedelta(seconds=1)) is None for post in posts)


def test_a_restart_moves_nothing(posts: list[Post]) -> None:
    stopped = after(600)
    resumed = Scenario(PLAN, Clock.starting(START).resumed(stopped, now=after(90_000)))
    before = [post for post in posts if post.published_at <= stopped - timedelta(seconds=1)]
    assert resumed.posts(None, after(90_000))[: len(before)] == before
    assert not resumed.posts(after(601), after(89_999))
    assert {post.key for post in resumed.posts(None, after(90_600))} == {post.key for post in posts}


def test_history_reaches_a_day_back_and_every_hour_has_some(posts: list[Post]) -> None:
    hours = Counter(
        int((START - post.published_at) / timedelta(hours=1)) for post in posts if post.published_at < START
    )
    assert sorted(hours) == list(range(24))


def test_about_one_comment_a_second_before_the_crisis(posts: list[Post]) -> None:
    calm = [post for post in posts if not post.story and after(-600) < post.published_at <= after(PLAN.crisis_after)]
    assert len(calm) == pytest.approx(600 + PLAN.crisis_after, abs=2)
    mood = Counter(post.sentiment for post in calm if post.company)
    assert 0.1 < mood["negative"] / mood.total() < 0.26
    assert mood["positive"] > mood["negative"]


def test_the_crisis_is_about_one_product_and_passes(posts: list[Post]) -> None:
    def angry(product: str, since: float, until: float) -> float:
        hits = [
            p
            for p in posts
            if p.product == product and p.sentiment == "negative" and after(since) < p.published_at <= after(until)
        ]
        return len(hits) / (until - since)

    peak_from = PLAN.crisis_after + PLAN.rise
    peak = angry("Lampo", peak_from, peak_from + PLAN.hold)
    assert peak > 20 * angry("Lampo", -1800, PLAN.crisis_after)
    for product in ("Crema Nobile", "Classica", "Volpina", "Lince", "Tuttofare"):
        assert angry(product, peak_from, peak_from + PLAN.hold) < peak / 20
    assert angry("Lampo", 1000, 1200) < peak / 10


def test_the_company_is_thanked_when_it_has_answered(posts: list[Post]) -> None:
    end = PLAN.crisis_after + PLAN.rise + PLAN.hold
    fading = Counter(post.sentiment for post in posts if post.key[0] == "k" and post.published_at > after(end + 120))
    assert fading["positive"] > fading.total() * 0.15


def test_news_are_copied(posts: list[Post]) -> None:
    copies = Counter(post.story for post in posts if post.story.startswith("x"))
    assert max(copies.values()) >= 5
    recall = [post for post in posts if post.story == "x0"]
    assert recall[0].place is BY_ID["agenzia"]
    assert len({post.title for post in recall}) > 1
    assert len({post.paragraphs[:-1] for post in recall}) == 1
    assert len({post.paragraphs[-1] for post in recall}) == len(recall)


def shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))}


def test_texts_hardly_repeat(posts: list[Post]) -> None:
    texts = [post.paragraphs[0] for post in posts if not post.story]
    assert len(set(texts)) > len(texts) * 0.995
    # as near-duplicate detection sees them: words and pairs of words, half of them shared
    some = [
        shingles(post.paragraphs[0]) for post in posts if not post.story and after(0) < post.published_at <= after(400)
    ]
    near = sum(any(len(one & other) >= 0.5 * len(one | other) for other in some[:at]) for at, one in enumerate(some))
    assert near < len(some) * 0.04
