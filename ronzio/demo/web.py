"""The demo's local web: feeds, pages, robots.txt and sitemaps of every place, on loopback addresses only.

In: a scenario and the present. Out: HTTP as publishers speak it, with ETag, Last-Modified and 304.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiohttp import web

from ronzio.demo import feeds, pages
from ronzio.demo.clock import ClockFile
from ronzio.demo.places import BY_ID, PLACES, WEB_PORT, Place, base, host
from ronzio.demo.scenario import Plan, Post, Scenario
from ronzio.demo.shelf import Shelf
from stream import utc_now

logger = logging.getLogger(__name__)

PROMISE_EVERY = 5.0


class Site:
    """The handlers. `now` is asked at every request, so that tests can move the time."""

    def __init__(self, scenario: Scenario, port: int, now: Callable[[], datetime] = utc_now) -> None:
        self.shelf = Shelf(scenario)
        self._port = port
        self._now = now

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/robots.txt", self.robots),
                web.get("/{place}/", self.front),
                web.get("/{place}/archive.json", self.archive),
                web.get("/{place}/sitemap.xml", self.sitemap),
                web.get("/{place}/{name:(feed\\.xml|atom\\.xml|feed\\.json)}", self.feed),
                web.get("/{place}/{kind:(post|articoli)}/{key}", self.post),
                web.get(f"/{{place}}/{pages.CLOSED}/{{tail:.*}}", self.closed),
            ]
        )
        return app

    async def feed(self, request: web.Request) -> web.Response:
        place, posts = self._place_and_posts(request)
        if not place.feed_path.endswith(f"/{request.match_info['name']}"):
            raise web.HTTPNotFound
        return _conditional(request, feeds.render(place, posts, self._base(place)), feeds.TYPES[place.feed], posts)

    async def archive(self, request: web.Request) -> web.Response:
        place, _ = self._place_and_posts(request)
        posts = list(self.shelf.archive(place))
        if not posts:
            raise web.HTTPNotFound
        return _conditional(request, feeds.json_feed(place, posts, self._base(place)), feeds.TYPES["json"], posts)

    async def sitemap(self, request: web.Request) -> web.Response:
        place, posts = self._place_and_posts(request)
        return _conditional(request, pages.sitemap(posts, self._base(place)), "application/xml", posts)

    async def front(self, request: web.Request) -> web.Response:
        place, posts = self._place_and_posts(request)
        return _conditional(request, pages.front(place, posts[:40]).encode(), "text/html", posts)

    async def post(self, request: web.Request) -> web.Response:
        place, posts = self._place_and_posts(request)
        found = self.shelf.scenario.find(request.match_info["key"], self._now())
        if found is None or found.path != request.path:
            raise web.HTTPNotFound
        body = pages.post_page(found, posts[:9], self._base(place)).encode()
        return _conditional(request, body, "text/html", [found])

    async def closed(self, request: web.Request) -> web.Response:
        place, _ = self._place_and_posts(request)
        return web.Response(text=pages.closed(place), content_type="text/html")

    async def robots(self, request: web.Request) -> web.Response:
        here = [place for place in PLACES if host(place) == request.url.host]
        places = here or PLACES
        return web.Response(text=pages.robots(places, f"http://{request.host}"))

    def _place_and_posts(self, request: web.Request) -> tuple[Place, list[Post]]:
        place = BY_ID.get(request.match_info["place"])
        if place is None:
            raise web.HTTPNotFound
        self.shelf.advance(self._now())
        return place, list(self.shelf.latest(place))

    def _base(self, place: Place) -> str:
        return base(place, self._port)


def _conditional(request: web.Request, body: bytes, content_type: str, posts: list[Post]) -> web.Response:
    """200 with validators, or 304 where the caller's copy is current. If-None-Match goes before If-Modified-Since."""
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    newest = max((post.published_at for post in posts), default=None)
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
    if newest is not None:
        headers["Last-Modified"] = format_datetime(newest.astimezone(UTC), usegmt=True)
    if request.if_none_match is not None:
        fresh = any(known.value in (etag, "*") for known in request.if_none_match)
    else:
        since = request.if_modified_since
        fresh = since is not None and newest is not None and newest <= since
    if fresh:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


@contextlib.asynccontextmanager
async def running(
    scenario: Scenario, port: int = WEB_PORT, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Site]:
    """Serves on `port` of every place's address while the context lasts. Raises OSError if the port is taken."""
    site = Site(scenario, port, now)
    runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        for address in sorted({"127.0.0.1", *(host(place) for place in PLACES)}):
            await web.TCPSite(runner, address, port).start()
        yield site
    finally:
        await runner.cleanup()


async def serve(scenario: Scenario, stop: asyncio.Event, port: int = WEB_PORT) -> None:
    """Serves a scenario until `stop` is set."""
    async with running(scenario, port):
        logger.info("the demo's web is up", extra={"action": "demo-web-up", "port": port})
        await stop.wait()


async def serve_web(data_dir: Path, stop: asyncio.Event, *, port: int = WEB_PORT, plan: Plan | None = None) -> None:
    """Serves the demo whose clock is in `data_dir`/demo.json, made at the first start, until `stop` is set."""
    file = ClockFile(data_dir / "demo.json", utc_now())
    serving = asyncio.create_task(serve(Scenario(plan or Plan(), file.clock), stop, port))
    try:
        while not serving.done():
            file.promise(utc_now())
            await asyncio.wait([serving], timeout=PROMISE_EVERY)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
