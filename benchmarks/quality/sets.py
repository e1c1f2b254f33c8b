"""The public sets, read as they are: rows in, with the digest of what was read. The texts never leave the machine."""

from __future__ import annotations

import csv
import gzip
import html
import io
import re
from dataclasses import dataclass
from typing import Final

from benchmarks.quality.score import data, digest

LANGUAGES: Final = {
    "english": "en", "italian": "it", "spanish": "es", "french": "fr", "german": "de", "portuguese": "pt",
}  # fmt: skip
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels, and the digest of the file they come from."""

    rows: tuple[tuple[str, str], ...]  # (label, text)
    corpus: str

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.rows]


def packed(*parts: str) -> str:
    """The text of a gzipped file. Raises NoData."""
    with gzip.open(data(*parts), "rt", encoding="utf-8", newline="") as file:
        return file.read()


def mended(text: str) -> str:
    """The sets hold doubly escaped text."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), html.unescape(html.unescape(text)))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def umsab(language: str, split: str) -> Labelled:
    """UMSAB, the unified multilingual sentiment benchmark: `language` by its English name, `split` train or val."""
    content = packed("sentiment", f"umsab_{language}.tsv.gz")
    rows = [line.rstrip("\r").split("\t", 2) for line in content.splitlines() if line.count("\t") >= 2]
    return Labelled(tuple((label, mended(text)) for part, label, text in rows if part == split), digest(content))


def airline() -> Labelled:
    """Tweets at six American airlines, February 2015."""
    content = packed("airline", "tweets_16-22feb.csv.gz")
    rows = csv.DictReader(io.StringIO(content))
    return Labelled(tuple((row["airline_sentiment"], row["text"]) for row in rows), digest(content))


def sentipolc() -> Labelled:
    """Italian tweets, mostly of politics; those labelled both positive and negative are left out."""
    content = packed("sentiment", "sentipolc16_train.tsv.gz")
    found = []
    for line in content.splitlines()[1:]:
        positive, negative, _, text = line.rstrip("\r").split("\t", 3)
        if positive + negative != "11":
            label = "positive" if positive == "1" else "negative" if negative == "1" else "neutral"
            found.append((label, mended(text)))
    return Labelled(tuple(found), digest(content))
