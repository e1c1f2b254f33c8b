"""A member of one of Kafka's groups: takes partitions over and gives them up, hands out their records, commits what was handled.

Records are withheld until a partition is taken over: its epoch is raised (`marks`) and the sink asked where to go on. What was
fetched of a partition that is then taken away is dropped: it comes to the next owner.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from kafka import ConsumerRebalanceListener, TopicPartition, errors

from stream.kafka.clients import Clients, joined, positions, topic_id
from stream.kafka.generations import Generations
from stream.kafka.marks import Committed, Mark, marked, to_commit
from stream.kafka.offsets import kafkas, ours
from stream.kafka.reading import stored
from stream.log import Batch, Fenced, LogError, LogUnavailable, Position, Resume, UnknownTopic

logger = logging.getLogger(__name__)

AHEAD: Final = (
    4000  # records taken over at once: the client hands out one partition after the other, each must have its turn
)
SHARING: Final = 3.0  # seconds to wait for the others in a sharing out
STUCK: Final = 60.0  # seconds without a record after which a member looks whether the group stands still
_STALE: Final = (
    errors.CommitFailedError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
    errors.FencedInstanceIdError,
)


class Source(NamedTuple):
    """A topic a member reads: Kafka's ends of a partition, and which making of the topic it is."""

    ends: Callable[[TopicPartition], tuple[int, int]]
    generations: Generations


class _Owned:
    """A partition this member has taken over."""

    def __init__(self, epoch: int, offset: int, forced: bool) -> None:
        self.epoch = epoch
        self.forced = forced
        self.committed = offset
        self.handed = offset  # where to go on after what was handed out
        self.waiting: deque[Any] = deque()


def group_of(group: str, topic: str) -> str:
    """The group as Kafka knows it, without the prefix."""
    return f"{group}.{topic}"


