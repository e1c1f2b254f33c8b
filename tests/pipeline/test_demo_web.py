"""The demo's web over loopback: its feeds parse, conditional requests work, pages carry what a crawler looks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import feedparser
import pytest
import trafilatura
from protego import Protego

from infra.testbed import open_ports
from ronzio.demo import Clock, Plan, Scenario, running, serve_web
from ronzio.demo.feeds import italian_date
from ronzio.demo.places import BY_ID, PAPERS, PLACES, TALK, Place, base

START = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
PLAN = Plan(settled=600)


class Visitor:
    """A client with a hand on the demo's time."""

    def __init__(self, session: aiohttp.ClientSession, port: int, now: Callable[[float], None]) -> None:
        self.session = session
        self.port = port
        self.at = now

    async def get(self, place: Place, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        async with self.session.get(base(place, self.port) + path, headers=headers) as answer:
            return answer.status, await answer.read(), {key.lower(): value for key, value in answer.headers.items()}


@asynccontextmanager
async def visiting() -> AsyncIterator[Visitor]:
    present = [START]

    def move(seconds: float) -> None:
        present[0] = START + timedelta(seconds=seconds)

    (port,) = open_ports.free(1)
    scenario = Scenario(PLAN, Clock.starting(START))
    async with running(scenario, port, now=lambda: present[0]), aiohttp.ClientSession() as session:
        yield Visitor(session, port, move)


def visit(work: Callable[[Visitor], Awaitable[None]]) -> None:
    async def main() -> None:
        async with visiting() as visitor:
            await work(visitor)

    asyncio.run(main())


def entries(place: Place, body: bytes, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Entries as (id, link, title, date string), whatever the format."""
    if place.feed == "json":
        items = json.loads(body)["items"]
        return [
            {"id": item["id"], "link": item["url"], "title": item.get("title", ""), "published": item["date_published"]}
            for item in items
        ]
    parsed = feedparser.parse(body, response_headers={"content-type": headers["content-type"]})
    assert not parsed.bozo, parsed.get("bozo_exception")
    return [dict(entry) for entry in parsed.entries]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.id)
def test_feeds(place: Place) -> None:
    async def work(visitor: Visitor) -> None:
        visitor.at(300)
        status, body, headers = await visitor.get(place, place.feed_path)
        assert status == 200
        found = [entry for entry in entries(place, body, headers) if entry.get("link")]
        assert len(found) >= 5
        ids = [entry["id"] for entry in found]
        assert len(set(ids)) == len(ids)
        assert all(entry["link"].startswith(base(place, visitor.port)) for entry in found)
        if place.dates == "standard" and place.feed != "json":
            assert all(entry["published_parsed"] for entry in found)

    visit(work)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.id)
def test_not_modified_until_something_new_comes(place: Place) -> None:
    async def work(visitor: Visitor) -> None:
        visitor.at(10)
        _, body, headers = await visitor.get(place, place.feed_path)
        by_tag = await visitor.get(place, place.feed_path, **{"If-None-Match": headers["etag"]})
        by_date = await visitor.get(place, place.feed_path, **{"If-Modified-Since": headers["last-modified"]})
        assert (by_tag[0], by_tag[1]) == (by_date[0], by_date[1]) == (304, b"")
        assert by_tag[2]["etag"] == headers["etag"]
        visitor.at(4000)
        again = await visitor.get(
            place, place.feed_path, **{"If-None-Match": headers["etag"], "If-Modified-Since": headers["last-modified"]}
        )
        assert again[0] == 200
        assert again[1] != body

    visit(work)


def test_italian_dates() -> None:
    assert italian_date(START) == "mar, 03 marzo 2026 09:00:00 +0100"

    async def work(visitor: Visitor) -> None:
        _, body, _ = await visitor.get(BY_ID["gazzetta"], BY_ID["gazzetta"].feed_path)
        assert " marzo 2026 " in body.decode()

    visit(work)


def test_archive_and_feed_share_nothing_and_hold_everything() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.at(20)
        known: list[str] = []
        for place in TALK:
            _, old, _ = await visitor.get(place, place.archive_path)
            _, new, headers = await visitor.get(place, place.feed_path)
            known += [item["url"] for item in json.loads(old)["items"]]
            known += [entry["link"] for entry in entries(place, new, headers)]
        scenario = Scenario(PLAN, Clock.starting(START))
        wanted = [post for post in scenario.posts(None, START + timedelta(seconds=20)) if not post.story]
        assert sorted(known) == sorted(base(post.place, visitor.port) + post.path for post in wanted)

    visit(work)


def test_a_page_is_read_back() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.at(300)
        scenario = Scenario(PLAN, Clock.starting(START))
        for place in PAPERS:
            post = next(post for post in scenario.posts(None, START) if post.place is place)
            status, body, _ = await visitor.get(place, post.path)
            assert status == 200
            page = trafilatura.bare_extraction(body, favor_precision=True, include_comments=False, with_metadata=True)
            assert page is not None
            assert page.title == post.title
            text = page.text or ""
            assert all(paragraph in text for paragraph in post.paragraphs[:-1])
            assert post.paragraphs[-1] not in text
            assert f'<html lang="{place.language}">' in body.decode()
            assert f'<link rel="canonical" href="{base(place, visitor.port)}{post.path}">' in body.decode()
            assert f'"datePublished": "{post.published_at.isoformat()}"' in body.decode()
            assert post.sentiment not in body.decode()

    visit(work)


def test_robots_and_sitemap() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.at(300)
        for place in PAPERS:
            address = base(place, visitor.port)
            _, body, _ = await visitor.get(place, "/robots.txt")
            rules = Protego.parse(body.decode())
            assert rules.can_fetch(f"{address}/{place.id}/", "ronzio")
            assert not rules.can_fetch(f"{address}/{place.id}/redazione/turni", "ronzio")
            sitemap = f"{address}/{place.id}/sitemap.xml"
            assert sitemap in list(rules.sitemaps)
            _, body, headers = await visitor.get(place, f"/{place.id}/sitemap.xml")
            assert headers["content-type"].startswith("application/xml")
            assert body.count(b"<loc>") == body.count(b"<lastmod>") >= 5
            first = body.decode().split("<loc>")[1].split("</loc>")[0]
            assert (await visitor.get(place, first.removeprefix(address)))[0] == 200

    visit(work)


@pytest.mark.parametrize(
    "path",
    ["/nobody/feed.xml", "/piazza/feed.xml", "/piazza/post/c99999999", "/agenzia/archive.json", "/piazza/articoli/c1"],
)
def test_what_is_not_there(path: str) -> None:
    async def work(visitor: Visitor) -> None:
        assert (await visitor.get(BY_ID["piazza"], path))[0] == 404

    visit(work)


def test_a_second_start_goes_on(tmp_path: Path) -> None:
    async def one_life() -> set[str]:
        (port,), stop = open_ports.free(1), asyncio.Event()
        serving = asyncio.create_task(serve_web(tmp_path, stop, port=port, plan=PLAN))
        async with aiohttp.ClientSession() as session:
            visitor = Visitor(session, port, lambda _: None)
            while True:
                try:
                    _, body, _ = await visitor.get(BY_ID["piazza"], BY_ID["piazza"].archive_path)
                except aiohttp.ClientConnectionError:
                    assert not serving.done()
                    await asyncio.sleep(0.02)
                else:
                    break
        stop.set()
        await serving
        return {item["url"].split("/piazza/")[1] + item["date_published"] for item in json.loads(body)["items"]}

    first = asyncio.run(one_life())
    assert first == asyncio.run(one_life())
    assert (tmp_path / "demo.json").exists()
