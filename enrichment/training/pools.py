"""What each language's model learns from, and what it is measured on: sets in, pools and splits over topic and time out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from enrichment.training.sets import Labelled, airline, distinct, semeval, sentipolc, umsab

POLITICS: Final = re.compile(
    r"grillo|monti|governo|m5s|berlus|bersani|renzi|pd\b|pdl|parlament|elezion|minist|politic|senato|partit|draghi|fornero"
    r"|crisi|tecnic|casaleggio|vot[aio]|scuola|riform",
    re.IGNORECASE,
)
NEWEST: Final = "twitter-2016test-A"


@dataclass(frozen=True)
class Split:
    """Train on one part, measure on another of other topics or another time."""

    id: str  # language, then what it learnt from
    name: str
    language: str
    train: list[Labelled]
    test: list[Labelled]
    score: str  # "macro-F1" or "macro recall"


def pool(data: Path, language: str) -> list[Labelled]:
    """All that the shipped model of a language learns from, without copies."""
    texts = list(umsab(data, language))
    if language == "it":
        texts += sentipolc(data)
    if language == "en":
        texts += [*semeval(data), *airline(data)]
    return distinct(texts)


def splits(data: Path) -> Iterator[Split]:
    """Over topic and over time: what the model is worth on what it has not seen the like of."""
    italian = pool(data, "it")
    political = [one for one in italian if POLITICS.search(one.text)]
    other = [one for one in italian if not POLITICS.search(one.text)]
    yield Split(
        "it-politics", "Italian: politics -> other topics", "it", political, distinct(other, political), "macro-F1"
    )
    yield Split("it-other", "Italian: other topics -> politics", "it", other, distinct(political, other), "macro-F1")
    tweets = distinct(semeval(data))
    airlines = distinct(airline(data))
    late = [one for one in tweets if "2016" in one.part]
    early = [one for one in tweets if "2016" not in one.part]
    newest = [one for one in tweets if one.part == NEWEST]
    before = [one for one in tweets if one.part != NEWEST]
    yield Split(
        "en-all", "English: SemEval before and airlines -> 2016's test", "en", [*before, *airlines],
        distinct(newest, [*before, *airlines]), "macro recall",
    )  # fmt: skip
    yield Split("en-early", "English: SemEval 2013-2015 -> 2016", "en", early, distinct(late, early), "macro recall")
    yield Split("en-tweets", "English: SemEval -> airlines", "en", tweets, distinct(airlines, tweets), "macro-F1")
