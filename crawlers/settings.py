"""The crawler's part of `ronzio.toml`: where mentions come from, and how much a fetch may cost.

In: tables as TOML gives them. Out: immutable settings; a mistake raises pydantic's ValidationError with words for the
user. A source's id is made of its kind and address, so that renaming it keeps its state and its books.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from stream import Settings, mention_id, slug

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def parse_duration(value: object) -> object:
    """Seconds from "90s", "15m", "1h" or "2d"; a number is seconds already. Raises ValueError."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('expected a duration such as "30s", "15m", "1h" or "1d"')
    return float(match[1]) * _UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, allow_inf_nan=False)]


def check_address(url: str) -> str:
    """The address as given, if it is one of the web's. Raises ValueError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"[\s\x00-\x20]", url):
        raise ValueError('expected a web address such as "https://www.example.com/feed.xml"')
    return url


class PlaceSettings(Settings):
    """What every kind of source has."""

    kind: str
    url: str  # its web address
    name: str = ""  # none given: the address without its scheme
    interval: Duration = 900.0  # seconds between visits
    local: bool = False  # may be on this machine or in the local network
    language: str = Field(
        default="", pattern=r"^([a-z]{2}(-[A-Za-z]{2,4})?)?$"
    )  # what it writes in; "" = let it be found
    time_zone: str = "Europe/Rome"  # of dates that state none

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError):  # a folder's name gives an OSError
            raise ValueError('expected a time zone such as "Europe/Rome"') from None
        return zone

    @property
    def id(self) -> str:
        """ "feed:www-example-com-feed-3f9a1c": readable, and distinct for distinct addresses."""
        readable = slug(self.url.partition("://")[2] or self.url)[:48].strip("-")
        return f"{self.kind}:{readable}-{mention_id(self.url)[:6]}"

    @property
    def title(self) -> str:
        """What to call it."""
        return self.name or self.url.partition("://")[2].rstrip("/") or self.url


class FeedSettings(PlaceSettings):
    """RSS, Atom or JSON Feed; an alert service's own feed too."""

    kind: Literal["feed"] = "feed"
    interval: Duration = Field(default=900.0, ge=1)

    _address = field_validator("url")(check_address)


class SiteSettings(PlaceSettings):
    """A site, crawled through its sitemaps and links, within the host of `url` and below its folder."""

    kind: Literal["site"] = "site"
    interval: Duration = Field(default=3600.0, ge=1)  # between two crawls
    start: tuple[str, ...] = ()  # pages to begin at besides `url`
    sitemaps: tuple[str, ...] = ()  # besides those robots.txt names
    max_pages: int = Field(default=500, ge=1, le=100_000)  # in one crawl
    delay: Duration = 1.0  # seconds between two requests; robots.txt may ask for more

    _address = field_validator("url")(check_address)

    @field_validator("start", "sitemaps")
    @classmethod
    def _addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_address(url) for url in urls)


class OpmlSettings(PlaceSettings):
    """A list of feeds: a file, or an address read at every start. Its other settings go to each of the feeds."""

    kind: Literal["opml"] = "opml"
    url: str = Field(min_length=1)  # a file or a web address
    interval: Duration = Field(default=900.0, ge=1)

    @field_validator("url")
    @classmethod
    def _file_or_address(cls, url: str) -> str:
        return check_address(url) if "://" in url else url

    @property
    def is_file(self) -> bool:
        return "://" not in self.url


AnyPlace = Annotated[FeedSettings | SiteSettings | OpmlSettings, Field(discriminator="kind")]


class CrawlerSettings(Settings):
    """The table [crawler], and [[sources]]."""

    sources: tuple[AnyPlace, ...] = ()
    contact: str = Field(default="https://example.org/ronzio", pattern=r"^[\x20-\x7e]*$")  # told to every server
    max_bytes: int = Field(default=10_000_000, ge=1_000)  # of one answer, on the wire and unpacked
    fetch_seconds: Duration = 60.0  # for one answer, redirects included
    connect_seconds: Duration = 10.0  # until a server takes the connection
    read_seconds: Duration = 15.0  # between two pieces of an answer
    host_delay: Duration = 1.0  # seconds between the end of one request to a host and the next
    at_once: int = Field(default=50, ge=1, le=1000)  # hosts asked at the same time
    parse_seconds: Duration = 10.0  # then the process that reads the feed is killed
    parsers: int = Field(default=2, ge=1, le=64)  # processes that read feeds and pages
    max_waiting: int = Field(default=200_000, ge=1)  # crawling waits while more than this is still to be tagged

    @model_validator(mode="after")
    def _no_source_twice(self) -> CrawlerSettings:
        seen: set[str] = set()
        for place in self.sources:
            if place.id in seen:
                raise ValueError(f'sources: "{place.url}" stands there twice')
            seen.add(place.id)
        return self

    @property
    def user_agent(self) -> str:
        return f"Ronzio/0.1 (+{self.contact})" if self.contact else "Ronzio/0.1"
