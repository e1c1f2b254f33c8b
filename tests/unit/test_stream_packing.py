"""Records to rows and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream import Record
from stream.packing import ROW_BYTES, ROW_RECORDS, pack, rows, unpack

RECORDS = st.lists(st.builds(Record, st.binary(max_size=40), st.binary(max_size=200)), max_size=60)


@given(RECORDS.filter(bool), st.integers(0, 2**43), st.integers(0, 2**45), st.integers(0, 70))
def test_a_row_gives_back_every_record_behind_the_skipped(
    records: list[Record], first: int, taken: int, skip: int
) -> None:
    found = unpack(pack(records), first, taken, skip)
    assert [Record(one.key, one.value) for one in found] == records[skip:]
    assert [one.offset for one in found] == list(range(first + skip, first + len(records)))
    assert {one.timestamp for one in found} <= {taken}


@given(st.lists(st.sampled_from([0, 10, ROW_BYTES // 3, ROW_BYTES + 1]), max_size=8), st.integers(0, 2))
def test_rows_hold_all_records_in_order_and_none_is_much_too_big(sizes: list[int], thousands: int) -> None:
    records = [Record(b"%d" % i, bytes(size)) for i, size in enumerate(sizes)]
    records += [Record(b"", b"")] * (ROW_RECORDS * thousands)
    cut = list(rows(records))
    back = [Record(one.key, one.value) for count, data in cut for one in unpack(data, 0, 0)]
    assert back == records
    for count, data in cut:
        held = unpack(data, 0, 0)
        assert 0 < len(held) == count <= ROW_RECORDS
        assert sum(len(one.key) + len(one.value) for one in held[:-1]) < ROW_BYTES


def test_nothing_makes_no_row() -> None:
    assert list(rows([])) == []
