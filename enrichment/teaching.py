"""Topics taught by example: examples and other texts in; a classifier, and how good it is, out. Pure and deterministic.

How good is told by cross-validation: each text is judged by a classifier that has seen neither it nor a copy of it, at a
threshold chosen without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from enrichment.logistic import Floats, Weights, fit
from enrichment.topic_features import Rows
from index import wilson

FEWEST: Final = 5  # different examples; with fewer nothing can be measured
FOLDS: Final = 5
_RESAMPLES: Final = 400


class TooFewExamples(ValueError):
    """There are too few different examples to teach from; the message says how many there are and must be."""


class Measured(msgspec.Struct, frozen=True):
    """A share with its 95 % interval, 0..1, and the counts it comes from (0 of 0: nothing to measure)."""

    value: float
    low: float
    high: float
    right: int = 0
    of: int = 0


class Quality(msgspec.Struct, frozen=True):
    """What cross-validation says of a taught topic, over the examples and a sample of other texts."""

    examples: int
    others: int
    precision: Measured
    recall: Measured
    f1: Measured


class Learnt(NamedTuple):
    """A classifier: a text is of the topic where its logit is at least `threshold`.

    `missed`: numbers of the examples that cross-validation did not recognise; `doubtful`: numbers of the other texts that it
    took for the topic, surest first. Some of those may be of the topic and only not marked: look at them.
    """

    weights: Weights
    threshold: float
    quality: Quality
    missed: tuple[int, ...]
    doubtful: tuple[int, ...]


def measured(right: int, of: int) -> Measured:
    """The share with its interval."""
    low, high = wilson(right, of)
    return Measured(right / of if of else 0.0, low, high, right, of)


def learn(rows: Rows, labels: NDArray[np.bool_], groups: Sequence[str]) -> Learnt:
    """`groups`: texts of one group are copies of one text, and count once.

    Raises TooFewExamples.
    """
    firsts: dict[str, int] = {}
    for number in (*np.flatnonzero(labels), *np.flatnonzero(~labels)):
        firsts.setdefault(groups[number], int(number))
    kept = np.array(list(firsts.values()), np.int64)
    rows, labels = rows.pick(kept), labels[kept]
    if (different := int(labels.sum())) < FEWEST:
        if different == 1:
            raise TooFewExamples(f"1 different example; at least {FEWEST} are needed, 10 to 20 are good")
        raise TooFewExamples(f"{different} different examples; at least {FEWEST} are needed, 10 to 20 are good")
    if labels.all():
        raise TooFewExamples("there are no other mentions to tell the examples from")
    logits, told = _cross_validated(rows, labels)
    missed = np.flatnonzero(labels & ~told)
    taken = np.flatnonzero(told & ~labels)
    doubtful = taken[np.argsort(-logits[taken], kind="stable")]
    return Learnt(
        fit(rows, labels),
        _threshold(logits, labels),
        _quality(labels, told),
        tuple(kept[missed].tolist()),
        tuple(kept[doubtful].tolist()),
    )


def _cross_validated(rows: Rows, labels: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """For each text the logit, and the decision, of what has not seen it. Examples come first, so each fold has some."""
    folds = np.arange(len(labels)) % FOLDS
    logits = np.zeros(len(labels))
    told = np.zeros(len(labels), np.bool_)
    for fold in range(FOLDS):
        held, seen = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        logits[held] = fit(rows.pick(seen), labels[seen]).logits(rows.pick(held))
    for fold in range(FOLDS):
        there, elsewhere = folds == fold, folds != fold
        told[there] = logits[there] >= _threshold(logits[elsewhere], labels[elsewhere])
    return logits, told


def _threshold(logits: Floats, labels: NDArray[np.bool_]) -> float:
    """The logit from which on F1 is greatest, in the middle between it and the next lower one."""
    order = np.argsort(-logits, kind="stable")
    hits = np.cumsum(labels[order])
    f1 = 2 * hits / (np.arange(1, len(labels) + 1) + labels.sum())
    best = int(np.argmax(f1))
    above = logits[order[best]]
    below = logits[order[best + 1]] if best + 1 < len(order) else above
    return float((above + below) / 2)


def _quality(labels: NDArray[np.bool_], told: NDArray[np.bool_]) -> Quality:
    right, examples = int((labels & told).sum()), int(labels.sum())
    return Quality(
        examples=examples,
        others=len(labels) - examples,
        precision=measured(right, int(told.sum())),
        recall=measured(right, examples),
        f1=_f1(labels, told),
    )


def _f1(labels: NDArray[np.bool_], told: NDArray[np.bool_]) -> Measured:
    """With the percentile interval of the bootstrap (Efron, 1979) over texts."""

    def score(right: NDArray[np.int64], named: NDArray[np.int64]) -> Floats:
        return np.asarray(2 * right / np.maximum(1, named))

    right, named = (labels & told).astype(np.int64), labels.astype(np.int64) + told
    drawn = np.random.default_rng(0).integers(0, len(labels), (_RESAMPLES, len(labels)))
    low, high = np.percentile(score(right[drawn].sum(1), named[drawn].sum(1)), [2.5, 97.5])
    value = float(score(right.sum(), named.sum()))
    if (
        value == 1.0
    ):  # without a mistake to draw, the bootstrap knows no doubt: what the count of examples allows to claim
        low = measured(int(right.sum()), int(labels.sum())).low
    return Measured(value, float(low), float(high))
