"""The log: one interface, two backends (SQLite on one machine, Kafka scaled out).

A topic has partitions; a record's key picks its partition; records of one partition keep their order and have
offsets that rise. A consumer group shares a topic's partitions among its members. What a consumer has handled is
*committed* either in the log (`Consumer.commit`) or, better, in the sink together with what it stands for: a sink
that keeps positions is asked through `resume` where to go on, and fences off a former owner by `epoch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

RAW = "mentions.raw"
EDITS = "mentions.edits"
SIGNATURES = "mentions.signatures"
TOPICS = (RAW, EDITS, SIGNATURES)
ORDERED = (SIGNATURES,)  # topics of one partition: their records have one order


class LogError(Exception):
    """Base of the errors of the log."""


class Fenced(LogError):
    """This consumer no longer owns the partition: another member took it over. Drop the batch and poll again."""


class LogUnavailable(LogError):
    """The log cannot take or give anything for now. Nothing was appended; what was acknowledged is safe. Try again later."""


class LogFull(LogUnavailable):
    """The disk has no room for the log. Nothing was appended; what was acknowledged before is safe."""


class LogDamaged(LogError):
    """A file of the log cannot be opened, or is not what was written: the message names it. Trying again does not help."""


class TooLarge(LogError):
    """A record is larger than the log takes. Nothing was appended; trying again does not help."""


class UnknownTopic(LogError):
    """There is no such topic."""


class Record(NamedTuple):
    """What is appended: a key that picks the partition and a value. Both bytes; the value is JSON in our topics."""

    key: bytes
    value: bytes


class Stored(NamedTuple):
    """A record read back."""

    offset: int
    timestamp: int  # ms since 1970, when the log took it
    key: bytes
    value: bytes


class Batch(NamedTuple):
    """Consecutive records of one partition, owned under `epoch`; `next_offset` is where to go on after them."""

    topic: str
    partition: int
    epoch: int
    records: Sequence[Stored]
    next_offset: int


class Position(NamedTuple):
    """How far `group` has come in a partition, under which `epoch`. What a sink stores beside its data."""

    group: str
    topic: str
    partition: int
    epoch: int
    offset: int


Resume = Callable[[Position], int | None]
"""Called once when a partition is taken over, with the log's own committed offset: the sink records the epoch (so that
the former owner is fenced) and answers the offset to go on from, or None for the log's."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be handled. Lives in topic `<topic>.dead` as JSON; (topic, partition, offset) is its identity."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    source: str  # of the item, "" where it could not be read
    reason: str  # in words a user reads
    consumer: str  # group that refused it
    at: datetime


@runtime_checkable
class Consumer(Protocol):
    """A member of a group. Not thread-safe. Use as a context manager; closing gives its partitions up at once."""

    group: str

    def poll(self, max_records: int = 1000, timeout: float = 1.0) -> list[Batch]:
        """Waits up to `timeout` seconds for records. May return a few more than `max_records`; [] on time-out.

        Starts where the group stopped; after `poll` the consumer goes on behind what it returned.
        Rebalancing happens in here, between batches.
        """
        ...

    def commit(self, batch: Batch) -> None:
        """Records in the log that everything up to `batch.next_offset` is durable downstream. Raises Fenced."""
        ...

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Goes on from `offset` at the next poll; for an owned partition (else LogError)."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Consumer: ...
    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class Log(Protocol):
    """See the module's text. Safe to use from several processes; one instance belongs to one thread."""

    def append(self, topic: str, records: Sequence[Record], *, account: str = "") -> None:
        """Returns when the records are durable. All of them or none. Raises LogFull, UnknownTopic.

        `account` (a source's id) is credited with len(records) in the same transaction: see `accounts`.
        """
        ...

    def accounts(self, topic: str) -> Mapping[str, int]:
        """Records ever appended, by account. What 'fetched' means in the books."""
        ...

    def credit(self, topic: str, account: str, count: int) -> None:
        """Adds to an account without appending: for moving house."""
        ...

    def consumer(self, group: str, topics: Sequence[str], *, resume: Resume | None = None) -> Consumer: ...

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """partition -> (first offset kept, next offset to be given out)."""
        ...

    def committed(self, group: str, topic: str) -> Mapping[int, int]: ...
    def lag(self, group: str, topic: str) -> Mapping[int, int]:
        """partition -> records the group has still to handle, by the log's committed offsets. On Kafka the ends of transactions
        count too: one more for each append that brought a partition something."""
        ...

    def members(self, group: str, topic: str) -> int:
        """How many members the group has on this topic. On Kafka a killed one counts until its session ends."""
        ...

    def read(self, topic: str, partition: int, offset: int, max_records: int = 1000) -> Sequence[Stored]:
        """Looks without joining a group. [] at the end."""
        ...

    def offset_at(self, topic: str, partition: int, at: datetime) -> int:
        """First offset taken at or after `at`; the next offset to be given out if there is none."""
        ...

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Replay: makes `group` go on from these offsets. Only while the group has no live member (else LogError)."""
        ...

    def retain(self, topic: str, before: datetime) -> int:
        """Drops records taken before `before`, oldest first, never one that a known group has still to handle."""
        ...

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Appends to the dead letters of each letter's topic. Burying the same record twice keeps one."""
        ...

    def dead(self, topic: str, *, limit: int = 1000) -> Sequence[DeadLetter]:
        """Newest first; those not yet replayed."""
        ...

    def replay_dead(self, letters: Sequence[DeadLetter]) -> int:
        """Appends them again to their topic and takes them off the list. Returns how many."""
        ...

    def close(self) -> None: ...
