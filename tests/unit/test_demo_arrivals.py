"""The demo's streams of moments: count and moment agree, and the rate is what was asked for."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ronzio.demo.arrivals import Arrivals

STEPS = [(-100.0, 0.5), (0.0, 2.0), (50.0, 0.0), (80.0, 1.0), (200.0, 0.0)]
TOTAL = 50 + 100 + 120


@given(st.integers(0, 400), st.text(max_size=5))
def test_a_moment_is_counted_from_the_moment_on(n: int, name: str) -> None:
    stream = Arrivals(name, STEPS)
    moment = stream.moment(n)
    if math.isinf(moment):
        assert stream.count(1e9) <= n
    else:
        assert stream.count(moment + 1e-6) == n + 1
        assert stream.count(moment - 1e-6) == n


def test_rates() -> None:
    stream = Arrivals("any", STEPS)
    assert stream.count(-100.1) == 0
    assert abs(stream.count(0) - 50) <= 1
    assert stream.count(50) == stream.count(79.9)
    assert abs(stream.count(1e6) - TOTAL) <= 1
    assert abs(Arrivals("any", [(0, 3.0)]).count(1000) - 3000) <= 1


def test_moments_are_in_order() -> None:
    stream = Arrivals("any", STEPS)
    moments = [stream.moment(n) for n in range(stream.count(1e6))]
    assert moments == sorted(moments)