class Member:
    """A member of Kafka's group for one topic."""

    def __init__(self, clients: Clients, group: str, topic: str, source: Source, resume: Resume | None) -> None:
        self.group = group
        self._clients = clients
        self._source = source
        self._id = ""  # Kafka's, of the topic as it was last seen
        self._generation = 0
        self._resume = resume
        self._topic = topic
        self._name = clients.name(topic)
        self._owned: dict[TopicPartition, _Owned] = {}
        self._fresh: set[TopicPartition] = set()
        self._looked = time.monotonic()  # when something came, or when it was last looked why nothing does
        self._behind: dict[TopicPartition, int] = {}  # what had not been handled then, and where the group stood
        self._consumer: Any = self._joining()

    def _joining(self) -> Any:
        consumer = self._clients.member(self._clients.name(group_of(self.group, self._topic)))
        consumer.subscribe(topics=[self._name], listener=_Listener(self))
        return consumer

    def _inside(self) -> bool:
        """Is this member in the group, and no sharing out under way? Takes part in one."""
        try:
            with self._clients.errors():
                return joined(self._consumer, SHARING)
        except LogUnavailable as error:
            logger.info("%s", error, extra={"action": "waiting"})
            return False

    def poll(self, max_records: int, timeout: float) -> list[Batch]:
        """What has come, after at most `timeout` seconds; a sharing out may take longer."""
        batches = self._poll(max_records, timeout)
        now = time.monotonic()
        if batches:
            self._looked = now
            self._behind = {}
        elif now - self._looked > STUCK:
            self._looked = now
            if self._stands_still():
                self._join_anew()
        return batches

    def _stands_still(self) -> bool:
        """Is there a partition in which nothing was handled since the last look although something lies there? Nobody's, after a
        sharing out that did not end, or one whose owner gets nothing any more."""
        before, self._behind = self._behind, {}
        try:
            with self._clients.errors():
                for partition in self._consumer.partitions_for_topic(self._name) or ():
                    place = TopicPartition(self._name, partition)
                    found = marked(self._consumer.committed(place, metadata=True, timeout_ms=5000), self._generation)
                    first, end = (ours(self._generation, offset) for offset in self._source.ends(place))
                    at = max(first, found.offset if found else first)
                    if at < end:
                        self._behind[place] = at
        except (LogUnavailable, UnknownTopic):
            return False
        return any(before.get(place) == at for place, at in self._behind.items())

    def _join_anew(self) -> None:
        """Leaves the group and joins it as another member, which makes it share everything out once more."""
        extra = {"action": "joined-anew", "topic": self._topic}
        logger.warning("%s: %s stands still; joining the group anew", self.group, self._name, extra=extra)
        try:
            with self._clients.errors():
                joining = self._joining()
        except LogUnavailable as error:
            logger.info("%s", error, extra={"action": "waiting"})
            return
        self.close()
        self._fresh.clear()
        self._behind = {}
        self._consumer = joining

    def _poll(self, max_records: int, timeout: float) -> list[Batch]:
        if not self._inside():
            return []
        waiting = sum(len(one.waiting) for one in self._owned.values())
        wait_ms = 1 if waiting else max(1, int(timeout * 1000))
        self._fetch(wait_ms, max(max_records, AHEAD) if waiting < max_records else 1)
        if not self._told_apart():
            return []
        # Asked, not told by the listener alone: a poll that ends in the middle of a sharing out passes it over.
        held = set(self._consumer.assignment())
        self.revoked([place for place in self._owned if place not in held])
        self._fresh = held - self._owned.keys()
        for place in sorted(self._fresh):
            self._take_over(place)
        return self._hand_out(max_records)

    def commit(self, batch: Batch) -> None:
        place = TopicPartition(self._name, batch.partition)
        owned = self._owned.get(place)
        if owned is None or owned.epoch != batch.epoch:
            raise self._fenced(place)
        self._commit(place, batch.next_offset, owned.epoch)
        owned.committed, owned.forced = batch.next_offset, False

    def seek(self, partition: int, offset: int) -> None:
        place = TopicPartition(self._name, partition)
        owned = self._owned.get(place)
        if owned is None:
            raise LogError(f'{self._topic} partition {partition} is not owned by this member of "{self.group}"')
        self._go_on(place, owned, offset)

    def close(self) -> None:
        self._owned.clear()
        try:
            self._consumer.close(autocommit=False)
        except errors.KafkaError as error:
            logger.warning("left without saying so: %s", error, extra={"action": "left-unsaid"})

    def _told_apart(self) -> bool:
        """Looks whether the topic was made anew. Then nothing of it is ours yet, and what was fetched is of either."""
        found = topic_id(self._consumer, self._name)
        if found in ("", self._id):
            return bool(self._id)
        if self._id:
            extra = {"action": "topic-made-anew", "topic": self._topic}
            logger.warning(
                "%s: %s was deleted and made anew; going on from its beginning", self.group, self._name, extra=extra
            )
            self.revoked(list(self._owned))
        try:
            self._generation = self._source.generations.of(found)
        except LogUnavailable as error:
            logger.info("%s", error, extra={"action": "waiting"})
            return False
        self._id = found
        return True

    # -- rebalancing --------------------------------------------------------------------------------------------------
    def revoked(self, places: Sequence[TopicPartition]) -> None:
        """These are no longer ours; what was fetched of them is dropped."""
        for place in places:
            self._fresh.discard(place)
            if self._owned.pop(place, None) is not None:
                extra = {
                    "action": "partition-given-up",
                    "topic": self._topic,
                    "partition": place.partition,
                }
                logger.info("%s: gave up %s partition %d", self.group, place.topic, place.partition, extra=extra)

    def _take_over(self, place: TopicPartition) -> None:
        """Makes a partition ours: raises its epoch, asks the sink. What fails is tried again at the next poll."""
        topic, partition = self._topic, place.partition
        try:
            found = marked(self._consumer.committed(place, metadata=True, timeout_ms=5000), self._generation)
            first, end = (ours(self._generation, offset) for offset in self._source.ends(place))
            before = found or Committed(first, Mark())
            offset = self._within(place, before.offset, first, end)
            epoch = max(before.mark.epoch + 1, time.time_ns() // 1_000_000)
            self._commit(place, offset, epoch, before.mark.forced)
            owned = _Owned(epoch, offset, before.mark.forced)
            start = self._ask_sink(place, owned, first, end)
            if start != offset:
                self._commit(place, start, epoch, owned.forced)
                owned.committed = start
        except (Fenced, LogUnavailable, UnknownTopic, errors.KafkaError) as error:
            extra = {"action": "partition-waits", "topic": topic, "partition": partition}
            logger.info("%s: %s partition %d not yet ours: %s", self.group, topic, partition, error, extra=extra)
            return
        self._fresh.discard(place)
        self._owned[place] = owned
        self._go_on(place, owned, start)
        extra = {"action": "partition-taken", "topic": topic, "partition": partition, "epoch": epoch}
        logger.info("%s: took %s partition %d", self.group, topic, partition, extra=extra)

    def _ask_sink(self, place: TopicPartition, owned: _Owned, first: int, end: int) -> int:
        if self._resume is None:
            return owned.committed
        topic = self._topic
        position = Position(self.group, topic, place.partition, owned.epoch, owned.committed)
        answer = self._resume(position)
        if answer is None or owned.forced:
            return owned.committed
        if answer > end:
            # The sink has handled more than there ever was: Kafka's data are gone, generations and all. The numbers begin
            # again, so what they name is other records: they are handed out from the beginning, and the sink knows its own.
            self._gone(place, answer, first, end)
            owned.forced = True
            return first
        if answer < first:
            self._gone(place, answer, first, end)
        return max(answer, first)

    def _within(self, place: TopicPartition, offset: int, first: int, end: int) -> int:
        """An offset that lies in the partition as it is now."""
        if first <= offset <= end:
            return offset
        self._gone(place, offset, first, end)
        return first

    def _gone(self, place: TopicPartition, offset: int, first: int, end: int) -> None:
        logger.warning(
            "%s partition %d: to go on from %d, but it is kept from %d to %d; going on from %d", place.topic,
            place.partition, offset, first, end, first, extra={"action": "records-gone", "topic": place.topic},
        )  # fmt: skip

    # -- records ------------------------------------------------------------------------------------------------------
    def _fetch(self, wait_ms: int, most: int) -> None:
        try:
            with self._clients.errors():
                found = self._consumer.poll(timeout_ms=wait_ms, max_records=most)
        except LogUnavailable as error:
            logger.info("%s", error, extra={"action": "waiting"})
            time.sleep(wait_ms / 1000)
            return
        for place, records in found.items():
            owned = self._owned.get(place)
            if owned is not None:
                start = kafkas(self._generation, owned.handed)
                owned.waiting.extend(record for record in records if record.offset >= start)

    def _hand_out(self, room: int) -> list[Batch]:
        batches = []
        for place in [place for place, owned in self._owned.items() if owned.waiting]:
            if room <= 0:
                break
            owned = self._owned.pop(place)
            self._owned[place] = owned  # to the end: the others come first at the next poll
            records = [stored(owned.waiting.popleft(), self._generation) for _ in range(min(room, len(owned.waiting)))]
            room -= len(records)
            owned.handed = records[-1].offset + 1
            if not owned.waiting:
                owned.handed = max(owned.handed, self._position(place))
            batches.append(Batch(self._topic, place.partition, owned.epoch, records, owned.handed))
        return batches

    def step_over(self) -> None:
        """Marks of transactions behind everything handled are no records: the group's offset goes past them."""
        for place, owned in self._owned.items():
            at = self._position(place)
            if owned.committed == owned.handed < at and not owned.waiting:
                try:
                    self._commit(place, at, owned.epoch, owned.forced)
                except (Fenced, LogUnavailable):
                    continue  # nothing was handled: the next poll says what is the matter, or the next owner steps over
                owned.committed = owned.handed = at

    def _position(self, place: TopicPartition) -> int:
        return ours(self._generation, positions(self._consumer).get(place) or 0)

    def _go_on(self, place: TopicPartition, owned: _Owned, offset: int) -> None:
        owned.waiting.clear()
        owned.handed = offset
        self._consumer.seek(place, kafkas(self._generation, offset))

    def _commit(self, place: TopicPartition, offset: int, epoch: int, forced: bool = False) -> None:
        deadline = time.monotonic() + self._clients.settings.connect_s
        while True:
            try:
                self._consumer.commit({place: to_commit(offset, epoch, forced)}, timeout_ms=5000)
                return
            except _STALE:
                raise self._fenced(place) from None
            except errors.RebalanceInProgressError:
                # Others join: this member has to take part, and keeps what it keeps.
                self._inside()
                if place not in self._owned and place not in self._fresh:
                    raise self._fenced(place) from None
            except errors.KafkaError as error:
                if time.monotonic() > deadline:
                    raise self._clients.unreached(error) from error
            if time.monotonic() > deadline:
                raise LogUnavailable(f"{self.group}: the group is being shared out anew")
            time.sleep(0.02)

    def _fenced(self, place: TopicPartition) -> Fenced:
        topic = self._topic
        return Fenced(f'{topic} partition {place.partition}: another member of "{self.group}" owns it now')


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python says nothing of its types
    """Passes on what Kafka says of the partitions."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Taken over at the next poll."""

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        self._member.revoked(revoked)

    def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        self._member.revoked(lost)
