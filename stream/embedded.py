"""The log on one machine: SQLite files in a directory, shared by several processes.

`<topic>.db` holds a topic with its dead letters, `groups.db` the consumer groups, `members/` a locked file per member.
Exactly what a full disk, a killed process or a backup put back does to it is in tests/pipeline/test_log_faults.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from stream import dead_letters
from stream.embedded_consumer import EmbeddedConsumer
from stream.embedded_group import Groups
from stream.log import ORDERED, TOPICS, DeadLetter, LogError, Record, Resume, Stored, UnknownTopic
from stream.topic_file import TopicFile

DEAD = ".dead"
LEASE = 60.0  # seconds a member may be busy with one batch before the others take it for stuck


class EmbeddedLog:
    """See `stream.log.Log`. Closing it closes its consumers."""

    def __init__(
        self, directory: Path, *, partitions: int = 4, topics: Sequence[str] = TOPICS, lease: float = LEASE
    ) -> None:
        if partitions < 1:
            raise ValueError(f"partitions: {partitions}, expected 1 or more")
        self._files: dict[str, TopicFile] = {}
        self._consumers: list[EmbeddedConsumer] = []
        self._groups = Groups(directory, lease)
        try:
            for topic in topics:
                self._files[topic] = TopicFile(directory / f"{topic}.db", topic, 1 if topic in ORDERED else partitions)
                for partition, offset in self._groups.fastest(topic).items():
                    self._files[topic].at_least(partition, offset)
        except BaseException:
            self.close()
            raise

    def append(self, topic: str, records: Sequence[Record], *, account: str = "") -> None:
        """See `Log`. Cheapest by the hundred: one record alone costs as much as fifty together."""
        self._file(topic).append(records, account)

    def accounts(self, topic: str) -> Mapping[str, int]:
        """See `Log`."""
        return self._file(topic).accounts()

    def credit(self, topic: str, account: str, count: int) -> None:
        """See `Log`."""
        self._file(topic).credit(account, count)

    def consumer(self, group: str, topics: Sequence[str], *, resume: Resume | None = None) -> EmbeddedConsumer:
        """See `Log`. A member that neither polls nor commits for `lease` seconds loses its partitions to the others."""
        consumer = EmbeddedConsumer(self._groups, group, {topic: self._file(topic) for topic in topics}, resume)
        self._consumers.append(consumer)
        return consumer

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """See `Log`."""
        return self._file(topic).ends()

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """partition -> offset the group goes on from; {} for a group that nobody has been in."""
        self._file(topic)
        return self._groups.committed(group, topic)

    def lag(self, group: str, topic: str) -> Mapping[int, int]:
        """See `Log`."""
        committed = self.committed(group, topic)
        return {p: end - min(end, max(first, committed.get(p, 0))) for p, (first, end) in self.ends(topic).items()}

    def read(self, topic: str, partition: int, offset: int, max_records: int = 1000) -> Sequence[Stored]:
        """See `Log`."""
        return self._file(topic, partition).read(partition, offset, max_records)

    def offset_at(self, topic: str, partition: int, at: datetime) -> int:
        """See `Log`."""
        return self._file(topic, partition).offset_at(partition, at)

    def members(self, group: str, topic: str) -> int:
        """See `Log`."""
        return self._groups.alive(group, topic)

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Log`. Holds for sinks that keep positions too: what `resume` answers is passed over once."""
        for partition, offset in offsets.items():
            end = self._file(topic, partition).ends()[partition][1]
            if not 0 <= offset <= end:
                raise LogError(f"{topic} partition {partition}: offset {offset}, expected 0 to {end}")
        self._groups.reset(group, topic, offsets)

    def retain(self, topic: str, before: datetime) -> int:
        """See `Log`. Whole rows go, so a few records (at most 999 a partition) may stay longer. Takes `<topic>.dead` too."""
        if topic.endswith(DEAD):
            return dead_letters.drop(self._file(topic.removesuffix(DEAD)), before)
        file, slowest = self._file(topic), self._groups.slowest(topic)
        return sum(file.drop(p, before, min(end, slowest.get(p, end))) for p, (_, end) in file.ends().items())

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """See `Log`."""
        for file, some in self._by_topic(letters):
            dead_letters.bury(file, some)

    def dead(self, topic: str, *, limit: int = 1000) -> Sequence[DeadLetter]:
        """See `Log`."""
        return dead_letters.dead(self._file(topic), limit)

    def replay_dead(self, letters: Sequence[DeadLetter]) -> int:
        """See `Log`. Each letter's source is credited again, for it is handled again."""
        return sum(dead_letters.replay(file, some) for file, some in self._by_topic(letters))

    def close(self) -> None:
        """Closes everything. Safe to call twice."""
        try:
            for consumer in self._consumers:
                consumer.close()
        finally:
            self._consumers.clear()
            for file in self._files.values():
                file.close()
            self._groups.close()

    def _file(self, topic: str, partition: int = 0) -> TopicFile:
        file = self._files.get(topic)
        if file is None:
            raise UnknownTopic(f'no topic "{topic}"; there are {", ".join(self._files)}')
        if not 0 <= partition < file.partitions:
            raise LogError(f"{topic} has no partition {partition}, only 0 to {file.partitions - 1}")
        return file

    def _by_topic(self, letters: Sequence[DeadLetter]) -> list[tuple[TopicFile, list[DeadLetter]]]:
        topics = dict.fromkeys(letter.topic for letter in letters)
        return [(self._file(topic), [letter for letter in letters if letter.topic == topic]) for topic in topics]
