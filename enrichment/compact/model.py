"""Linear models, one a language: features in, what speaks for each label out.

    z[label] = sum over groups g of  share[g] / norm[g] * sum of table[feature, label]  +  numbers . W[:, label] + b[label]

with norm[g] = sqrt(sum of importance[feature]^2), as after Wang & Manning 2012 (log-count ratios as the features' values),
one logistic regression for each label; probabilities are the three logistic functions of z / temperature, made to add up to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.features import FIRST_COUNT, GROUPS, MARKS, Batch, levels
from enrichment.compact.rows import SIZE

SHARES: Final = np.array([0.7, 0.7, 0.5, 0.7, 0.7], np.float32)  # of GROUPS
NUMBERS_SHARE: Final = 0.6
_TINY: Final = 1e-9


@dataclass(frozen=True)
class Weights:
    """Labels are in the order negative, neutral, positive."""

    table: NDArray[np.int8]  # (SIZE, 3) times `scale`
    importance: NDArray[np.uint8]  # (SIZE) times `importance_scale`; 0 = too rare to be known
    scale: float
    importance_scale: float
    numbers: NDArray[np.float32]  # (NUMBERS, 3)
    bias: NDArray[np.float32]  # (3)
    temperature: float = 1.0


@dataclass(frozen=True)
class Scores:
    """`z`: (texts, 3). `pulls`: what each feature adds to z: (features, 3)."""

    z: NDArray[np.float32]
    pulls: NDArray[np.float32]


def sums(batch: Batch, pulls: NDArray[np.float32]) -> NDArray[np.float32]:
    """(texts, 3) the pulls of each text's features added up."""
    texts = len(batch.starts)
    return np.stack([np.bincount(batch.owners, pulls[:, label], texts) for label in range(3)], 1).astype(np.float32)


class Model:
    """Weights of one or several languages made ready for use: 1 MB a language. A batch's texts say whose weights count."""

    def __init__(self, *weights: Weights) -> None:
        four = np.empty((len(weights), SIZE, 4), np.uint8)  # one number of 32 bits a feature: it stays in the cache
        for number, one in enumerate(weights):
            four[number, :, :3] = one.table.view(np.uint8)
            four[number, :, 3] = one.importance
        self._table = four.view(np.uint32).ravel()
        self._shares = np.stack([SHARES * one.scale for one in weights])
        self._importance_scales = np.array([one.importance_scale**2 for one in weights])
        self._bias = np.stack([one.bias for one in weights])
        self._temperatures = np.array([[one.temperature] for one in weights], np.float32)
        self.numbers = np.stack([one.numbers for one in weights])  # (languages, NUMBERS, 3)

    def score(self, batch: Batch) -> Scores:
        cells = batch.owners * len(GROUPS) + batch.groups
        ids = batch.ids + SIZE * batch.languages.take(batch.owners)
        found = self._table.take(ids).view(np.uint8).reshape(-1, 4)
        norm = np.bincount(cells, found[:, 3].astype(np.float32) ** 2, len(batch.starts) * len(GROUPS))
        norm = norm.reshape(-1, len(GROUPS)) * self._importance_scales.take(batch.languages)[:, None]
        norm = np.sqrt(np.maximum(norm, _TINY))
        factor = (self._shares.take(batch.languages, axis=0) / norm).astype(np.float32).ravel()
        pulls = found[:, :3].view(np.int8) * factor.take(cells)[:, None]
        numbers = np.empty((len(batch.starts), 3), np.float32)
        for number, weights in enumerate(self.numbers):
            of = batch.languages == number
            # einsum, not @: a text's sum must not depend on how many texts are summed with it
            numbers[of] = np.einsum("tn,nl->tl", batch.numbers[of], weights)
        return Scores(numbers + self._bias.take(batch.languages, axis=0) + sums(batch, pulls), pulls)

    def probabilities(self, z: NDArray[np.float32], languages: NDArray[np.int64]) -> NDArray[np.float32]:
        """(texts, 3), each row adding up to one."""
        return probabilities(z, self._temperatures.take(languages, axis=0))


def probabilities(z: NDArray[np.float32], temperature: float | NDArray[np.float32] = 1.0) -> NDArray[np.float32]:
    single = 1.0 / (1.0 + np.exp(-np.clip(z / temperature, -30, 30)))
    shares: NDArray[np.float32] = (single / single.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def pulls_of_pieces(model: Model, batch: Batch, scores: Scores) -> NDArray[np.float64]:
    """(pieces) what each piece adds to z[positive] - z[negative]: its features' share, and its part of the word list's
    numbers. What belongs to no piece (marks counted, length) is left out."""
    pieces = len(batch.rows)
    of_words = np.where(batch.groups == MARKS, 0, scores.pulls[:, 2] - scores.pulls[:, 0])
    total: NDArray[np.float64] = np.bincount(batch.places, of_words.astype(np.float64), pieces).astype(np.float64)
    found = np.flatnonzero(batch.values)
    text, value = batch.text[found], batch.values[found]
    towards = (model.numbers[:, :, 2] - model.numbers[:, :, 0]).take(batch.languages.take(text), axis=0)
    numbers = batch.numbers[text]
    good = value > 0
    whole = np.bincount(batch.text, np.abs(batch.values), len(batch.starts))
    one_sided = np.where(good, np.expm1(numbers[:, 0]), np.expm1(numbers[:, 1]))
    share = np.where(
        good,
        numbers[:, 0] * towards[:, 0] + numbers[:, 7] * towards[:, 7],
        numbers[:, 1] * towards[:, 1] + numbers[:, 8] * towards[:, 8],
    )
    total[found] += share * np.abs(value) / np.maximum(one_sided, _TINY)
    both = numbers[:, 2] * towards[:, 2] + numbers[:, 3] * towards[:, 3] + numbers[:, 11] * towards[:, 11]
    total[found] += both * value / np.maximum(whole[text], _TINY) * np.sign(numbers[:, 3])
    total[found] += towards[np.arange(len(found)), FIRST_COUNT + levels(value, batch.turned[found])] / 2
    return total
