"""What a text says of each brand it names. SXSW: 8,400 tweets of 2011 about Apple and Google, positive, negative or only named,
by heads trained on four fifths of them, copies kept together. Topics: 7,000 tweets of SemEval-2016 towards one of a hundred
topics, always positive or negative, which the head was not trained on: there every "none" and "neutral" counts as wrong. Two
brands: forty sentences of our own, half Italian, half English, written after the first rules, one of which has
led to another since."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.quality.score import Score, accuracy, data, digest, macro_f1, macro_recall
from enrichment import Enricher, EnrichmentSettings, SentimentEngine
from enrichment.towards import Label, Towards
from enrichment.towards_training import FOLDS, Example, Row, Trainer, examples, topic_brands, topics
from stream import Brand

TWO_BRANDS = Path(__file__).with_name("texts") / "two_brands.tsv"
_LABELS: dict[str, Label] = {"positive": "positive", "neutral": "neutral", "negative": "negative", "none": "none"}
Pairs = list[tuple[str, str]]  # (true, told)


def measure() -> Iterator[Score]:
    yield from _sxsw()
    yield from _topics()
    yield from _two_brands()


def _sxsw() -> Iterator[Score]:
    corpus = digest(data("brands", "sxsw_mac_roman.csv").read_bytes())
    trainer = Trainer(data())
    pairs: Pairs = []
    for fold in range(FOLDS):
        held = [one for one in trainer.examples if one.row.fold == fold]
        pairs += told(Towards(trainer.head(fold)), held, trainer.engine)
    three = [(true, "none" if said == "neutral" else said) for true, said in pairs]
    yield Score("towards/sxsw", macro_f1(three), "macro-F1, %", corpus, "positive, negative, none; five folds")
    named = [("none" if true == "none" else "more", "none" if said == "none" else "more") for true, said in pairs]
    yield Score("towards/sxsw-only-named", macro_f1(named), "macro-F1, %", corpus, "none or more; always more: 29.5")
    none = [true for true, said in pairs if said == "none"]
    yield Score(
        "towards/sxsw-none-right",
        100 * none.count("none") / len(none),
        "right, %",
        corpus,
        "of what is said to be none",
    )


def _topics() -> Iterator[Score]:
    files = sorted(data("sentiment").glob("towards_topic_*.tsv.gz"))
    corpus = digest(*(path.read_bytes() for path in files))
    rows = topics(data())
    brands = topic_brands(rows)
    enricher = Enricher(brands, EnrichmentSettings())
    found = list(examples(rows, brands, enricher))
    pairs = told(Towards(), found, enricher.sentiment)
    yield Score("towards/topics", macro_recall(pairs), "macro recall, %", corpus, "hundred topics, none trained on")
    polar = [(true, said) for true, said in pairs if said in ("positive", "negative")]
    right = 100 * sum(true == said for true, said in polar) / len(polar)
    yield Score("towards/topics-right", right, "right, %", corpus, "of what is said to be positive or negative")
    kept = [
        said == "negative"
        for (true, said), one in zip(pairs, found, strict=True)
        if true == "negative" == one.text.judgement.label and len(one.text.brands) == 1
    ]
    yield Score(
        "towards/topics-negatives-kept",
        100 * sum(kept) / len(kept),
        "kept, %",
        corpus,
        "judged negative, one topic named",
    )


def _two_brands() -> Iterator[Score]:
    content = TWO_BRANDS.read_text("utf-8")
    rows = list(csv.DictReader(content.splitlines(), delimiter="\t"))
    names = ("aurora", "borea")
    brands = [Brand(name=name) for name in names]
    enricher = Enricher(brands, EnrichmentSettings())
    wanted = [Row(row["text"], name, _LABELS[row[name]], 0) for row in rows for name in names]
    found = list(examples(wanted, brands, enricher))
    pairs = told(Towards(), found, enricher.sentiment)
    whole = accuracy([(one.row.label, one.text.judgement.label) for one in found])
    about = f"forty sentences; the label of the whole text: {whole:.1f}"
    yield Score("towards/two-brands", accuracy(pairs), "right, %", digest(content), about)


def told(towards: Towards, found: Sequence[Example], engine: SentimentEngine) -> Pairs:
    said = towards.judge([one.text for one in found], engine)
    return [(one.row.label, answer[one.brand].label) for one, answer in zip(found, said, strict=True)]
