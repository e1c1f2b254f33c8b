"""The log on Kafka: `Log` over topics, groups and transactions.

Each topic of the log has three in Kafka: itself, `<topic>.dead` for its dead letters and `<topic>.accounts` for who was credited.
Transactions leave marks that take offsets: offsets rise, not always by one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kafka import TopicPartition, errors
from kafka.admin import KafkaAdminClient

from stream.kafka import topics as declared
from stream.kafka.clients import Clients
from stream.kafka.consumer import KafkaLogConsumer
from stream.kafka.generations import Generations
from stream.kafka.ledger import Ledger
from stream.kafka.letters import Letters, newest_first
from stream.kafka.marks import marked, to_commit
from stream.kafka.member import Source, group_of
from stream.kafka.offsets import kafkas, ours
from stream.kafka.producing import Producing, Sent, check
from stream.kafka.reading import Reader, stored
from stream.kafka.topics import ACCOUNTS, DEAD
from stream.kafka_settings import KafkaSettings
from stream.log import TOPICS, DeadLetter, LogError, Record, Resume, Stored, UnknownTopic


class KafkaLog:
    """See `stream.log.Log`. Closing it closes its consumers. Raises LogUnavailable, LogError on opening."""

    def __init__(self, settings: KafkaSettings, *, topics: Sequence[str] = TOPICS) -> None:
        self._clients = Clients(settings)
        self._admin_made: KafkaAdminClient | None = None
        self._reader = Reader(self._clients)
        self._consumers: list[KafkaLogConsumer] = []
        self._producing = Producing(self._clients, f"append.{uuid.uuid4().hex}")
        self._replaying: dict[str, Producing] = {}
        name = self._clients.name
        self._ledgers = {topic: Ledger(self._reader, name(topic + ACCOUNTS)) for topic in topics}
        self._generations = {topic: Generations(ledger, self._producing) for topic, ledger in self._ledgers.items()}
        self._letters = {topic: Letters(self._reader, name(topic + DEAD)) for topic in topics}
        self._partitions: dict[str, int] = {}
        try:
            there = declared.prepare(self._clients, self._admin, topics)
            self._partitions = {topic: there[name(topic)] for topic in topics}
        except BaseException:
            self.close()
            raise

    # -- appending ----------------------------------------------------------------------------------------------------
    def append(self, topic: str, records: Sequence[Record], *, account: str = "") -> None:
        """See `Log`. Cheapest by the thousand: a transaction costs some 10 ms. One record without an account needs none; when
        that raises LogUnavailable, it may yet arrive. Raises TooLarge."""
        name = self._name(topic)
        check(records)
        if not records:
            return
        sent = [Sent(name, record.key, record.value) for record in records]
        if account:
            sent.append(self._ledgers[topic].credit(account, len(records)))
        if len(sent) == 1:
            self._producing.lone(sent[0])
        else:
            self._producing.together(sent)
        if account:
            self._ledgers[topic].credited(account, len(records))

    def accounts(self, topic: str) -> Mapping[str, int]:
        """See `Log`."""
        self._name(topic)
        return self._ledgers[topic].totals()

    def credit(self, topic: str, account: str, count: int) -> None:
        """See `Log`."""
        self._name(topic)
        self._producing.lone(self._ledgers[topic].credit(account, count))
        self._ledgers[topic].credited(account, count)

    # -- reading ------------------------------------------------------------------------------------------------------
    def consumer(self, group: str, topics: Sequence[str], *, resume: Resume | None = None) -> KafkaLogConsumer:
        """See `Log`."""
        for topic in topics:
            self._name(topic)
        sources = {topic: Source(self._reader.ends_of, self._generations[topic]) for topic in topics}
        consumer = KafkaLogConsumer(self._clients, group, sources, resume)
        self._consumers.append(consumer)
        return consumer

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """See `Log`."""
        found, generation = self._reader.ends(self._name(topic), self._partitions[topic]), self._generation(topic)
        return {p: (ours(generation, first), ours(generation, end)) for p, (first, end) in found.items()}

    def read(self, topic: str, partition: int, offset: int, max_records: int = 1000) -> Sequence[Stored]:
        """See `Log`."""
        place, generation = self._place(topic, partition), self._generation(topic)
        found, _ = self._reader.records(place, kafkas(generation, offset), max_records)
        return [stored(record, generation) for record in found]

    def offset_at(self, topic: str, partition: int, at: datetime) -> int:
        """See `Log`."""
        place = self._place(topic, partition)
        found = self._reader.offset_at(place, max(0, int(at.timestamp() * 1000)))
        return ours(self._generation(topic), self._reader.ends_of(place)[1] if found is None else found)

    # -- groups -------------------------------------------------------------------------------------------------------
    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """partition -> offset the group goes on from; {} for a group that nobody has been in."""
        name, found = self._name(topic), self._offsets(self._clients.name(group_of(group, topic)))
        return self._of_group(topic, {place: one for place, one in found.items() if place.topic == name})

    def lag(self, group: str, topic: str) -> Mapping[int, int]:
        """See `Log`."""
        committed = self.committed(group, topic)
        return {p: end - min(end, max(first, committed.get(p, 0))) for p, (first, end) in self.ends(topic).items()}

    def members(self, group: str, topic: str) -> int:
        """See `Log`."""
        self._name(topic)
        name = self._clients.name(group_of(group, topic))
        return len(self._clients.ask(lambda: self._admin.describe_groups([name]))[name].get("members") or [])

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Log`. A member that was killed counts as running until its session ends."""
        ends, name = self.ends(topic), self._clients.name(group_of(group, topic))
        for partition, offset in offsets.items():
            self._place(topic, partition)
            end = ends[partition][1]
            if not 0 <= offset <= end:
                raise LogError(f"{topic} partition {partition}: offset {offset}, expected 0 to {end}")
        if members := self.members(group, topic):
            raise LogError(f'group "{group}" has {members} running members on {topic}: stop them, then set offsets')
        before = self._offsets(name)
        changed = {}
        for partition, offset in offsets.items():
            place = TopicPartition(self._clients.name(topic), partition)
            known = marked(before.get(place), self._generation(topic))
            changed[place] = to_commit(max(offset, ends[partition][0]), known.mark.epoch if known else 0, True)
        refused = self._clients.ask(lambda: self._admin.alter_group_offsets(name, changed))
        for place, error in refused.items():
            if error is not errors.NoError and error is not None:
                raise LogError(f'group "{group}", {topic} partition {place.partition}: {error.__name__}')

    def retain(self, topic: str, before: datetime) -> int:
        """See `Log`. Counts marks of transactions too. Takes `<topic>.dead` as well."""
        if topic.endswith(DEAD):
            return self._retain_dead(topic.removesuffix(DEAD), before)
        name = self._name(topic)
        slowest = self._slowest(topic)
        dropped, limits = 0, {}
        for partition, (first, end) in self.ends(topic).items():
            target = min(self.offset_at(topic, partition, before), slowest.get(partition, end), end)
            if target > first:
                limits[TopicPartition(name, partition)] = kafkas(self._generation(topic), target)
                dropped += target - first
        if limits:
            self._clients.ask(lambda: self._admin.delete_records(limits))
        return dropped

    # -- dead letters -------------------------------------------------------------------------------------------------
    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """See `Log`."""
        for letter in letters:
            self._name(letter.topic)
        sent = [self._letters[letter.topic].buried(letter) for letter in letters]
        if len(sent) == 1:
            self._producing.lone(sent[0])
        elif sent:
            self._producing.together(sent)

    def dead(self, topic: str, *, limit: int = 1000) -> Sequence[DeadLetter]:
        """See `Log`."""
        self._name(topic)
        return newest_first(self._letters[topic].look(), limit)

    def replay_dead(self, letters: Sequence[DeadLetter]) -> int:
        """See `Log`."""
        done = 0
        for topic in dict.fromkeys(letter.topic for letter in letters):
            self._name(topic)
            done += self._replay(topic, [letter for letter in letters if letter.topic == topic])
        return done

    def _replay(self, topic: str, letters: Sequence[DeadLetter]) -> int:
        producing = self._replaying.setdefault(topic, Producing(self._clients, f"replay.{topic}"))
        producing.renew()
        kept, name = self._letters[topic].look(), self._clients.name(topic)
        wanted = {place: letter for letter in letters if (place := (letter.partition, letter.offset)) in kept}
        sent, credits = list[Sent](), dict[str, int]()
        for letter in wanted.values():
            sent += [Sent(name, letter.key, letter.value), self._letters[topic].replayed(letter)]
            if letter.source:
                credits[letter.source] = credits.get(letter.source, 0) + 1
        sent += [self._ledgers[topic].credit(account, count) for account, count in credits.items()]
        if sent:
            producing.together(sent)
        for account, count in credits.items():
            self._ledgers[topic].credited(account, count)
        return len(wanted)

    def _retain_dead(self, topic: str, before: datetime) -> int:
        place = self._place(topic, 0)._replace(topic=self._clients.name(topic + DEAD))
        count, behind = self._letters[topic].old(before)
        if behind:
            self._clients.ask(lambda: self._admin.delete_records({place: behind}))
            self._letters[topic].forget(behind)
        return count

    # -- inside -------------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Closes everything. Safe to call twice."""
        for consumer in self._consumers:
            consumer.close()
        self._consumers.clear()
        for producing in (self._producing, *self._replaying.values()):
            producing.close()
        self._reader.close()
        if self._admin_made is not None:
            self._admin_made.close()
            self._admin_made = None

    @property
    def _admin(self) -> KafkaAdminClient:
        if self._admin_made is None:
            self._admin_made = self._clients.admin()
        return self._admin_made

    def _offsets(self, group: str) -> dict[TopicPartition, Any]:
        found: dict[TopicPartition, Any] = self._clients.ask(lambda: self._admin.list_group_offsets({group: None}))[
            group
        ]
        return found

    def _generation(self, topic: str) -> int:
        """Which making of the topic it is, as far as known here."""
        generations = self._generations[topic]
        generations.of(self._reader.topic_id(self._name(topic)))
        return generations.current

    def _of_group(self, topic: str, offsets: Mapping[TopicPartition, Any]) -> dict[int, int]:
        generation = self._generation(topic)
        marks = {place.partition: marked(one, generation) for place, one in offsets.items()}
        return {partition: one.offset for partition, one in marks.items() if one is not None}

    def _slowest(self, topic: str) -> dict[int, int]:
        """partition -> lowest offset that any known group has still to handle."""
        name = self._name(topic)
        prefix = self._clients.settings.prefix
        groups = [
            one["group_id"]
            for one in self._clients.ask(lambda: self._admin.list_groups())
            if one["group_id"].startswith(prefix)
        ]
        slowest: dict[int, int] = {}
        for group in groups:
            found = {place: one for place, one in self._offsets(group).items() if place.topic == name}
            for partition, offset in self._of_group(topic, found).items():
                slowest[partition] = min(offset, slowest.get(partition, offset))
        return slowest

    def _name(self, topic: str) -> str:
        if topic not in self._ledgers:
            raise UnknownTopic(f'no topic "{topic}"; there are {", ".join(self._ledgers)}')
        return self._clients.name(topic)

    def _place(self, topic: str, partition: int) -> TopicPartition:
        name = self._name(topic)
        if not 0 <= partition < self._partitions[topic]:
            raise LogError(f"{topic} has no partition {partition}, only 0 to {self._partitions[topic] - 1}")
        return TopicPartition(name, partition)
