"""Terms and what rises: the eight terms that a mention keeps, held against all words and pairs of words of its text. On the
tweets at six airlines: terms of 22 February 2015 (a winter storm over Dallas, cancelled flights, the Oscars) against those of
the week before."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from benchmarks.quality import sets
from benchmarks.quality.score import Score, digest
from enrichment import Enricher, EnrichmentSettings
from enrichment.terms import content
from enrichment.tokens import EDGES
from index.rising import LEAST, SURE, likelihood_ratio
from stream import Brand, Item, Mention, mention_id

_DAY: Final = "2015-02-22"
_NAMES: Final = ("united", "usairways", "americanair", "southwestair", "jetblue", "virginamerica", "delta")
_HAPPENED: Final = (
    "dfw",
    "cancelled",
    "jfk",
    "delay",
    "oscars",
    "call",
    "luggage",
)  # what the tweets of that day are about
_FIRST: Final = 20
_AT: Final = datetime(2015, 2, 22, tzinfo=UTC)


def measure() -> Iterator[Score]:
    text = sets.packed("airline", "tweets_16-22feb.csv.gz")
    rows = [(row["tweet_created"][:10], row["text"]) for row in csv.DictReader(io.StringIO(text))]
    kept = [list(mention.terms) for mention in _tagged([text for _, text in rows])]
    every = [_all_terms(text) for _, text in rows]
    days = [day for day, _ in rows]
    first, expected = _rising(days, kept)[:_FIRST], _rising(days, every)[:_FIRST]
    corpus, about = digest(text), f"{len(rows):,} tweets, {_DAY} against the days before"
    found = sum(name in first for name in _HAPPENED)
    yield Score("terms/events-of-the-day", found, f"of {len(_HAPPENED)} in the first {_FIRST}", corpus, about)
    both = len(set(first) & set(expected))
    yield Score(
        "terms/as-without-limit", both, f"of {_FIRST}", corpus, "the same first terms if all were kept; " + about
    )
    size = sum(len(msgspec.json.encode(terms)) for terms in kept) / len(kept)
    yield Score("terms/size", size, "bytes a mention", corpus, "JSON of `terms`")


def _tagged(texts: Sequence[str]) -> Iterator[Mention]:
    enricher = Enricher([Brand(name=name) for name in _NAMES], EnrichmentSettings())
    for start in range(0, len(texts), 512):
        values = [
            Item(
                id=mention_id(f"{start}/{number}"), source="s", channel="import", fetched_at=_AT, published_at=_AT,
                text=f"{text} delta",
            )
            for number, text in enumerate(texts[start : start + 512])
        ]  # fmt: skip
        tagged = enricher.tag([msgspec.json.encode(value) for value in values])
        yield from (one for one in tagged if isinstance(one, Mention))


def _all_terms(text: str) -> set[str]:
    """Every word that says something and every pair of neighbours, worked out the slow and obvious way."""
    found: set[str] = set()
    before = ""
    for token in text.split():
        form = token.strip(EDGES).lower()
        named = token[0] == "@" or token.lower().startswith("http") or any(name in form for name in _NAMES)
        term = "" if named else content(form).term
        found |= {term, f"{before} {term}"} if term and before else {term} if term else set()
        before = "" if token[-1] in ".,;:!?" else term
    return found


def _rising(days: Sequence[str], terms: Sequence[Iterable[str]]) -> list[str]:
    """The terms of the day that rise, the surest first."""
    now = Counter(term for day, some in zip(days, terms, strict=True) if day == _DAY for term in set(some))
    then = Counter(term for day, some in zip(days, terms, strict=True) if day < _DAY for term in set(some))
    days_now, days_then = sum(day == _DAY for day in days), sum(day < _DAY for day in days)
    scored = [
        (likelihood_ratio(count, days_now, then[term], days_then), term)
        for term, count in now.items()
        if count >= LEAST and count / days_now > then[term] / days_then
    ]
    return [term for score, term in sorted(scored, key=lambda one: (-one[0], one[1])) if score >= SURE]
