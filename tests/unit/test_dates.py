"""Dates as feeds write them: right, or none; never wrong in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.dates import LONGEST, parse_date, publication_date

ROME = ZoneInfo("Europe/Rome")

STATED = {
    "Gio, 15 Gen 2026 09:30:00 +0100": "2026-01-15T08:30:00",
    "mar, 03 mar 2026 10:00:00 +0100": "2026-03-03T09:00:00",
    "Thu, 15 Jan 2026 09:30:00 CET": "2026-01-15T08:30:00",
    "Wed, 15 Jul 2026 09:30:00 CEST": "2026-07-15T07:30:00",
    "2026-01-15T09:30:00Z": "2026-01-15T09:30:00",
    "2026-01-15T09:30:00.123+01:00": "2026-01-15T08:30:00",
    "2026-01-15 09:30:00 +0100": "2026-01-15T08:30:00",
    "1768469400000": "2026-01-15T09:30:00",
    "1768469400": "2026-01-15T09:30:00",
    "Thu, 15 Jan 2026 09:30:00 GMT+1": "2026-01-15T08:30:00",
    "Thu, 15 Jan 2026 09:30:00 EST": "2026-01-15T14:30:00",
    "20260115T093000Z": "2026-01-15T09:30:00",
    "2026-01-15T24:00:00Z": "2026-01-16T00:00:00",
    # below: not among the strings the patterns were made with
    "sab, 28 feb 2026 23:59:59 +0100": "2026-02-28T22:59:59",
    "Ven, 6 Nov 2026 07:05:00 GMT": "2026-11-06T07:05:00",
    "dom, 29 mar 2026 04:00:00 +0200": "2026-03-29T02:00:00",
    "Lunedì, 24 Agosto 2026 18:00 CEST": "2026-08-24T16:00:00",
    "Mer, 09 Set 2026 12:00:00 +0000": "2026-09-09T12:00:00",
    "mercoledì 23 dicembre 2026 alle ore 21:15 CET": "2026-12-23T20:15:00",
    "Tue Nov 24 03:07:10 UTC 2026": "2026-11-24T03:07:10",
    "2026-11-24T03:07+01:00": "2026-11-24T02:07:00",
    "Tue, 24 Nov 2026 03:07:10 -0330": "2026-11-24T06:37:10",
    "Tue, 24 Nov 2026 03:07:10 +0000 (UTC)": "2026-11-24T03:07:10",
    "24 Nov 26 10:00 GMT": "2026-11-24T10:00:00",
}
IN_ROME = {
    "mar 3 marzo 2026": "2026-03-02T23:00:00",
    "lun, 02 feb 2026 10:00": "2026-02-02T09:00:00",
    "lun, 18 mag 2026": "2026-05-17T22:00:00",
    "15 gennaio 2026": "2026-01-14T23:00:00",
    "15/01/2026 10:30": "2026-01-15T09:30:00",
    "15-01-2026": "2026-01-14T23:00:00",
    "05/03/2026": "2026-03-04T23:00:00",
    "15.01.2026 10.30": "2026-01-15T09:30:00",
    "giovedì 15 gennaio 2026 ore 10:30": "2026-01-15T09:30:00",
    "Giovedì, 15 Gennaio 2026 - 10:30": "2026-01-15T09:30:00",
    "1° maggio 2026": "2026-04-30T22:00:00",
    "Thu, 15 Jan 2026 09:30:00": "2026-01-15T08:30:00",
    "Jan 15, 2026 9:30 PM": "2026-01-15T20:30:00",
    # below: not among the strings the patterns were made with
    "il 7 luglio 2026 alle 9:05": "2026-07-07T07:05:00",
    "Sabato 1 agosto 2026, ore 08.00": "2026-08-01T06:00:00",
    "25/12/2026 - 18:45": "2026-12-25T17:45:00",
    "ven 11-set-2026 16:20": "2026-09-11T14:20:00",
    "2 giugno 2026 h 12.30": "2026-06-02T10:30:00",
    "2026/10/05 08:00:00": "2026-10-05T06:00:00",
    "20 ott. 2026": "2026-10-19T22:00:00",
    "DOMENICA 4 OTTOBRE 2026": "2026-10-03T22:00:00",
    "March 5, 2026 12:05 am": "2026-03-04T23:05:00",
    "13/2/26 7:00": "2026-02-13T06:00:00",
    "Tue, 24 Nov 2026 03:07:10 XYZ": "2026-11-24T02:07:10",
}
NONE = (
    "", "ieri", "2 ore fa", "Articolo 15", "00/00/0000", "0000-00-00 00:00:00", "Thu, 31 Feb 2026 09:30:00 +0100",
    "domani, forse", "32 gennaio 2026", "15 brumaio 2026", "2026-13-01", "5/2026", "10:30", "12/13/14/2026", "marzo",
    "Tue, 24 Nov 2026 03:07:10 +9900", "2026-02-03T25:00:00Z", "3 marzo 2026 e 4 marzo 2026", "99999999999999",
)  # fmt: skip


@pytest.mark.parametrize(("text", "moment"), STATED.items(), ids=list(STATED))
def test_stated_zones_hold_over_the_sources(text: str, moment: str) -> None:
    found = parse_date(text, ROME)
    assert found is not None
    assert (found.at.replace(microsecond=0, tzinfo=None).isoformat(), found.origin) == (moment, "stated")


@pytest.mark.parametrize(("text", "moment"), IN_ROME.items(), ids=list(IN_ROME))
def test_the_sources_zone_is_assumed_and_said_to_be(text: str, moment: str) -> None:
    found = parse_date(text, ROME)
    assert found is not None
    assert (found.at.replace(tzinfo=None).isoformat(), found.origin) == (moment, "zone-assumed")


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text, ROME) is None


def test_american_order_where_the_source_is_american() -> None:
    found = parse_date("05/03/2026", day_first=False)
    assert found is not None
    assert found.at == datetime(2026, 5, 3, tzinfo=UTC)


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-11-24T12:16:00Z", "2099", "boh"]
)
def test_absurd_dates_count_as_fetched(text: str) -> None:
    assert publication_date([text], NOW) == (NOW, "fetched")


def test_a_clock_a_little_ahead_is_believed() -> None:
    assert publication_date(["2026-11-24T12:14:00Z"], NOW) == (NOW + timedelta(minutes=14), "stated")


def test_the_first_believable_date_counts() -> None:
    found = publication_date(["1970-01-01", "mar, 24 nov 2026 10:00", "2026-01-01T00:00:00Z"], NOW, ROME)
    assert found == (datetime(2026, 11, 24, 9, tzinfo=UTC), "zone-assumed")


@given(st.text(max_size=2 * LONGEST))
def test_no_text_breaks_it(text: str) -> None:
    found = publication_date([text], NOW, ROME)
    assert found.at <= NOW + timedelta(minutes=15)
    assert found.at.utcoffset() == timedelta(0)


DAYS = st.dates(date(1995, 1, 2), date(2026, 11, 1))


@given(DAYS, st.sampled_from(["%A %d %B %Y", "%d/%m/%Y", "%d-%m-%Y"]))
def test_days_come_back_as_they_were_written(day: date, written: str) -> None:
    found = parse_date(day.strftime(written))
    assert found is not None
    assert found.at.date() == day
