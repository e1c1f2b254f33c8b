"""Tags history anew while everything runs: what the store holds under another version of the tagging, a page at a time, and
what the log still keeps and names a brand only now.

Human edits stay, and so do stories and the books. It may be killed at any moment: what is tagged anew says so by its
version, and the next run goes on with the rest. It waits while live work is waiting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from enrichment.stored import item_of, mention_of
from enrichment.tagger import Enricher, Rejected
from enrichment.worker import GROUP
from index import Index, Json, Retagged, erased_among
from stream import EDITS, RAW, Item, Log, Mention, Record

logger = logging.getLogger(__name__)

PAGE: Final = 256  # mentions in one go: some 50 ms of the store
LIVE: Final = 256  # records waiting to be tagged, above which history waits
UNSEARCHABLE: Final = 5_000  # changes that the searchable view is behind, above which history waits
_LOOK: Final = 0.2  # seconds between two looks at what is waiting

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class Told(msgspec.Struct, kw_only=True):
    """What a run did."""

    retagged: int = 0
    unnamed: int = 0  # name none of the brands any more, and were left as they are
    dropped: int = 0  # or were taken out, because that was asked for
    by_hand: int = 0  # of the retagged: with tags that a human gave, which stay
    brought_in: int = 0  # from the log: name a brand only now
    finished: bool = False


def outstanding(engine: str, query: Json | None = None) -> Json:
    """The query of mentions tagged by another version than `engine`."""
    return {"bool": {"filter": [query or {"match_all": {}}], "must_not": [{"term": {"engine": engine}}]}}


def retag(
    log: Log,
    index: Index,
    enricher: Enricher,
    stop: Stop,
    *,
    query: Json | None = None,
    drop: bool = False,
    progress: Progress = lambda done, total: None,
) -> Told:
    """Tags again what the store holds. `query`: only of these. `drop`: what names no brand any more goes, unless a human gave
    it its brand."""
    told = Told()
    wanted = outstanding(enricher.engine, query)
    total, done = index.count(wanted), 0
    progress(done, total)
    for page in index.scan(wanted, batch=PAGE):
        if not _my_turn(log, index, stop):
            return told
        stored = index.get([body["id"] for body in page])
        _again(index, enricher, [body for body in stored if body["engine"] != enricher.engine], drop, told)
        done += len(page)
        progress(min(done, total), total)
    told.finished = True
    return told


def _again(index: Index, enricher: Enricher, bodies: Sequence[Json], drop: bool, told: Told) -> None:
    mentions = [mention_of(body) for body in bodies]
    tagged = enricher.tag([msgspec.json.encode(item_of(mention)) for mention in mentions])
    new: list[Retagged] = []
    gone: list[str] = []
    for mention, one in zip(mentions, tagged, strict=True):
        if isinstance(one, Mention):
            new.append(Retagged(mention.digest, one))
            told.by_hand += bool(mention.edited)
        elif drop and "brand" not in mention.edited:
            gone.append(mention.id)
        else:
            told.unnamed += 1
    told.retagged += index.retag(new) if new else 0
    told.dropped += index.delete(gone) if gone else 0


def _my_turn(log: Log, index: Index, stop: Stop) -> bool:
    """Waits until live work has caught up. False where it is to stop."""
    while not stop():
        waiting = sum(sum(log.lag(GROUP, topic).values()) for topic in (RAW, EDITS))
        if waiting <= LIVE and index.fresh()["behind"] <= UNSEARCHABLE:
            return True
        time.sleep(_LOOK)
    return False


# -- the log ------------------------------------------------------------------------------------------------------------
def bring_in(log: Log, index: Index, enricher: Enricher, stop: Stop, *, since: datetime) -> int:
    """What was fetched, named no brand then and names one now, goes to the workers once more, as history, which never alerts.
    `since`: nothing published before. Returns how many.

    They count as fetched once more, so that the books go on balancing. What was erased, or has gone at its source, stays away.
    """
    count = 0
    for partition, (first, _) in log.ends(RAW).items():
        end = log.committed(GROUP, RAW).get(partition, first)  # what is behind is live work
        missing: dict[str, Item] = {}
        for values in _pages(log, partition, first, end):
            if not _my_turn(log, index, stop):
                return count
            _look(index, enricher, values, missing)
        by_source: dict[str, list[Record]] = {}
        for id, item in missing.items():
            if item.published_at >= since:
                record = Record(id.encode(), msgspec.json.encode(msgspec.structs.replace(item, backfill=True)))
                by_source.setdefault(item.source, []).append(record)
        for source, records in by_source.items():
            log.append(RAW, records, account=source)
            count += len(records)
    return count


def _pages(log: Log, partition: int, offset: int, end: int) -> Iterator[list[bytes]]:
    while offset < end:
        records = [record for record in log.read(RAW, partition, offset, PAGE) if record.offset < end]
        if not records:
            return
        yield [record.value for record in records]
        offset = records[-1].offset + 1


def _look(index: Index, enricher: Enricher, values: Sequence[bytes], missing: dict[str, Item]) -> None:
    """Adds what names a brand and is not there, in its last form; takes away what has gone since."""
    named: dict[str, Mention] = {}
    for one in enricher.tag(values):
        if isinstance(one, Mention):
            named[one.id] = one
        elif isinstance(one, Rejected) and one.id:
            named.pop(one.id, None)
            missing.pop(one.id, None)
    there = {body["id"] for body in index.get(list(named))} if named else set()
    absent = [mention for id, mention in named.items() if id not in there]
    erased = erased_among(index, {mention.id: mention.author for mention in absent})
    missing.update({mention.id: item_of(mention) for mention in absent if mention.id not in erased})
