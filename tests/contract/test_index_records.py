"""Small records: versions, conflicts, order, and that other processes' writes are noticed."""

from __future__ import annotations

import threading

import pytest
from index_backends import Stores

from enrichment import RetagWish
from enrichment.models import MODEL, TAGGING
from index import Conflict, Records
from index.elastic.records import DECISIONS


@pytest.fixture
def records(stores: Stores) -> Records:
    return stores().records


def test_a_record_comes_back_under_its_kind(records: Records) -> None:
    version = records.put("source", "feed:acme", b'{"a":1}')
    assert records.get("source", "feed:acme") == ("feed:acme", version, b'{"a":1}')
    assert records.get("mail", "feed:acme") is None
    records.put("mail", "1", b"")
    assert records.kinds() == ["mail", "source"]
    records.delete("source", "feed:acme")
    records.delete("source", "feed:acme")
    assert records.get("source", "feed:acme") is None
    assert records.kinds() == ["mail"]


def test_decisions_lie_apart_and_nobody_sees_it(stores: Stores, records: Records) -> None:
    """Where they are kept apart, versions rise with both and kinds are those of both."""
    assert {MODEL, TAGGING, RetagWish.KIND} == DECISIONS
    before = records.version()
    for kind in ("source", *sorted(DECISIONS)):
        first = records.put(kind, "1", b"a", expect=0)
        with pytest.raises(Conflict):
            records.put(kind, "1", b"b", expect=0)
        second = records.put(kind, "1", b"b", expect=first)
        assert records.get(kind, "1") == ("1", second, b"b")
        assert list(stores().records.scan(kind)) == [("1", second, b"b")]
        before, after = records.version(), before
        assert before > after
    assert records.kinds() == sorted(["source", *DECISIONS])
    for kind in DECISIONS:
        records.delete(kind, "1")
    assert records.kinds() == ["source"]
    assert records.version() > before


def test_who_has_read_an_older_version_may_not_overwrite(stores: Stores, records: Records) -> None:
    first = records.put("incident", "1", b"a", expect=0)
    with pytest.raises(Conflict, match="incident 1"):
        records.put("incident", "1", b"b", expect=0)
    second = stores().records.put("incident", "1", b"b", expect=first)
    with pytest.raises(Conflict):
        records.put("incident", "1", b"c", expect=first)
    assert records.get("incident", "1") == ("1", second, b"b")


def test_a_version_is_never_given_out_twice(records: Records) -> None:
    first = records.put("mail", "1", b"a")
    records.delete("mail", "1")
    assert records.put("mail", "1", b"a", expect=0) != first
    with pytest.raises(Conflict):
        records.put("mail", "1", b"b", expect=first)


def test_a_scan_brings_a_kind_by_id(records: Records) -> None:
    for number in reversed(range(1100)):
        records.put("mail", f"{number:04}", b"%d" % number)
    records.put("other", "x", b"")
    scanned = list(records.scan("mail"))
    assert [record.id for record in scanned] == [f"{number:04}" for number in range(1100)]
    assert [record.body for record in scanned[:2]] == [b"0", b"1"]


def test_the_version_of_all_changes_with_every_write_of_anybody(stores: Stores, records: Records) -> None:
    seen = [records.version()]
    stores().records.put("mail", "1", b"a")
    seen.append(records.version())
    records.delete("mail", "1")
    seen.append(records.version())
    assert len(set(seen)) == 3 and records.version() == seen[-1]


def test_one_of_many_that_write_at_once_wins(stores: Stores) -> None:
    """Everyone adds 1 to a counter, reading again on a conflict: nothing is lost."""

    def add(records: Records) -> None:
        for _ in range(10):
            while True:
                before = records.get("counter", "c")
                try:
                    records.put(
                        "counter",
                        "c",
                        b"%d" % (int(before.body) + 1 if before else 1),
                        expect=before.version if before else 0,
                    )
                    break
                except Conflict:
                    continue

    shared = stores().records
    threads = [threading.Thread(target=add, args=(records,)) for records in (shared, shared, stores().records)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = shared.get("counter", "c")
    assert stored is not None and stored.body == b"30"
