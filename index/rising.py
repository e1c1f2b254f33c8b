"""Rising terms: what mentions of a period talk about more than those before it. A query and a period in, terms out.

The store proposes terms (`significant_terms`, score JLH); which of them rise is decided by the log-likelihood ratio of
the counts (Dunning 1993), which is honest about small numbers where a ratio of shares is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from index.store import Index, Json

LEAST: Final = 3  # mentions in the period
STORIES: Final = 2  # of which they are: forty copies of one item are a story and no rising term
SURE: Final = 10.83  # log-likelihood ratio that equal shares exceed once in a thousand terms
ENOUGH: Final = 30  # mentions before the period, without which nothing can be said to rise
_PROPOSED: Final = 300
_MOSTLY: Final = 1.5  # a word with fewer than so many times a phrase's mentions says no more than the phrase


class Rising(NamedTuple):
    """A term. `times`: its share of the mentions now against the share before; None where it is new."""

    term: str
    now: int
    before: int
    times: float | None
    score: float  # log-likelihood ratio
    example: Json  # the newest mention that has it


class Risen(NamedTuple):
    """The terms, the surest first, and how many mentions there were to compare."""

    terms: Sequence[Rising]
    now: int
    before: int

    @property
    def comparable(self) -> bool:
        """Whether there were enough before for anything to be said to rise."""
        return self.before >= ENOUGH


def rising(
    index: Index, parts: Sequence[Json], before: datetime, start: datetime, end: datetime, size: int = 10
) -> Risen:
    """What mentions of [start, end) talk about more than those of [before, start); `parts` are queries that all must match.

    No terms where there are fewer than `ENOUGH` mentions before. Raises BadQuery.
    """
    front, whole = ([*parts, _within(first, end)] for first in (start, before))
    answer = index.search(
        {
            "query": {"bool": {"filter": front}},
            "size": 0,
            "aggs": {
                "terms": {
                    "significant_terms": {
                        "field": "terms",
                        "size": _PROPOSED,
                        "min_doc_count": LEAST,
                        "background_filter": {"bool": {"filter": whole}},
                    }
                }
            },
        }
    )["aggregations"]["terms"]
    now, then = answer["doc_count"], answer["bg_count"] - answer["doc_count"]
    if then < ENOUGH or not answer["buckets"]:
        return Risen((), now, then)
    found = []
    for bucket in answer["buckets"]:
        new, old = bucket["doc_count"], bucket["bg_count"] - bucket["doc_count"]
        score = likelihood_ratio(new, now, old, then)
        if score >= SURE and new / now > old / then:
            found.append((score, bucket["key"], new, old))
    best = _without_parts(sorted(found, key=lambda one: (-one[0], one[1])))[: 2 * size]
    return Risen(_told(index, front, best, now, then)[:size], now, then)


def likelihood_ratio(new: int, now: int, old: int, then: int) -> float:
    """Of `new` among `now` against `old` among `then` (Dunning 1993): how much likelier two shares are than one."""
    share = (new + old) / (now + then)
    pairs = ((new, now * share), (old, then * share), (now - new, now * (1 - share)), (then - old, then * (1 - share)))
    return 2 * sum(seen * math.log(seen / expected) for seen, expected in pairs if seen > 0)


def _within(start: datetime, end: datetime) -> Json:
    return {"range": {"published_at": {"gte": start.isoformat(), "lt": end.isoformat()}}}


def _without_parts(found: list[tuple[float, str, int, int]]) -> list[tuple[float, str, int, int]]:
    """Words that only occur as part of a phrase that rises too are left out."""
    phrases = {term: count for _, term, count, _ in found if " " in term}
    return [
        one
        for one in found
        if not any(one[1] in phrase.split() and one[2] < _MOSTLY * count for phrase, count in phrases.items())
    ]


def _told(
    index: Index, front: list[Json], best: list[tuple[float, str, int, int]], now: int, then: int
) -> list[Rising]:
    """Those of enough different stories, with an example each."""
    inside = {
        "stories": {"cardinality": {"field": "story"}},
        "newest": {"top_hits": {"size": 1, "sort": [{"sort_key": "desc"}]}},
    }
    filters = {str(place): {"term": {"terms": term}} for place, (_, term, _, _) in enumerate(best)}
    if not filters:
        return []
    body = {
        "query": {"bool": {"filter": front}},
        "size": 0,
        "aggs": {"each": {"filters": {"filters": filters}, "aggs": inside}},
    }
    buckets = index.search(body)["aggregations"]["each"]["buckets"]
    told = []
    for place, (score, term, new, old) in enumerate(best):
        bucket = buckets[str(place)]
        hits = bucket["newest"]["hits"]["hits"]
        if bucket["stories"]["value"] >= STORIES and hits:
            times = (new / now) / (old / then) if old else None
            told.append(Rising(term, new, old, times, score, hits[0]["_source"]))
    return told
