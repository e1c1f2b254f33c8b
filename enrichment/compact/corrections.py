"""What people's own corrections teach: labelled passages in, a small model on top of the shipped one out.

The shipped weights stay as they are; what is learnt here is added to what speaks for each label. Numpy alone, deterministic,
a second for some thousand corrections. How to use it:

    engine = CompactEngine()
    examples = [Example(Passage(tokens, "it"), "negative"), ...]      # tokens as the tagger makes them, brands masked
    before, after = cross_validated(engine, examples)                 # is it worth it? macro-F1 in per cent
    corrections = fit(engine, examples)
    file.write_bytes(corrections.dumps())
    engine = CompactEngine(corrections=Corrections.loads(file.read_bytes()))   # its version names the corrections
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.features import NEGATED, Batch
from enrichment.compact.model import Scores
from enrichment.compact.rows import SIZE
from enrichment.compact.store import THE_SAME, array_bytes
from enrichment.sentiment import Passage
from stream import SENTIMENTS, Sentiment

if TYPE_CHECKING:
    from enrichment.compact.engine import CompactEngine

# How strongly weights are held at nothing. Of 0.3, 1 and 3 the best where airline tweets are taught to a model that knows
# SemEval's only: macro-F1 64.3 before, 70.7 with 300 of them, 74.0 with 1,000.
_HOLD: Final = 0.3
_STEPS: Final = 150
_SPAN: Final = SIZE * (NEGATED + 1)  # words, stems, negated stems
_ARRAYS: Final = ("features", "weights", "bias")
_Learnt = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]  # features, their weights (n, 3), bias (3)


class Example(NamedTuple):
    """A passage as the tagger gives it to an engine, and what a person says it is."""

    passage: Passage
    label: Sentiment


class CorrectionsError(Exception):
    """The file of corrections cannot be read; train again."""


@dataclass(frozen=True)
class Corrections:
    """What was learnt, by language. Build with `fit` or `loads`."""

    learnt: Mapping[str, _Learnt]

    @property
    def version(self) -> str:
        """Changes with anything that was learnt."""
        return hashlib.blake2b(self.dumps(), digest_size=4).hexdigest()

    def tables(self, language: str) -> Added | None:
        """Ready for use; None where nothing was learnt in this language."""
        if language not in self.learnt:
            return None
        features, weights, bias = self.learnt[language]
        table = np.zeros((_SPAN, 3), np.float32)
        table[features] = weights
        return Added(table, bias)

    def dumps(self) -> bytes:
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            for language, learnt in sorted(self.learnt.items()):
                arrays: tuple[NDArray[Any], ...] = learnt
                for name, array in zip(_ARRAYS, arrays, strict=True):
                    archive.writestr(zipfile.ZipInfo(f"{language}.{name}.npy", THE_SAME), array_bytes(array))
        return whole.getvalue()

    @classmethod
    def loads(cls, content: bytes) -> Corrections:
        """Raises CorrectionsError."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                languages = sorted({name.partition(".")[0] for name in archive.files})
                learnt = {
                    language: (
                        archive[f"{language}.features"],
                        archive[f"{language}.weights"],
                        archive[f"{language}.bias"],
                    )
                    for language in languages
                }
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CorrectionsError(f"the corrections cannot be read: {error}") from None
        return cls(learnt)


class Added:
    """What was learnt in one language, 9 MB."""

    def __init__(self, table: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self._table, self._bias = table, bias

    def to(self, scores: Scores, batch: Batch, language: int) -> None:
        """Adds to what the shipped model says of a batch's texts in this language, in place."""
        places, owners, columns, value = _features(batch, language)
        added = self._table[columns] * value[:, None]
        scores.pulls[places] += added
        texts = batch.languages == language
        for label in range(3):
            more = self._bias[label] + np.bincount(owners, added[:, label], len(batch.starts))
            scores.z[texts, label] += more[texts]


def fit(engine: CompactEngine, examples: Sequence[Example]) -> Corrections:
    """Learns from `examples` what to add to the shipped model. Languages that the engine does not know are left out."""
    learnt = {}
    for language in sorted({example.passage.language for example in examples} & set(engine.languages)):
        chosen = [example for example in examples if example.passage.language == language]
        batch, scores = engine.read([example.passage.tokens for example in chosen], language)
        labels = np.array([SENTIMENTS.index(example.label) for example in chosen])
        learnt[language] = _fit(batch, scores.z, labels)
    return Corrections(learnt)


def cross_validated(engine: CompactEngine, examples: Sequence[Example], folds: int = 5) -> tuple[float, float]:
    """Macro-F1 in per cent on examples not learnt from: without and with what the others teach."""
    told = [SENTIMENTS.index(example.label) for example in examples]
    before = engine.with_corrections(None).judge([example.passage for example in examples])
    after: list[int] = [0] * len(examples)
    for fold in range(folds):
        rest = [example for number, example in enumerate(examples) if number % folds != fold]
        places = range(fold, len(examples), folds)
        judged = engine.with_corrections(fit(engine, rest)).judge([examples[place].passage for place in places])
        for place, one in zip(places, judged, strict=True):
            after[place] = SENTIMENTS.index(one.label)
    return macro_f1(told, [SENTIMENTS.index(one.label) for one in before]), macro_f1(told, after)


def macro_f1(true: Sequence[int], told: Sequence[int]) -> float:
    """The mean over the labels that occur, in per cent."""
    scores = []
    for label in sorted(set(true)):
        right = sum(one == label == other for one, other in zip(true, told, strict=True))
        named = sum((one == label) + (other == label) for one, other in zip(true, told, strict=True))
        scores.append(2 * right / named)
    return 100 * sum(scores) / len(scores) if scores else 0.0


def _features(
    batch: Batch, language: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Words, stems and negated stems, of all texts or of those in one language: (which features of the batch, texts, columns,
    values); each text's of length one, so that all teach alike."""
    chosen = batch.groups <= NEGATED
    if language is not None:
        chosen &= batch.languages.take(batch.owners) == language
    places = np.flatnonzero(chosen)
    owners = batch.owners[places]
    size = np.sqrt(np.maximum(np.bincount(owners, minlength=len(batch.starts)), 1))
    return places, owners, batch.ids[places] + batch.groups[places] * SIZE, (1 / size).astype(np.float32)[owners]


def _fit(batch: Batch, z: NDArray[np.float32], labels: NDArray[np.int64]) -> _Learnt:
    """Three logistic regressions with the shipped model's z as their start, by Nesterov's accelerated gradient."""
    _, owners, ids, value = _features(batch)
    features, columns = np.unique(ids, return_inverse=True)
    truth = (labels[:, None] == np.arange(3)).astype(np.float64)
    weights = np.zeros((len(features) + 1, 3))
    ahead = weights.copy()
    step = 1.0 / (0.5 * len(labels) + _HOLD)
    for turn in range(_STEPS):
        said = z.astype(np.float64) + ahead[-1]
        for label in range(3):
            said[:, label] += np.bincount(owners, ahead[columns, label] * value, len(labels))
        error = 1 / (1 + np.exp(-said)) - truth
        slope = _HOLD * ahead
        slope[-1] += error.sum(axis=0)
        for label in range(3):
            slope[:-1, label] += np.bincount(columns, error[owners, label] * value, len(features))
        before, weights = weights, ahead - step * slope
        ahead = weights + turn / (turn + 3) * (weights - before)
    return features, weights[:-1].astype(np.float32), weights[-1].astype(np.float32)
