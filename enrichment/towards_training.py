"""Trains the head of towards.py: development sets in, `enrichment/towards.json` out. `python -m enrichment.towards_training`.

The head says whether a text more than names a brand. Its weights are some thirty numbers for cues such as "I", "!" or "asks":
no text can be read from them. Sets: SXSW tweets about Apple and Google (emotion and its target,
or none). SemEval's tweets towards a topic are read here too, but only to measure on: they hold no text that only names it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from enrichment.sentiment import SentimentEngine
from enrichment.settings import EnrichmentSettings
from enrichment.tagger import Enricher
from enrichment.towards import FEATURES, Label, Text, Towards, Weights, judged_parts, parts_of
from stream import Brand, Item, Sentiment

Floats = NDArray[np.float64]

DATA: Final = Path(os.environ.get("RONZIO_DATA", "../shared/data"))
TARGET: Final = Path(__file__).with_name("towards.json")
FOLDS: Final = 5
# Missing a complaint costs more than showing one too many, so a negative text is rarely said only to name the brand.
EDGES: Final[dict[Sentiment, float]] = {"positive": 0.35, "neutral": 0.4, "negative": 0.2}
_RIDGE: Final = 3.0
_APPLE: Final = frozenset(("iPad or iPhone App", "iPad", "iPhone", "Apple", "Other Apple product or service"))
_TOPICS: Final = ("train", "dev", "devtest")
SXSW_BRANDS: Final = (
    Brand(name="Apple", keywords=("apple", "ipad*", "iphone*", "itunes", "ipod*", "mac")),
    Brand(name="Google", keywords=("google*", "android*", "gmail")),
)


class Row(NamedTuple):
    """A text and what it says of `target` ("" = of the one brand it names)."""

    text: str
    target: str
    label: Label
    fold: int  # texts alike, or of one topic, are in one fold


class Example(NamedTuple):
    """A row as the enricher sees it: the text, the number of the brand, the label."""

    text: Text
    brand: int
    row: Row


def sxsw(folder: Path = DATA) -> list[Row]:
    """Tweets of a conference in 2011. A text that says nothing of a brand has the label none and no target."""
    content = (folder / "brands" / "sxsw_mac_roman.csv").read_text(encoding="mac_roman")
    labels: dict[str, Label] = {
        "Positive emotion": "positive", "Negative emotion": "negative", "No emotion toward brand or product": "none",
    }  # fmt: skip
    rows = []
    for line in csv.DictReader(io.StringIO(content, newline="")):
        label = labels.get(line["emotion_described"])
        if label is None or not line["tweet_text"]:
            continue  # "I can't tell"
        text = line["tweet_text"].replace("{link}", "http://link").replace("@mention", "@somebody")
        aimed = line["emotion_in_tweet_is_directed_at"]
        target = "" if not aimed or label == "none" else "apple" if aimed in _APPLE else "google"
        alike = re.sub(r"[^a-z]", "", re.sub(r"@\w+|http\S+|\brt\b", "", text.lower()))[:40]
        rows.append(Row(text, target, label, _fold(alike)))
    return rows


def topics(folder: Path = DATA) -> list[Row]:
    """Tweets towards one of a hundred topics, positive or negative; a topic is in one fold."""
    rows = []
    for part in _TOPICS:
        path = folder / "sentiment" / f"towards_topic_twitter-2016{part}-BD.tsv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for line in file:
                _, topic, label, text = line.rstrip("\r\n").split("\t", 3)
                name = topic.removeprefix("@")
                rows.append(Row(text, name, "positive" if label == "positive" else "negative", _fold(name)))
    return rows


def _fold(key: str) -> int:
    return int(hashlib.blake2b(key.encode(), digest_size=4).hexdigest(), 16) % FOLDS


def examples(rows: Sequence[Row], brands: Sequence[Brand], enricher: Enricher) -> Iterator[Example]:
    """One for each brand that a row says something of. Left out: texts in which the target is not found, the brands beside the
    target (SXSW tells one target only), and all brands of a text that has an emotion and no target."""
    numbers = {brand.name.lower(): number for number, brand in enumerate(brands)}
    for row, text in zip(rows, enricher.judged([_item(row.text) for row in rows]), strict=True):
        if text is None:
            continue
        if row.target:
            aimed = numbers[row.target.lower()]
            if aimed in text.brands:
                yield Example(text, aimed, row)
        elif row.label == "none" or len(text.brands) == 1:
            yield from (Example(text, brand, row) for brand in text.brands)


def topic_brands(rows: Sequence[Row]) -> list[Brand]:
    """A brand for each topic."""
    names = sorted({row.target for row in rows})
    return [Brand(id=f"topic-{number}", name=name, keywords=(name,)) for number, name in enumerate(names)]


def _item(text: str) -> bytes:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    return msgspec.json.encode(
        Item(id="0" * 20, source="training", channel="import", fetched_at=now, published_at=now, text=text)
    )


def features_of(found: Sequence[Example], engine: SentimentEngine) -> Floats:
    """A row of features for each example."""
    texts = [one.text for one in found]
    parts = parts_of([(text.passage.tokens, text.brands) for text in texts], every=True)
    judged = judged_parts(texts, parts, engine)
    every = Towards(_encoded(np.zeros(len(FEATURES)))).features(texts, parts, judged)
    places = [place for place, part in enumerate(parts) if part.brand == found[part.text].brand]
    return every[places]


def fitted(features: Floats, more: Floats) -> Floats:
    """Logistic regression with a ridge, by Newton's method: the weight of each feature."""
    found = np.zeros(features.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (more - chance) - _RIDGE * found
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + _RIDGE * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found += step
        if np.abs(step).max() < 1e-6:
            break
    return found


def _encoded(weights: Floats) -> bytes:
    return msgspec.json.encode(Weights(FEATURES, tuple(round(float(one), 3) for one in weights), EDGES))


class Trainer:
    """The examples of SXSW, made ready once; heads for any folds."""

    def __init__(self, folder: Path = DATA) -> None:
        enricher = Enricher(SXSW_BRANDS, EnrichmentSettings())
        self.engine = enricher.sentiment
        self.examples = list(examples(sxsw(folder), SXSW_BRANDS, enricher))
        self._features = features_of(self.examples, self.engine)
        self._more = np.array([one.row.label != "none" for one in self.examples], np.float64)
        self._folds = np.array([one.row.fold for one in self.examples])

    def head(self, without: int = -1) -> bytes:
        """Trained on all folds but one."""
        kept = self._folds != without
        return _encoded(fitted(self._features[kept], self._more[kept]))


def main() -> None:
    """Writes the weights."""
    TARGET.write_bytes(
        _encoded(np.zeros(len(FEATURES)))
    )  # an enricher loads weights, any, for the features there are now
    trainer = Trainer()
    TARGET.write_bytes(msgspec.json.format(trainer.head(), indent=1) + b"\n")


if __name__ == "__main__":
    main()
