"""Logistic regression over sparse rows, in numpy: rows and labels in, weights out. Pure and deterministic.

Minimises the weighted log loss plus |w|^2 / (2 C) by L-BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms
7.4 and 7.5) with a backtracking line search (Armijo). Both classes weigh the same, however many texts each has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from enrichment.topic_features import SIZE, Rows

Floats = NDArray[np.float64]
C: Final = 1.0  # of 1, 10 and 100 the best on 5 and 10 examples a class, by up to 0.6 points of macro-F1
STEPS: Final = 60
MEMORY: Final = 8  # pairs of steps remembered by L-BFGS
ENOUGH: Final = 1e-4  # change of the loss, relative, below which it is done


class Weights(NamedTuple):
    """A text's logit = bias + `values` summed over its features / sqrt(features)."""

    values: Floats  # (SIZE,)
    bias: float

    def logits(self, rows: Rows) -> Floats:
        return self.bias + rows.scale() * rows.dot(self.values)


def fit(rows: Rows, labels: NDArray[np.bool_]) -> Weights:
    """`labels`: which texts are of the topic; some must be and some not (ValueError)."""
    positives = int(labels.sum())
    if not 0 < positives < len(labels):
        raise ValueError("both texts of the topic and others are needed")
    occurs = np.zeros(SIZE, np.bool_)
    occurs[rows.columns] = True
    columns = np.flatnonzero(occurs)  # the weights of all others stay nought
    rows, size = Rows((np.cumsum(occurs) - 1)[rows.columns], rows.starts), len(columns)
    rarity = _rarity(rows, size)
    share = np.where(labels, 0.5 / positives, 0.5 / (len(labels) - positives)) * len(labels)
    signs = np.where(labels, 1.0, -1.0)
    scale = rows.scale()
    owners = np.repeat(np.arange(len(rows)), np.diff(rows.starts))

    def loss(vector: Floats) -> tuple[float, Floats]:
        weights, bias = vector[:-1], vector[-1]
        margins = signs * (bias + scale * rows.dot(weights * rarity))
        value = float(share @ np.logaddexp(0.0, -margins)) + float(weights @ weights) / (2 * C)
        pull = -share * signs / (1.0 + np.exp(np.clip(margins, -50, 50)))
        gradient = np.bincount(rows.columns, (pull * scale)[owners], size) * rarity + weights / C
        return value, np.append(gradient, pull.sum())

    solution = _minimum(loss, np.zeros(size + 1))
    values = np.zeros(SIZE)
    values[columns] = solution[:-1] * rarity
    return Weights(values, float(solution[-1]))


def _rarity(rows: Rows, size: int) -> Floats:
    """Inverse document frequency, smoothed (as in scikit-learn's TfidfTransformer), with mean 1 over what occurs."""
    seen = np.bincount(rows.columns, minlength=size)
    rarity = np.log((1 + len(rows)) / (1 + seen)) + 1.0
    return rarity / (rarity[rows.columns].mean() if len(rows.columns) else 1.0)


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    point = start
    value, gradient = loss(point)
    memory: deque[tuple[Floats, Floats, float]] = deque(maxlen=MEMORY)
    for _ in range(STEPS):
        direction = _direction(gradient, memory)
        slope = float(gradient @ direction)
        step = 1.0 if memory else 1.0 / max(1.0, float(np.linalg.norm(gradient)))
        while True:
            there = point + step * direction
            value_there, gradient_there = loss(there)
            if value_there <= value + 1e-4 * step * slope or step < 1e-10:
                break
            step /= 2
        moved, turned = there - point, gradient_there - gradient
        if (curvature := float(moved @ turned)) > 1e-12:
            memory.append((moved, turned, 1.0 / curvature))
        done = value - value_there <= ENOUGH * max(1.0, abs(value))
        point, value, gradient = there, value_there, gradient_there
        if done and len(memory) > 1:
            break
    return point


def _direction(gradient: Floats, memory: deque[tuple[Floats, Floats, float]]) -> Floats:
    """Minus the inverse Hessian's estimate times the gradient: the two loops of algorithm 7.4."""
    direction = -gradient
    shares = []
    for moved, turned, inverse in reversed(memory):
        share = inverse * float(moved @ direction)
        shares.append(share)
        direction = direction - share * turned
    if memory:
        moved, turned, inverse = memory[-1]
        direction = direction / (inverse * float(turned @ turned))
    for (moved, turned, inverse), share in zip(memory, reversed(shares), strict=True):
        direction = direction + (share - inverse * float(turned @ direction)) * moved
    return direction
