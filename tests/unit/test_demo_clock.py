"""The demo's clock: published moments never move, a long stop is skipped, a short one is caught up with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronzio.demo.clock import PAUSE, PROMISE, Clock, ClockFile

START = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_history_counts_back_from_the_first_start() -> None:
    assert Clock.starting(START).moment(-3600) == after(-3600)


def test_stands_still_during_a_long_stop() -> None:
    clock = Clock.starting(START).resumed(stopped=after(100), now=after(5000))
    assert clock.second(after(100)) == 100
    assert clock.second(after(3000)) == 100
    assert clock.second(after(5007)) == 107
    assert clock.moment(107) == after(5007)


def test_a_short_stop_is_caught_up_with() -> None:
    clock = Clock.starting(START)
    assert clock.resumed(stopped=after(100), now=after(100) + PAUSE) is clock


@given(st.lists(st.tuples(st.floats(1, 5000), st.floats(0, 5000)), max_size=6), st.floats(-1000, 20_000))
def test_what_was_published_keeps_its_time(lives: list[tuple[float, float]], second: float) -> None:
    clock, now = Clock.starting(START), START
    for life, pause in lives:
        stopped = now + timedelta(seconds=life)
        published = second <= clock.second(stopped)
        now = stopped + timedelta(seconds=pause)
        later = clock.resumed(stopped, now)
        if published:
            assert later.moment(second) == clock.moment(second)
        clock = later
    assert clock.second(clock.moment(second)) == pytest.approx(second, abs=1e-3)


def test_the_file_remembers(tmp_path: Path) -> None:
    path = tmp_path / "data" / "demo.json"
    first = ClockFile(path, START)
    first.promise(after(40))
    again = ClockFile(path, after(9000))
    killed_at = 40 + PROMISE.total_seconds()
    assert again.clock.runs == ((0.0, START), (killed_at, after(9000)))
    assert ClockFile(path, after(9001)).clock == again.clock
