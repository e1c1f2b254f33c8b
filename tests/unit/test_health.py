"""When a source is due again, when it fails, when it is silent."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from crawlers import (
    AnySourceError,
    AuthExpired,
    Coverage,
    Forbidden,
    Gone,
    Page,
    Partial,
    RateLimited,
    Unreachable,
)
from crawlers.health import GAPS, after_page, is_silent
from stream import Item, SourceStatus

NOW = datetime(2026, 3, 3, 10, tzinfo=UTC)
NEW = SourceStatus(id="feed:x", name="x", channel="feed", due_at=NOW)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def item() -> Item:
    return Item(id="a" * 20, source="feed:x", channel="feed", fetched_at=NOW, published_at=NOW)


def page(*, items: int = 0, more: bool = False, errors: tuple[AnySourceError, ...] = ()) -> Page:
    coverage = Coverage(state="covered")
    return Page(items=(item(),) * items, next_state=b"new", coverage=coverage, more=more, errors=errors)


def failure(error: AnySourceError) -> Page:
    return Page(items=(), next_state=b"", coverage=Coverage(state="not-measured"), errors=(error,))


DOWN = failure(Unreachable(what="no answer"))


def wait(status: SourceStatus, now: datetime) -> float:
    assert status.due_at is not None
    return (status.due_at - now).total_seconds()


def test_success() -> None:
    after = after_page(NEW, page(items=2), NOW, 900)
    assert (after.health, after.state, after.last_ok_at, after.last_new_at) == ("ok", b"new", NOW, NOW)
    assert 900 <= wait(after, NOW) <= 990


def test_sources_added_together_drift_apart() -> None:
    waits = {wait(after_page(msgspec.structs.replace(NEW, id=f"feed:{i}"), page(), NOW, 900), NOW) for i in range(20)}
    assert len(waits) == 20


def test_more_is_due_at_once() -> None:
    assert after_page(NEW, page(items=1, more=True), NOW, 900).due_at == NOW


def test_the_sources_own_wish_is_respected() -> None:
    wish = msgspec.structs.replace(page(), not_before=NOW + 5 * HOUR)
    assert after_page(NEW, wish, NOW, 900).due_at == NOW + 5 * HOUR


def test_back_off_doubles_up_to_six_hours() -> None:
    status, waits = NEW, []
    for _ in range(12):
        status = after_page(status, DOWN, NOW, 900)
        waits.append(wait(status, NOW))
    assert [w // 900 for w in waits[:4]] == [1, 2, 4, 8]
    assert all(6 * 3600 <= w <= 6.6 * 3600 for w in waits[6:])
    assert status.fail_streak == 12
    assert after_page(status, page(), NOW, 900).fail_streak == 0


def test_a_source_that_worked_fails_only_after_five_times_and_a_day() -> None:
    status = after_page(NEW, page(items=1), NOW, 900)
    for hour in range(24):
        status = after_page(status, DOWN, NOW + hour * HOUR, 900)
        assert (status.health, status.error) == ("ok", "no answer")
    status = after_page(status, DOWN, NOW + 25 * HOUR, 900)
    assert (status.health, status.first_fail_at) == ("failing", NOW)
    assert after_page(status, page(), NOW + 26 * HOUR, 900).health == "ok"


def test_a_source_that_never_worked_fails_at_once() -> None:
    assert after_page(NEW, DOWN, NOW, 900).health == "failing"


@pytest.mark.parametrize("error", [Forbidden(what="no"), AuthExpired(what="no")])
def test_what_needs_a_human_is_rarely_tried(error: AnySourceError) -> None:
    after = after_page(NEW, failure(error), NOW, 900)
    assert after.health == "forbidden"
    assert wait(after, NOW) >= 6 * 3600


def test_gone_is_not_tried_again() -> None:
    after = after_page(NEW, failure(Gone(what="410")), NOW, 900)
    assert (after.health, after.due_at) == ("gone", None)


def test_rate_limits_are_kept_to_and_no_failure() -> None:
    known = after_page(NEW, page(), NOW, 900)
    after = after_page(known, failure(RateLimited(what="wait", until=NOW + 2 * HOUR)), NOW, 900)
    assert (after.health, after.due_at) == ("ok", NOW + 2 * HOUR)


def test_broken_entries_are_told_without_being_a_failure() -> None:
    after = after_page(NEW, page(items=1, errors=(Partial(what="entry 3 has no title"),)), NOW, 900)
    assert (after.health, after.error, after.coverage_note) == ("ok", "", "entry 3 has no title")


def follow(arrivals: list[datetime]) -> SourceStatus:
    status = NEW
    for moment in arrivals:
        status = after_page(status, page(items=1), moment, 900)
    return status


def test_arrivals_of_one_hour_are_one_and_old_ones_go() -> None:
    status = follow([NOW + timedelta(minutes=10 * i) for i in range(13)])
    assert status.arrivals == (NOW, NOW + HOUR, NOW + 2 * HOUR)
    often = follow([NOW + i * 2 * HOUR for i in range(1500)])
    assert often.arrivals[-1] - often.arrivals[0] <= 90 * DAY
    weekly = follow([NOW + i * 7 * DAY for i in range(70)])
    assert len(weekly.arrivals) == GAPS + 1


def test_a_regular_source_is_silent_after_a_day_and_a_half() -> None:
    status = follow([NOW + i * 2 * HOUR for i in range(100)])
    last = status.arrivals[-1]
    quiet = after_page(status, page(), last + 36 * HOUR, 900)
    assert quiet.health == "ok"
    silent = after_page(quiet, page(), last + 37 * HOUR, 900)
    assert (silent.health, silent.silent_since) == ("silent", last + 37 * HOUR)
    later = after_page(silent, page(), last + 60 * HOUR, 900)
    assert later.silent_since == last + 37 * HOUR  # one silence, told once
    back = after_page(later, page(items=1), last + 61 * HOUR, 900)
    assert (back.health, back.silent_since) == ("ok", None)


def test_weekends_make_no_silence() -> None:
    days = [NOW + i * DAY for i in range(60)]
    workdays = [day + hour * HOUR for day in days if day.weekday() < 5 for hour in range(0, 8, 2)]
    status = follow(workdays)
    assert not is_silent(status, status.arrivals[-1] + 3 * DAY)
    assert is_silent(status, status.arrivals[-1] + 12 * DAY)


def test_few_arrivals_say_little() -> None:
    status = follow([NOW, NOW + DAY])
    assert not is_silent(status, NOW + 14 * DAY)
    assert is_silent(status, NOW + 16 * DAY)


def test_failures_are_their_own_alarm() -> None:
    status = follow([NOW + i * 2 * HOUR for i in range(100)])
    failed = after_page(status, DOWN, status.arrivals[-1] + 50 * HOUR, 900)
    assert failed.silent_since is None


def test_false_alarms_are_rare() -> None:
    """Ten a day for a year, at random times: the simulated rate was 0 a year."""
    chance = random.Random(7)
    status, moment, alarms = NEW, NOW, 0
    while moment < NOW + 365 * DAY:
        gap = timedelta(seconds=chance.expovariate(10 / 86400))
        alarms += is_silent(status, moment + gap) and status.last_new_at is not None
        moment += gap
        status = after_page(status, page(items=1), moment, 900)
    assert alarms == 0
