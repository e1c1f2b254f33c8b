"""Telling languages, one core: `python -m benchmarks.language [--tweets 8000] [--data ../shared/data]`.

Ours as the worker does it (tokens looked up in the memo, scores added up, a decision for each of a batch of 512), on tweets
that were not seen before, after others, and again once all their words are known; against py3langid asked text by text,
restricted to the same languages. CPU time, in turns, in one run; half of the tweets English, half Italian.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from benchmarks.quality.sets import airline, sentipolc
from enrichment import EnrichmentSettings
from enrichment.language import LanguageModel
from enrichment.tokens import Tokens

BATCH = 512


def ours(model: LanguageModel, tokens: Tokens, texts: Sequence[str]) -> None:
    for start in range(0, len(texts), BATCH):
        some = [text.split() for text in texts[start : start + BATCH]]
        sums = tokens.add_up(some)
        model.decide(sums.scores, sums.words, [""] * len(some))


def a_second(work: Callable[[], object], count: int) -> float:
    started = time.process_time()
    work()
    return count / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tweets", type=int, default=8000)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = [*airline().texts, *sentipolc().texts]
    random.Random(5).shuffle(texts)
    fresh, others = texts[: chosen.tweets], texts[chosen.tweets :]
    languages = EnrichmentSettings().languages
    model = LanguageModel(languages)
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(languages))
    tokens = Tokens(model)
    ours(model, tokens, others)
    new = a_second(lambda: ours(model, tokens, fresh), len(fresh))
    known = a_second(lambda: ours(model, tokens, fresh), len(fresh))
    plain = a_second(lambda: [identifier.classify(text) for text in fresh[:1000]], 1000)
    print(
        f"{len(fresh)} tweets after {len(others)} others, a second on one core; all of it, hashes for copies included"
    )
    print(f"ours, new tweets {new:>9.0f}   {new / plain:.1f} x py3langid")
    print(f"ours, seen before {known:>8.0f}   {known / plain:.1f} x py3langid")
    print(f"py3langid {plain:>16.0f}")


if __name__ == "__main__":
    main()
