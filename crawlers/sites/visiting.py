"""One page or sitemap of a site: from what is known of it, by a request, to a `Visit` for the frontier.

Redirects are not followed but become links, so that host, folder and robots.txt are checked for where they lead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import msgspec
from scrapy import Request
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response

from crawlers.entry import Origin
from crawlers.feeds.feed import content_hash
from crawlers.fetch import REDIRECTS, refusal, retry_after
from crawlers.pool import Killed, Workers, WorkFailed
from crawlers.sites.downloading import ClosedByRobots, trouble
from crawlers.sites.extract import read_page_safely
from crawlers.sites.job import Job
from crawlers.sites.known import Known, Link, Result, Visit
from crawlers.sites.revisit import Kind, after_failure, after_visit
from crawlers.sites.scope import Scope
from crawlers.sites.sitemap import read_sitemap
from crawlers.source import AnySourceError, BadPayload, TooBig, Unreachable
from stream import Item

HOPS = 5  # redirects to another spelling of the same address: https, "www."
DEEPEST = 20  # links from the start
SITEMAP_DEEPEST = 4
SITEMAP_SECONDS = 15.0
TRIES = 3  # visits begun and never ended before a page counts as harmful

Download = Callable[[Request], Awaitable[Response]]


class Failure(Exception):
    """A page could not be had. `gone`: there is no such page; that is no fault of the site."""

    def __init__(self, error: AnySourceError, *, gone: bool = False, closed: bool = False) -> None:
        super().__init__(error.what)
        self.error = error
        self.gone = gone
        self.closed = closed


class Visitor:
    """Visits pages with `download`; `clock` tells the time."""

    def __init__(
        self, job: Job, scope: Scope, download: Download, workers: Workers, clock: Callable[[], datetime]
    ) -> None:
        self._job = job
        self._scope = scope
        self._download = download
        self._workers = workers
        self._clock = clock
        self.backfill = False  # the site is being read for the first time

    async def visit(self, page: Known) -> tuple[Visit, AnySourceError | None]:
        """What to store, and what went wrong. Raises nothing for what the site does."""
        try:
            if page.begun >= TRIES:
                raise Failure(TooBig(what=f"the page was left out: {TRIES} times reading it did not end", url=page.url))
            response = await self._answer(page)
            return await self._read(page, response)
        except Failure as failure:
            return self._failed(page, failure), failure.error

    async def _answer(self, page: Known) -> Response:
        """The last answer of a page's address, in whatever spelling the site prefers. Raises Failure."""
        url, conditions = page.url, {"If-None-Match": page.etag, "If-Modified-Since": page.modified}
        headers = {name: value for name, value in conditions.items() if value}
        for _ in range(HOPS):
            response = await self._get(url, headers)
            target = _target(response)
            if target is None or self._scope.key(target) != page.key or target == url:
                return response
            url, headers = target, {}
        raise Failure(Unreachable(what=f"more than {HOPS} redirects, the last one to {url[:200]}", url=page.url))

    async def _get(self, url: str, headers: dict[str, str]) -> Response:
        try:
            request = Request(url, headers=headers, meta={"dont_redirect": True}, dont_filter=True)
            return await self._download(request)
        except ClosedByRobots as error:
            raise Failure(error.error, closed=error.readable) from None
        except (DownloadCancelledError, IgnoreRequest):
            what = f"the page is too big: more than {self._job.max_bytes:,} bytes"
            raise Failure(TooBig(what=what, url=url)) from None
        except Exception as error:  # noqa: BLE001  # whatever a server may do to a connection
            raise Failure(trouble(error, url)) from None

    async def _read(self, page: Known, response: Response) -> tuple[Visit, AnySourceError | None]:
        target = _target(response)
        if target is not None:
            return self._moved(page, target), None
        if response.status == 304:
            return self._unchanged(page), None
        if response.status != 200:
            raise self._refused(response)
        if page.kind == "sitemap":
            return await self._sitemap(page, response), None
        if not _is_page(response):
            return self._visit(page, response, "other"), None
        return await self._page(page, response)

    def _moved(self, page: Known, target: str) -> Visit:
        """A redirect to another address: followed as a link where that belongs to the site."""
        key = self._scope.key(target)
        if key == page.key:
            raise Failure(Unreachable(what=f"it redirects to itself ({target[:200]})", url=page.url))
        if page.kind == "sitemap":
            link = _sitemap_link(target, page.depth + 1)
            return self._visit(page, None, "sitemap", links=(link,) if page.depth < SITEMAP_DEEPEST else ())
        if key is None:
            if page.kind == "start":
                raise Failure(
                    Unreachable(what=f"it redirects to {target[:200]}, which is not part of the site", url=page.url)
                )
            return self._visit(page, None, "other")
        kind: Kind = "start" if page.kind == "start" else "new"
        return self._visit(
            page, None, page.kind if kind == "start" else "other", links=(Link(key, target, kind, page.depth),)
        )

    def _refused(self, response: Response) -> Failure:
        now = self._clock()
        wait = retry_after(_header(response, "Retry-After"), now)
        error = refusal(response.status, response.url, wait, now)
        return Failure(error, gone=response.status in (404, 410))

    def _unchanged(self, page: Known) -> Visit:
        visit = self._visit(page, None, page.kind, quiet=page.quiet + 1)
        return msgspec.structs.replace(visit, etag=page.etag, modified=page.modified, content=page.content)

    async def _sitemap(self, page: Known, response: Response) -> Visit:
        seconds = min(SITEMAP_SECONDS, self._job.seconds)
        try:
            listed = await self._workers.run(
                read_sitemap, response.body, response.url, self._job.time_zone, seconds=seconds
            )
        except (Killed, WorkFailed) as error:
            what = f"the sitemap cannot be read: {error}".replace("ValueError: ", "")
            raise Failure(BadPayload(what=what, url=response.url)) from None
        links = []
        for one in listed:
            if one.is_sitemap:
                if page.depth < SITEMAP_DEEPEST and one.url.startswith(("http://", "https://")):
                    links.append(_sitemap_link(one.url, page.depth + 1, one.changed))
            elif (key := self._scope.key(one.url)) is not None:
                links.append(Link(key, one.url, "new", 1, one.changed))
        return self._visit(page, response, "sitemap", links=tuple(links))

    async def _page(self, page: Known, response: Response) -> tuple[Visit, AnySourceError | None]:
        kind = _header(response, "Content-Type")
        read = await read_page_safely(self._workers, response.body, response.url, self._origin(response.url), kind)
        links = tuple(self._inside(read.links, page.depth + 1)) if page.depth < DEEPEST else ()
        if isinstance(read.result, Item) and page.kind != "start":
            item, content = read.result, content_hash(read.result)
            changed = content != page.content
            item = msgspec.structs.replace(item, backfill=self.backfill and item.date_origin == "fetched")
            visit = self._visit(page, response, "article", links=links, quiet=0 if changed else page.quiet + 1)
            return msgspec.structs.replace(visit, item=item if changed else None, content=content), None
        error = read.result if isinstance(read.result, BadPayload) else None
        return self._visit(page, response, "start" if page.kind == "start" else "index", links=links), error

    def _inside(self, urls: tuple[str, ...], depth: int) -> list[Link]:
        found: dict[str, Link] = {}
        for url in urls:
            key = self._scope.key(url)
            if key is not None:
                found.setdefault(key, Link(key, url, "new", depth))
        return list(found.values())

    def _visit(
        self, page: Known, response: Response | None, kind: Kind, *, links: tuple[Link, ...] = (), quiet: int = 0
    ) -> Visit:
        announced = kind == "sitemap" and page.changed > 0
        at = self._clock().timestamp()
        wait = after_visit(kind, quiet, self._job.interval, announced=announced)
        whole = response is not None and "dataloss" not in response.flags
        return Visit(
            page=page,
            at=at,
            kind=kind,
            due=at + wait if wait else 0.0,
            url=response.url if response is not None else "",
            etag=_header(response, "ETag")[:500] if response is not None and whole else "",
            modified=_header(response, "Last-Modified")[:100] if response is not None and whole else "",
            content=page.content,
            quiet=quiet,
            links=links,
        )

    def _failed(self, page: Known, failure: Failure) -> Visit:
        at = self._clock().timestamp()
        listed = page.kind not in ("start", "sitemap")
        gone, closed = failure.gone and listed, failure.closed and listed
        kind: Kind = "gone" if gone else "closed" if closed else page.kind
        wait = after_visit(kind, 0, 0.0) if gone or closed else after_failure(page.kind, page.fails + 1)
        result: Result = "closed" if failure.closed else "read" if gone else "failed"
        return Visit(page=page, at=at, kind=kind, result=result, due=at + wait if wait else 0.0, content=page.content)

    def _origin(self, url: str) -> Origin:
        return Origin(
            source=self._job.source,
            channel="site",
            url=url,
            fetched_at=self._clock().astimezone(UTC),
            time_zone=self._job.time_zone,
            language=self._job.language,
        )


def _sitemap_link(url: str, depth: int, changed: float = 0.0) -> Link:
    return Link(f"sitemap {url}", url, "sitemap", depth, changed)


def sitemap_links(urls: tuple[str, ...]) -> list[Link]:
    """Sitemaps to begin with."""
    return [_sitemap_link(url, 0) for url in urls]


def _target(response: Response) -> str | None:
    location = _header(response, "Location")
    if response.status not in REDIRECTS or not location:
        return None
    try:
        return urljoin(response.url, location)
    except ValueError:
        return None


def _is_page(response: Response) -> bool:
    declared = _header(response, "Content-Type").partition(";")[0].strip().lower()
    return declared in ("", "text/html", "application/xhtml+xml") or (
        declared == "text/plain" and b"<html" in response.body[:2000].lower()
    )


def _header(response: Any, name: str) -> str:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""
