"""How long the dashboard's questions take.

    python -m benchmarks.queries [MENTIONS] [ROUNDS]

Fills a store with invented mentions of 60 days, makes it searchable, asks each question ROUNDS times and prints p50 and p95
in ms. The floor is 100 ms at p95 with 1,000,000 mentions.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from index import ElasticSettings, Index, Json, open_index, parse_query
from stream import Mention, mention_id, sort_key

SPAN = timedelta(days=60)
BATCH = 2000
VOCABULARY = 30_000
TOPICS = ("delivery", "price", "quality", "care", "app", "returns", "warranty", "hr", "legal", "safety")
SENTIMENTS = ("negative", "neutral", "positive")


def mentions(count: int, end: datetime) -> Iterator[Mention]:
    chance = random.Random(11)
    vocabulary = [f"parola{number}" for number in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(VOCABULARY)))
    texts = [" ".join(chance.choices(vocabulary, cum_weights=weights, k=25)) for _ in range(5000)]
    for number in range(count):
        at = end - SPAN * chance.random()
        id = mention_id(f"m{number}")
        label = chance.randrange(3)
        yield Mention(
            id=id,
            source=f"feed:{number % 40}",
            channel="feed" if number % 4 else "site",
            fetched_at=at,
            published_at=at,
            date_origin="stated",
            sort_key=sort_key(at, id),
            language="it" if number % 3 else "en",
            brand=(f"brand{min(chance.randrange(30), chance.randrange(30))}",),
            product=(f"product{chance.randrange(50)}",) if number % 2 else (),
            topic=tuple(sorted(set(chance.choices(TOPICS, k=2)))),
            sentiment=SENTIMENTS[label],
            score=(label - 1) * chance.random(),
            confidence=chance.random(),
            status="new",
            reach=chance.randrange(5000),
            backfill=False,
            engine="1",
            digest="1",
            story=f"story{chance.randrange(max(1, count // 6))}",
            site=f"site{number % 300}.example",
            url=f"https://site{number % 300}.example/{number}",
            title=" ".join(chance.choices(vocabulary, k=6)),
            text=f"{chance.choice(texts)} {vocabulary[number % VOCABULARY]}",
            author=f"autore {chance.randrange(max(1, count // 10))}",
            towards=(f"brand0:{SENTIMENTS[label]}",),
            terms=tuple(dict.fromkeys(chance.choices(vocabulary, cum_weights=weights, k=6))),
        )


def questions() -> dict[str, Json]:
    recent = {"range": {"published_at": {"gte": "now-30d"}}}
    week = {"range": {"published_at": {"gte": "now-7d"}}}
    brand = {"term": {"brand": "brand3"}}
    hourly = {"field": "published_at", "fixed_interval": "1h"}
    bad = {"filter": {"term": {"sentiment": "negative"}}}

    def of(*filters: Json) -> Json:
        return {"bool": {"filter": list(filters)}}

    def counted(query: Json, aggs: Json) -> Json:
        return {"query": query, "size": 0, "track_total_hits": False, "aggs": aggs}

    labels = {"labels": {"terms": {"field": "sentiment"}}}
    example = {"newest": {"top_hits": {"size": 1, "_source": ["title", "url"]}}}
    return {
        "newest 50 of a brand": {"query": of(brand), "size": 50},
        "newest 50, typed words": {
            "query": parse_query('brand:brand3 parola5 -parola9 "parola1 parola0"~5'),
            "size": 50,
        },
        "newest 50, wildcard": {"query": parse_query("parola12*"), "size": 50},
        "by hour and label, 30 days": counted(of(brand, recent), {"hours": {"date_histogram": hourly, "aggs": labels}}),
        "by hour, all brands, 7 days": counted(of(week), {"hours": {"date_histogram": hourly, "aggs": {"bad": bad}}}),
        "share of voice, 30 days": counted(
            of(recent), {"brands": {"terms": {"field": "brand", "size": 10}, "aggs": labels}}
        ),
        "top topics": counted(
            of(brand), {"topics": {"terms": {"field": "topic"}, "aggs": {"mean": {"avg": {"field": "score"}}}}}
        ),
        "top stories with example": counted(
            of(brand, week), {"stories": {"terms": {"field": "story", "size": 10}, "aggs": example}}
        ),
        "top authors": counted(of(brand), {"authors": {"terms": {"field": "author", "size": 20}}}),
        "significant topics": counted(of(brand, week), {"topics": {"significant_terms": {"field": "topic"}}}),
        "authors, estimated": counted(of(brand), {"authors": {"cardinality": {"field": "author"}}}),
        "count of everything": {"size": 0},
    }


def fill(place: Path | ElasticSettings, count: int) -> None:
    """A store with `count` mentions, all of them searchable."""
    with closing(open_index(place)) as index:
        batch: list[Mention] = []
        for mention in mentions(count, datetime.now(UTC)):
            batch.append(mention)
            if len(batch) == BATCH:
                index.write(batch)
                batch = []
        index.write(batch)
        if isinstance(place, Path):
            index.rebuild()  # quicker than following, and no indexer runs here
        assert index.fresh()["behind"] == 0


def timed(index: Index, bodies: dict[str, Json], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in bodies}
    for _ in range(rounds):
        for name, body in bodies.items():
            begin = time.perf_counter()
            index.search(body)
            times[name].append((time.perf_counter() - begin) * 1000)
    return times


def main(count: int = 200_000, rounds: int = 30) -> None:
    with tempfile.TemporaryDirectory() as name:
        begin = time.perf_counter()
        fill(Path(name), count)
        print(f"{count:,} mentions, made and searchable in {time.perf_counter() - begin:.0f} s; ms:")
        with closing(open_index(Path(name))) as index:
            for question, times in timed(index, questions(), rounds).items():
                print(
                    f"  {question:<28} p50 {statistics.median(times):7.1f}  p95 {statistics.quantiles(times, n=20)[-1]:7.1f}"
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
