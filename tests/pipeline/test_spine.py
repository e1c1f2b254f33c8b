"""The whole way on one machine, in real processes: the demo's web, crawler, log, worker, store, alerts, mail.

One run of a demo in quick motion; every test asks it something. Once the mail has come, the web publishes nothing more,
so that the books can be closed and counted to the last mention.
"""

from __future__ import annotations

import mailbox
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path

import msgspec
import pytest
from spine_harness import PLAN, Demo, missing

from enrichment import STORIES_GROUP
from index import Index, open_index, parse_query
from infra.testbed.waiting import until
from ronzio.demo import Post
from ronzio.demo.companies import COMPANIES, Company
from ronzio.demo.places import PLACES, TALK, base
from ronzio.status import GROUP, Books, books
from stream import RAW, SIGNATURES, Incident, SourceStatus, open_log, slug, utc_now


class Outcome:
    """What there is to ask when the run is over: the store, the books, the mails, what the web had published."""

    def __init__(self, demo: Demo, index: Index, accounts: list[Books], mails: list[tuple[str, str]]) -> None:
        self.posts = demo.posts()
        self.index = index
        self.accounts = {entry.source: entry for entry in accounts}
        self.mails = mails
        self.sources = [msgspec.json.decode(one.body, type=SourceStatus) for one in index.records.scan("source")]
        self.incidents = [msgspec.json.decode(one.body, type=Incident) for one in index.records.scan("incident")]
        self.web_port = demo.web_port
        self.crisis_at = demo.scenario.clock.moment(PLAN.crisis_after)

    def account(self, url: str) -> Books:
        return self.accounts[next(source.id for source in self.sources if source.url == url)]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    demo = Demo(tmp_path_factory.mktemp("spine"))
    log, index = open_log(demo.data_dir / "log"), open_index(demo.data_dir / "index")
    try:
        with demo.running():

            def a_mail() -> bool:
                demo.check_alive()
                return bool(read_mails(demo.data_dir))

            def copied() -> bool:
                """Enough was said of the crisis for the tests below."""
                posts = demo.posts()
                return sum(post.story == "x0" for post in posts) >= 4 and any(map(names_a_rash, posts))

            until(a_mail, "the crisis' mail")
            until(copied, "the papers to copy the news")
            demo.silent_from = utc_now()

            def settled() -> bool:
                demo.check_alive()
                accounts = books(log, index)
                waiting = any(entry.waiting for entry in accounts) or any(
                    [*log.lag(GROUP, RAW).values(), *log.lag(STORIES_GROUP, SIGNATURES).values()]
                )
                no_mentions = sum(entry.tally.not_a_mention for entry in accounts)
                fetched = no_mentions >= sum(not post.company for post in demo.posts())
                return fetched and not waiting and not index.fresh()["behind"] and not missing(demo, index)

            until(settled, "all posts")
            yield Outcome(demo, index, books(log, index), read_mails(demo.data_dir))
    finally:
        index.close()
        log.close()


def names_a_rash(post: Post) -> bool:
    return post.product == "Lampo" and any("orticaria" in text for text in post.paragraphs)


def read_mails(data_dir: Path) -> list[tuple[str, str]]:
    """(To, Subject) of what lies in the mailbox."""
    folder = data_dir / "mailbox"
    if not (folder / "new").is_dir():
        return []
    box = mailbox.Maildir(folder, create=False)
    return [(str(mail["To"]), str(make_header(decode_header(str(mail["Subject"]))))) for mail in box]


def test_every_post_is_accounted_for_by_its_source(outcome: Outcome) -> None:
    for place in TALK:
        mine = [post for post in outcome.posts if post.place is place]
        feed = outcome.account(base(place, outcome.web_port) + place.feed_path).tally
        archive = outcome.account(base(place, outcome.web_port) + place.archive_path).tally
        handled = feed.indexed + feed.not_a_mention + archive.indexed + archive.not_a_mention
        assert handled == len(mine), place.name


def test_books_balance(outcome: Outcome) -> None:
    assert len(outcome.accounts) == len(PLACES) + len(TALK) + 1
    assert all(entry.fetched == entry.tally.received for entry in outcome.accounts.values())
    assert not any(entry.tally.dead for entry in outcome.accounts.values())


def test_an_article_found_twice_is_one_mention(outcome: Outcome) -> None:
    site = next(source for source in outcome.sources if source.channel == "site")
    assert outcome.accounts[site.id].tally.duplicate > 0


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_mentions_are_found_by_brand(outcome: Outcome, company: Company) -> None:
    wanted = [post for post in outcome.posts if post.company == company.name]
    assert outcome.index.count({"term": {"brand": slug(company.name)}}) == len(wanted)


def test_mentions_are_found_by_product_and_words(outcome: Outcome) -> None:
    wanted = [post for post in outcome.posts if post.product == "Lampo"]
    assert outcome.index.count(parse_query("product:lampo")) == len(wanted)
    allergic = [post for post in wanted if names_a_rash(post)]
    assert allergic
    assert outcome.index.count(parse_query("brand:ondalba AND text:orticaria")) == len(allergic)


def test_copies_of_an_item_are_one_story(outcome: Outcome) -> None:
    copies = [post for post in outcome.posts if post.story == "x0"]
    urls = [base(post.place, outcome.web_port) + post.path for post in copies]
    found = outcome.index.search({"size": 50, "query": {"terms": {"url": urls}}})["hits"]["hits"]
    assert len(found) == len(copies) >= 4
    ((_, pickups),) = Counter(hit["_source"].get("story", hit["_id"]) for hit in found).most_common(1)
    assert pickups >= len(copies) - 1


def test_one_incident_and_one_mail_at_its_start(outcome: Outcome) -> None:
    (incident,) = outcome.incidents
    assert (incident.brand, incident.product) == ("ondalba", "lampo")
    assert incident.started_at >= outcome.crisis_at - timedelta(seconds=5)
    starts = [record.id for record in outcome.index.records.scan("mail") if record.id.endswith("/start")]
    assert starts == [f"{incident.id}/start"]
    assert outcome.mails
    assert all("Lampo" in subject for _, subject in outcome.mails)
    assert {to for to, _ in outcome.mails} == {"marketing@ondalba.example"}
