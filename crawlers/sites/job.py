"""What a site's source asks of its crawl, and what the crawl answers. JSON over a pipe; all else is in the frontier."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from crawlers.source import AnySourceError


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One fetch of one site: as much of the crawl under way as these limits allow."""

    source: str
    url: str
    start: tuple[str, ...]
    sitemaps: tuple[str, ...]
    frontier: str  # path of its file
    now: datetime
    time_zone: str
    language: str
    local: bool
    user_agent: str
    interval: float
    delay: float
    max_pages: int
    max_bytes: int
    page_seconds: float  # for one download
    seconds: float
    requests: int
    items: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. `ended`: "finished" the crawl, "cut" it off at the limit of pages, stopped at the "budget" of this fetch,
    or was "stopped" by the site; `not_before`: when the site may be asked again, in seconds since 1970."""

    ended: Literal["finished", "cut", "budget", "stopped"]
    errors: tuple[AnySourceError, ...] = ()  # the start's first
    read: int = 0  # pages in this crawl so far
    failed: int = 0
    closed: int = 0  # known pages that robots.txt closes
    left: int = 0  # due in this crawl, not visited
    not_before: float = 0.0
