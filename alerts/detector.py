"""Is the negative talk about one brand or product unusual right now? Pure: counts and `now` in, a decision out.

Rules, each for a reason:

- Only finished buckets count, so that half a bucket is no lull and late arrivals are in. Where nothing could be
  fetched, nothing is decided ("unknown").
- One bucket, four and twelve together are looked at (5, 20 and 60 minutes by default): a burst shows in the first, a
  slow rise or a rarely named product in the last.
- A count must be at least `min_mentions`, a multiple of what is usual, improbable (negative binomial tail), and above
  further above the mean than nearly all the history's own stretches of that length.
- More talk of every kind is no crisis: what came on top must be mostly negative, or the share of negative talk
  must have risen.
- With less than a day of history the multiple is larger and the least count doubled.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from alerts.baseline import DAY, dispersion, expected, record, surprise
from alerts.series import Series
from alerts.settings import AlertSettings, Sensitivity
from alerts.tail import binomial_tail, negative_binomial_tail

WINDOWS = (1, 4, 12)  # buckets looked at together
_LEAST_HISTORY = 4  # buckets, below which nothing is decided


class Limits(NamedTuple):
    """Unusual is what has a tail probability of at most 10^-score and is `multiple` times the expected."""

    score: float
    multiple: float


LIMITS: dict[Sensitivity, Limits] = {
    "low": Limits(10.0, 6.0),
    "normal": Limits(7.0, 4.0),
    "high": Limits(4.0, 2.5),
}
_COLD = 1.5  # the multiple grows by this while there is less than a day of history
_ELEVATED = Limits(2.0, 1.5)  # keeps an incident open, and opens none

State = Literal["usual", "elevated", "unusual", "unknown"]


class Decision(NamedTuple):
    """What the newest finished buckets say. `seconds` is the stretch the numbers speak of, ending at `until`;
    `began` is its first bucket with more than usual; `observed` is its (weighted) count, `expected` the usual one;
    `score` is -log10 of the probability of so many."""

    state: State
    until: datetime
    seconds: int
    observed: int
    expected: float
    score: float
    began: datetime
    reason: str  # for the log, in English


def decide(series: Series, now: datetime, settings: AlertSettings, *, since: datetime | None = None) -> Decision:
    """Judges the newest finished buckets against the history before them.

    `since` is the start of an open incident: what came after it is no part of what is usual, for a day; then the new
    level becomes the usual one.
    """
    count = series.finished(now, settings.grace_seconds)
    if count == 0 or not series.known[count - 1]:
        reason = "nothing was fetched" if count else "no bucket is finished"
        until = series.end(count - 1)
        return Decision("unknown", until, series.seconds, 0, 0.0, 0.0, until, reason)
    found = [_judge(series, count, window, settings, since) for window in WINDOWS if count >= window]
    return max(found, key=lambda decision: (_RANK[decision.state], decision.score))


_RANK: dict[State, int] = {"unknown": 0, "usual": 1, "elevated": 2, "unusual": 3}


def _judge(series: Series, count: int, window: int, settings: AlertSettings, since: datetime | None) -> Decision:
    first = count - window
    past = _history_end(series, first, count, since)
    counts, known = series.negative[:past], series.known[:past]
    observed = round(float(series.negative[first:count].sum()))
    blank = Decision(
        "usual", series.end(count - 1), window * series.seconds, observed, 0.0, 0.0, series.end(first - 1), ""
    )
    if known.sum() < _LEAST_HISTORY:
        return blank._replace(reason="too little history")
    if observed < settings.min_mentions:
        return blank._replace(reason="few mentions")  # most looks at most series end here, before the costly part
    mean = expected(counts, known, series.seconds, window)
    found = blank._replace(expected=mean)
    if observed < _ELEVATED.multiple * mean:
        return found._replace(reason="no multiple of the usual")
    tail = negative_binomial_tail(observed, mean, dispersion(counts, known, window))
    found = found._replace(score=min(300.0, -math.log10(max(tail, 1e-300))))
    refusal = _refusal(found, series, past, window, settings)
    if refusal:
        elevated = found.score >= _ELEVATED.score and refusal != _BUZZ
        return found._replace(state="elevated" if elevated else "usual", reason=refusal)
    return found._replace(
        state="unusual",
        began=_began(series, first, count, mean / window),
        reason=f"{observed} negative in {found.seconds} s where {mean:.1f} are usual (p = 1e-{found.score:.1f})",
    )


_BUZZ = "more talk of every kind, not more negative than usual"


def _history_end(series: Series, first: int, count: int, since: datetime | None) -> int:
    """The first bucket that is no longer history."""
    if since is None:
        return first
    return max(0, min(first, max(series.bucket_of(since), count - DAY // series.seconds)))


def _refusal(found: Decision, series: Series, past: int, window: int, settings: AlertSettings) -> str:
    """Why this is nothing to tell, or ""."""
    limits = LIMITS[settings.sensitivity]
    counts, known = series.negative[:past], series.known[:past]
    cold = float(known.sum()) * series.seconds < DAY
    if found.observed < settings.min_mentions * (2 if cold else 1):
        return "few mentions for so short a history"
    if found.observed < limits.multiple * (_COLD if cold else 1.0) * found.expected:
        return "not enough of a multiple"
    if found.score < limits.score:
        return "not improbable enough"
    if surprise(found.observed, found.expected) <= record(counts, known, series.seconds, window):
        return "happens every so often"
    if _mere_buzz(found, series, past, window):
        return _BUZZ
    return ""


def _mere_buzz(found: Decision, series: Series, past: int, window: int) -> bool:
    """Whether talk as a whole grew and its negative share did not: a launch, a match, a campaign."""
    last = series.bucket_of(found.until)
    total = round(float(series.total[last - window : last].sum()))
    known = series.known[:past]
    usual_negative, usual_total = (float(counts[:past][known].sum()) for counts in (series.negative, series.total))
    on_top = total - usual_total / max(1.0, float(known.sum())) * window
    if usual_total <= 0 or found.observed - found.expected >= 0.5 * on_top:
        return False  # most of what came on top is negative
    return binomial_tail(found.observed, max(total, found.observed), usual_negative / usual_total) > 0.01


def _began(series: Series, first: int, count: int, usual: float) -> datetime:
    """The start of the stretch's first bucket with more than usual, or of the unbroken run of such before it."""
    above = series.negative > max(2 * usual, 1.0)
    began = next((bucket for bucket in range(first, count) if above[bucket]), first)
    while began > max(0, first - WINDOWS[-1]) and above[began - 1]:
        began -= 1
    return series.start + timedelta(seconds=began * series.seconds)
