"""History tagged anew because somebody asked for it on a page: the wish and how far it is, as one small record.

A page only writes the wish and reads the record; a worker's process does the work (`ronzio/retagging.py`), so that a page that is
left, or a process that is killed, changes nothing: the wish stays until it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from enrichment.history import Stop, retag
from enrichment.tagger import Enricher
from index import Conflict, Index, Records
from stream import Log, utc_now

TELL: Final = 1.0  # seconds between two words on how far it is


class RetagWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of that kind and id. `total` and `done` are those of the run under way, which begins anew after a kill."""

    KIND: ClassVar[str] = "retag"
    ID: ClassVar[str] = "wish"

    asked_at: datetime
    by: str
    engine: str = ""  # the version it is tagged with; "" until somebody has begun
    total: int = 0
    done: int = 0
    finished_at: datetime | None = None
    retagged: int = 0  # of all runs
    by_hand: int = 0  # of them: with tags that people gave, which stay
    unnamed: int = 0  # name none of the brands any more, and stay as they were


def retag_wish(records: Records) -> RetagWish | None:
    """The last wish, done or not."""
    stored = records.get(RetagWish.KIND, RetagWish.ID)
    return msgspec.json.decode(stored.body, type=RetagWish) if stored else None


def ask_for_retag(records: Records, *, by: str, at: datetime) -> None:
    """Wishes for it. While one wish is open a second changes nothing."""
    stored = records.get(RetagWish.KIND, RetagWish.ID)
    if stored is not None and msgspec.json.decode(stored.body, type=RetagWish).finished_at is None:
        return
    try:
        body = msgspec.json.encode(RetagWish(asked_at=at, by=by))
        records.put(RetagWish.KIND, RetagWish.ID, body, expect=stored.version if stored else 0)
    except Conflict:
        return  # somebody else asked at the same moment


def fulfil(log: Log, index: Index, enricher: Callable[[], Enricher], stop: Stop) -> None:
    """Does what was asked for, if anything is open; one at a time, who calls sees to that. `enricher`: made only then. Raises
    LogError, IndexFailure; the wish stays open."""
    wish = retag_wish(index.records)
    if wish is None or wish.finished_at is not None:
        return
    tagging = enricher()
    now = msgspec.structs.replace(wish, engine=tagging.engine)
    told_at = 0.0

    def tell(state: RetagWish) -> None:
        index.records.put(RetagWish.KIND, RetagWish.ID, msgspec.json.encode(state))

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() >= told_at + TELL:
            tell(msgspec.structs.replace(now, done=done, total=total))
            told_at = time.monotonic()

    told = retag(log, index, tagging, stop, progress=progress)
    retagged, by_hand = wish.retagged + told.retagged, wish.by_hand + told.by_hand
    tell(
        msgspec.structs.replace(
            now, retagged=retagged, by_hand=by_hand, unnamed=told.unnamed,
            finished_at=utc_now() if told.finished else None,
        )
    )  # fmt: skip
