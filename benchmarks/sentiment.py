"""The sentiment engines alone on one core: how long they take to load, and tweets a second, new words included.

    python -m benchmarks.sentiment [--tweets 5000]

Batches of 512 in CPU time. The first half warms the memory of words and is not timed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

from benchmarks.quality.sets import airline, sentipolc
from enrichment import Passage, SentimentEngine
from enrichment.compact import CompactEngine
from enrichment.sentiment import LexiconEngine

BATCH = 512
FLOOR = 5_000  # tweets a second, of the compact engine


def rate(engine: SentimentEngine, passages: Sequence[Passage]) -> float:
    """Texts a second of CPU time, on the second half after the first."""
    half = len(passages) // 2
    for start in range(0, half, BATCH):
        engine.judge(passages[start : min(half, start + BATCH)])
    began = time.process_time()
    for start in range(half, len(passages), BATCH):
        engine.judge(passages[start : start + BATCH])
    return (len(passages) - half) / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tweets", type=int, default=5000)
    tweets = parser.parse_args().tweets
    engines: dict[str, Callable[[], SentimentEngine]] = {"compact": CompactEngine, "lexicon": LexiconEngine}
    texts = {"it": sentipolc().texts[:tweets], "en": airline().texts[:tweets]}
    for name, build in engines.items():
        began = time.process_time()
        engine = build()
        loaded = time.process_time() - began
        for language, some in texts.items():
            found = rate(engine, [Passage(text.split(), language) for text in some])
            verdict = "  BELOW THE FLOOR" if name == "compact" and found < FLOOR else ""
            print(f"{name:8} {language}  loads in {loaded:.2f} s  {found:>7,.0f} tweets/s{verdict}")


if __name__ == "__main__":
    main()
