"""The log and the records as the crawler uses them: from one thread, and with patience for a full disk or a service away.

In: items, errors, statuses. Every call returns when what it was given is durable; while it cannot be, it waits and tries again,
so that nothing that was fetched is dropped. Only `stop` ends that wait, with `Stopped`; then no state was stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from crawlers.source import AnySourceError, BadPayload
from index import Records, StoreUnavailable
from stream import RAW, DeadLetter, Item, Log, LogUnavailable, Record, SourceStatus, metrics

logger = logging.getLogger(__name__)

GROUP = "enrichment"  # whose lag says how far behind the tagging is
KIND = "source"
FULL_WAIT = 10.0  # seconds between two tries while the disk is full or a service is away
BATCH = 1000  # items in one append

T = TypeVar("T")


class Stopped(Exception):
    """The program ends while nothing can be stored."""


class Store:
    """See the module's text."""

    def __init__(self, log: Log, records: Records, stop: asyncio.Event, *, full_wait: float = FULL_WAIT) -> None:
        self._log = log
        self._records = records
        self._stop = stop
        self._full_wait = full_wait
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="crawler-store")
        self._has_room = True

    async def close(self) -> None:
        """Waits for the call under way."""
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def has_room(self) -> bool:
        """False while it is known that nothing can be stored."""
        return self._has_room

    async def statuses(self) -> dict[str, SourceStatus]:
        """All that are stored, by id; also of sources that are no longer in the configuration."""

        def read() -> dict[str, SourceStatus]:
            found = [msgspec.json.decode(one.body, type=SourceStatus) for one in self._records.scan(KIND)]
            return {status.id: status for status in found}

        return await self._patiently(read)

    async def put(self, status: SourceStatus) -> None:
        body = msgspec.json.encode(status)
        await self._patiently(lambda: self._records.put(KIND, status.id, body))

    async def append(self, source: str, items: Sequence[Item]) -> None:
        """Acknowledged by the log on return."""
        for start in range(0, len(items), BATCH):
            records = [Record(item.id.encode(), msgspec.json.encode(item)) for item in items[start : start + BATCH]]
            await self._patiently(partial(self._log.append, RAW, records, account=source))
            metrics.APPENDED.labels(metrics.kind(source)).inc(len(records))

    async def bury(self, source: str, errors: Sequence[AnySourceError], now: datetime) -> None:
        """Keeps what could not be read, once, however often it is met."""
        letters = [dead_letter(source, error, now) for error in errors if isinstance(error, BadPayload) and error.raw]
        if letters:
            await self._patiently(lambda: self._log.bury(letters))
            metrics.BURIED.labels(RAW).inc(len(letters))

    async def waiting(self) -> int | None:
        """Items the tagging has still to handle; None while that cannot be told."""
        try:
            return await self._call(lambda: sum(self._log.lag(GROUP, RAW).values()))
        except LogUnavailable as error:
            logger.info("how far behind the tagging is cannot be told: %s", error, extra={"action": "lag-unknown"})
            return None

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _patiently(self, work: Callable[[], T]) -> T:
        while True:
            try:
                answer = await self._call(work)
            except (LogUnavailable, StoreUnavailable) as error:
                await self._wait_for_room(error)
            else:
                if not self._has_room:
                    metrics.HELD_UP.set(0)
                    self._has_room = True
                    logger.info("what was fetched can be stored again", extra={"action": "crawler-resumed"})
                return answer

    async def _wait_for_room(self, error: Exception) -> None:
        metrics.RETRIED.inc()
        if self._has_room:
            metrics.HELD_UP.set(1)
            self._has_room = False
            text = "crawling pauses, nothing is lost: %s"
            logger.error(text, error, extra={"action": "crawler-waits"})
        try:
            await asyncio.wait_for(self._stop.wait(), self._full_wait)
        except TimeoutError:
            return
        raise Stopped(str(error))


def dead_letter(source: str, error: BadPayload, now: datetime) -> DeadLetter:
    """A letter for what never was a record: in partition -1, its place taken from its content, so that it is kept once."""
    identity = hashlib.blake2b(f"{source}\0{error.raw}".encode("utf-8", "replace"), digest_size=8).digest()
    return DeadLetter(
        topic=RAW,
        partition=-1,
        offset=int.from_bytes(identity, "big") >> 2,
        key=source.encode(),
        value=error.raw.encode("utf-8", "replace"),
        source=source,
        reason=f"{error.what} ({error.url})" if error.url else error.what,
        consumer="crawler",
        at=now,
    )
