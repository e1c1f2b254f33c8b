"""Tweets as records of `mentions.raw`, invented brand names, and words of topics, for benchmarks."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from enrichment import load_topics
from stream import Item, mention_id

_SYLLABLES = "ba ce di fo gu la me ni ro su ta ve zi pra ter lon mar vex nor kal bri sto qui lum dra fen hol jas wix"
_SECOND_WORDS = ("italia", "group", "bank", "energy", "mobile", "air", "foods", "service", "store", "media")


def airline_rows(data: Path) -> list[dict[str, str]]:
    """The 10,268 tweets of the airline corpus, column -> value. Raises FileNotFoundError."""
    with gzip.open(data / "airline" / "tweets_16-22feb.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def records(rows: list[dict[str, str]]) -> list[bytes]:
    """Each tweet as the JSON of an item as an import makes it, columns without a field of their own under `extra`;
    some 800 bytes; ids by number."""
    at = datetime(2015, 2, 20, 12, tzinfo=UTC)
    return [
        msgspec.json.encode(
            Item(
                id=mention_id(f"tweet:{number}"),
                source="import:airline",
                channel="import",
                fetched_at=at,
                published_at=at,
                url=f"https://social.example/user_{number % 977}/status/{569748316776325000 + number}",
                site="social.example",
                text=row["text"],
                author=f"user_{number % 977}",
                author_url=f"https://social.example/user_{number % 977}",
                reach=number % 50_000,
                backfill=True,
                extra={column: value for column, value in row.items() if column != "text"},
            )
        )
        for number, row in enumerate(rows)
    ]


def invented_names(count: int) -> list[str]:
    """Different names that look like brands: one or two words, now and then with an apostrophe, a hyphen or digits."""
    return list(islice(_names(random.Random(7)), count))


def _names(chance: random.Random) -> Iterator[str]:
    seen: set[str] = set()
    while True:
        name = "".join(chance.choice(_SYLLABLES.split()) for _ in range(chance.choice((2, 3, 3, 4))))
        kind = chance.random()
        if kind < 0.25:
            name = f"{name} {chance.choice(_SECOND_WORDS)}"
        elif kind < 0.3:
            name += chance.choice(("'s", "-x", "24", "&co"))
        if name not in seen:
            seen.add(name)
            yield name


def topic_words() -> dict[str, list[str]]:
    """15 topics of 10 English keywords, whole words."""
    return {rule.id: [word for word in rule.en if "*" not in word][:10] for rule in load_topics()[:15]}
