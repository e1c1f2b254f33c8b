"""How Scrapy is made to download: through the guard, by robots.txt's rules, never faster than the site wishes.

Scrapy is pinned: the download handler it calls experimental and parts of its robots.txt middleware are private. Its own
defaults are not safe (measured): links to `file:` are read, any public page may redirect to a private address, robots.txt
is not obeyed, and an HTTP server that runs Python code listens on this machine.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from msgspec import structs
from scrapy import Request
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError, IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser
from scrapy.utils.httpobj import urlparse_cached

from crawlers.fetch import explain
from crawlers.guard import Policy, guarded_connector
from crawlers.source import AnySourceError, Forbidden, Unreachable

logger = logging.getLogger(__name__)

LONGEST_RULES = 512_000  # bytes of a robots.txt that count, as RFC 9309 says
_TLS = re.compile(r" ssl:(?:default|<[^>]*>)(?: \[None\])?")  # in aiohttp's messages
HANDLER = "crawlers.sites.downloading.GuardedHandler"


class ClosedByRobots(IgnoreRequest):
    """robots.txt does not allow the page, or could not be had (`readable` False); `error` says it to the user."""

    def __init__(self, error: AnySourceError, readable: bool) -> None:
        super().__init__(error.what)
        self.error = error
        self.readable = readable


class GuardedHandler(AiohttpDownloadHandler):
    """Connects to what the source's `Policy` allows and to nothing else."""

    experimental = False  # silences the warning about what the pin is for

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unguarded = self._session._connector
        local = crawler.settings.getbool("RONZIO_LOCAL")
        self._session._connector = guarded_connector(Policy(local=local), limit=self._pool_size_total)

    async def close(self) -> None:
        if self._unguarded is not None:
            await self._unguarded.close()
        await super().close()


class Rules(RobotsTxtMiddleware):
    """robots.txt as RFC 9309 says: one that cannot be had closes the site, one that is not there opens it. Crawl-delay holds.

    The spider's `learn_sitemaps` is called with the addresses of the sitemaps that a robots.txt names.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unreadable: dict[str, AnySourceError] = {}

    def process_request_2(self, rp: Any, request: Request) -> None:
        unreadable = self._unreadable.get(urlparse_cached(request).netloc)
        if unreadable is not None:
            raise ClosedByRobots(unreadable, False)
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest:
            error = Forbidden(what=f"robots.txt does not allow {request.url[:300]}", url=request.url)
            raise ClosedByRobots(error, True) from None

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            raise DownloadFailedError(f"status {response.status}")  # comes back in _robots_error
        body = response.body[:LONGEST_RULES] if response.status == 200 else b""
        await super()._parse_robots(response.replace(body=body), netloc, request)
        rules = self._parsers[netloc]
        if isinstance(rules, ProtegoRobotParser):
            wanted = rules.crawl_delay(self.crawler.settings["USER_AGENT"]) or 0.0
            slow_down(self.crawler, response.request or request, wanted)
            spider: Any = self.crawler.spider
            spider.learn_sitemaps(list(rules.rp.sitemaps))

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        found = trouble(exc, f"//{netloc}/robots.txt")
        what = f"robots.txt cannot be read, so that nothing may be visited: {found.what}"
        self._unreadable[netloc] = structs.replace(found, what=what)
        super()._robots_error(exc, netloc)


def trouble(error: Exception, url: str) -> AnySourceError:
    """What a failed download means."""
    if isinstance(error, DownloadTimeoutError):
        return Unreachable(what="no complete answer in time", url=url)
    found = explain(error, url)
    return structs.replace(found, what=_TLS.sub("", found.what))


def slow_down(crawler: Crawler, request: Request, delay: float) -> None:
    """Makes `delay` seconds the least between two requests to the host of `request`, whatever AutoThrottle thinks."""
    throttle = crawler.get_extension(AutoThrottle)
    assert throttle is not None and crawler.engine is not None
    throttle.mindelay = max(throttle.mindelay, delay)
    slot = crawler.engine.downloader.slots.get(request.meta.get("download_slot", ""))
    if slot is not None:
        slot.delay = max(slot.delay, delay)


def present_delay(crawler: Crawler) -> float:
    """Seconds to leave the site alone after the last request."""
    return max((slot.delay for slot in crawler.engine.downloader.slots.values()), default=0.0)


def check_guarded(crawler: Crawler) -> None:
    """Raises RuntimeError unless every download goes through the guard: settings of a lower priority lose silently."""
    handlers = crawler.engine.downloader.handlers
    for scheme in ("http", "https"):
        handler = handlers._get_handler(scheme)
        if not isinstance(handler, GuardedHandler):
            raise RuntimeError(f"downloads of {scheme} do not go through the guard but through {handler!r}")
    others = set(handlers._schemes) - {"http", "https"}
    if others:
        raise RuntimeError(f"there are download handlers for {', '.join(sorted(others))}")


def scrapy_settings(
    *, user_agent: str, delay: float, max_bytes: int, page_seconds: float, local: bool
) -> dict[str, Any]:
    """`delay` is the least; AutoThrottle makes it longer where the site is slow. One request at a time."""
    return {
        "TWISTED_REACTOR_ENABLED": False,
        "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER, **dict.fromkeys(("file", "ftp", "s3", "data"))},
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "ROBOTSTXT_OBEY": True,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "crawlers.sites.downloading.Rules": 100,
        },
        "RETRY_ENABLED": False,  # the frontier knows when to try again
        "METAREFRESH_ENABLED": False,
        "REDIRECT_MAX_TIMES": 5,  # of robots.txt; pages' redirects are links
        "COOKIES_ENABLED": False,
        "HTTPPROXY_ENABLED": False,  # a proxy would connect where the guard does not look
        "HTTPCACHE_ENABLED": False,
        "LOG_ENABLED": False,
        "USER_AGENT": user_agent,
        "DEFAULT_REQUEST_HEADERS": {
            "Accept": "text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8,*/*;q=0.5",
            "Accept-Encoding": "gzip, deflate",
        },
        "DOWNLOAD_MAXSIZE": max_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_FAIL_ON_DATALOSS": False,  # half a page is better than none
        "DOWNLOAD_TIMEOUT": page_seconds,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_DELAY": delay,
        "DOWNLOAD_DELAY_JITTER": 0.0,  # would go below the delay as well
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": delay,
        "AUTOTHROTTLE_MAX_DELAY": max(60.0, delay),
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 1.0,
        "RONZIO_LOCAL": local,
    }
