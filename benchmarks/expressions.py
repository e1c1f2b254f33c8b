"""Boolean expressions on what comes in: what ten thousand cost against ten, what a match costs, and whether they are right.

    python -m benchmarks.expressions [--decisions 750000] [--data ../shared/data]

Texts: the airline tweets and as many Italian ones. Time is CPU time of one core for matching alone, best of interleaved turns;
matching begins with the text and ends with the numbers of the expressions that hold. Three mixes:

- own brands: ten busy expressions about airlines, then thousands about invented brands: what a new customer costs the others;
- one brand: all expressions about the same brand, so that most hold wherever it is named: the cost of a match;
- decisions: random expressions of all operators, held against `naive_expressions`, which shares nothing with them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from benchmarks.naive_expressions import Invention, Text, holds
from benchmarks.tweets import airline_rows, invented_names
from enrichment.expressions import Document, Expressions, Facts
from stream.expressions import parse

BUSY = (
    'united AND (cancel* OR delay* OR late) AND NOT "thank you"',
    "(usairways OR =USAirways) NEAR/6 (hold OR phone)",
    'americanair AND ("customer service" OR refund*)',
    "southwestair AND NOT companion",
    "jetblue AND (bag* OR luggage) AND lang:en",
    '"virgin america" OR virginamerica',
    "(flight OR volo) NEAR/3 cancel*",
    '"lost luggage" OR (lost NEAR/3 bag*)',
    "(governo OR renzi) AND (scuola OR riforma) AND NOT lang:en",
    "#labuonascuola OR labuonascuola",
)
ABOUT = (
    "refund*",
    "delay*",
    '"customer service"',
    "late",
    "thank*",
    "bag*",
    "hold",
    "hours",
    "help",
    "never",
    "best",
    "worst",
)
FLAT, A_MATCH = 1.3, 0.5  # the goals: a factor, microseconds
TURNS = 7


def italian_texts(data: Path) -> list[str]:
    """The texts of the Italian training tweets. Raises FileNotFoundError."""
    with gzip.open(data / "sentiment" / "sentipolc16_train.tsv.gz", "rt", encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def invented_expressions(count: int) -> list[str]:
    """One for each of `count` invented brands."""
    chance = random.Random(3)
    shapes = (
        '"{name}" AND ({one} OR {two}) AND NOT {three}', '("{name}" NEAR/5 {one}) OR ="{name} {two}"', '"{name}" AND NOT {one}',
        '"{name}" OR "{name} official"', '"{name}" AND ({one} OR {two} OR {three}) AND lang:en',
    )  # fmt: skip
    return [
        chance.choice(shapes).format(name=name, one=one, two=two.strip('"*'), three=three)
        for name in invented_names(count)
        for one, two, three in [chance.sample(ABOUT, 3)]
    ]


def about_one_brand(count: int) -> list[str]:
    """Different expressions that all begin with united."""
    chance = random.Random(4)
    words = [*ABOUT, *(f"word{number}" for number in range(count))]
    found: dict[str, None] = {}
    while len(found) < count:
        one, two = chance.choice(ABOUT), chance.choice(words)
        found[chance.choice(("united AND NOT {two}", "united AND ({one} OR {two})", "united AND NOT ({one} AND {two})")).format(
            one=one, two=two
        )] = None  # fmt: skip
    return list(islice(found, count))


def microseconds(expressions: Expressions, texts: Sequence[tuple[str, Facts]]) -> tuple[float, float]:
    """CPU time of a text, and matches of a text."""
    matches = 0
    start = time.process_time()
    for text, facts in texts:
        matches += len(expressions.match(Document("", text, facts))[0])
    return (time.process_time() - start) / len(texts) * 1e6, matches / len(texts)


def compare(sets: Sequence[Expressions], texts: Sequence[tuple[str, Facts]]) -> list[tuple[float, float]]:
    best = [(float("inf"), 0.0)] * len(sets)
    for _ in range(TURNS):
        best = [min(before, microseconds(one, texts)) for before, one in zip(best, sets, strict=True)]
    return best


def disagreements(texts: Sequence[tuple[str, Facts]], decisions: int) -> tuple[int, int, int]:
    """(decisions, how many of them true, disagreements) of random expressions against the plain way."""
    chosen = random.Random(8).sample(list(texts), 500)
    given = [
        ("", text, facts) if number % 3 else (text[:40], text[40:], facts)
        for number, (text, facts) in enumerate(chosen)
    ]
    plain = [Text(*one) for one in given]
    invention = Invention([text for text in plain if text.words[1]], 9)
    nodes = [parse(invention.expression()) for _ in range(max(1, decisions // len(given)))]
    expressions = Expressions(nodes)
    true = wrong = 0
    for one, text in zip(given, plain, strict=True):
        matched, _found = expressions.match(Document(*one))
        wanted = {number for number, node in enumerate(nodes) if holds(node, text)}
        true, wrong = true + len(wanted), wrong + len(matched ^ wanted)
    return len(nodes) * len(given), true, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=750_000)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    english = [row["text"] for row in airline_rows(chosen.data)]
    texts = [(text, Facts("x.com", f"user{n % 977}", "en", "import:a", "import")) for n, text in enumerate(english)]
    texts += [
        (text, Facts("x.com", f"user{n % 977}", "it", "import:b", "import"))
        for n, text in enumerate(italian_texts(chosen.data))
    ]
    random.Random(1).shuffle(texts)
    few = texts[:4000]
    print(f"{len(few)} of {len(texts)} tweets; CPU time of one core")
    sizes = (10, 100, 1_000, 10_000)
    start = time.process_time()
    sets = [Expressions([parse(one) for one in (*BUSY, *invented_expressions(size - 10))]) for size in sizes]
    print(f"building {sum(sizes)} expressions: {time.process_time() - start:.1f} s")
    answers = compare(sets, few)
    for size, (cost, matches) in zip(sizes, answers, strict=True):
        ratio = cost / answers[0][0]
        verdict = "  MISSES THE GOAL" if ratio > FLAT else ""
        print(
            f"{size:>7} expressions {cost:7.2f} us a tweet  x{ratio:.2f} (goal {FLAT})  {matches:.2f} matches{verdict}",
            flush=True,
        )
    united = [one for one in few if "united" in one[0].lower()][:400]
    (cost, matches), (base, _none) = compare(
        [Expressions([parse(one) for one in about_one_brand(10_000)]), Expressions([parse("united")])], united
    )
    each = (cost - base) / matches
    verdict = "  MISSES THE GOAL" if each > A_MATCH else ""
    print(f"  10000 about one brand {cost:7.1f} us a tweet that names it, {matches:.0f} matches")
    print(f"                        {each:7.2f} us a match (goal {A_MATCH}){verdict}")
    made, true, wrong = disagreements(texts, chosen.decisions)
    print(f"{made} decisions of random expressions, {true} true: {wrong} disagreements with the plain way")
    if wrong:
        raise SystemExit("the compiled expressions are wrong")


if __name__ == "__main__":
    main()
