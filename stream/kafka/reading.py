"""Looking at partitions without joining a group, and following small topics from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from stream.kafka.clients import Clients, topic_id
from stream.kafka.offsets import ours
from stream.log import LogUnavailable, Stored

STEP_MS: Final = 100  # a poll waits
PAGE: Final = 5000  # records of a small topic at once


class Reader:
    """Reads what is committed. The connection is made when it is first needed."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._made: KafkaConsumer | None = None

    @property
    def _consumer(self) -> KafkaConsumer:
        if self._made is None:
            self._made = self._clients.reader()
        return self._made

    def ends(self, name: str, partitions: int) -> dict[int, tuple[int, int]]:
        """partition -> (first offset kept, next offset to be given out)."""
        places = [TopicPartition(name, partition) for partition in range(partitions)]

        def look() -> dict[int, tuple[int, int]]:
            first, end = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
            return {place.partition: (first[place], end[place]) for place in places}

        return self._clients.ask(look)

    def topic_id(self, name: str) -> str:
        """Kafka's id of a topic, as of some seconds ago. Raises UnknownTopic."""
        if not topic_id(self._consumer, name):
            self.ends(name, 1)
        return topic_id(self._consumer, name)

    def offset_at(self, place: TopicPartition, ms: int) -> int | None:
        """The first offset taken then or later, None if there is none."""
        found = self._clients.ask(lambda: self._consumer.offsets_for_times({place: ms}))[place]
        return None if found is None else int(found.offset)

    def records(self, place: TopicPartition, start: int, most: int) -> tuple[list[Any], int]:
        """Up to `most` of Kafka's records from `start` on, and the offset behind what was looked at."""
        first, end = self.ends_of(place)
        if start >= end:
            return [], max(start, first)
        consumer, found = self._consumer, list[Any]()
        consumer.assign([place])
        consumer.seek(place, max(start, first))
        deadline = time.monotonic() + self._clients.settings.timeout_s
        while len(found) < most:
            with self._clients.errors():
                found += consumer.poll(STEP_MS, max_records=most - len(found)).get(place, [])
                at = int(consumer.position(place))
            if at >= end:
                return found, at
            if time.monotonic() > deadline:
                raise LogUnavailable(f"Kafka at {self._clients.servers} does not hand out {place.topic} from {at} on")
        return found, found[-1].offset + 1

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
            self._made = None

    def ends_of(self, place: TopicPartition) -> tuple[int, int]:
        """The same of one partition."""
        return self._clients.ask(lambda: self._ends_of(place))

    def _ends_of(self, place: TopicPartition) -> tuple[int, int]:
        first = self._consumer.beginning_offsets([place])[place]
        return first, self._consumer.end_offsets([place])[place]


class Follower:
    """Reads a topic of one partition from where it stopped to its end, as often as asked."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._place = TopicPartition(name, 0)
        self._next = 0

    def more(self) -> Iterator[Any]:
        """Kafka's records since the last call."""
        while True:
            found, self._next = self._reader.records(self._place, self._next, PAGE)
            yield from found
            if len(found) < PAGE:
                return


def stored(record: Any, generation: int) -> Stored:
    """Kafka's record as the log's, of a topic of this generation."""
    return Stored(ours(generation, record.offset), record.timestamp, record.key or b"", record.value or b"")
