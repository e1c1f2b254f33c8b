"""The store: what is written is there once and searchable; humans win; what is erased stays away; positions and books hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from index_backends import START, Stores, at, edit, erase, erase_author, found, ids, mention, settled

from index import BadEdit, Index, Retagged, Tally, erased_among
from stream import Edit, Fenced, Mention, Position

ALL = {"match_all": {}}


@pytest.fixture
def index(stores: Stores) -> Index:
    return stores()


def one(index: Index, number: int) -> dict[str, Any]:
    (body,) = index.get(ids([number]))
    return body


# -- writing ------------------------------------------------------------------------------------------------------------
def test_a_mention_comes_back_as_it_was_written(index: Index) -> None:
    written = mention(1, product=("phone",), topic=("delivery", "price"), extra={"rating": "2"}, backfill=True)
    assert index.write([written]).outcomes == ["indexed"]
    assert msgspec.convert(one(index, 1), Mention) == written
    hits = settled(index).search({"query": {"term": {"product": "phone"}}})["hits"]
    assert hits["total"] == {"value": 1, "relation": "eq"}
    assert msgspec.convert(hits["hits"][0]["_source"], Mention) == written


def test_a_store_never_written_to_finds_nothing(index: Index) -> None:
    assert index.search({"aggs": {"brands": {"terms": {"field": "brand"}}}}) == {
        "timed_out": False,
        "hits": {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []},
        "aggregations": {"brands": {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}},
    }
    assert (
        list(index.scan(ALL)) == [] and index.count(ALL) == 0 and index.books() == {} and index.get(["nothing"]) == []
    )


def test_another_process_sees_it(stores: Stores, index: Index) -> None:
    other = stores()
    assert other.count(ALL) == 0
    index.write([mention(1), mention(2)])
    assert found(settled(other), ALL) == ids([2, 1])


def test_delivered_again_nothing_changes(index: Index) -> None:
    index.write([mention(1), mention(2)])
    assert index.write([mention(1)]).outcomes == ["duplicate"]
    assert index.write([mention(3), mention(3)]).outcomes == ["indexed", "duplicate"]
    assert found(settled(index), ALL) == ids([3, 2, 1])
    assert [body["id"] for body in index.recent(2)] == ids([2, 3])


def test_another_digest_of_the_same_source_is_an_update(index: Index) -> None:
    index.write([mention(1, text="vecchio"), mention(2)])
    settled(index)
    assert index.write([mention(1, text="nuovo", digest="other", brand=("beta",))]).outcomes == ["duplicate"]
    assert one(index, 1)["text"] == "nuovo"
    settled(index)
    assert found(index, {"match": {"text": "vecchio"}}) == []
    assert found(index, {"match": {"text": "nuovo"}}) == found(index, {"term": {"brand": "beta"}}) == ids([1])
    assert [body["id"] for body in index.recent(10)] == ids([2, 1]), "an update is a write"


def test_an_update_keeps_a_stated_date_where_its_own_is_only_the_time_of_fetching(index: Index) -> None:
    index.write([mention(1)])
    later = START + timedelta(days=9)
    index.write([mention(1, digest="other", published_at=later, date_origin="fetched")])
    kept = msgspec.convert(one(index, 1), Mention)
    assert (kept.digest, kept.published_at, kept.sort_key) == ("other", mention(1).published_at, mention(1).sort_key)
    index.write([mention(1, digest="third", published_at=later)])
    assert msgspec.convert(one(index, 1), Mention).published_at == later


def test_the_first_source_keeps_a_mention(index: Index) -> None:
    index.write([mention(1)])
    assert index.write([mention(1, source="feed:two", digest="other", text="altro")]).outcomes == ["duplicate"]
    assert one(index, 1)["source"] == "feed:one" and one(index, 1)["text"] == mention(1).text


def test_what_the_view_could_not_hold_is_put_right(index: Index) -> None:
    odd = mention(1, score=float("nan"), confidence=7.0, reach=1 << 70, title="a\ud800b", author="\udfff")
    index.write([odd, mention(2, published_at=START.replace(year=9999))])
    body = one(index, 1)
    assert (body["score"], body["confidence"], body["reach"], body["title"]) == (0.0, 1.0, (1 << 63) - 1, "a?b")
    assert one(index, 2)["date_origin"] == "fetched"
    assert len(found(settled(index), ALL)) == 2


def test_a_long_batch_is_one_unit(index: Index) -> None:
    outcomes = index.write([mention(n % 2500) for n in range(3000)]).outcomes
    assert outcomes == ["indexed"] * 2500 + ["duplicate"] * 500
    assert index.count(ALL) <= 2500 and settled(index).count(ALL) == 2500


# -- humans -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("brands", "towards", "changes", "shown"),
    [
        (("acme",), ("acme:none",), {"sentiment": "negative"}, ["acme:negative"]),
        (
            ("acme", "beta"),
            ("acme:neutral", "beta:positive"),
            {"sentiment": "negative"},
            ["acme:negative", "beta:positive"],
        ),
        (("acme", "beta"), ("acme:none", "beta:positive"), {"brand": ["beta"]}, ["beta:positive"]),
        (
            ("acme", "beta"),
            ("acme:none", "beta:positive"),
            {"brand": ["acme"], "sentiment": "positive"},
            ["acme:positive"],
        ),
        (("acme",), (), {"sentiment": "negative"}, None),
    ],
)
def test_what_is_said_towards_a_brand_follows_a_human(
    index: Index, brands: tuple[str, ...], towards: tuple[str, ...], changes: dict[str, Any], shown: list[str] | None
) -> None:
    index.write([mention(1, brand=brands, towards=towards)])
    index.edit([edit(1, changes)])
    assert one(index, 1).get("towards") == shown
    assert found(settled(index), {"terms": {"towards": shown or ["acme:negative"]}}) == (ids([1]) if shown else [])


def test_an_edit_shows_at_once_and_is_searchable(index: Index) -> None:
    index.write([mention(1), mention(2)])
    settled(index)
    index.edit([edit(1, {"status": "answered", "assignee": "bruno", "note": "fatto", "topic": ["price", "hr"]})])
    body = one(index, 1)
    assert (body["status"], body["assignee"], body["note"], body["topic"]) == (
        "answered",
        "bruno",
        "fatto",
        ["price", "hr"],
    )
    assert body["edited"] == dict.fromkeys(("status", "assignee", "note", "topic"), "anna, 2026-03-02T09:00:00Z")
    settled(index)
    assert found(index, {"term": {"topic": "hr"}}) == found(index, {"term": {"assignee": "bruno"}}) == ids([1])
    assert found(index, {"term": {"status": "new"}}) == ids([2])


def test_a_corrected_sentiment_is_certain(index: Index) -> None:
    index.write([mention(1, sentiment="positive", score=0.8, confidence=0.4)])
    index.edit([edit(1, {"sentiment": "negative"})])
    body = one(index, 1)
    assert (body["sentiment"], body["score"], body["confidence"]) == ("negative", -1.0, 1.0)


def test_edits_hold_over_a_new_tagging_and_a_rebuild(index: Index) -> None:
    index.write([mention(1)])
    index.edit([edit(1, {"status": "closed", "brand": "beta"})])
    index.write([mention(1, digest="2", text="nuovo", brand=("gamma",), product=("phone",))])
    index.rebuild()
    body = one(settled(index), 1)
    assert (body["status"], body["brand"], body["text"], body["product"]) == ("closed", ["beta"], "nuovo", ["phone"])
    assert found(index, {"term": {"brand": "beta"}}) == ids([1]) and found(index, {"term": {"brand": "gamma"}}) == []


def test_new_tags_take_the_place_of_old_ones_under_what_humans_said(index: Index) -> None:
    index.write([mention(number) for number in range(4)])
    index.assign({mention(0).id: "a story"})
    index.edit([edit(1, {"sentiment": "positive", "topic": ["price"]})])
    index.edit([erase(3)])
    again = [
        Retagged(
            mention(number).digest,
            mention(number, digest=f"new-{number}", engine="2", sentiment="negative", topic=("delivery",)),
        )
        for number in range(5)
    ]
    books = index.books()
    assert index.retag([again[0], again[1], again[2]._replace(digest="read before it changed"), *again[3:]]) == 2
    plain, edited, changed = settled(index).get(ids([0, 1, 2, 3, 4]))
    assert (plain["engine"], plain["sentiment"], plain["topic"], plain["story"]) == (
        "2",
        "negative",
        ["delivery"],
        "a story",
    )
    assert (edited["engine"], edited["sentiment"], edited["topic"]) == ("2", "positive", ["price"])
    assert (changed["engine"], changed["digest"]) == ("1", "digest-2")
    assert index.books() == books
    assert found(index, {"term": {"engine": "2"}}) == ids([1, 0])
    index.edit([edit(1, {"note": "seen"}, minute=1)])
    assert one(index, 1)["engine"] == "2"
    assert index.retag([again[0], again[1]]) in (0, 2)  # a second time nothing changes
    assert one(index, 0) == plain


def test_what_the_machine_said_stands_beside_what_humans_said(index: Index) -> None:
    machine = {"sentiment": "negative", "topic": ("price", "delivery"), "judged_by": "m1"}
    index.write([mention(number, **machine) for number in range(4)] + [mention(4, unsure=True)])
    index.edit(
        [
            edit(0, {"sentiment": "negative"}),
            edit(1, {"sentiment": "positive", "topic": ["price", "returns"]}),
            edit(2, {"note": "seen"}),
            msgspec.structs.replace(edit(3, {"sentiment": "neutral"}, minute=7), drawn=True),
            edit(4, {"sentiment": "negative"}),
        ]
    )
    right, wrong, untouched, drawn, unsure = settled(index).get(ids(range(5)))
    assert right["checked"] == ["sentiment:right:negative"]
    assert set(wrong["checked"]) == {
        "sentiment:wrong:negative", "topic:right:price", "topic:wrong:delivery", "topic:missed:returns"
    }  # fmt: skip
    assert "checked" not in untouched and "checked_at" not in untouched
    assert drawn["checked"] == ["sentiment:wrong:negative", "drawn"]
    assert drawn["checked_at"] == "2026-03-02T09:07:00Z"
    assert unsure["checked"] == ["sentiment:unsure:neutral"]
    assert found(index, {"term": {"checked": "sentiment:wrong:negative"}}) == ids([3, 1])
    late = {"range": {"checked_at": {"gt": (START + timedelta(minutes=5)).isoformat()}}}
    assert found(index, late) == ids([3])
    index.retag([Retagged(mention(1).digest, mention(1, digest="d2", judged_by="m2", sentiment="positive"))])
    again = one(index, 1)
    assert again["judged_by"] == "m2"
    assert set(again["checked"]) == {"sentiment:right:positive", "topic:missed:price", "topic:missed:returns"}


def test_an_edit_waits_for_its_mention(index: Index) -> None:
    index.edit([edit(1, {"status": "ignored"})])
    assert index.get(ids([1])) == []
    assert index.write([mention(1)]).outcomes == ["indexed"]
    assert one(index, 1)["status"] == "ignored"
    assert found(settled(index), {"term": {"status": "ignored"}}) == ids([1])


def test_the_last_word_counts_whatever_order_it_comes_in(index: Index) -> None:
    first, second = (
        edit(1, {"status": "open", "note": "a"}, minute=1),
        edit(1, {"status": "closed"}, minute=2, by="bruno"),
    )
    index.write([mention(1)])
    index.edit([second])
    index.edit([first])
    index.edit([first, second])
    body = one(index, 1)
    assert (body["status"], body["note"]) == ("closed", "a")
    assert body["edited"]["status"] == "bruno, 2026-03-02T09:02:00Z"


def test_emptied_fields_are_gone(index: Index) -> None:
    index.write([mention(1, topic=("price",), assignee="bruno")])
    index.edit([edit(1, {"topic": [], "assignee": ""})])
    assert "topic" not in one(index, 1) and "assignee" not in one(index, 1)
    assert found(settled(index), {"exists": {"field": "topic"}}) == []


@pytest.mark.parametrize(
    "changes", [{"text": "x"}, {"sentiment": "furious"}, {"status": "done"}, {"status": ["new"]}, {"language": ""}]
)
def test_an_impossible_edit_is_refused_with_all_of_its_call(index: Index, changes: Any) -> None:
    index.write([mention(1), mention(2)])
    with pytest.raises(BadEdit, match=next(iter(changes))) as caught:
        index.edit([edit(2, {"status": "open"}), edit(1, changes, name="wrong")], position=at(5))
    assert caught.value.edit == "wrong"
    assert one(index, 2)["status"] == "new" and index.positions() == []


# -- stories --------------------------------------------------------------------------------------------------------------
def test_a_story_is_told_of_mentions_that_are_there(index: Index) -> None:
    index.write([mention(1, story="a"), mention(2, story="b"), mention(3)])
    index.edit([edit(2, {"status": "open"})])
    index.assign({mention(1).id: "s", mention(2).id: "s", mention(9).id: "s"})
    index.assign({mention(1).id: "s"})
    assert [one(index, number).get("story") for number in (1, 2, 3)] == ["s", "s", None]
    assert one(index, 2)["status"] == "open"
    index.edit([edit(2, {"note": "x"}, minute=3), edit(1, {"note": "y"}, minute=4)])
    assert [one(index, number)["story"] for number in (1, 2)] == ["s", "s"]
    assert found(settled(index), {"term": {"story": "s"}}) == ids([2, 1])
    index.edit([erase(1)])
    index.assign({mention(1).id: "s"})
    assert index.get(ids([1])) == []


def test_an_event_is_told_with_the_story_or_without(index: Index) -> None:
    index.write([mention(1, story="a", event="a"), mention(2, story="b", event="b"), mention(3, story="c", event="c")])
    index.edit([edit(2, {"status": "open"})])
    index.assign({mention(1).id: "s"}, {mention(1).id: "e", mention(2).id: "e", mention(9).id: "e"})
    told = [(one(index, number)["story"], one(index, number)["event"]) for number in (1, 2, 3)]
    assert told == [("s", "e"), ("b", "e"), ("c", "c")]
    index.edit([edit(2, {"note": "x"}, minute=3)])
    assert one(index, 2)["event"] == "e" and one(index, 2)["status"] == "open"
    assert found(settled(index), {"term": {"event": "e"}}) == ids([2, 1])


# -- erasure ------------------------------------------------------------------------------------------------------------
def test_an_erased_mention_goes_and_never_comes_back(index: Index) -> None:
    index.write([mention(1), mention(2)])
    settled(index)
    index.edit([edit(1, {"note": "via"}), erase(1)])
    assert index.get(ids([1])) == []
    assert index.write([mention(1), mention(1, digest="2")]).outcomes == ["erased", "erased"]
    index.edit([edit(1, {"note": "ancora"}, minute=5)])
    assert found(settled(index), ALL) == ids([2])
    index.rebuild()
    assert found(settled(index), ALL) == ids([2]) and index.fresh()["documents"] == 1


def test_erasing_what_is_not_there_yet_refuses_it(index: Index) -> None:
    index.edit([erase(1)])
    assert index.write([mention(1)]).outcomes == ["erased"]


def test_what_was_erased_is_known_by_id_and_by_author(index: Index) -> None:
    authors = {mention(number).id: "Anna" if number == 4 else "Maria Rossi" for number in range(6)}
    assert erased_among(index, authors) == set()
    index.write([mention(1), mention(2)])
    index.edit([erase(1), erase(3)])
    assert erased_among(index, authors) == set(ids([1, 3]))
    index.edit([erase_author("MARIA rossi")])
    assert erased_among(index, authors) == set(ids([0, 1, 2, 3, 5])), "also what was never stored"
    assert erased_among(index, {}) == set()


def test_an_erased_author_goes_everywhere_and_never_comes_back(index: Index) -> None:
    index.write(
        [
            mention(1),
            mention(2, author="MARIA ROSSI", channel="import"),
            mention(3, author="Luigi"),
            mention(4, author=""),
        ]
    )
    settled(index)
    index.edit([erase_author("Maria Rossi")])
    assert found(settled(index), ALL) == ids([4, 3])
    late = [mention(1, author=""), mention(5, author=" maria rossi"), mention(6, author="Luigi")]
    assert index.write(late).outcomes == ["erased", "erased", "indexed"]
    assert index.books()["feed:one"] == Tally(indexed=5, erased=2)


def test_deleted_at_the_source_it_may_come_back(index: Index) -> None:
    index.write([mention(1), mention(2)])
    settled(index)
    assert index.delete(ids([1, 7])) == 1
    assert found(settled(index), ALL) == ids([2])
    assert index.write([mention(1)]).outcomes == ["indexed"]
    assert found(settled(index), ALL) == ids([2, 1])


def test_retention_takes_what_was_published_before(index: Index) -> None:
    index.write([mention(n) for n in range(50)])
    settled(index)
    assert index.retain(START + timedelta(minutes=40)) == 40
    assert index.retain(START + timedelta(minutes=40)) == 0
    assert found(settled(index), ALL) == ids(range(49, 39, -1))
    assert index.fresh()["documents"] == 10


# -- positions and books ------------------------------------------------------------------------------------------------
def test_a_position_is_stored_with_what_it_stands_for(stores: Stores, index: Index) -> None:
    assert index.resume(at(0)) is None
    index.write([mention(1)], position=at(10))
    index.edit([edit(1, {"status": "open"})], position=Position("editors", "mentions.edits", 2, 1, 4))
    other = stores()
    assert other.resume(at(0, epoch=2)) == 10
    assert set(other.positions()) == {at(10, epoch=2), Position("editors", "mentions.edits", 2, 1, 4)}


def test_the_former_owner_is_fenced_and_nothing_of_its_call_is_stored(stores: Stores, index: Index) -> None:
    index.resume(at(0))
    index.write([mention(1)], position=at(1))
    new = stores()
    assert new.resume(at(0, epoch=2)) == 1
    with pytest.raises(Fenced):
        index.write([mention(2)], tallies={"feed:one": Tally(dead=1)}, position=at(2))
    with pytest.raises(Fenced):
        index.edit([erase(1)], position=at(2))
    with pytest.raises(Fenced):
        index.resume(at(0))
    assert index.write([mention(3)], position=at(9, partition=1)).outcomes == ["indexed"], (
        "another partition is another matter"
    )
    new.write([mention(4)], position=at(2, epoch=2))
    assert found(settled(index), ALL) == ids([4, 3, 1])
    assert index.books() == {"feed:one": Tally(indexed=3)}


def test_the_books_balance(index: Index) -> None:
    index.write([mention(1), mention(2, source="feed:two")], tallies={"feed:one": Tally(not_a_mention=3, dead=1)})
    index.write([mention(1), mention(2)], tallies={"feed:two": Tally(oversize=1), "feed:three": Tally(dead=2)})
    books = index.books()
    assert books == {
        "feed:one": Tally(indexed=1, duplicate=2, not_a_mention=3, dead=1),
        "feed:two": Tally(indexed=1, oversize=1),
        "feed:three": Tally(dead=2),
    }
    assert sum(tally.received for tally in books.values()) == 4 + 3 + 1 + 1 + 2


def test_an_empty_write_may_carry_position_and_books(index: Index) -> None:
    index.write([], tallies={"feed:one": Tally(not_a_mention=4)}, position=at(4))
    assert index.positions() == [at(4)] and index.books() == {"feed:one": Tally(not_a_mention=4)}


# -- upkeep -------------------------------------------------------------------------------------------------------------
def test_fresh_tells_how_far_the_view_is(index: Index) -> None:
    index.write([mention(n) for n in range(5)])
    assert index.fresh()["documents"] == 5
    fresh = settled(index).fresh()
    assert (fresh["documents"], fresh["searchable"], fresh["behind"]) == (5, 5, 0)


def test_a_rebuild_changes_no_answer_and_tells_how_far_it_is(index: Index) -> None:
    index.write([mention(n, brand=("acme", f"b{n % 3}")) for n in range(300)])
    index.delete(ids(range(0, 300, 7)))
    body = {"aggs": {"brands": {"terms": {"field": "brand"}}}, "size": 50}
    before = settled(index).search(body)
    told: list[tuple[int, int]] = []
    assert index.rebuild(lambda done, total: told.append((done, total))) == index.fresh()["documents"]
    assert settled(index).search(body) == before
    assert told[-1] == (257, 257)


def test_edits_of_unknown_kind_of_field_survive_the_json_form(index: Index) -> None:
    """An edit read from the log is the edit that was appended."""
    made = edit(1, {"product": ["phone"]})
    index.write([mention(1)])
    index.edit([msgspec.json.decode(msgspec.json.encode(made), type=Edit)])
    assert one(index, 1)["product"] == ["phone"]
