"""The public sets that models are trained and measured on: files of `shared/data` in, distinct labelled texts out.

Nothing of a text is kept in the project; `SETS` names each set for the model card.
"""

from __future__ import annotations

import csv
import gzip
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

LABELS: Final = ("negative", "neutral", "positive")
UMSAB: Final = {
    "it": "italian", "en": "english", "es": "spanish", "fr": "french", "de": "german", "pt": "portuguese",
}  # fmt: skip
_ADDRESS: Final = re.compile(r"(https?:?//\S+|https?\b|www\.\S+|\bbit\.ly/\S+|pic\.twitter\S+)", re.IGNORECASE)
_HANDLE: Final = re.compile(r"@\s?\w+")
_RETWEET: Final = re.compile(r"\brt\b")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_SAME_START: Final = 40  # letters; texts that share them are copies


class Labelled(NamedTuple):
    """A text of a set. `label` counts in LABELS; `part`: the set's own split, source or confidence."""

    set: str
    language: str
    part: str
    label: int
    text: str


def mended(text: str) -> str:
    """The sets hold doubly escaped text."""
    text = html.unescape(html.unescape(text)).replace('\\"', '"').replace('""""', '"').replace("\\n", " ")
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.split()).strip(' "')


def identity(text: str) -> str:
    """Equal for texts that say the same: letters and digits only, without addresses and @names."""
    bare = _RETWEET.sub(" ", _HANDLE.sub(" ", _ADDRESS.sub(" ", text.lower())))
    return re.sub(r"[\W_]+", "", bare) or "".join(bare.split())


def distinct(texts: Iterable[Labelled], without: Iterable[Labelled] = ()) -> list[Labelled]:
    """`texts` without copies of each other or of those in `without`."""
    taken = {identity(one.text) for one in without}
    starts = {key[:_SAME_START] for key in taken if len(key) >= _SAME_START}
    kept = []
    for one in texts:
        key = identity(one.text)
        if key not in taken and not (len(key) >= _SAME_START and key[:_SAME_START] in starts):
            taken.add(key)
            kept.append(one)
    return kept


def umsab(data: Path, language: str) -> Iterator[Labelled]:
    """1,839 + 324 balanced tweets of a language."""
    for line in _lines(data / "sentiment" / f"umsab_{UMSAB[language]}.tsv.gz"):
        if line.count("\t") >= 2:
            part, label, text = line.split("\t", 2)
            yield Labelled("umsab", language, part, LABELS.index(label), mended(text))


def sentipolc(data: Path) -> Iterator[Labelled]:
    """Italian, largely on politics; those that are positive and negative at once are left out. `part`: "ironic" or ""."""
    for line in _lines(data / "sentiment" / "sentipolc16_train.tsv.gz")[1:]:
        if line.count("\t") >= 3:
            positive, negative, ironic, text = line.split("\t", 3)
            if positive + negative != "11":
                label = 2 if positive == "1" else 0 if negative == "1" else 1
                yield Labelled("sentipolc", "it", "ironic" if ironic == "1" else "", label, mended(text))


def semeval(data: Path) -> Iterator[Labelled]:
    """English tweets of SemEval 2013-2016. `part`: the year's set."""
    for line in _lines(data / "sentiment" / "semeval2013-2016.tsv.gz"):
        if line.count("\t") >= 2:
            part, label, text = line.split("\t", 2)
            yield Labelled("semeval", "en", part, LABELS.index(label), mended(text))


def airline(data: Path) -> Iterator[Labelled]:
    """Tweets at six US airlines. `part`: the label's confidence."""
    with gzip.open(data / "airline" / "tweets_16-22feb.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = LABELS.index(row["airline_sentiment"])
            yield Labelled("airline", "en", row["airline_sentiment_confidence"], label, mended(row["text"]))


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [line.rstrip("\r") for line in file.read().split("\n") if line.strip()]
