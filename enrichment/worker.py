"""The worker: follows `mentions.raw` and `mentions.edits`, and puts what they mean into the store. As many as one likes.

Documents, books and the position go into the store in one unit, so a worker killed at any moment goes on exactly where
its documents end. What cannot be used is buried among the dead letters before the position moves past it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec

from enrichment.models import Switchboard
from enrichment.tagger import Enricher, Rejected
from index import BadEdit, Index, Refused, StoreUnavailable, Tally
from stream import (
    EDITS,
    RAW,
    SIGNATURES,
    Batch,
    Consumer,
    DeadLetter,
    Edit,
    Fenced,
    Log,
    LogUnavailable,
    Mention,
    Position,
    Record,
    Signatures,
    TaggingEngine,
    metrics,
    utc_now,
)
from stream import Stored as StoredRecord

logger = logging.getLogger(__name__)

GROUP: Final = "enrichment"
POLL: Final = 0.5  # seconds; how soon `stop` is seen
GARBAGE: Final = (
    50_000  # objects made before cycles are looked for: a mention makes some forty and none; saves a twentieth
)
FEW: Final = 32  # records; batches below cost twice as much each, so it is worth waiting for company
COMPANY: Final = 0.02  # seconds waited then
RETRY: Final = 5.0  # seconds between two tries while the disk is full
_STEP: Final = 0.1  # seconds between two looks at `stop` meanwhile
_Answer = TypeVar("_Answer")


class TooManyDead(Exception):
    """So many records in a row could not be used that the fault must lie with the program or the source, not with them."""


class Stopped(Exception):
    """The worker was told to stop while it waited."""


def run_worker(
    log: Log, index: Index, enricher: Enricher, stop: Callable[[], bool], *, batch: int | None = None
) -> None:
    """Works until `stop()`. Raises TooManyDead; nothing of the batch in which that happens is buried or passed over.

    `batch`: records at most in one go; the settings' if None.
    """
    worker = _Worker(log, index, enricher, stop)
    size = batch or enricher.settings.batch
    with rare_collections(), log.consumer(GROUP, (RAW, EDITS), resume=worker.resume) as consumer:
        while not stop():
            worker.adopt()
            try:
                batches = consumer.poll(size, POLL)
                worker.handle(consumer, batches)
            except Stopped:
                return
            if 0 < sum(len(one.records) for one in batches) < FEW:
                time.sleep(COMPANY)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Looks for cyclic garbage less often, and not in what is there already: models and window stay for good. Saves a
    fifth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Worker:
    """What `run_worker` does with batches; holds the run of dead letters."""

    def __init__(self, log: Log, index: Index, enricher: Enricher, stop: Callable[[], bool]) -> None:
        self._log = log
        self._index = index
        self._enricher = enricher
        self._stop = stop
        self._dead_in_a_row = 0
        self._edits = msgspec.json.Decoder(Edit)
        self._switchboard = Switchboard(index.records)

    def adopt(self) -> None:
        """Takes up what a user has switched on or off since. A store that is away for now is no reason to stop."""
        try:
            switched = self._switchboard.changed()
            if switched is None:
                return
            self._enricher.adopt(switched)
            self._say_engine()
        except StoreUnavailable:
            return
        extra = {"action": "models-adopted", "engine": self._enricher.engine}
        logger.info("now tagging as %s", self._enricher.engine, extra=extra)

    def _say_engine(self) -> None:
        """For whoever shows figures: what was tagged by another version than this is to be tagged anew."""
        enricher, kind, id = self._enricher, TaggingEngine.KIND, TaggingEngine.ID
        known = self._index.records.get(kind, id)
        now = TaggingEngine(engine=enricher.engine, judged_by=enricher.sentiment.version, at=utc_now())
        if known is None or msgspec.json.decode(known.body, type=TaggingEngine).engine != now.engine:
            self._index.records.put(kind, id, msgspec.json.encode(now))

    def resume(self, position: Position) -> int | None:
        """Takes a partition over. The log's offset follows when the signatures of a batch are told, so between it and the
        store's position lies what a killed worker has stored and perhaps not told: that is told again, which harms nothing."""
        answer = self._patiently(lambda: self._index.resume(position))
        if position.topic == RAW and answer is not None:
            offset = position.offset
            while offset < answer:
                read = partial(self._log.read, RAW, position.partition, offset, self._enricher.settings.batch)
                records = self._patiently(read)
                records = [record for record in records if record.offset < answer]
                if not records:
                    break
                tagged = self._enricher.tag([record.value for record in records])
                self._tell([one for one in tagged if isinstance(one, Mention)])
                offset = records[-1].offset + 1
        return answer

    def handle(self, consumer: Consumer, batches: Sequence[Batch]) -> None:
        """Each batch is its own unit: one that is fenced off does not hold the others up."""
        for one in batches:
            metrics.RECEIVED.labels(one.topic).inc(len(one.records))
            try:
                with metrics.BATCH.labels(one.topic).time():
                    if one.topic == RAW:
                        self._raw(one)
                    else:
                        self._human(one)
                    self._patiently(lambda one=one: consumer.commit(one))  # type: ignore[misc]
            except Fenced as error:
                metrics.FENCED.labels(one.topic).inc()
                extra = {"action": "batch-dropped", "topic": one.topic, "partition": one.partition}
                logger.info("another worker has taken over: %s", error, extra=extra)

    # -- mentions.raw -------------------------------------------------------------------------------------------------
    def _raw(self, batch: Batch) -> None:
        tagged = self._enricher.tag([record.value for record in batch.records])
        letters = [
            _letter(batch, record, one.source, one.reason)
            for record, one in zip(batch.records, tagged, strict=True)
            if isinstance(one, Rejected) and one.kind == "dead"
        ]
        self._count_dead([isinstance(one, Rejected) and one.kind == "dead" for one in tagged], letters)
        mentions, gone, tallies = _sorted_out(tagged)
        if letters:
            self._patiently(lambda: self._log.bury(letters))
        if gone:
            self._patiently(lambda: self._index.delete(gone))
        self._tell(self._store(batch, tagged, mentions, tallies))

    def _tell(self, mentions: Sequence[Mention]) -> None:
        """Hands signatures on to whoever tells the stories, after the mentions are there: see `resume`."""
        if mentions:
            told = Signatures(at=utc_now(), signatures={one.id: one.signature for one in mentions})
            self._patiently(partial(self._log.append, SIGNATURES, [Record(b"", msgspec.json.encode(told))]))

    def _store(
        self,
        batch: Batch,
        tagged: Sequence[Mention | Rejected],
        mentions: Sequence[Mention],
        tallies: Mapping[str, Tally],
    ) -> Sequence[Mention]:
        """Writes the batch; mentions that the store cannot take become dead letters, the others are written without them.
        Answers those that are there now."""
        while True:
            try:
                write = partial(self._index.write, mentions, tallies=tallies, position=_position(batch))
                outcomes = self._patiently(write).outcomes
                dropped: Counter[str] = Counter(one.kind for one in tagged if isinstance(one, Rejected))
                metrics.written(mentions, dropped, utc_now())
                return [one for one, outcome in zip(mentions, outcomes, strict=True) if outcome != "erased"]
            except Refused as refused:
                reasons = refused.reasons
            letters = []
            for record, one in zip(batch.records, tagged, strict=True):
                if isinstance(one, Mention) and one.id in reasons:
                    reason = f"the store refuses it: {reasons[one.id]}"
                    letters.append(_letter(batch, record, one.source, reason))
            self._count_dead([True] * len(letters), letters)
            self._patiently(partial(self._log.bury, letters))
            mentions = [one for one in mentions if one.id not in reasons]
            tallies = _with_dead(tallies, [letter.source for letter in letters])

    # -- mentions.edits -----------------------------------------------------------------------------------------------
    def _human(self, batch: Batch) -> None:
        edits: list[tuple[StoredRecord, Edit]] = []
        letters: list[DeadLetter] = []
        for record in batch.records:
            try:
                edits.append((record, self._edits.decode(record.value)))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                letters.append(_letter(batch, record, "", f"not an edit: {error}"))
        try:
            self._bury_edits(batch, len(edits), letters)
            self._patiently(lambda: self._index.edit([edit for _, edit in edits], position=_position(batch)))
            metrics.EDITED.inc(len(edits))
        except BadEdit:
            self._one_by_one(batch, edits)

    def _one_by_one(self, batch: Batch, edits: Sequence[tuple[StoredRecord, Edit]]) -> None:
        """After a bad edit refused the whole batch. An edit applied twice counts once, so a kill in between is harmless."""
        letters = []
        for record, edit in edits:
            try:
                self._patiently(lambda edit=edit: self._index.edit([edit]))  # type: ignore[misc]
            except BadEdit as error:
                letters.append(_letter(batch, record, "", str(error)))
        self._bury_edits(batch, len(edits) - len(letters), letters)
        metrics.EDITED.inc(len(edits) - len(letters))
        self._patiently(lambda: self._index.edit([], position=_position(batch)))

    def _bury_edits(self, batch: Batch, good: int, letters: list[DeadLetter]) -> None:
        self._count_dead([True] * len(letters) + [False] * good, letters)
        if letters:
            self._patiently(lambda: self._log.bury(letters))

    # -- both ---------------------------------------------------------------------------------------------------------
    def _count_dead(self, dead: Sequence[bool], letters: Sequence[DeadLetter]) -> None:
        most = self._enricher.settings.max_dead_in_a_row
        run = self._dead_in_a_row
        for one in dead:
            run = run + 1 if one else 0
            if run >= most:
                last = letters[-1]
                raise TooManyDead(
                    f"{run} records in a row could not be used; stopped before {last.topic} partition {last.partition} "
                    f'offset {letters[0].offset}. The last reason: "{last.reason}". Nothing of them is lost; if they are '
                    "really to be set aside, raise enrichment.max_dead_in_a_row"
                )
        self._dead_in_a_row = run
        for letter in letters:
            metrics.BURIED.labels(letter.topic).inc()
            extra = {"action": "dead-letter", "topic": letter.topic, "source": letter.source}
            logger.warning(
                "%s partition %d offset %d: %s",
                letter.topic,
                letter.partition,
                letter.offset,
                letter.reason,
                extra=extra,
            )

    def _patiently(self, work: Callable[[], _Answer]) -> _Answer:
        """Tries again while the disk is full or a service is away. Raises Stopped."""
        while True:
            try:
                answer = work()
                metrics.HELD_UP.set(0)
                return answer
            except (LogUnavailable, StoreUnavailable) as error:
                metrics.HELD_UP.set(1)
                metrics.RETRIED.inc()
                extra = {"action": "waiting"}
                logger.error("%s; nothing is lost; trying again every %.0f s", error, RETRY, extra=extra)
            until = time.monotonic() + RETRY
            while time.monotonic() < until:
                if self._stop():
                    raise Stopped
                time.sleep(_STEP)


