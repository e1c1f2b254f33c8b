"""A member of a consumer group on the embedded log: waits for records, hands them out, commits.

In: topic files and a membership. Out: batches of the partitions this member owns, each partition from where the group
stopped, or from where the sink says (`resume`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from stream.embedded_group import Claim, Groups, Membership
from stream.log import Batch, Fenced, LogError, Position, Resume
from stream.sqlite import data_version
from stream.topic_file import TopicFile

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks at the group
STEP = 0.01  # seconds between two looks for new records: half of that is waited on average, at 0.5-0.9 % of a core


class EmbeddedConsumer:
    """See `stream.log.Consumer`."""

    def __init__(
        self, groups: Groups, group: str, topics: Mapping[str, TopicFile], resume: Resume | None = None
    ) -> None:
        self.group = group
        self._groups = groups
        self._topics = topics
        self._resume = resume
        self._membership = Membership(groups, group, {name: file.partitions for name, file in topics.items()})
        self._epochs: dict[tuple[str, int], int] = {}
        self._offsets: dict[tuple[str, int], int] = {}  # owned partitions, the one served last at the end
        self._next_tick = 0.0
        self._closed = False

    def poll(self, max_records: int = 1000, timeout: float = 1.0) -> list[Batch]:
        """Never more than `max_records`."""
        deadline = time.monotonic() + timeout
        while True:
            self._settle_when_due()
            seen = self._versions()  # read before the records, or a commit in between is slept over
            batches = self._read(max_records)
            if batches or time.monotonic() >= deadline:
                return batches
            self._wait(seen, min(deadline, self._next_tick))

    def commit(self, batch: Batch) -> None:
        """See `Consumer.commit`. Raises LogFull too."""
        self._check_open()
        self._membership.beat()
        try:
            self._groups.commit(self.group, self._membership.member, batch)
        except Fenced:
            self._next_tick = 0.0
            raise

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """See `Consumer.seek`."""
        if (topic, partition) not in self._offsets:
            raise LogError(f'{topic} partition {partition} is not owned by this member of "{self.group}"')
        self._offsets[topic, partition] = offset

    def close(self) -> None:
        """See `Consumer`. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._membership.leave()

    def __enter__(self) -> EmbeddedConsumer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f'this member of "{self.group}" is closed')

    def _settle_when_due(self) -> None:
        self._check_open()
        if time.monotonic() < self._next_tick:
            return
        claims = self._membership.settle()
        for lost in [
            owned for owned, epoch in self._epochs.items() if owned not in claims or claims[owned].epoch != epoch
        ]:
            del self._epochs[lost], self._offsets[lost]
        for owned, claim in claims.items():
            if owned not in self._epochs:
                try:
                    self._offsets[owned] = self._start(*owned, claim)
                except Fenced as error:  # lost again already; the next look at the group tells who has it
                    logger.info("%s: %s", self.group, error, extra={"action": "partition-lost"})
                    continue
                self._epochs[owned] = claim.epoch
        self._next_tick = time.monotonic() + TICK

    def _start(self, topic: str, partition: int, claim: Claim) -> int:
        """Where to go on in a partition just taken over."""
        answer = None
        if self._resume is not None:
            answer = self._resume(Position(self.group, topic, partition, claim.epoch, claim.offset))
        extra = {"action": "partition-taken", "topic": topic, "partition": partition, "epoch": claim.epoch}
        logger.info("%s: took %s partition %d", self.group, topic, partition, extra=extra)
        if answer is None or claim.forced:
            return claim.offset
        return self._follow_sink(Batch(topic, partition, claim.epoch, (), answer), claim.offset)

    def _follow_sink(self, sink: Batch, committed: int) -> int:
        """Goes on from where the sink is; the log's own offset follows, for lag and retention count on it."""
        file = self._topics[sink.topic]
        first, end = file.ends()[sink.partition]
        if sink.next_offset > end:
            # The log is shorter than what the sink has handled: it was put back from a backup. Some of the numbers may
            # have been given out a second time since, so those records are handed out again; the sink knows its own.
            self._groups.force(self.group, sink.topic, sink.partition)
            file.at_least(sink.partition, sink.next_offset)
            return committed
        if sink.next_offset != committed:
            self._groups.commit(self.group, self._membership.member, sink)
        if sink.next_offset < min(first, committed):
            logger.warning(
                "%s partition %d: the sink asks for offset %d, the log is kept from %d on", sink.topic, sink.partition,
                sink.next_offset, first, extra={"action": "records-gone", "topic": sink.topic},
            )  # fmt: skip
        return sink.next_offset

    def _versions(self) -> list[int]:
        return [data_version(file.db) for file in self._topics.values()]

    def _wait(self, seen: Sequence[int], until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(STEP, left))
            if self._versions() != seen:
                return

    def _read(self, room: int) -> list[Batch]:
        batches = []
        for owned in list(self._offsets):
            if room <= 0:
                break
            batch = self._next_batch(*owned, room)
            if batch is not None:
                batches.append(batch)
                room -= len(batch.records)
                del self._offsets[owned]  # to the end: the others come first at the next poll
                self._offsets[owned] = batch.next_offset
        return batches

    def _next_batch(self, topic: str, partition: int, room: int) -> Batch | None:
        file, offset, epoch = self._topics[topic], self._offsets[topic, partition], self._epochs[topic, partition]
        records = file.read(partition, offset, room)
        if not records:
            end = file.ends()[partition][1]
            if end <= offset:
                return None
            records = file.read(partition, offset, room)  # `end` was read before: still nothing means a gap up to it
        if records:
            return Batch(topic, partition, epoch, records, records[-1].offset + 1)
        gap = Batch(topic, partition, epoch, (), end)
        if self._groups.skip(self.group, self._membership.member, gap, offset):
            self._offsets[topic, partition] = end
        return None
