"""How mentions are weighed, which buckets are finished, and where there is no data rather than silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.series import Series, discount, gaps

START = datetime(2026, 3, 1, tzinfo=UTC)
ENDS = START + timedelta(minutes=50)


def series(length: int = 10) -> Series:
    return Series(START, 300, np.ones(length), np.ones(length), np.ones(length, dtype=np.bool_))


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("group", "weight"),
    [
        ([(3, 1)], 1.0),
        ([(3, 40)], 1 + np.log2(40)),  # one agency item in forty papers at once
        ([(1, 10), (3, 10), (6, 20)], 1 + np.log2(40)),  # and within the hour
        ([(0, 8), (40, 8)], 2 * (1 + np.log2(8))),  # again after hours: it counts again
    ],
)
def test_repetitions_weigh_less(group: list[tuple[int, int]], weight: float) -> None:
    mentions = sum(count for _, count in group)
    assert mentions - discount([group], 50).sum() == pytest.approx(weight)


def test_groups_add_up() -> None:
    assert discount([[(0, 2), (1, 2)], [(1, 4)]], 2).tolist() == [0.0, 2 - 1 + 4 - 3]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), max_size=20, unique_by=lambda pair: pair[0]))
def test_no_bucket_weighs_less_than_nothing(group: list[tuple[int, int]]) -> None:
    less = discount([sorted(group)], 31)
    assert (less >= 0).all()
    assert all(less[bucket] <= count for bucket, count in group)


@pytest.mark.parametrize(("now", "count"), [(0, 0), (5, 0), (5.9, 0), (6, 1), (10.9, 1), (11, 2), (500, 10)])
def test_a_bucket_is_finished_a_minute_behind_its_end(now: float, count: int) -> None:
    assert series().finished(minutes(now), 60) == count


def test_known_seconds_leave_gaps_out() -> None:
    here = series()
    here.known[4:6] = False
    assert here.known_seconds(minutes(10), minutes(40)) == 4 * 300
    assert here.known_seconds(minutes(10), minutes(5)) == 0


def test_before_the_first_mention_nothing_is_known() -> None:
    counts = np.array([0.0, 0.0, 3.0, 0.0, 1.0])
    assert gaps(counts, 300).tolist() == [False, False, True, True, True]


def test_without_any_mention_nothing_is_known() -> None:
    assert not gaps(np.zeros(5), 300).any()


def test_a_long_silence_in_busy_talk_is_a_gap() -> None:
    counts = np.full(300, 4.0)
    counts[100:140] = 0
    known = gaps(counts, 300)
    assert np.flatnonzero(~known).tolist() == list(range(100, 140))


def test_a_short_or_a_quiet_brand_s_silence_is_silence() -> None:
    busy, quiet = np.full(300, 4.0), np.zeros(300)
    busy[100:110] = 0
    quiet[::50] = 1
    assert gaps(busy, 300).all()
    assert gaps(quiet, 300).all()


def test_the_newest_silence_may_be_real() -> None:
    counts = np.full(300, 4.0)
    counts[-40:] = 0
    assert gaps(counts, 300).all()


def test_rare_incidents_are_kept_out_of_the_history() -> None:
    known = series().without([(minutes(10), minutes(19))]).known
    assert np.flatnonzero(~known).tolist() == [2, 3]
    assert series().known.all()


def test_frequent_incidents_are_how_the_talk_is() -> None:
    often = [(minutes(n), minutes(n + 2)) for n in (0, 10, 20)]
    assert series().without(often).known.all()


def test_incidents_before_the_history_do_not_count() -> None:
    old = [(minutes(-500), minutes(-400))] * 5
    assert not series().without([*old, (minutes(10), minutes(12))]).known.all()
