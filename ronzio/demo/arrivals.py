"""When things are published: a numbered stream of moments with a rate that changes in steps.

Every moment is a pure function of its number, so that a restart, or another process, finds the same ones. Moments are
evenly spread with a jitter of one interval: livelier than a clock, calmer than chance, so that nothing looks like a
spike that is not meant to be one.
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Sequence


class Arrivals:
    """Moment `n` (from 0) of the stream `name`; `steps` are (second from which, moments a second), in order.

    Nothing happens before the first step; the last one goes on for ever.
    """

    def __init__(self, name: str, steps: Sequence[tuple[float, float]]) -> None:
        self._name = name
        self._starts = [start for start, _ in steps]
        self._rates = [rate for _, rate in steps]
        self._sums = [0.0]
        for index in range(len(steps) - 1):
            length = self._starts[index + 1] - self._starts[index]
            self._sums.append(self._sums[-1] + length * self._rates[index])

    def count(self, until: float) -> int:
        """How many moments lie at or before the second `until`."""
        index = bisect.bisect_right(self._starts, until) - 1
        if index < 0:
            return 0
        total = self._sums[index] + (until - self._starts[index]) * self._rates[index]
        whole = math.floor(total)
        return whole + (self._jitter(whole) <= total - whole)

    def moment(self, n: int) -> float:
        """The second of moment `n`; infinite if the stream ends before it."""
        total = n + self._jitter(n)
        index = bisect.bisect_left(self._sums, total) - 1
        rate = self._rates[index]
        return self._starts[index] + (total - self._sums[index]) / rate if rate else math.inf

    def _jitter(self, n: int) -> float:
        # away from 0 and 1, where rounding could put a moment on the wrong side of `count`
        return 0.01 + 0.98 * random.Random(f"{self._name}/{n}").random()
