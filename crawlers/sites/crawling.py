"""The crawl of one site by Scrapy: a `Job` in, an `Outcome` out, pages and items into the frontier.

Scrapy's engine does the downloading (robots.txt, delays, limits); which page is next comes from the frontier, one at a time,
because a polite crawler has one request to a site under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import msgspec
import scrapy
from scrapy.crawler import AsyncCrawlerRunner

from crawlers.identity import canonical_key
from crawlers.pool import Workers
from crawlers.sites.downloading import check_guarded, present_delay, scrapy_settings
from crawlers.sites.extract import PRELOAD
from crawlers.sites.frontier import Frontier
from crawlers.sites.job import Job, Outcome
from crawlers.sites.known import Known, Link, Visit
from crawlers.sites.revisit import after_visit
from crawlers.sites.scope import Scope
from crawlers.sites.visiting import Visitor, sitemap_links
from crawlers.source import AnySourceError, BadPayload, RateLimited, Unreachable

FAILURES = 5  # pages in a row that cannot be reached: then the site is down
NO_SUCH_PAGE = (404, 410)
AHEAD = 20  # pages taken from the frontier at a time
TOLD = 20  # errors in an outcome
GUESSED = "/sitemap.xml"  # looked for where nobody names another


class SiteSpider(scrapy.Spider):
    """Runs a `_Walk` as its start; Scrapy ends when that ends."""

    name = "site"

    def __init__(self, walk: _Walk, **options: Any) -> None:
        super().__init__(**options)
        self._walk = walk
        self.learn_sitemaps = walk.learn_sitemaps
        self.failure: BaseException | None = None

    async def start(self) -> AsyncIterator[Any]:
        try:
            await self._walk.run(self.crawler)
        except Exception as error:  # noqa: BLE001  # raised again in `crawl`; Scrapy would only log it
            self.failure = error
        nothing: tuple[scrapy.Request, ...] = ()
        for request in nothing:  # makes this the generator that Scrapy wants
            yield request


async def crawl(job: Job) -> Outcome:
    """As much of the crawl as the job allows. Raises what is our own fault; see `Outcome` for the rest."""
    frontier, workers = Frontier(Path(job.frontier)), Workers(1, PRELOAD)
    walk = _Walk(job, frontier, workers)
    try:
        settings = scrapy_settings(
            user_agent=job.user_agent,
            delay=job.delay,
            max_bytes=job.max_bytes,
            page_seconds=job.page_seconds,
            local=job.local,
        )
        crawler = AsyncCrawlerRunner(settings).create_crawler(SiteSpider)
        await crawler.crawl_async(walk=walk)
        failure = getattr(crawler.spider, "failure", None)
        if failure is not None:
            raise failure
        return walk.outcome()
    finally:
        workers.close()
        frontier.close()


class _Walk:
    """From page to page until a limit is met."""

    def __init__(self, job: Job, frontier: Frontier, workers: Workers) -> None:
        self._job = job
        self._frontier = frontier
        self._workers = workers
        self._scope = Scope(job.url)
        self._began = time.monotonic()
        self._errors: list[AnySourceError] = []
        self._start_errors: list[AnySourceError] = []
        self._ended: Literal["finished", "cut", "budget", "stopped"] | None = None
        self._not_before = 0.0
        self._has_sitemap = bool(job.sitemaps)

    def clock(self) -> datetime:
        return self._job.now.astimezone(UTC) + timedelta(seconds=time.monotonic() - self._began)

    def learn_sitemaps(self, urls: list[str]) -> None:
        """Those that a robots.txt names; they may be on another host."""
        found = tuple(url for url in urls if url.startswith(("http://", "https://")))
        self._has_sitemap = self._has_sitemap or bool(found)
        self._frontier.learn(sitemap_links(found), self.clock().timestamp())

    async def run(self, crawler: Any) -> None:
        check_guarded(crawler)
        self._frontier.begin(self.clock().timestamp(), self._seeds())
        wait = self._frontier.free_at() - self.clock().timestamp()
        if wait > self._job.seconds / 2:
            self._not_before, self._ended = self._frontier.free_at(), "budget"
            return
        await asyncio.sleep(max(0.0, wait))
        visitor = Visitor(self._job, self._scope, crawler.engine.download_async, self._workers, self.clock)
        visitor.backfill = not self._frontier.crawl.caught_up
        await self._walk(crawler, visitor)
        self._frontier.keep_free(self.clock().timestamp() + present_delay(crawler))

    async def _walk(self, crawler: Any, visitor: Visitor) -> None:
        pages: list[Known] = []
        in_a_row = 0
        while not self._ended:
            pages = pages or self._next()
            if not pages:
                return self._finish()
            if self._is_spent(crawler):
                self._ended = "budget"
                return None
            page = pages.pop(0)
            self._frontier.start(page)
            visit, error = await visitor.visit(page)
            if isinstance(error, RateLimited):
                self._frontier.put_back(page)
                self._stop(error)
                return None
            self._store(visit)
            self._note(visit, error)
            in_a_row = in_a_row + 1 if isinstance(error, Unreachable) and error.status not in NO_SUCH_PAGE else 0
            if in_a_row >= FAILURES:
                self._stop(error)
            if self._guess_sitemap() or page.kind in ("start", "sitemap"):
                pages = []  # what they list goes before what was known
        return None

    def _next(self) -> list[Known]:
        """Sitemaps, and pages while the crawl may have more of them."""
        crawl = self._frontier.crawl
        room = self._job.max_pages - crawl.visited
        due = self._frontier.due(AHEAD)
        sitemaps = [page for page in due if page.kind == "sitemap"]
        return sitemaps or due[: max(0, room)]

    def _guess_sitemap(self) -> bool:
        """Where neither the settings nor robots.txt, which the first visit has read, name a sitemap."""
        if self._has_sitemap:
            return False
        self._has_sitemap = True
        self._frontier.learn(sitemap_links((urljoin(self._job.url, GUESSED),)), self.clock().timestamp())
        return True

    def _is_spent(self, crawler: Any) -> bool:
        requests = crawler.stats.get_value("downloader/request_count", 0)
        elapsed = time.monotonic() - self._began
        full = self._frontier.waiting() >= self._job.items
        return bool(requests >= self._job.requests or elapsed >= self._job.seconds or full)

    def _finish(self) -> None:
        left = self._frontier.left()
        self._frontier.finish(whole=not left)
        self._ended = "cut" if left else "finished"

    def _stop(self, error: AnySourceError | None) -> None:
        self._ended = "stopped"
        if error is not None and error not in self._errors:
            self._errors.insert(0, error)

    def _store(self, visit: Visit) -> None:
        if visit.kind == "index" and not self._frontier.has_news(visit.links):
            quiet = visit.page.quiet + 1
            due = visit.at + after_visit("index", quiet, self._job.interval)
            visit = msgspec.structs.replace(visit, quiet=quiet, due=due)
        self._frontier.end(visit)

    def _note(self, visit: Visit, error: AnySourceError | None) -> None:
        page = visit.page
        if error is None or (page.kind == "sitemap" and page.url == urljoin(self._job.url, GUESSED)):
            return
        if page.kind == "start":
            self._start_errors.append(error)
        elif len(self._errors) < TOLD and (visit.result == "failed" or isinstance(error, BadPayload)):
            self._errors.append(error)

    def _seeds(self) -> list[Link]:
        starts = [Link(canonical_key(url), url, "start", 0) for url in (self._job.url, *self._job.start)]
        return starts + sitemap_links(self._job.sitemaps)

    def outcome(self) -> Outcome:
        crawl = self._frontier.crawl
        return Outcome(
            ended=self._ended or "budget",
            errors=(*self._start_errors, *self._errors),
            read=crawl.read,
            failed=crawl.failed,
            closed=self._frontier.closed(),
            left=self._frontier.left(),
            not_before=self._not_before,
        )
