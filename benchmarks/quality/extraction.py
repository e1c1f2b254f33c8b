"""What the crawler reads from 202 web pages: main text (wanted and unwanted segments), day, title. Home pages and pages that
ask not to be indexed count as lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.quality.score import Score, data, digest
from crawlers.entry import Origin
from crawlers.sites.extract import extract_page
from stream import Item


class _Read(NamedTuple):
    gold: dict[str, Any]
    item: Item | None


def measure() -> Iterator[Score]:
    reference = data("pages", "gold.json").read_bytes()
    corpus = digest(reference)
    pages = list(_read(json.loads(reference)))
    yield Score("extraction/items", sum(page.item is not None for page in pages), f"of {len(pages)}", corpus)
    precision, recall = _text(pages)
    yield Score("extraction/text-precision", 100 * precision, "%", corpus)
    yield Score("extraction/text-f1", 200 * precision * recall / (precision + recall), "F1, %", corpus)
    dated = [page for page in pages if page.item and page.gold.get("date")]
    right = sum(page.item is not None and page.gold["date"][:10] in _days(page.item) for page in dated)
    claimed = sum(page.item is not None and page.item.date_origin != "fetched" for page in dated)
    about = "of the pages with a date in the reference, whose own mistakes count against us"
    yield Score("extraction/right-days", 100 * right / len(dated), "%", corpus, about)
    yield Score("extraction/wrong-days", 100 * (claimed - right) / len(dated), "%", corpus, about)
    titled = [page for page in pages if page.item and page.gold.get("title")]
    named = sum(page.item is not None and page.item.title == page.gold["title"].strip() for page in titled)
    yield Score("extraction/titles", 100 * named / len(titled), "% equal to the letter", corpus)


def _read(gold: dict[str, dict[str, Any]]) -> Iterator[_Read]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for name, wanted in gold.items():
        url = name if "://" in name else "https://www.example.com/pagina"
        origin = Origin(source="site:gold", channel="site", url=url, fetched_at=now, time_zone="Europe/Rome")
        body = gzip.decompress(data("pages", f"{wanted['file']}.gz").read_bytes())
        result = extract_page(body, url, origin=origin)
        yield _Read(wanted, result if isinstance(result, Item) else None)


def _text(pages: list[_Read]) -> tuple[float, float]:
    """Precision and recall of the segments."""
    hit = missed = wrong = 0
    for page in pages:
        text = page.item.text if page.item else ""
        found = sum(segment in text for segment in page.gold["with"])
        hit, missed = hit + found, missed + len(page.gold["with"]) - found
        wrong += sum(segment in text for segment in page.gold["without"])
    return hit / (hit + wrong), hit / (hit + missed)


def _days(item: Item) -> tuple[str, ...]:
    """The day in UTC and where the page's readers are."""
    return tuple(str(item.published_at.astimezone(zone).date()) for zone in (UTC, ZoneInfo("Europe/Rome")))
