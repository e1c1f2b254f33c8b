"""Fits the models of all languages and writes the file of weights; the same for parts of the sets, to be measured by.

    python -m enrichment.training [--data ../shared/data]

`enrichment/compact/weights.npz` is what is shipped: fitted on everything. `benchmarks/quality/sentiment.npz` holds models that
have not seen the topics or the time they are measured on, `sentiment_folds.json` beside it the scores of cross-validation.
Deterministic: the same sets and lists give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from enrichment.compact.model import Model, Weights
from enrichment.compact.store import NAME, dumps
from enrichment.compact.wordlist import LANGUAGES
from enrichment.training.fit import batch_of, evened, fit, labels_of, reader_of
from enrichment.training.pools import pool, splits
from enrichment.training.sets import Labelled, distinct, umsab

ROOT = Path(__file__).parents[2]
STRENGTH = 0.4  # inverse of the penalty, chosen on the splits over topic and time: 0.2 to 0.8 are within a point
TEMPERATURE = {"it": 1.15, "en": 1.22}  # with which probabilities are shares, fitted on the same splits
OTHER_TEMPERATURE = 1.1
FOLDS = 5


def trained(texts: Sequence[Labelled], language: str) -> Weights:
    batch = batch_of(reader_of(language), [one.text for one in texts])
    weights = fit(batch, labels_of(texts), STRENGTH, evened(texts))
    return replace(weights, temperature=TEMPERATURE.get(language, OTHER_TEMPERATURE))


def cross_validated(data: Path, language: str) -> float:
    """Macro-F1 on UMSAB's texts in per cent, the rest of the pool always learnt from. The same topics on both sides."""
    texts = distinct(umsab(data, language))
    rest = distinct(pool(data, language), texts)
    labels = labels_of(texts)
    told = np.zeros(len(texts), np.int64)
    for learn, ask in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(texts, labels):
        model = Model(trained([*(texts[place] for place in learn), *rest], language))
        told[ask] = model.score(batch_of(reader_of(language), [texts[place].text for place in ask])).z.argmax(axis=1)
    return round(100 * float(f1_score(labels, told, average="macro")), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    data = parser.parse_args().data
    quality = ROOT / "benchmarks" / "quality"
    shipped = dumps({language: trained(pool(data, language), language) for language in LANGUAGES})
    (ROOT / "enrichment" / "compact" / NAME).write_bytes(shipped)
    held_out = dumps({split.id: trained(split.train, split.language) for split in splits(data)})
    (quality / "sentiment.npz").write_bytes(held_out)
    folds = {language: cross_validated(data, language) for language in LANGUAGES if language != "en"}
    (quality / "sentiment_folds.json").write_text(json.dumps(folds, indent=2) + "\n", "utf-8")
    print(f"weights {len(shipped) / 1e6:.2f} MB; cross-validation {folds}")  # noqa: T201


if __name__ == "__main__":
    main()
