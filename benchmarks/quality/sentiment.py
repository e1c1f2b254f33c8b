"""Sentiment of tweets by the compact engine, in three labels; what it cannot tell counts as neutral.

The shipped model has learnt from all the sets we have, so it is measured by its likes: the same features and lists, fitted on
parts of the sets that have other topics or another time than what they are measured on (`make train` makes both). `sxsw` is the
shipped model on a set that it has not seen. `calibration` is the expected calibration error: how far the confidence is from the
share of right labels, in ten bins. `lexicon` is the engine of word lists on the same texts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.quality.score import DATA, Score, accuracy, data, digest, macro_f1, macro_recall
from enrichment import Judgement, Passage, SentimentEngine
from enrichment.compact import CompactEngine
from enrichment.compact.store import Shipped, loads
from enrichment.sentiment import LexiconEngine
from enrichment.training.pools import Split, splits
from enrichment.training.sets import LABELS, mended

HELD_OUT: Final = Path(__file__).with_name("sentiment.npz")
SXSW: Final = {
    "Positive emotion": "positive",
    "Negative emotion": "negative",
    "No emotion toward brand or product": "neutral",
}
BINS: Final = 10


def measure() -> Iterator[Score]:
    data("sentiment")  # raises NoData
    held_out = loads(HELD_OUT.read_bytes()).models
    for split in splits(DATA):
        compact = CompactEngine(Shipped({split.language: held_out[split.id]}, "held out"))
        yield from _measured(split, compact)
    yield _sxsw()


def _measured(split: Split, compact: SentimentEngine) -> Iterator[Score]:
    corpus = digest(*(f"{one.label} {one.text}" for one in split.test))
    score = partial(Score, corpus=corpus, about=f"{split.name}, {len(split.test):,} texts")
    worth = macro_f1 if split.score == "macro-F1" else macro_recall
    judged = judge(compact, [one.text for one in split.test], split.language)
    true = [LABELS[one.label] for one in split.test]
    pairs = list(zip(true, [one.label for one in judged], strict=True))
    sure = [pair for pair, one in zip(pairs, judged, strict=True) if not one.unsure]
    name = f"sentiment/{split.id}"
    yield score(name, worth(pairs), f"{split.score}, %")
    yield score(f"{name}-sure", worth(sure), f"{split.score} of those told, %")
    yield score(f"{name}-told", 100 * len(sure) / len(pairs), "of all, %")
    yield score(f"{name}-calibration", calibration(pairs, judged), "error, %")
    words = judge(LexiconEngine(), [one.text for one in split.test], split.language)
    yield score(
        f"{name}-lexicon", worth(list(zip(true, [one.label for one in words], strict=True))), f"{split.score}, %"
    )


def judge(engine: SentimentEngine, texts: Sequence[str], language: str) -> list[Judgement]:
    return engine.judge([Passage(text.split(), language) for text in texts])


def calibration(pairs: Sequence[tuple[str, str]], judged: Sequence[Judgement]) -> float:
    """Mean distance of confidence and share of right labels over ten bins, weighted by their sizes, in per cent."""
    error = 0.0
    for number in range(BINS):
        inside = [
            (pair, one.confidence)
            for pair, one in zip(pairs, judged, strict=True)
            if not one.unsure and number / BINS < one.confidence <= (number + 1) / BINS
        ]
        if inside:
            told = 100 * sum(confidence for _, confidence in inside) / len(inside)
            error += len(inside) * abs(told - accuracy([pair for pair, _ in inside]))
    return error / sum(not one.unsure for one in judged)


def _sxsw() -> Score:
    content = data("brands", "sxsw_mac_roman.csv").read_bytes()
    rows = [
        (SXSW[row[2]], mended(row[0]))
        for row in csv.reader(content.decode("mac_roman").splitlines())
        if len(row) > 2 and row[2] in SXSW
    ]
    judged = judge(CompactEngine(), [text for _, text in rows], "en")
    pairs = [(label, one.label) for (label, _), one in zip(rows, judged, strict=True)]
    return Score("sentiment/sxsw", macro_f1(pairs), "macro-F1, %", digest(content), f"SXSW 2011, {len(rows):,} tweets")
