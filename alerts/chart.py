"""The little bar chart of a mail: heights of table cells, no picture to load. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.series import Series

BARS = 24
HEIGHT = 56  # pixels of the highest bar
_LEAD = 8  # bars before the incident's start, at least one bucket each


class Bar(NamedTuple):
    """One stretch of time: its negative mentions; `height` in pixels, at least 1; `inside` the incident or before it."""

    start: datetime
    mentions: int
    height: int
    inside: bool


def bars(series: Series, started_at: datetime, until: datetime) -> list[Bar]:
    """At most 24 bars of equal stretches that end at `until`, with some of the time before `started_at`."""
    last = min(len(series.negative), max(1, series.bucket_of(until)))
    inside = max(1, last - series.bucket_of(started_at))
    width = max(1, math.ceil(inside / (BARS - _LEAD)))
    starts = range(max(0, last - BARS * width), last, width)
    counts = [float(series.negative[start : min(start + width, last)].sum()) for start in starts]
    most = max([1.0, *counts])
    found = []
    for start, count in zip(starts, counts, strict=True):
        begins = series.start + timedelta(seconds=start * series.seconds)
        ends = begins + timedelta(seconds=width * series.seconds)
        found.append(Bar(begins, round(count), max(1, round(HEIGHT * count / most)), ends > started_at))
    return found
