"""Counts of one brand or product over time: what the detector judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from alerts.baseline import Bools, Floats

MEMORY = 12  # buckets in which a story or author counts as the same again: the longest stretch judged together
_FORGIVEN = 2  # past incidents that are kept out of the history


class Series(NamedTuple):
    """Counts per bucket of `seconds`, oldest first, without holes; the first bucket begins at `start`.

    `negative` and `total` are weighted (`discount`); `known` is false for buckets in which nothing could be fetched.
    """

    start: datetime
    seconds: int
    negative: Floats
    total: Floats
    known: Bools

    def end(self, bucket: int) -> datetime:
        return self.start + timedelta(seconds=(bucket + 1) * self.seconds)

    def finished(self, now: datetime, grace: float) -> int:
        """How many of the buckets are finished: `grace` seconds have passed since their end."""
        passed = (now - self.start).total_seconds() - grace
        return max(0, min(len(self.negative), math.floor(passed / self.seconds)))

    def bucket_of(self, moment: datetime) -> int:
        return math.floor((moment - self.start).total_seconds() / self.seconds)

    def known_seconds(self, since: datetime, until: datetime) -> float:
        """Seconds of known buckets that begin at or after `since` and end at or before `until`."""
        first = max(0, math.ceil((since - self.start).total_seconds() / self.seconds))
        return float(self.known[first : max(first, self.bucket_of(until))].sum()) * self.seconds

    def without(self, periods: Sequence[tuple[datetime, datetime]]) -> Series:
        """The series with past incidents unknown: a rare one is no part of what is usual.

        More than two of them in the history are: then bursts are how this talk is, and nothing changes.
        """
        first, last = self.start, self.end(len(self.negative) - 1)
        inside = [(since, until) for since, until in periods if until > first and since < last]
        if len(inside) > _FORGIVEN:
            return self
        known = self.known.copy()
        for since, until in inside:
            known[max(0, self.bucket_of(since)) : max(0, self.bucket_of(until) + 1)] = False
        return self._replace(known=known)


def discount(groups: Iterable[Sequence[tuple[int, int]]], length: int) -> Floats:
    """How much less each bucket weighs for repetitions, the same story or the same author again within twelve buckets.

    A group holds the buckets of one story or author, in order, with its mentions in each. k mentions weigh
    1 + log2(k): forty copies of one agency item 6.3, thirty posts by one angry customer 5.9, thirty customers thirty.
    """
    less = np.zeros(length)
    for group in groups:
        for place, (bucket, count) in enumerate(group):
            before = sum(earlier for at, earlier in group[:place] if bucket - at < MEMORY)
            less[bucket] += count - (_together(before + count) - _together(before))
    return less


def _together(mentions: int) -> float:
    return 1 + math.log2(mentions) if mentions else 0.0


def gaps(everything: Floats, seconds: int) -> Bools:
    """Which buckets are known, judged by the mentions of all brands together: long silences are gaps in the data.

    What lies before the first mention is not known. A silence within is a gap if it is longer than an hour and its
    chance is below e^-20 at half the mean rate. The newest silence is never a gap: it may be real.
    """
    known = np.ones(len(everything), dtype=np.bool_)
    loud = np.flatnonzero(everything)
    if not len(loud):
        return ~known
    known[: loud[0]] = False
    longest = max(20 / (float(everything[loud[0] :].mean()) / 2), 3600 / seconds)
    for before, after in pairwise(loud.tolist()):
        if after - before - 1 > longest:
            known[before + 1 : after] = False
    return known
