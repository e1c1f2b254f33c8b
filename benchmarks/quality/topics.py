"""Topics and departments. **Taught by example** (`ronzio topic teach`): one classifier a class, each learnt from 5, 10 or all
examples of the class against those of the other classes; the surest names the text. Two draws of examples; judged on texts
set aside by a hash (three in ten). Beside it what TF-IDF over words with logistic regression (scikit-learn 1.9, C = 10) has on
the same texts. **By words** (`topics.toml`): which department each airline complaint goes to.

banking77: customers' questions to a bank, 77 kinds. airline: complaints about airlines, 9 reasons."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.quality.score import Score, accuracy, data, digest, macro_f1
from benchmarks.quality.sets import mended, packed
from enrichment import Enricher, EnrichmentSettings
from enrichment.logistic import fit
from enrichment.topic_features import Features
from stream import Brand, Item, Mention

DRAWS: Final = 2
AIRLINES: Final = ("united", "usairways", "americanair", "southwestair", "jetblue", "virginamerica")
BASELINE: Final = {  # macro-F1, accuracy of TF-IDF + LR on the same draws, in per cent
    ("banking77", 5): (56.0, 55.9),
    ("banking77", 10): (68.7, 68.5),
    ("banking77", 0): (88.1, 88.3),
    ("airline", 5): (20.4, 24.5),
    ("airline", 10): (26.0, 30.6),
    ("airline", 0): (46.0, 64.7),
}
DEPARTMENTS: Final = {  # complaint reason -> departments that should know
    "Customer Service Issue": {"customer-care"},
    "Late Flight": {"operations"},
    "Cancelled Flight": {"operations"},
    "Lost Luggage": {"logistics"},
    "Damaged Luggage": {"logistics"},
    "longlines": {"operations", "retail"},
    "Flight Attendant Complaints": {"retail"},
    "Flight Booking Problems": {"digital", "customer-care", "administration"},
    "Bad Flight": {"product"},
}


class _Row(NamedTuple):
    label: str
    text: str


def measure() -> Iterator[Score]:
    for name, rows, corpus in (_banking(), _airline()):
        train, test = _split(rows)
        for number in (5, 10, 0):
            draws = [_draw(train, number, seed) for seed in range(DRAWS if number else 1)]
            told = [_named(draw, test) for draw in draws]
            many = f"{number}-examples" if number else "all-examples"
            of_all = [macro_f1(pairs) for pairs in told], [accuracy(pairs) for pairs in told]
            for what, unit, scores, other in zip(
                ("f1", "accuracy"), ("macro-F1, %", "%"), of_all, BASELINE[name, number], strict=True
            ):
                yield Score(f"topics/{name}-{many}-{what}", _mean(scores), unit, corpus, f"TF-IDF + LR {other}")
    yield from _by_words()


def _banking() -> tuple[str, list[_Row], str]:
    content = data("topics", "banking77_train.csv").read_text("utf-8")
    rows = [_Row(row["category"], row["text"]) for row in csv.DictReader(io.StringIO(content))]
    return "banking77", rows, digest(content)


def _airline() -> tuple[str, list[_Row], str]:
    content = packed("airline", "tweets_16-22feb.csv.gz")
    reasons = csv.DictReader(io.StringIO(content))
    rows = [_Row(row["negativereason"], mended(row["text"])) for row in reasons if row["negativereason"] in DEPARTMENTS]
    return "airline", rows, digest(content)


def _split(rows: Sequence[_Row]) -> tuple[list[_Row], list[_Row]]:
    """Seven in ten to learn from and three to judge by; equal texts on one side."""
    places = [int(hashlib.md5(row.text.encode()).hexdigest(), 16) % 10 for row in rows]
    learn = [row for row, place in zip(rows, places, strict=True) if place < 7]
    return learn, [row for row, place in zip(rows, places, strict=True) if place >= 7]


def _draw(rows: Sequence[_Row], number: int, seed: int) -> list[_Row]:
    if not number:
        return list(rows)
    chance = random.Random(seed)
    by_label: dict[str, list[_Row]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    return [row for label in sorted(by_label) for row in chance.sample(by_label[label], number)]


def _named(train: Sequence[_Row], test: Sequence[_Row]) -> list[tuple[str, str]]:
    features = Features()
    seen, unseen = (features.rows([row.text.split() for row in rows]) for rows in (train, test))
    labels = np.array([row.label for row in train])
    classes = sorted(set(labels.tolist()))
    logits = np.stack([fit(seen, labels == one).logits(unseen) for one in classes])
    return [(row.label, classes[best]) for row, best in zip(test, logits.argmax(axis=0), strict=True)]


def _by_words() -> Iterator[Score]:
    """The rules that come with Ronzio, on the texts set aside: they were written looking at the others."""
    _, rows, corpus = _airline()
    _, rows = _split(rows)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    enricher = Enricher([Brand(name=name) for name in AIRLINES], EnrichmentSettings())
    items = [
        Item(id=f"{number:020x}", source="s", channel="import", fetched_at=now, published_at=now, text=row.text)
        for number, row in enumerate(rows)
    ]
    tagged = enricher.tag([msgspec.json.encode(item) for item in items])
    told = [
        (DEPARTMENTS[row.label], set(one.department))
        for row, one in zip(rows, tagged, strict=True)
        if isinstance(one, Mention)
    ]
    right = sum(bool(wanted & given) for wanted, given in told)
    named = sum(len(given) for _, given in told)
    about = "airline complaints that reach a department that should know; one may get several departments"
    yield Score("topics/departments-recall", 100 * right / len(told), "%", corpus, about)
    correct = sum(len(wanted & given) for wanted, given in told)
    about = "of the departments given, those that should know; crowd workers gave one reason where a text often has two"
    yield Score("topics/departments-precision", 100 * correct / named, "%", corpus, about)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
