"""Writes docs/model-card.md: what the compact engine's models are, what they learnt from, and every score, measured anew.

python -m benchmarks.model_card
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.quality.score import DATA
from benchmarks.quality.sentiment import measure
from enrichment.compact.engine import UNSURE_BELOW
from enrichment.compact.store import NAME, shipped
from enrichment.training.pools import pool

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "model-card.md"
TERMS: Final = "research data under the platform's terms"
SETS: Final = (
    ("umsab", "UMSAB, train and validation of it, en, es, fr, de, pt (Barbieri and others 2022)", TERMS),
    ("sentipolc", "SENTIPOLC 2016, training set (Barbieri and others 2016)", f"{TERMS}, CC BY-NC-SA"),
    ("semeval", "SemEval 2013-2016, message polarity (Nakov, Rosenthal and others)", TERMS),
    ("airline", "Twitter US Airline Sentiment, 16-22 February 2015 (CrowdFlower)", "CC BY-NC-SA 4.0"),
)
HEAD: Final = """# Model card: the compact sentiment engine

Made by `python -m benchmarks.model_card`; the weights by `make train`.

| | |
|---|---|
| what it does | negative, neutral or positive, with a probability, of a text in Italian, English, Spanish, French, German or Portuguese |
| what it is | one linear model a language on hashed words, stems, negated stems, neighbours and marks, and on numbers from our own word lists (and VADER's for English); log-count ratios as values, one logistic regression a label (Wang & Manning 2012) |
| file | `enrichment/compact/{name}`: {size:.2f} MB, arrays of one-byte numbers, no vocabulary, no text; a feature of fewer than four texts is left out |
| version | `compact-{digest}` |
| needs | numpy, PyStemmer, vaderSentiment's lexicon; no download |
| below {unsure:.0%} | it says that it cannot tell: neutral and *unsure* |
| intended for | what is said publicly about brands, institutions, products; figures over many mentions. Not for judging a person, nor a single text without a look at it |

## What it learnt from

The sets are no part of Ronzio. Copies (same letters and digits without addresses and names, or the same first forty) are
taken out within and between sets.

| set | used | licence | texts used |
|---|---|---|---:|
"""  # noqa: E501
SCORES: Final = """
## How good it is

Over topic and time, models of the same kind that have not seen them (see docs/quality.md for the floors). Expect these figures, not
those of cross-validation, on a brand it knows nothing of; some hundred corrections of one's own add five to ten points
(airline tweets taught to the model of SemEval: 64.3 before, 69.0 with 50, 70.7 with 300, 74.0 with 1,000).

| score | value | unit | on |
|---|---:|---|---|
"""  # noqa: E501
LIMITS: Final = """
Cross-validation in five folds on UMSAB (the same topics on both sides, macro-F1, %): {folds}.

## What it cannot do

- Irony is mostly missed, and thanks for a service are taken for praise of it.
- Reports of bad news about a third party ("the earthquake") count as negative, whoever is named.
- A fifth of the English texts are at airlines: their labels count in the shares of all others, so that flights are no complaint.
- Spanish, French, German and Portuguese have learnt from 2,150 tweets each.
- Whether a text was among those learnt from can be guessed hardly better than by chance from which features are known (AUC 0.56
  in Italian, 0.67 if features of two texts were kept); its words cannot be read from the weights.
"""


def card() -> Iterator[str]:
    weights = shipped()
    content = (ROOT / "enrichment" / "compact" / NAME).read_bytes()
    yield HEAD.format(name=NAME, size=len(content) / 1e6, digest=weights.digest, unsure=UNSURE_BELOW)
    used = Counter(one.set for language in weights.models for one in pool(DATA, language))
    for name, about, licence in SETS:
        yield f"| {name} | {about} | {licence} | {used[name]:,} |\n"
    yield SCORES
    for score in measure():
        yield f"| {score.name.partition('/')[2]} | {score.value:.1f} | {score.unit} | {score.about} |\n"
    folds = json.loads((ROOT / "benchmarks" / "quality" / "sentiment_folds.json").read_text("utf-8"))
    yield LIMITS.format(folds=", ".join(f"{language} {value:.1f}" for language, value in folds.items()))


def main() -> None:
    PAGE.write_text("".join(card()), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
