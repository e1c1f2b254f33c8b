"""Enrichment alone on one core, against a plain script that does the same with one library call after another.

    python -m benchmarks.enrichment [--tweets 4000] [--brands 10,1000,10000] [--mixed] [--data ../shared/data]

Plain, for each tweet: json.loads, one compiled alternation of all brands, VADER, py3langid, 15 topics of 10 keywords, md5
against copies, json.dumps. Ours: everything the worker does before it writes (`Enricher.tag`, `Stories.assign`), reasons
with spans, Italian lexicon and near-duplicates included. Both on the same tweets in the same run, in turns, in CPU time of
one core. Every tweet names a brand, so none is let off early. The tweets we measure on were not seen before by either.

`--mixed`: every second text is an Italian one, of UMSAB and SENTIPOLC, in front of which a brand is named, as in an answer. The
plain script knows no Italian sentiment.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import py3langid
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.quality.sets import sentipolc, umsab
from benchmarks.tweets import airline_rows, invented_names, records, topic_words
from enrichment import Enricher, EnrichmentSettings, Stories
from enrichment.worker import rare_collections
from stream import Brand, Mention

AIRLINES = (
    "united",
    "usairways",
    "americanair",
    "southwestair",
    "jetblue",
    "virginamerica",
    "delta",
    "acme",
    "target",
    "apple",
)
FLOORS = {10: 4.0, 1_000: 8.0, 10_000: 30.0}
BATCH = EnrichmentSettings().batch
TURNS = 5


class Plain:
    """The plain script."""

    def __init__(self, names: Sequence[str]) -> None:
        self._brands = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b", re.IGNORECASE)
        self._vader = SentimentIntensityAnalyzer()
        self._topics = {
            name: re.compile(r"\b(" + "|".join(words) + r")\b", re.IGNORECASE) for name, words in topic_words().items()
        }
        self._seen: set[str] = set()

    def run(self, values: Sequence[bytes]) -> int:
        return sum(len(self._one(value)) for value in values)

    def _one(self, value: bytes) -> str:
        item = json.loads(value)
        text = item["text"]
        item["brand"] = sorted({name.lower() for name in self._brands.findall(text)})
        item["score"] = self._vader.polarity_scores(text)["compound"]
        item["language"] = py3langid.classify(text)[0]
        item["topic"] = [name for name, words in self._topics.items() if words.search(text)]
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        item["copy"] = digest in self._seen
        self._seen.add(digest)
        return json.dumps(item)


class Ours:
    """What the worker does with a poll's records before it writes."""

    def __init__(self, names: Sequence[str]) -> None:
        self._enricher = Enricher([Brand(name=name) for name in names], EnrichmentSettings())
        self._stories = Stories()

    def run(self, values: Sequence[bytes]) -> int:
        mentions = 0
        for start in range(0, len(values), BATCH):
            found = [one for one in self._enricher.tag(values[start : start + BATCH]) if isinstance(one, Mention)]
            self._stories.assign([one.id for one in found], [one.signature for one in found])
            mentions += len(found)
        return mentions


def microseconds(work: Callable[[Sequence[bytes]], int], values: Sequence[bytes]) -> float:
    """CPU time of one record."""
    gc.collect()
    start = time.process_time()
    work(values)
    return (time.process_time() - start) / len(values) * 1e6


def measure(brands: int, warm: Sequence[bytes], fresh: Sequence[bytes]) -> tuple[float, float, int]:
    """(plain, ours) in microseconds of a tweet, best of the turns; each turn on tweets of its own. And mentions per 1,000."""
    names = [*AIRLINES, *invented_names(brands)][:brands]
    plain, ours = Plain(names), Ours(names)
    with rare_collections():  # as the worker works; the plain side has the good of it too
        ours.run(warm)
        size = len(fresh) // TURNS
        best_plain = best_ours = float("inf")
        mentions = 0
        for turn in range(TURNS):
            values = fresh[turn * size : (turn + 1) * size]
            few = values[
                : max(50, min(size, 2_000_000 // (brands + 2_000)))
            ]  # the plain script takes 3 ms a tweet at 10,000
            best_plain = min(best_plain, microseconds(plain.run, few))
            best_ours = min(best_ours, microseconds(lambda values: ours.run(values), values))
            mentions += ours.run(values[:100])
        return best_plain, best_ours, mentions * 10 // TURNS


def mixed_rows(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """English and Italian in turns, as long as there is Italian."""
    italian = dict.fromkeys([*umsab("italian", "train").texts, *umsab("italian", "val").texts, *sentipolc().texts])
    answers = [{"text": f"@{AIRLINES[number % 6]} {text}"} for number, text in enumerate(italian)]
    return [row for pair in zip(rows, answers, strict=False) for row in pair]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tweets", type=int, default=4000)
    parser.add_argument("--brands", default="10,1000,10000")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = airline_rows(chosen.data)
    tweets = records(mixed_rows(rows) if chosen.mixed else rows)
    random.Random(5).shuffle(tweets)
    size = min(chosen.tweets, len(tweets) // 2)
    warm, fresh = tweets[size:], tweets[:size]
    print(f"{len(fresh)} tweets after {len(warm)} others; CPU time of one core; batches of {BATCH}")
    print(f"{'brands':>7} {'plain us':>9} {'ours us':>8} {'ours/s':>8} {'ratio':>6} {'floor':>6}  mentions of 1,000")
    for brands in map(int, chosen.brands.split(",")):
        plain, ours, mentions = measure(brands, warm, fresh)
        floor = FLOORS.get(brands, 0.0)
        verdict = "" if plain / ours >= floor else "  BELOW THE FLOOR"
        print(
            f"{brands:>7} {plain:>9.0f} {ours:>8.1f} {1e6 / ours:>8.0f} {plain / ours:>6.1f} {floor:>6.1f}  {mentions}{verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
