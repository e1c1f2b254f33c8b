"""Who tells stories and events: follows `mentions.signatures` and says which mentions repeat an earlier one, or tell of the same.

Tagging is dear and runs in as many workers as one likes; telling copies apart is cheap, but needs one order and a memory of what
came before. So workers put signatures into a topic of one partition, and one member of the group follows it; others stand by.
Its memory, the window, is made anew from that topic by whoever takes over: signatures and what was told of them are all in
there. A mention is its own story and event until told otherwise, which takes a moment after it is stored.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from enrichment.settings import EnrichmentSettings
from enrichment.stories import Stories
from index import Index, StoreUnavailable
from stream import SIGNATURES, Batch, DeadLetter, Fenced, Log, LogUnavailable, Record, Signatures, metrics, utc_now

logger = logging.getLogger(__name__)

STORIES_GROUP: Final = "stories"
POLL: Final = 0.5  # seconds; how soon `stop` is seen
AT_ONCE: Final = 200  # records, of up to some hundred mentions each
LOOK_BACK: Final = 2000  # records read at once on the way back
COMPANY: Final = 0.2  # seconds waited for more after a poll: each costs as much as telling some hundred mentions
RETRY: Final = 5.0  # seconds between two tries while a service is away

_decode = msgspec.json.Decoder(Signatures).decode


def run_stories(log: Log, index: Index, settings: EnrichmentSettings, stop: Callable[[], bool]) -> None:
    """Works until `stop()`. Any number may run: one works, the others wait for it to end."""
    teller = _Teller(log, index, settings.story_window)
    with log.consumer(STORIES_GROUP, (SIGNATURES,)) as consumer:
        while not stop():
            batches = consumer.poll(AT_ONCE, POLL)
            for batch in batches:
                metrics.RECEIVED.labels(batch.topic).inc(len(batch.records))
                while not stop():
                    try:
                        teller.handle(batch)
                        consumer.commit(batch)
                        metrics.HELD_UP.set(0)
                        break
                    except Fenced as error:
                        teller.forget()
                        metrics.FENCED.labels(batch.topic).inc()
                        logger.info("another process has taken over: %s", error, extra={"action": "batch-dropped"})
                        break
                    except (LogUnavailable, StoreUnavailable) as error:
                        teller.forget()
                        metrics.HELD_UP.set(1)
                        metrics.RETRIED.inc()
                        extra = {"action": "waiting"}
                        logger.error("%s; nothing is lost; trying again every %.0f s", error, RETRY, extra=extra)
                        _sleep(RETRY, stop)
            if batches and not stop():
                time.sleep(COMPANY)


class _Teller:
    """The window and what it was made from."""

    def __init__(self, log: Log, index: Index, size: int) -> None:
        self._log = log
        self._index = index
        self._size = size
        self._stories = Stories(size)
        self._epoch = -1

    def forget(self) -> None:
        """What was seen since the last commit does not count: the window is made anew before the next batch."""
        self._epoch = -1

    def handle(self, batch: Batch) -> None:
        """Tells of every mention in the batch that belongs to an earlier one, and of earlier ones that it brings together."""
        if batch.epoch != self._epoch and batch.records:
            self._restore(batch)
            self._epoch = batch.epoch
        ids: list[str] = []
        marks: list[str] = []
        letters: list[DeadLetter] = []
        for record in batch.records:
            try:
                told = _decode(record.value)
            except (msgspec.MsgspecError, UnicodeError) as error:
                letters.append(_letter(batch, record.offset, record.key, record.value, error))
                continue
            ids += told.signatures
            marks += told.signatures.values()
        if letters:
            self._log.bury(letters)
            metrics.BURIED.labels(batch.topic).inc(len(letters))
        groups = self._stories.assign(ids, marks)
        stories = {id: group.story for id, group in groups.items() if group.story != id}
        events = {id: group.event for id, group in groups.items() if group.event != id}
        if stories or events:
            self._index.assign(stories, events)
            said = Signatures(at=utc_now(), stories=stories, events=events)
            self._log.append(SIGNATURES, [Record(b"", msgspec.json.encode(said))])

    def _restore(self, batch: Batch) -> None:
        """Makes the window from what lies before the batch, and what was told of it, wherever that lies; the last word holds."""
        partition, start = batch.partition, batch.records[0].offset
        first, end = self._log.ends(SIGNATURES)[partition]
        stories: dict[str, str] = {}
        events: dict[str, str] = {}
        pages: deque[list[Signatures]] = deque()
        seen, high = 0, end
        while high > first and seen < self._size:
            low = max(first, high - LOOK_BACK)
            page = [(one.offset, one.value) for one in self._log.read(SIGNATURES, partition, low, high - low)]
            found = [(offset, told) for offset, value in page if offset < high and (told := _try(value)) is not None]
            for _, told in reversed(found):
                stories = told.stories | stories
                events = told.events | events
            before = [told for offset, told in found if offset < start]
            pages.appendleft(before)
            seen += sum(len(told.signatures) for told in before)
            high = low
        self._stories = Stories(self._size)
        self._stories.restore(
            {"id": id, "signature": signature, "story": stories.get(id, id), "event": events.get(id, id)}
            for page in pages
            for told in page
            for id, signature in told.signatures.items()
        )
        extra = {"action": "stories-restored", "mentions": len(self._stories)}
        logger.info("stories restored from %d mentions", len(self._stories), extra=extra)


def _try(value: bytes) -> Signatures | None:
    try:
        return _decode(value)
    except (msgspec.MsgspecError, UnicodeError):
        return None  # buried when its turn came


def _letter(batch: Batch, offset: int, key: bytes, value: bytes, error: Exception) -> DeadLetter:
    return DeadLetter(
        topic=batch.topic, partition=batch.partition, offset=offset, key=key, value=value, source="",
        reason=f"not signatures: {error}", consumer=STORIES_GROUP, at=utc_now(),
    )  # fmt: skip


def _sleep(seconds: float, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop():
        time.sleep(0.1)
