"""Sources from settings. A list of feeds (OPML) is read here, once, at the start."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crawlers.feeds.feed import FeedSource, FeedTools
from crawlers.feeds.opml import read_opml
from crawlers.fetch import Fetched, Fetcher
from crawlers.settings import CrawlerSettings, FeedSettings, OpmlSettings, SiteSettings
from crawlers.source import AnySourceError, BadPayload, Budget, Coverage, Page, Source
from stream import utc_now

logger = logging.getLogger(__name__)


class UnreadList:
    """Stands for a list of feeds that could not be read, so that the user sees why. Read again at the next start."""

    channel = "opml"

    def __init__(self, settings: OpmlSettings, error: AnySourceError) -> None:
        self.id, self.name, self.url, self.interval = settings.id, settings.title, settings.url, settings.interval
        self._error = error

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        coverage = Coverage(state="not-measured", note=self._error.what)
        return Page(items=(), next_state=state or b"", coverage=coverage, errors=(self._error,))


def build_sources(settings: CrawlerSettings, *, data_dir: Path) -> list[Source]:
    """One source for each of the settings, and for each feed of a list, which the settings do not name themselves.

    `data_dir` is where sources keep files of their own. Blocks while a list is fetched.
    """
    tools = FeedTools(settings)
    sources: dict[str, Source] = {}
    for place in sorted(settings.sources, key=lambda one: isinstance(one, OpmlSettings)):
        if isinstance(place, FeedSettings):
            sources[place.id] = FeedSource(place, tools)
        elif isinstance(place, SiteSettings):
            sources[place.id] = _site(place, settings, data_dir)
        else:
            for source in _listed(place, settings, tools, data_dir):
                sources.setdefault(source.id, source)
    return list(sources.values())


def _site(place: SiteSettings, settings: CrawlerSettings, data_dir: Path) -> Source:
    from crawlers.sites.site import SiteSource

    return SiteSource(place, settings, data_dir)


def _listed(place: OpmlSettings, settings: CrawlerSettings, tools: FeedTools, data_dir: Path) -> list[Source]:
    copy = data_dir / "opml" / f"{place.id.partition(':')[2]}.opml"
    body, error = _body(place, settings, data_dir)
    if error is not None and copy.exists():
        logger.warning("opml: using the copy read before", extra={"action": "opml-copy", "url": place.url})
        body, error = copy.read_bytes(), None
    if error is None:
        try:
            feeds = feeds_of(body, place)
        except ValueError as problem:
            error = BadPayload(what=f"{place.url}: {problem}", url=place.url)
    if error is not None:
        logger.error("opml: %s", error.what, extra={"action": "opml-unreadable", "url": place.url})
        return [UnreadList(place, error)]
    if not place.is_file:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(body)
    logger.info("opml: %d feeds", len(feeds), extra={"action": "opml-read", "url": place.url})
    return [FeedSource(feed, tools) for feed in feeds]


def feeds_of(body: bytes, place: OpmlSettings) -> list[FeedSettings]:
    """The list's feeds, with the list's own settings. Raises ValueError where it is no list."""
    common = {
        "interval": place.interval,
        "local": place.local,
        "language": place.language,
        "time_zone": place.time_zone,
    }
    return [FeedSettings(url=url, name=name, **common) for url, name in read_opml(body)]  # type: ignore[arg-type]


def _body(place: OpmlSettings, settings: CrawlerSettings, data_dir: Path) -> tuple[bytes, AnySourceError | None]:
    if not place.is_file:
        with ThreadPoolExecutor(1) as thread:  # the caller may have a loop of its own running in this one
            got = thread.submit(asyncio.run, _fetch(place, settings)).result()
        return got.body, got.error
    tried = [Path(place.url), data_dir.parent / place.url]  # from here, and from beside the data
    for path in tried:
        if path.is_file():
            return path.read_bytes(), None
    return b"", BadPayload(what=f"there is no file {tried[0]}", url=place.url)


async def _fetch(place: OpmlSettings, settings: CrawlerSettings) -> Fetched:
    fetcher = Fetcher(settings)
    try:
        return await fetcher.get(place.url, now=utc_now(), local=place.local)
    finally:
        await fetcher.close()
