"""Shares of what was counted, with the interval that the count allows to claim."""

from __future__ import annotations

import math
from typing import Final

_Z: Final = 1.96  # of the normal distribution, for 95 %


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of the share right / of (E. B. Wilson, JASA 22, 1927), which holds also for few and for extreme
    counts; (0, 1) where nothing was counted."""
    if not of:
        return 0.0, 1.0
    share = right / of
    spread = _Z * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    middle, size = share + _Z**2 / (2 * of), 1 + _Z**2 / of
    return max(0.0, (middle - spread) / size), min(1.0, (middle + spread) / size)
