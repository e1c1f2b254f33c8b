"""Dates in queries: parts left out, ends of spans, date maths, bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BadQuery
from index.dates import EARLIEST, LATEST, milliseconds

NOW = datetime(2026, 11, 24, 12, 30, 15, tzinfo=UTC)  # a Tuesday

FIRST, LAST = (datetime.fromisoformat(day) for day in ("1970-01-01", "2199-12-31"))

SPANS = {
    "2026": ("2026-01-01T00:00:00", "2026-12-31T23:59:59.999"),
    "2024-02": ("2024-02-01T00:00:00", "2024-02-29T23:59:59.999"),
    "2026-11-20": ("2026-11-20T00:00:00", "2026-11-20T23:59:59.999"),
    "2026-11-20T10": ("2026-11-20T10:00:00", "2026-11-20T10:59:59.999"),
    "2026-11-20 10:30": ("2026-11-20T10:30:00", "2026-11-20T10:30:59.999"),
    "2026-11-20T10:30:01Z": ("2026-11-20T10:30:01", "2026-11-20T10:30:01.999"),
    "2026-11-20T10:30:01.5+02:00": ("2026-11-20T08:30:01.5", "2026-11-20T08:30:01.5"),
    "now": ("2026-11-24T12:30:15", "2026-11-24T12:30:15"),
    "now-7d": ("2026-11-17T12:30:15", "2026-11-17T12:30:15"),
    "now/d": ("2026-11-24T00:00:00", "2026-11-24T23:59:59.999"),
    "now/w": ("2026-11-23T00:00:00", "2026-11-29T23:59:59.999"),
    "now-1M/M": ("2026-10-01T00:00:00", "2026-10-31T23:59:59.999"),
    "now-1h+15m": ("2026-11-24T11:45:15", "2026-11-24T11:45:15"),
    "2026-01-31||+1M": ("2026-02-28T00:00:00", "2026-02-28T00:00:00"),
    "1795132800000": ("2026-11-20T00:00:00", "2026-11-20T00:00:00"),
}


@pytest.mark.parametrize("text", SPANS)
def test_a_date_is_a_span_with_a_beginning_and_an_end(text: str) -> None:
    first, last = (datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000 for moment in SPANS[text])
    assert (milliseconds(text, NOW), milliseconds(text, NOW, end=True)) == (round(first), round(last))


@pytest.mark.parametrize(
    "value", ["", "someday", "2026-13-01", "2026-02-30", "now-", "now/x", "now-7", "9999-12-31||+9y", True, None, []]
)
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(BadQuery, match="not a date"):
        milliseconds(value, NOW)


@given(st.datetimes(FIRST, LAST))
def test_any_moment_comes_back(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds") + "Z"
    back = milliseconds(text, NOW)
    assert datetime.fromtimestamp(back / 1000, UTC).isoformat(timespec="milliseconds")[:23] == text[:23]


@given(st.one_of(st.integers(), st.floats(), st.text(), st.text("now-+/|0123456789dMyhms")), st.booleans())
def test_anything_else_is_a_moment_within_bounds_or_a_bad_query(value: object, end: bool) -> None:
    try:
        assert EARLIEST <= milliseconds(value, NOW, end=end) <= LATEST
    except BadQuery as error:
        assert "not a date" in str(error)
