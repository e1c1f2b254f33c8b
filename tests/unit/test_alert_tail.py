"""Tail probabilities against sums of the distributions' own terms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.tail import binomial_tail, negative_binomial_tail


def poisson(k: int, mean: float) -> float:
    return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))


def negative_binomial(k: int, mean: float, dispersion: float) -> float:
    shape = 1 / dispersion
    share = shape / (shape + mean)
    logs = math.lgamma(k + shape) - math.lgamma(shape) - math.lgamma(k + 1)
    return math.exp(logs + shape * math.log(share) + k * math.log1p(-share))


@given(st.integers(0, 60), st.floats(0.05, 30))
def test_without_dispersion_it_is_poisson(count: int, mean: float) -> None:
    below = sum(poisson(k, mean) for k in range(count))
    assert negative_binomial_tail(count, mean, 0.0) == pytest.approx(1 - below, abs=1e-9)


@given(st.integers(0, 60), st.floats(0.05, 30), st.floats(0.01, 3))
def test_with_dispersion_it_is_negative_binomial(count: int, mean: float, dispersion: float) -> None:
    below = sum(negative_binomial(k, mean, dispersion) for k in range(count))
    assert negative_binomial_tail(count, mean, dispersion) == pytest.approx(1 - below, abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.01, 0.99))
def test_binomial(count: int, trials: int, share: float) -> None:
    terms = (math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(count, trials + 1))
    assert binomial_tail(count, trials, share) == pytest.approx(1.0 if count == 0 else sum(terms), abs=1e-9)


def test_small_tails_keep_their_precision() -> None:
    first = poisson(60, 2.0)
    assert first < negative_binomial_tail(60, 2.0, 0.0) < first * 1.04 < 1e-60


def test_far_below_a_huge_mean_all_lies_above() -> None:
    assert negative_binomial_tail(3, 100_000.0, 0.0) == 1.0
    assert negative_binomial_tail(3, 100_000.0, 1e-6) == 1.0


@given(st.integers(1, 100), st.floats(0.1, 50), st.floats(0.0, 2))
def test_more_is_less_probable(count: int, mean: float, dispersion: float) -> None:
    assert (
        negative_binomial_tail(count + 1, mean, dispersion) <= negative_binomial_tail(count, mean, dispersion) + 1e-12
    )


@pytest.mark.parametrize(("share", "tail"), [(0.0, 0.0), (1.0, 1.0)])
def test_binomial_at_the_ends(share: float, tail: float) -> None:
    assert binomial_tail(2, 5, share) == tail
