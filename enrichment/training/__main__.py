"""Fits the models of all languages and writes the file of weights.

python -m enrichment.training [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from enrichment.compact.model import Weights
from enrichment.compact.store import NAME, dumps
from enrichment.compact.wordlist import LANGUAGES
from enrichment.training.fit import batch_of, fit, labels_of, reader_of
from enrichment.training.pools import pool

STRENGTH = {"it": 0.4, "en": 0.4}  # inverse of the penalty, chosen on the splits over topic and time
TEMPERATURE = {"it": 1.15, "en": 1.2}  # with which probabilities are shares, fitted on the same splits


def trained(data: Path, language: str) -> Weights:
    """The weights that are shipped."""
    texts = pool(data, language)
    batch = batch_of(reader_of(language), [one.text for one in texts])
    weights = fit(batch, labels_of(texts), STRENGTH.get(language, 0.4))
    return replace(weights, temperature=TEMPERATURE.get(language, 1.1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    data = parser.parse_args().data
    models = {language: trained(data, language) for language in LANGUAGES}
    target = Path(__file__).parents[1] / "compact" / NAME
    content = dumps(models)
    target.write_bytes(content)
    for language, weights in models.items():
        print(f"{language}: {np.count_nonzero(weights.importance)} features known")  # noqa: T201
    print(f"{target}: {len(content) / 1e6:.2f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
