"""How often tags are right, counted in the real store; and a fair sample drawn from it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from index_backends import START, Stores, edit, ids, mention, settled

from dashboard import bodies, data
from index import Index, Json


@pytest.fixture
def index(stores: Stores) -> Index:
    return stores()


def counted(index: Index, drawn: bool, minutes: int | None = None) -> dict[tuple[str, str], dict[str, int]]:
    since = None if minutes is None else START + timedelta(minutes=minutes)
    found: Json = index.search(bodies.verdicts(drawn, since))["aggregations"]
    return {
        (brand["key"], engine["key"]): {bucket["key"]: bucket["doc_count"] for bucket in engine["checked"]["buckets"]}
        for brand in found["brand"]["buckets"]
        for engine in brand["engine"]["buckets"]
    }


def test_verdicts_are_counted_by_brand_and_engine(index: Index) -> None:
    index.write([mention(number, brand=("acme", "bruma")[number % 2 :][:1], judged_by="m1") for number in range(8)])
    index.write([mention(8, judged_by="m2")])
    edits = [edit(number, {"sentiment": "neutral"}, minute=number) for number in range(4)]
    edits += [edit(number, {"sentiment": "negative"}, minute=number) for number in range(4, 9)]
    index.edit([msgspec.structs.replace(one, drawn=number < 3) for number, one in enumerate(edits)])
    settled(index)
    right, wrong = "sentiment:right:neutral", "sentiment:wrong:neutral"
    assert counted(index, False) == {
        ("acme", "m1"): {right: 2, wrong: 2} | ({"drawn": 2}),
        ("acme", "m2"): {wrong: 1},
        ("bruma", "m1"): {right: 2, wrong: 2} | ({"drawn": 1}),
    }
    assert counted(index, True) == {
        ("acme", "m1"): {right: 2, "drawn": 2},
        ("bruma", "m1"): {right: 1, "drawn": 1},
    }
    assert counted(index, False, minutes=7) == {("acme", "m2"): {wrong: 1}}


def test_a_brand_that_was_taken_away_counts_against_that_brand(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.write([mention(number, brand=("bruma",), judged_by="m1") for number in range(6)])
    given: list[list[str]] = [["acme"], [], ["bruma"], ["bruma", "acme"], ["bruma"], ["acme"]]
    index.edit([edit(number, {"brand": brands}) for number, brands in enumerate(given)])
    settled(index)
    monkeypatch.setattr(data, "ask", index.search)
    monkeypatch.setattr(data.context, "index", lambda: index)
    assert data.verdicts(drawn=False) == [data.Verdicts("bruma", "m1", "brand", right=3, of=6, unsure=0)]


def test_the_sample_of_a_day_is_always_the_same_and_leaves_no_mention_out(index: Index) -> None:
    index.write([mention(number) for number in range(2000)])
    settled(index)
    days = [START + timedelta(days=day) for day in range(2, 7)]
    samples = []
    for day in days:
        hits = index.search(bodies.to_check(["acme"], day, 2000))["hits"]["hits"]
        assert len({hit["_id"][:1] for hit in hits}) == 1 and len(hits) >= bodies.TO_CHECK  # a sixteenth of them
        samples.append(bodies.drawn([hit["_id"] for hit in hits], day))
        assert bodies.drawn([hit["_id"] for hit in reversed(hits)], day) == samples[-1]
    assert all(len(sample) == bodies.TO_CHECK for sample in samples)
    assert len({id for sample in samples for id in sample}) > 4 * bodies.TO_CHECK
    assert index.search(bodies.to_check(["bruma"], days[0], 0))["hits"]["hits"] == []
    assert set(bodies.drawn(ids(range(3)), days[0])) == set(ids(range(3)))
