"""Thousands of real and hostile feeds through the very source that runs: none crashes it, what can be read is read."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from loopback import serving

from crawlers import CrawlerSettings, FeedSettings, OpmlSettings, Page, Unreachable, build_sources
from crawlers.clean import line_of
from crawlers.feeds.feed import FeedSource, FeedTools
from crawlers.feeds.opml import read_opml
from crawlers.source import Budget
from stream import Item

DATA = Path(os.environ.get("RONZIO_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "feeds"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}; RONZIO_DATA says where the data is"),
]

_HEADER = re.compile(rb"^Header:\s+([\w-]+):[ \t]*(.*?)\s*$", re.MULTILINE)
_EXPECTED_TITLE = re.compile(r"Expect:.*?entries\[0\](?:\['title'\]|\.title) == (u?'(?:[^'\\]|\\.)*')")
_MARKUP = re.compile(r"<script|<img|<iframe|<object|<embed|javascript:", re.IGNORECASE)


def documents() -> list[Path]:
    return sorted(path for path in DATA.rglob("*") if path.suffix in (".xml", ".json"))


async def fetch_all(files: list[Path]) -> dict[Path, Page]:
    """Each file served as its own headers say, fetched by a source of its own, twenty at once."""

    async def answer(request: web.Request) -> web.Response:
        body = files[int(request.path[1:])].read_bytes()
        headers = {name.decode(): value.decode("latin-1") for name, value in _HEADER.findall(body[:2000])}
        headers.pop("Content-Encoding", None)
        return web.Response(body=body, headers={"Content-Type": "application/xml", **headers})

    at_once = asyncio.Semaphore(20)
    tools = FeedTools(CrawlerSettings())

    async def fetch(base: str, number: int) -> Page:
        source = FeedSource(FeedSettings(url=f"{base}/{number}", local=True, time_zone="UTC"), tools)
        async with at_once:
            return await source.fetch(None, Budget(now=NOW))

    try:
        async with serving(answer) as base:
            pages = await asyncio.gather(*(fetch(base, number) for number in range(len(files))))
    finally:
        await tools.close()
    return dict(zip(files, pages, strict=True))


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    return asyncio.run(fetch_all(documents()))


def test_every_document_is_read_or_refused_with_a_reason(pages: dict[Path, Page]) -> None:
    assert len(pages) > 3000
    for path, page in pages.items():
        if page.coverage.state == "covered":
            assert not page.coverage.note or page.errors, path
        else:
            assert page.errors, path
            assert not any(isinstance(error, Unreachable) for error in page.errors), path
    unread = [path for path, page in pages.items() if page.coverage.state != "covered" and path.suffix == ".xml"]
    assert len(unread) <= 11, unread  # files that are no feeds, empty or without a root


def test_items_are_clean_and_can_travel(pages: dict[Path, Page]) -> None:
    items = [(path, item) for path, page in pages.items() for item in page.items]
    assert len(items) >= 630
    for path, item in items:
        assert msgspec.json.decode(msgspec.json.encode(item), type=Item) == item, path
        assert item.title or item.text, path
        assert item.published_at.tzinfo is UTC, path
        assert not item.url or item.url.startswith(("http://", "https://")), path
        assert not _MARKUP.search(item.title + item.text), path
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", item.title + item.text), path


def expected(path: Path) -> list[dict[str, Any]] | None:
    """The entries that another parser's authors expect of a file."""
    beside = path.with_name(f"{path.stem}_expected.json")
    told = beside if beside.exists() else path.with_suffix(".json")
    if "gofeed" not in path.parts or told == path or not told.exists():
        return None
    data = json.loads(told.read_text("utf-8"))
    return (data.get("items") or data.get("entries") or []) if isinstance(data, dict) else None


def test_as_many_entries_as_another_parser_finds(pages: dict[Path, Page]) -> None:
    known = [(page, wanted) for path, page in pages.items() if (wanted := expected(path)) is not None]
    agreed = sum(len(page.items) + len(page.errors) == len(wanted) for page, wanted in known)
    assert len(known) >= 530
    assert agreed >= len(known) - 1


def titles(pages: dict[Path, Page]) -> Iterator[tuple[str, Page]]:
    for path, page in pages.items():
        for entry in expected(path) or ():
            if isinstance(entry.get("title"), str):
                yield entry["title"], page
        found = _EXPECTED_TITLE.search(path.read_bytes()[:3000].decode("latin-1"))
        if found and "feedparser" in path.parts:
            yield ast.literal_eval(found[1]), page


def test_titles_are_those_that_others_expect(pages: dict[Path, Page]) -> None:
    wanted = [(line_of(title), page) for title, page in titles(pages)]
    wanted = [(title, page) for title, page in wanted if title]
    agreed = sum(title in [item.title for item in page.items] for title, page in wanted)
    assert len(wanted) >= 100
    assert agreed >= len(wanted) - 6  # plain text with angle brackets in it, which others take for tags


def test_an_unchanged_document_brings_nothing_again(pages: dict[Path, Page]) -> None:
    path = max(pages, key=lambda one: len(pages[one].items))
    first, again = asyncio.run(fetch_twice(path))
    assert len(first.items) == len(pages[path].items)
    assert (again.items, again.coverage.state) == ((), "covered")


async def fetch_twice(path: Path) -> tuple[Page, Page]:
    """The second time with another byte at the end, so that it is read again."""
    ends = iter((b"", b"\n"))

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=path.read_bytes() + next(ends), content_type="application/xml")

    tools = FeedTools(CrawlerSettings())
    try:
        async with serving(answer) as base:
            source = FeedSource(FeedSettings(url=f"{base}/x", local=True, time_zone="UTC"), tools)
            first = await source.fetch(None, Budget(now=NOW))
            return first, await source.fetch(first.next_state, Budget(now=NOW))
    finally:
        await tools.close()


LISTS = sorted((DATA / "opml").glob("*.opml"))


def test_lists_of_feeds() -> None:
    found = {path.name: read_opml(path.read_bytes()) for path in LISTS}
    assert len(found) == 59
    assert sum(map(len, found.values())) == 783
    assert all(len({feed.url for feed in feeds}) == len(feeds) >= 3 for feeds in found.values())


@pytest.mark.parametrize("name", ["Italy.opml", "Beauty.opml"])
def test_a_served_list_becomes_sources(tmp_path: Path, name: str) -> None:
    """In Beauty.opml, quotation marks inside attributes make other parsers lose feeds."""
    body = (DATA / "opml" / name).read_bytes()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/xml")

    async def main() -> list[str]:
        async with serving(answer) as base:
            place = OpmlSettings(url=f"{base}/{name}", local=True)
            settings = CrawlerSettings(sources=(place,))
            sources = await asyncio.to_thread(build_sources, settings, data_dir=tmp_path)
            return [source.url for source in sources]

    assert asyncio.run(main()) == [feed.url for feed in read_opml(body)]
