"""A web site over loopback whose pages tests write, and a source that crawls it."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from crawlers import Budget, CrawlerSettings, Page, SiteSettings
from crawlers.sites.site import SiteSource

NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
FILLER = (
    "Il pacco ordinato lunedì non è ancora arrivato e il servizio clienti continua a rispondere che bisogna aspettare. "
    "Nel frattempo il negozio di via Roma ha confermato che la merce è disponibile e che la consegna dipende dal corriere. "
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    path: str
    at: float
    headers: dict[str, str]
    status: int


def article(title: str, *links: str, text: str = FILLER, date: str = "2026-03-04T10:00:00+01:00") -> str:
    """A page that says it is an article."""
    anchors = "".join(f'<li><a href="{link}">altro</a></li>' for link in links)
    stated = f'<meta property="article:published_time" content="{date}">' if date else ""
    return (
        f'<!doctype html><html lang="it"><head><title>{title} | Il sito</title>'
        f'<meta property="og:type" content="article"><meta property="og:title" content="{title}">{stated}</head>'
        f"<body><article><h1>{title}</h1><p>{text}</p><p>{title}: {text}</p></article><ul>{anchors}</ul></body></html>"
    )


def listing(*links: str) -> str:
    """A home page or the page of a section."""
    anchors = "".join(f'<p><a href="{link}">titolo</a></p>' for link in links)
    return f'<!doctype html><html lang="it"><head><title>Prima pagina</title></head><body>{anchors}</body></html>'


def urlset(*urls: str, changed: str = "") -> bytes:
    stated = f"<lastmod>{changed}</lastmod>" if changed else ""
    entries = "".join(f"<url><loc>{url}</loc>{stated}</url>" for url in urls)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode()


class Site:
    """`pages`: path -> HTML, bytes, or a handler. Everything else is 404. `asked` is every request, in order."""

    def __init__(self) -> None:
        self.pages: dict[str, str | bytes | Handler] = {}
        self.asked: list[Asked] = []
        self.port = 0

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def paths(self, *, since: int = 0) -> list[str]:
        return [one.path for one in self.asked[since:]]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        path = request.path_qs
        self.asked.append(Asked(path, began, dict(request.headers), 0))
        place = len(self.asked) - 1
        page = self.pages.get(path)
        if page is None:
            response: web.StreamResponse = web.Response(status=404, text="no such page")
        elif callable(page):
            response = await page(request)
        else:
            response = _conditional(request, page.encode() if isinstance(page, str) else page, path)
        self.asked[place] = self.asked[place]._replace(status=response.status)
        return response


def _conditional(request: web.Request, body: bytes, path: str) -> web.Response:
    etag = f'"{hash(body)}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    kind = "text/plain" if path == "/robots.txt" else "application/xml" if ".xml" in path else "text/html"
    if path.endswith(".gz"):
        body, kind = gzip.compress(body), "application/gzip"
    return web.Response(body=body, content_type=kind, headers={"ETag": etag})


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        server = web.TCPSite(runner, "127.0.0.1", 0)
        await server.start()
        site.port = server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        yield site
    finally:
        await runner.cleanup()


class Reader:
    """A source and what a runner would keep of it: the acknowledged items and the state. Each fetch is an hour after the last."""

    def __init__(
        self, site: Site, folder: Path, *, url: str = "", settings: dict[str, Any] | None = None, **place: Any
    ) -> None:
        options = {"local": True, "delay": 0.01, "language": "it", **place}
        self.place = SiteSettings(url=url or site.url(), **options)
        self.source = SiteSource(self.place, CrawlerSettings(**(settings or {})), folder)
        self.state: bytes | None = None
        self.titles: list[str] = []  # of acknowledged items, in order
        self.hours = 0.0

    async def fetch(self, **budget: Any) -> Page:
        """One fetch, nothing acknowledged."""
        self.hours += 1
        return await self.source.fetch(self.state, Budget(now=NOW + timedelta(hours=self.hours), **budget))

    def acknowledge(self, page: Page) -> None:
        self.titles += [item.title for item in page.items]
        self.state = page.next_state

    async def crawl(self, **budget: Any) -> Page:
        """Fetches and acknowledges until the source wants no more; the last page."""
        for _ in range(50):
            page = await self.fetch(**budget)
            self.acknowledge(page)
            if not page.more:
                return page
        raise AssertionError("the crawl does not end")


def with_site(work: Callable[[Site], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving() as site:
            await work(site)

    asyncio.run(main())
