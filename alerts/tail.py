"""How improbable a count is: the upper tail of the negative binomial distribution, and of the binomial."""

from __future__ import annotations

import math
from collections.abc import Callable

Ratio = Callable[[int], float]

_NEGLIGIBLE = 1e-12  # a term so small beside the sum ends it


def negative_binomial_tail(count: int, mean: float, dispersion: float) -> float:
    """P(X >= count) where X has `mean` and variance mean + dispersion * mean^2 (dispersion 0: Poisson).

    Summed from `count` upwards, so that small tails keep their precision (1 - cdf would not). 1 for count <= 0.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if dispersion < 1e-9:
        return _sum_up(count, count * math.log(mean) - mean - math.lgamma(count + 1), lambda k: mean / (k + 1))
    shape = 1 / dispersion
    share = mean / (mean + shape)
    # ln Gamma(shape + count) - ln Gamma(shape) + count ln(dispersion), without the cancellation of two huge numbers
    if count <= 10_000:
        rising = math.fsum(math.log1p(k * dispersion) for k in range(count))
    else:
        rising = math.lgamma(shape + count) - math.lgamma(shape) + count * math.log(dispersion)
    spread = math.log1p(mean * dispersion)
    first = rising + count * (math.log(mean) - spread) - math.lgamma(count + 1) - shape * spread
    return _sum_up(count, first, lambda k: share * (shape + k) / (k + 1))


def binomial_tail(count: int, trials: int, share: float) -> float:
    """P(X >= count) where X counts hits among `trials`, each a hit with probability `share`. 1 for count <= 0."""
    if count <= 0:
        return 1.0
    if share <= 0 or count > trials:
        return 0.0
    if share >= 1:
        return 1.0
    first = (
        math.lgamma(trials + 1)
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(share)
        + (trials - count) * math.log1p(-share)
    )
    odds = share / (1 - share)
    return _sum_up(count, first, lambda k: odds * (trials - k) / (k + 1))


def _sum_up(first_k: int, log_first: float, ratio: Ratio) -> float:
    """The sum of the terms from `first_k` on; `ratio(k)` is term k+1 over term k."""
    term = total = 1.0
    k = first_k
    while True:
        step = ratio(k)
        term *= step
        total += term
        k += 1
        # Behind the mode the ratio stays below 1 and falls to its limit, so the rest is below term / (1 - ratio).
        if step < 1 and term <= _NEGLIGIBLE * total * (1 - step):
            break
        if total > 1e300:  # only far below the mode do the terms rise so much: all but nothing lies above
            return 1.0
    return min(1.0, math.exp(min(0.0, log_first + math.log(total))))
