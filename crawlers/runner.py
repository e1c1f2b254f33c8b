"""Asks every source when it is due and hands on what it brings.

In: sources, the log, the records. Out: items in `mentions.raw`, and only when the log has acknowledged them, the source's
status with the state that goes with them. So a crash means that something is fetched again, never that it is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from crawlers import health
from crawlers.politeness import Hosts
from crawlers.settings import CrawlerSettings
from crawlers.source import Budget, Coverage, Page, RateLimited, Source, Unreachable
from crawlers.store import Stopped, Store
from index import Records
from stream import Log, SourceStatus, metrics, utc_now

logger = logging.getLogger(__name__)

ITEMS = 5000  # of one source at a time
GRACE = 2.5  # seconds for what is under way when told to stop
LOOK_AT_LAG = 5.0  # seconds
HELD_UP = 0.5  # seconds between two looks whether crawling may go on


@runtime_checkable
class Closeable(Protocol):
    async def close(self) -> None: ...


async def run_crawler(
    sources: Sequence[Source],
    log: Log,
    records: Records,
    settings: CrawlerSettings,
    stop: asyncio.Event,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Until `stop` is set; then returns within three seconds or so. Closes the sources. `log` is used from one thread.

    What is neither the outside world's nor a source's fault (LogError, IndexFailure) is raised. A full disk is waited out.
    """
    store = Store(log, records, stop)
    try:
        crawler = _Crawler(store, settings, stop, clock)
        await crawler.run(sources)
    finally:
        for source in sources:
            if isinstance(source, Closeable):
                await source.close()
        await store.close()


class _Crawler:
    def __init__(
        self, store: Store, settings: CrawlerSettings, stop: asyncio.Event, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._hosts = Hosts(settings.host_delay)
        self._places = asyncio.Semaphore(settings.at_once)
        self._flowing = True  # False while too much waits to be tagged

    async def run(self, sources: Sequence[Source]) -> None:
        try:
            known = await self._store.statuses()
        except Stopped:
            return
        await self._look_at_lag()
        tasks = [asyncio.create_task(self._follow(source, known.get(source.id))) for source in sources]
        tasks.append(asyncio.create_task(self._watch_lag()))
        logger.info("crawling %d sources", len(sources), extra={"action": "crawler-started"})
        stopping = asyncio.create_task(self._stop.wait())
        await _until(tasks, stopping)
        _, late = await asyncio.wait(tasks, timeout=GRACE if self._stop.is_set() else 0)
        for task in (*late, stopping):
            task.cancel()
        await asyncio.wait([*tasks, stopping])
        logger.info("crawler stopped", extra={"action": "crawler-stopped", "abandoned": len(late)})
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Stopped):
                raise error

    async def _follow(self, source: Source, known: SourceStatus | None) -> None:
        """One source, for ever: waits until it is due, fetches, hands on."""
        status = _status(source, known, self._clock())
        await self._store.put(status)
        while status.due_at is not None:
            if await self._sleep(status.due_at - self._clock()):
                return
            quiet = self._hosts.quiet_until(source.url, self._clock())
            if quiet is not None:
                status = msgspec.structs.replace(status, due_at=quiet)
                continue
            if await self._held_up():
                return
            async with self._hosts.turn(source.url), self._places:
                if self._stop.is_set():
                    return
                page = await self._fetch(source, status.state or None)
            status = await self._hand_on(source, status, page)
        logger.warning("source is gone", extra={"action": "source-gone", "source": source.id})

    async def _fetch(self, source: Source, state: bytes | None) -> Page:
        """What the source brings. A mistake in the source itself is logged and counts as a failed visit."""
        budget = Budget(now=self._clock(), items=ITEMS, seconds=self._settings.fetch_seconds)
        asking = asyncio.create_task(source.fetch(state, budget))
        try:
            await asyncio.wait({asking})
        finally:
            asking.cancel()
        error = asking.exception()
        if error is None:
            return asking.result()
        logger.error("source failed", extra={"action": "source-broke", "source": source.id}, exc_info=error)
        what = f"internal error, please report it: {type(error).__name__}: {error}"[:300]
        failed = Unreachable(what=what, url=source.url)
        coverage = Coverage(state="not-measured", note=what)
        return Page(items=(), next_state=state or b"", coverage=coverage, errors=(failed,))

    async def _hand_on(self, source: Source, status: SourceStatus, page: Page) -> SourceStatus:
        """Items first, dead letters next, the state last."""
        now = self._clock()
        await self._store.append(source.id, page.items)
        _count(source, page)
        await self._store.bury(source.id, page.errors, now)
        for error in page.errors:
            if isinstance(error, RateLimited):
                self._hosts.keep_quiet(source.url, error.until)
        after = health.after_page(status, page, now, source.interval)
        await self._store.put(after)
        _tell(source, status, after, page)
        return after

    async def _watch_lag(self) -> None:
        """Looks now and then how far behind the tagging is."""
        while not await self._sleep(timedelta(seconds=LOOK_AT_LAG)):
            await self._look_at_lag()

    async def _look_at_lag(self) -> None:
        waiting = await self._store.waiting()
        if waiting is None:
            return
        flows = waiting <= self._settings.max_waiting
        if self._flowing and not flows:
            text = "crawling waits: %d items are still to be tagged"
            logger.warning(text, waiting, extra={"action": "crawler-held-up"})
        self._flowing = flows

    async def _held_up(self) -> bool:
        """Waits while tagging is far behind or the disk is full. True when it is time to stop."""
        while not (self._flowing and self._store.has_room):
            if await self._sleep(timedelta(seconds=HELD_UP)):
                return True
        return self._stop.is_set()

    async def _sleep(self, wait: timedelta) -> bool:
        """True when it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), max(0.0, wait.total_seconds()))
        return self._stop.is_set()


def _status(source: Source, known: SourceStatus | None, now: datetime) -> SourceStatus:
    """What is known of the source, under the name and address it has in the configuration."""
    status = known or SourceStatus(id=source.id, name=source.name, channel=source.channel, due_at=now)
    return msgspec.structs.replace(status, name=source.name, channel=source.channel, url=source.url)


def _count(source: Source, page: Page) -> None:
    """One visit, its items handed on."""
    kind = metrics.kind(source.id)
    metrics.VISITS.labels(kind, "failed" if page.errors else "ok").inc()
    metrics.FETCHED.labels(kind).inc(len(page.items))
    for error in page.errors:
        metrics.SOURCE_ERRORS.labels(kind, type(error).__name__).inc()


def _tell(source: Source, before: SourceStatus, after: SourceStatus, page: Page) -> None:
    about = {"source": source.id, "items": len(page.items), "health": after.health}
    if after.error and after.error != before.error:
        logger.warning("%s: %s", source.name, after.error, extra={"action": "source-failed", **about})
    elif before.health != after.health:
        logger.info("%s: %s", source.name, after.health, extra={"action": "source-health", **about})
    elif page.items:
        logger.debug("%s: %d items", source.name, len(page.items), extra={"action": "source-fetched", **about})


async def _until(tasks: Sequence[asyncio.Task[None]], stopping: asyncio.Task[bool]) -> None:
    """Until it is time to stop, or one of the tasks fails."""
    running: set[asyncio.Task[None]] = set(tasks)
    while not stopping.done():
        done, _ = await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finished = {task for task in running if task in done}
        if any(task.exception() is not None for task in finished):
            return
        running -= finished
