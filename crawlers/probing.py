"""What would this become? One look at an address, a file or a text, storing nothing.

In: what a user points at. Out: the items it would bring, what was wrong, and what kind of thing it turned out to be.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from crawlers.build import feeds_of
from crawlers.entry import Origin
from crawlers.feeds.discovery import feeds_of_page
from crawlers.feeds.feed import FeedTools, parse_safely
from crawlers.feeds.json_feed import looks_like_json_feed
from crawlers.feeds.opml import looks_like_opml
from crawlers.fetch import Fetched
from crawlers.files.columns import MappingError
from crawlers.files.importer import Reading, Unused
from crawlers.files.lines import TableError
from crawlers.files.tables import open_table
from crawlers.settings import CrawlerSettings, OpmlSettings, PlaceSettings
from crawlers.source import AnySourceError, BadPayload, Partial, TooBig
from stream import Item, mention_id, utc_now

SOURCE = "try"
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
FROM_OPML = 20  # feeds of a list that are looked at
ROWS = 1000  # of a table


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `kind`: "feed", "page", "opml", "table", "text", or "" where nothing could be read.
    `feeds` are those a page or a list offers."""

    kind: str
    items: tuple[Item, ...] = ()
    errors: tuple[AnySourceError, ...] = ()
    feeds: tuple[str, ...] = ()


async def probe(what: str, *, settings: CrawlerSettings, text: str | None = None, local: bool = False) -> Probe:
    """`what` is an address, a file's path, or anything where `text` is given (standard input).

    `local` allows addresses on this machine and in the local network. Raises nothing for what it finds.
    """
    now = utc_now()
    if text is not None:
        return _text(text, now)
    tools = FeedTools(settings)
    try:
        prober = _Prober(settings, tools, now, local)
        return await (prober.address(what) if "://" in what else prober.file(Path(what)))
    finally:
        await tools.close()


class _Prober:
    def __init__(self, settings: CrawlerSettings, tools: FeedTools, now: datetime, local: bool) -> None:
        self._settings = settings
        self._tools = tools
        self._now = now
        self._local = local

    async def address(self, url: str) -> Probe:
        got = await self._tools.fetcher.get(url, now=self._now, local=self._local)
        if got.error is not None:
            return Probe(kind="", errors=(got.error,))
        return await self._content(got, url)

    async def file(self, path: Path) -> Probe:
        if path.name.removesuffix(".gz").lower().endswith(TABLES):
            return await asyncio.to_thread(_table, path, self._now)
        try:
            size, body = path.stat().st_size, b""
            if size <= self._settings.max_bytes:
                body = path.read_bytes()
        except OSError as error:
            hint = "" if path.exists() else "; an address begins with https://"
            what = f"{path}: cannot be read: {error.strerror}{hint}"
            return Probe(kind="", errors=(BadPayload(what=what, url=str(path)),))
        if size > self._settings.max_bytes:
            return Probe(kind="", errors=(TooBig(what=f"{path} has {size:,} bytes", url=str(path)),))
        if path.suffix.lower() == ".txt":
            return _text(body.decode("utf-8", "replace"), self._now)
        kind = mimetypes.guess_type(path.name)[0] or ""
        got = Fetched(url=path.absolute().as_uri(), status=200, body=body, content_type=kind)
        return await self._content(got, str(path))

    async def _content(self, got: Fetched, asked: str) -> Probe:
        """The content decides what it is, not its name or declared type."""
        if looks_like_opml(got.body):
            return await self._list(got.body, asked)
        place = next((one for one in self._settings.sources if one.url == asked), None)
        if looks_like_json_feed(got.body) or not looks_like_page(got.body):
            parsed, _ = await parse_safely(self._tools, got, self._origin(got.url, place))
            return Probe(kind="feed" if parsed.is_feed else "", items=parsed.items, errors=parsed.errors)
        return await self._page(got, place)

    async def _page(self, got: Fetched, place: PlaceSettings | None) -> Probe:
        from crawlers.sites.extract import read_page_safely  # takes half a second, which feeds need not wait

        origin = msgspec.structs.replace(self._origin(got.url, place), channel="site")
        read = await read_page_safely(self._tools.workers, got.body, got.url, origin, got.content_type)
        feeds = tuple(feeds_of_page(got.body, got.url))
        if isinstance(read.result, Item):
            return Probe(kind="page", items=(read.result,), feeds=feeds)
        return Probe(kind="page" if isinstance(read.result, Partial) else "", errors=(read.result,), feeds=feeds)

    async def _list(self, body: bytes, asked: str) -> Probe:
        known = [one for one in self._settings.sources if isinstance(one, OpmlSettings) and one.url == asked]
        try:
            feeds = feeds_of(body, known[0] if known else OpmlSettings(url=asked, local=self._local))
        except ValueError as error:
            return Probe(kind="", errors=(BadPayload(what=f"{asked}: {error}", url=asked),))
        urls = tuple(feed.url for feed in feeds)
        found = await asyncio.gather(*(self.address(url) for url in urls[:FROM_OPML]))
        errors = [error for one in found for error in one.errors]
        if len(urls) > FROM_OPML:
            errors.append(Partial(what=f"only the first {FROM_OPML} of {len(urls)} feeds were looked at", url=asked))
        items = tuple(item for one in found for item in one.items)
        return Probe(kind="opml", items=items, errors=tuple(errors), feeds=urls)

    def _origin(self, url: str, place: PlaceSettings | None) -> Origin:
        return Origin(
            source=place.id if place else SOURCE,
            channel="feed",
            url=url,
            fetched_at=self._now,
            time_zone=place.time_zone if place else "Europe/Rome",
            language=place.language if place else "",
        )


def looks_like_page(body: bytes) -> bool:
    """HTML rather than a feed, by the first tag of each that occurs."""
    head = body[:5000].replace(b"\0", b"").lower()
    if any(mark in head for mark in (b"<rss", b"<feed", b"<rdf:rdf", b"<channel")):
        return False
    return b"<!doctype html" in head or b"<html" in head or b"<body" in head or b"<head" in head


def _text(text: str, now: datetime) -> Probe:
    if not text.strip():
        return Probe(kind="", errors=(BadPayload(what="there is no text"),))
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    item = Item(
        id=mention_id(f"text:{digest}"),
        source=SOURCE,
        channel="text",
        fetched_at=now,
        published_at=now,
        date_origin="fetched",
        text=text.strip(),
    )
    return Probe(kind="text", items=(item,))


def _table(path: Path, now: datetime) -> Probe:
    try:
        with open_table(path) as table:
            reading = Reading(table, {}, source=SOURCE, time_zone="Europe/Rome", now=now)
            results = list(islice(reading.results, ROWS))
            more = next(reading.results, None) is not None
    except (TableError, MappingError, OSError) as error:
        what = getattr(error, "strerror", None) or error
        return Probe(kind="", errors=(BadPayload(what=f"{path}: {what}", url=str(path)),))
    notes = (*reading.notes, *((f"only the first {ROWS} rows were looked at",) if more else ()))
    refused = (BadPayload(what=f"{one.where}: {one.reason}", url=str(path), raw=one.raw)
               for one in results if isinstance(one, Unused))  # fmt: skip
    return Probe(
        kind="table",
        items=tuple(one for one in results if isinstance(one, Item)),
        errors=(*refused, *(Partial(what=note, url=str(path)) for note in notes)),
    )
