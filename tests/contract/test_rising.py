"""What rises, on both stores: terms of a week against the weeks before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

import pytest
from index_backends import BACKENDS, START, mention, opened, settled

from index import Index, rising
from index.rising import ENOUGH, likelihood_ratio
from stream import Mention

WEEK = timedelta(days=7)
NOW = START + 5 * WEEK


def said(number: int, when: float, *terms: str, story: str = "", brand: str = "aurora") -> Mention:
    """A mention `when` weeks after START."""
    return mention(number, published_at=START + when * WEEK, terms=terms, story=story or f"s{number}", brand=(brand,))


@pytest.fixture(scope="module", params=BACKENDS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Four quiet weeks of 40 mentions about price, then one of 40 in which shocks are new and recalls are many."""
    mentions = [
        said(number, number / 40, "prezzo", *(["richiamo"] if number % 20 == 0 else [])) for number in range(160)
    ]
    for number in range(40):
        terms = ["prezzo"]
        terms += ["scossa elettrica", "scossa"] if number % 4 == 0 else []
        terms += ["richiamo"] if number % 3 == 0 else []
        terms += ["comunicato"] if number % 2 == 0 else []
        story = "one" if number % 2 == 0 else ""
        mentions.append(said(200 + number, 4 + number / 40, *terms, story=story))
    mentions += [said(300 + number, 4.5, "altro", brand="velox") for number in range(40)]
    with opened(request.param, tmp_path_factory.mktemp("store")) as stores:
        store = stores()
        store.write(mentions)
        yield settled(store)


def test_new_and_more_frequent_terms_rise_the_surest_first(index: Index) -> None:
    risen = rising(index, [{"term": {"brand": "aurora"}}], START, NOW - WEEK, NOW)
    assert (risen.now, risen.before) == (40, 160)
    found = {one.term: (one.now, one.before) for one in risen.terms}
    assert found["richiamo"] == (14, 8)
    assert "prezzo" not in found, "as frequent as ever"
    assert "altro" not in found, "another brand's"
    assert [one.score for one in risen.terms] == sorted((one.score for one in risen.terms), reverse=True)
    [recall] = [one for one in risen.terms if one.term == "richiamo"]
    assert recall.times == pytest.approx((14 / 40) / (8 / 160))
    assert "richiamo" in recall.example["terms"] and recall.example["published_at"] >= (NOW - WEEK).isoformat()


def test_a_word_that_only_occurs_in_a_phrase_is_left_out(index: Index) -> None:
    index_terms = {one.term: one for one in rising(index, [], START, NOW - WEEK, NOW).terms}
    assert "scossa" not in index_terms
    assert "scossa elettrica" not in index_terms, "ten copies of one story"


def test_copies_of_one_item_do_not_rise(index: Index) -> None:
    assert "comunicato" not in {one.term for one in rising(index, [], START, NOW - WEEK, NOW).terms}


def test_nothing_rises_without_a_past(index: Index) -> None:
    risen = rising(index, [], START - WEEK, START, START + WEEK)
    assert (risen.terms, risen.before) == ((), 0)
    few = rising(index, [], START, START + timedelta(days=1), START + 2 * WEEK)
    assert few.before < ENOUGH and few.terms == ()


def test_the_likelihood_ratio_is_that_of_the_literature() -> None:
    """Worked out by hand for ten of a hundred against none of a hundred; equal shares give nothing."""
    expected = 2 * (10 * math.log(10 / 5) + 0 + 90 * math.log(90 / 95) + 100 * math.log(100 / 95))
    assert likelihood_ratio(10, 100, 0, 100) == pytest.approx(expected)
    assert likelihood_ratio(5, 50, 10, 100) == pytest.approx(0)
