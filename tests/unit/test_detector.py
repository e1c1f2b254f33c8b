"""What is unusual and what is not, on small made-up series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detector import Decision, decide
from alerts.series import Series
from alerts.settings import AlertSettings

START = datetime(2026, 3, 2, tzinfo=UTC)
DEFAULT = AlertSettings()
DAY = 288  # buckets of five minutes


def steady(buckets: int, rate: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate, buckets).astype(float)


def judge(
    negative: np.ndarray,
    total: np.ndarray | None = None,
    *,
    seconds: int = 300,
    known: np.ndarray | None = None,
    alert: AlertSettings = DEFAULT,
    early: float = 0.0,
    since: datetime | None = None,
) -> Decision:
    """Decides at the moment the last bucket is finished, or `early` seconds before."""
    length = len(negative)
    series = Series(
        START,
        seconds,
        negative,
        negative + 2.0 if total is None else total,
        np.ones(length, dtype=np.bool_) if known is None else known,
    )
    now = series.end(length - 1) + timedelta(seconds=alert.grace_seconds - early)
    return decide(series, now, alert, since=since)


def then(history: np.ndarray, *newest: float) -> np.ndarray:
    return np.concatenate((history, newest))


def test_a_burst_is_unusual() -> None:
    decision = judge(then(steady(7 * DAY, 1.0), 20))
    assert decision.state == "unusual"
    assert decision.observed == 20
    assert decision.seconds == 300
    assert decision.expected < 3


def test_a_slow_rise_shows_over_several_buckets() -> None:
    decision = judge(then(steady(7 * DAY, 0.2), *[2.0] * 12))
    assert decision.state == "unusual"
    assert decision.seconds > 300


def test_one_mention_is_never_unusual_however_quiet_it_was() -> None:
    assert judge(then(np.zeros(7 * DAY), 1)).state == "usual"


@given(st.integers(0, 4), st.integers(10, 2000))
@settings(max_examples=30, deadline=None)
def test_fewer_than_the_least_count_never_alert(count: int, history: int) -> None:
    assert judge(then(np.zeros(history), count), alert=AlertSettings(sensitivity="high")).state != "unusual"


def test_an_unfinished_bucket_does_not_count() -> None:
    counts = then(steady(7 * DAY, 1.0), 50)
    assert judge(counts).state == "unusual"
    assert judge(counts, early=1).state == "usual"


def test_where_nothing_was_fetched_nothing_is_decided() -> None:
    counts = then(steady(7 * DAY, 1.0), 50)
    known = np.ones(len(counts), dtype=np.bool_)
    known[-1] = False
    assert judge(counts, known=known).state == "unknown"
    assert judge(np.array([]), early=1).state == "unknown"


def test_a_gap_in_the_history_does_not_lower_what_is_usual() -> None:
    history = steady(3 * DAY, 8.0)
    gap = history.copy()
    gap[DAY : 3 * DAY] = 0
    known = np.ones(len(history) + 1, dtype=np.bool_)
    known[DAY : 3 * DAY] = False
    assert judge(then(gap, 14), known=known).state == "usual"


def test_the_same_count_is_no_alert_by_day_and_one_by_night() -> None:
    hours = np.arange(8 * DAY) % DAY / DAY
    rate = 8.5 - 7.5 * np.cos(2 * np.pi * hours)  # 1 at midnight, 16 at noon
    counts = np.random.default_rng(3).poisson(rate).astype(float)
    assert judge(then(counts[: 7 * DAY + 144], 40)).state != "unusual"
    assert judge(then(counts[: 7 * DAY], 40)).state == "unusual"


def test_more_talk_of_every_kind_is_no_crisis() -> None:
    history = steady(7 * DAY, 1.0)
    everything = steady(7 * DAY, 10.0, seed=2) + history
    launch, crisis = then(everything, 250), then(everything, 40)
    assert judge(then(history, 25), launch).state != "unusual"
    assert judge(then(history, 25), crisis).state == "unusual"


def test_a_brand_that_is_mostly_talked_of_badly_still_alerts() -> None:
    history = steady(7 * DAY, 6.0)
    assert judge(then(history, 60), then(history / 0.6, 95)).state == "unusual"


def test_with_little_history_a_clear_burst_alerts_and_a_small_one_does_not() -> None:
    assert judge(then(steady(12, 1.0), 20)).state == "unusual"
    assert judge(then(steady(12, 1.0), 7)).state == "elevated"
    assert judge(np.array([0.0, 20.0])).reason == "too little history"


def test_short_buckets_show_a_crisis_within_two_minutes() -> None:
    """About 1 negative mention in 5 minutes turns to about 20 in 5 minutes; buckets of 15 s, two hours of history."""
    history, crisis = steady(480, 0.05), np.tile([1.0, 1.0, 0.0, 2.0], 2)
    decision = judge(np.concatenate((history, crisis)), seconds=15)
    assert decision.state == "usual" or decision.observed >= 5
    longer = judge(np.concatenate((history, crisis, crisis[:4])), seconds=15)
    assert longer.state == "unusual"


def test_it_began_with_the_first_bucket_above_the_usual() -> None:
    decision = judge(then(steady(7 * DAY, 0.3), 9, 12, 15, 11))
    assert decision.state == "unusual"
    assert decision.began == START + timedelta(seconds=7 * DAY * 300)


def test_an_open_incident_does_not_become_usual_at_once() -> None:
    history = steady(7 * DAY, 1.0)
    crisis = np.full(20, 20.0)
    since = START + timedelta(seconds=7 * DAY * 300)
    assert judge(np.concatenate((history, crisis)), since=since).state == "unusual"


def test_a_new_level_is_usual_after_a_day() -> None:
    history, level = steady(7 * DAY, 1.0), steady(3 * DAY, 12.0)
    since = START + timedelta(seconds=7 * DAY * 300)
    assert judge(np.concatenate((history, level)), since=since).state == "usual"


def test_fading_is_elevated_before_it_is_usual() -> None:
    history = steady(7 * DAY, 1.0)
    assert judge(then(history, 8), since=START + timedelta(seconds=7 * DAY * 300)).state == "elevated"


@pytest.mark.parametrize(("sensitivity", "state"), [("low", "elevated"), ("high", "unusual")])
def test_sensitivity(sensitivity: str, state: str) -> None:
    counts = then(steady(7 * DAY, 2.0), 12)
    assert judge(counts, alert=AlertSettings.model_validate({"sensitivity": sensitivity})).state == state


@pytest.mark.parametrize("seed", range(5))
def test_steady_talk_alerts_nobody(seed: int) -> None:
    counts = steady(9 * DAY, 3.0, seed)
    states = [judge(counts[:end]).state for end in range(7 * DAY, 9 * DAY, 7)]
    assert "unusual" not in states
