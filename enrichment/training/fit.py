"""Fits one language's model: features and labels in, weights out. Needs scikit-learn (`make train`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from enrichment.compact.features import GROUPS, Batch, Reader
from enrichment.compact.model import NUMBERS_SHARE, SHARES, Weights
from enrichment.compact.rows import SIZE
from enrichment.compact.wordlist import WordList
from enrichment.training.sets import LABELS, Labelled

MIN_TEXTS = (
    4  # a feature of fewer texts is not known: nothing is kept of single texts, and 2 and 3 gain nothing across topics
)
ONE_SIDED = "airline"  # the set whose labels are evened


def batch_of(reader: Reader, texts: Sequence[str]) -> Batch:
    return reader.read([text.split() for text in texts])


def reader_of(language: str) -> Reader:
    return Reader(WordList(language))


def importances(batch: Batch, labels: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(SIZE) 1 + the largest |log odds| of a feature over the labels against its group's, 0 for those of too few texts."""
    result = np.zeros(SIZE)
    for group in range(len(GROUPS)):
        pair = np.unique((batch.owners * SIZE + batch.ids)[batch.groups == group])  # each feature once a text
        owner, feature = pair // SIZE, pair % SIZE
        texts = np.bincount(feature, minlength=SIZE)
        counts = np.stack([np.bincount(feature, weights[owner] * (labels[owner] == label), SIZE) for label in range(3)])
        total = counts.sum(axis=0)
        seen = texts > 0
        if not seen.any():
            continue
        for label in range(3):
            with_it, without = counts[label] + 1, total - counts[label] + 1
            ratio = np.log(with_it / without) - np.log(with_it[seen].sum() / without[seen].sum())
            result = np.where(seen, np.maximum(result, np.abs(ratio)), result)
        result[seen & (texts < MIN_TEXTS)] = 0
    return result


def matrix(batch: Batch, importance: NDArray[np.float64], shares: NDArray[np.float32] = SHARES) -> csr_matrix:
    """(texts, SIZE + NUMBERS): each group's row of length `share`."""
    texts = len(batch.starts)
    value = importance[batch.ids]
    cells = batch.owners * len(GROUPS) + batch.groups
    norm = np.sqrt(np.maximum(np.bincount(cells, value**2, texts * len(GROUPS)), 1e-9))
    hashed = csr_matrix((value * shares[batch.groups] / norm[cells], (batch.owners, batch.ids)), shape=(texts, SIZE))
    return hstack([hashed, csr_matrix(batch.numbers * NUMBERS_SHARE)]).tocsr()


def fit(
    batch: Batch, labels: NDArray[np.int64], c: float = 0.8, sample: NDArray[np.float64] | None = None,
    shares: NDArray[np.float32] = SHARES,
) -> Weights:  # fmt: skip
    """Three logistic regressions, classes balanced; `sample`: a weight for each text. Deterministic."""
    sample = np.ones(len(labels)) if sample is None else sample
    importance = importances(batch, labels, sample)
    features = matrix(batch, importance, shares)
    share = np.array([sample[labels == label].sum() for label in range(3)])
    weight = sample * (sample.sum() / 3 / share)[labels]
    found = []
    bias = []
    for label in range(3):
        model = LogisticRegression(C=c, solver="liblinear", dual=True, tol=0.02, max_iter=200, random_state=1)
        model.fit(features, labels == label, sample_weight=weight)
        found.append(model.coef_.ravel())
        bias.append(model.intercept_[0])
    return packed(np.array(found).T, np.array(bias), importance)


def packed(found: NDArray[np.float64], bias: NDArray[np.float64], importance: NDArray[np.float64]) -> Weights:
    """One byte a weight: cut at half the largest, which costs nothing measurable."""
    table = found[:SIZE] * importance[:, None]
    scale = max(float(np.abs(table).max()) / 127 * 0.5, 1e-9)
    importance_scale = max(float(importance.max()) / 255, 1e-9)
    return Weights(
        table=np.clip(np.round(table / scale), -127, 127).astype(np.int8),
        importance=np.round(importance / importance_scale).astype(np.uint8),
        scale=scale,
        importance_scale=importance_scale,
        numbers=(found[SIZE:] * NUMBERS_SHARE).astype(np.float32),
        bias=bias.astype(np.float32),
    )


def evened(texts: Sequence[Labelled]) -> NDArray[np.float64]:
    """(texts) what each counts for: tweets at airlines are mostly complaints, so their labels are weighed to have the shares that
    they have in all other texts. Else whatever such tweets talk of would speak for negative, and its lack against it."""
    labels = labels_of(texts)
    one_sided = np.array([one.set == ONE_SIDED for one in texts])
    result = np.ones(len(texts))
    if one_sided.any() and not one_sided.all():
        here, elsewhere = (np.bincount(labels[rows], minlength=len(LABELS)) for rows in (one_sided, ~one_sided))
        factor = elsewhere / elsewhere.sum() * here.sum() / np.maximum(here, 1)
        result[one_sided] = factor[labels[one_sided]]
    return result


def labels_of(texts: Sequence[Labelled]) -> NDArray[np.int64]:
    """(texts) as they count in LABELS."""
    return np.array([one.label for one in texts], np.int64)
