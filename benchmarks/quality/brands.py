"""Which brand is meant, where its name means something else as well: the rules of `enrichment/ambiguous.toml`.

"Unseen" are sentences written after the rules, short and with little context, which never changed them; the rules get all of the
386 sentences right that they were written with. The name alone, as a keyword, has a recall of 100 and a precision of 52 on the
unseen. The tweets are from SXSW 2011, those with the word "apple" whose annotators said that they are about Apple or a product
of it; the rule was loosened once after reading the first fifty it missed.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.quality.score import Score, data, digest
from enrichment import Enricher, EnrichmentSettings, ambiguous_names
from stream import Brand, Item, Mention, mention_id, slug

TEXTS: Final = Path(__file__).parent / "texts"
UNSEEN: Final = TEXTS / "ambiguous_unseen.toml"
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_OF_APPLE: Final = ("iPad", "Apple", "iPad or iPhone App", "iPhone", "Other Apple product or service")


def sentences(file: Path) -> list[tuple[str, bool, str]]:
    """(name, whether it is the brand, sentence)."""
    table = tomllib.loads(file.read_text("utf-8"))
    return [
        (name, kind == "yes", text) for name, kinds in table.items() for kind in ("yes", "no") for text in kinds[kind]
    ]


def named(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The brands that each text names by the rules."""
    brands = [Brand(name=one.name, query=one.query) for one in ambiguous_names()]
    items = [
        Item(id=mention_id(str(n)), source="import:s", channel="import", fetched_at=_AT, published_at=_AT, text=text)
        for n, text in enumerate(texts)
    ]
    tagged = Enricher(brands, EnrichmentSettings()).tag([msgspec.json.encode(item) for item in items])
    return [one.brand if isinstance(one, Mention) else () for one in tagged]


def right_and_wrong(rows: Sequence[tuple[str, bool, str]]) -> tuple[int, int, int, list[str]]:
    """Found rightly, found wrongly, missed; and the sentences that were decided wrongly."""
    found = [
        slug(name) in brands for (name, _, _), brands in zip(rows, named([text for _, _, text in rows]), strict=True)
    ]
    pairs = list(zip(found, rows, strict=True))
    wrong = [f"{name}: {text}" for told, (name, meant, text) in pairs if told is not meant]
    return (
        sum(told and meant for told, (_, meant, _) in pairs),
        sum(told and not meant for told, (_, meant, _) in pairs),
        sum(meant and not told for told, (_, meant, _) in pairs),
        wrong,
    )


def measure() -> Iterator[Score]:
    rows = sentences(UNSEEN)
    right, wrong, missed, _ = right_and_wrong(rows)
    corpus, about = (
        digest(UNSEEN.read_bytes()),
        f"{len(rows)} unseen sentences, Italian and English, {len(ambiguous_names())} names",
    )
    yield Score("brands/ambiguous-precision", 100 * right / (right + wrong), "%", corpus, about)
    yield Score("brands/ambiguous-recall", 100 * right / (right + missed), "%", corpus, about)
    raw = data("brands", "sxsw_mac_roman.csv").read_bytes()
    tweets = [
        row["tweet_text"]
        for row in csv.DictReader(io.StringIO(raw.decode("mac_roman")))
        if row["emotion_in_tweet_is_directed_at"] in _OF_APPLE
        and re.search(r"\bapple\b", row["tweet_text"], re.IGNORECASE)
    ]
    held = sum("apple" in brands for brands in named(tweets))
    yield Score("brands/apple-recall", 100 * held / len(tweets), "%", digest(raw), f"{len(tweets)} tweets, SXSW 2011")
