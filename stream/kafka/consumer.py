"""A member of a consumer group on Kafka: one of Kafka's own groups a topic, so that each topic is shared out evenly by itself.
(One group over several topics evens out the number of partitions only: one member gets all of one topic, another the other.)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from stream.kafka.clients import Clients
from stream.kafka.member import Member, Source
from stream.log import Batch, LogError, Resume

SLICE: Final = 0.1  # seconds a poll of Kafka waits, so that a sharing out goes on meanwhile
ATTEND: Final = 1.0  # seconds after which every topic gets such a slice, whatever the others bring


class KafkaLogConsumer:
    """See `stream.log.Consumer`."""

    def __init__(self, clients: Clients, group: str, topics: Mapping[str, Source], resume: Resume | None) -> None:
        self.group = group
        self._closed = False
        self._members: dict[str, Member] = {}
        try:
            for topic, source in topics.items():
                self._members[topic] = Member(clients, group, topic, source, resume)
        except BaseException:
            self.close()
            raise
        self._attended = dict.fromkeys(topics, 0.0)

    def poll(self, max_records: int = 1000, timeout: float = 1.0) -> list[Batch]:
        """Never more than `max_records`. Raises LogError when Kafka does not let this member in."""
        self._check_open()
        deadline = time.monotonic() + timeout
        while True:
            batches: list[Batch] = []
            room = max_records
            for topic in list(self._members):
                if room <= 0:
                    break
                found = self._members[topic].poll(room, self._patience(topic, deadline))
                if found:
                    self._members[topic] = self._members.pop(topic)  # to the end: the others come first next time
                batches += found
                room -= sum(len(batch.records) for batch in found)
            if batches:
                return batches
            if time.monotonic() >= deadline:
                for member in self._members.values():
                    member.step_over()
                return []

    def _patience(self, topic: str, deadline: float) -> float:
        """Seconds to wait for one topic. Little while others have records, but from time to time enough to take part in a
        sharing out."""
        now = time.monotonic()
        if now - self._attended[topic] > ATTEND:
            self._attended[topic] = now
            return SLICE
        return min(SLICE, max(0.0, deadline - now)) / len(self._members)

    def commit(self, batch: Batch) -> None:
        """See `Consumer.commit`. Raises Fenced, LogUnavailable."""
        self._check_open()
        self._members[batch.topic].commit(batch)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """See `Consumer.seek`."""
        self._check_open()
        self._members[topic].seek(partition, offset)

    def close(self) -> None:
        """Leaves the group. Safe to call twice."""
        if not self._closed:
            self._closed = True
            for member in self._members.values():
                member.close()

    def __enter__(self) -> KafkaLogConsumer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f'this member of "{self.group}" is closed')