def _sorted_out(tagged: Sequence[Mention | Rejected]) -> tuple[list[Mention], list[str], Mapping[str, Tally]]:
    """Mentions to write, ids to delete before, and the books of the rest.

    What is gone again within the batch is not written; it and the tombstones are accounted for as erased.
    """
    last_gone = {
        one.id: place for place, one in enumerate(tagged) if isinstance(one, Rejected) and one.kind == "tombstone"
    }
    mentions: list[Mention] = []
    counts: Counter[tuple[str, str]] = Counter()
    for place, one in enumerate(tagged):
        if isinstance(one, Rejected):
            counts[one.source, {"not-a-mention": "not_a_mention", "dead": "dead"}.get(one.kind, "erased")] += 1
        elif last_gone.get(one.id, -1) > place:
            counts[one.source, "erased"] += 1
        else:
            mentions.append(one)
    tallies = {
        source: Tally(**{kind: count for (of, kind), count in counts.items() if of == source})
        for source in {source for source, _ in counts}
    }
    return mentions, list(last_gone), tallies


def _with_dead(tallies: Mapping[str, Tally], sources: Sequence[str]) -> Mapping[str, Tally]:
    """The tallies with a dead record more for each of `sources`."""
    more = dict(tallies)
    for source in sources:
        tally = more.get(source, Tally())
        more[source] = msgspec.structs.replace(tally, dead=tally.dead + 1)
    return more


def _position(batch: Batch) -> Position:
    return Position(GROUP, batch.topic, batch.partition, batch.epoch, batch.next_offset)


def _letter(batch: Batch, record: StoredRecord, source: str, reason: str) -> DeadLetter:
    return DeadLetter(
        topic=batch.topic,
        partition=batch.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        source=source,
        reason=reason,
        consumer=GROUP,
        at=utc_now(),
    )
