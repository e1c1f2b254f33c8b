"""What travels between a site's frontier and its crawl: pages, links, visits."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from crawlers.sites.revisit import Kind
from stream import Item

Result = Literal["read", "failed", "closed"]  # the last by robots.txt, without a request


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A page as the frontier knows it."""

    key: str
    url: str
    kind: Kind
    depth: int  # links from the start
    changed: float
    etag: str
    modified: str
    content: str  # hash of the item it last gave
    quiet: int
    fails: int
    begun: int  # visits begun and never ended: its crawler died of it, or was killed


class Link(NamedTuple):
    """A page somebody points at."""

    key: str
    url: str
    kind: Kind
    depth: int
    changed: float = 0.0


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """How a visit ended. `result`: "read" also when unchanged or when there is no such page."""

    page: Known
    at: float
    kind: Kind
    result: Result = "read"
    due: float = 0.0
    url: str = ""  # where it is now, "" = where it was
    etag: str = ""
    modified: str = ""
    content: str = ""
    quiet: int = 0
    item: Item | None = None
    links: tuple[Link, ...] = ()


class Crawl(msgspec.Struct, kw_only=True):
    """A pass over the site; it may take several fetches. The counts are of pages, without sitemaps."""

    number: int = 0
    started: float = 0.0
    open: bool = False
    read: int = 0
    failed: int = 0
    caught_up: bool = False  # some crawl before this one has visited all there was to visit

    @property
    def visited(self) -> int:
        return self.read + self.failed
