"""Accounts: how many records were ever appended for whom.

Each writer says, in the transaction of its records, how much it has credited an account with altogether. The topic is compacted:
of each writer and account the last word stays. What all writers say, added up, is the account. Beside them stands which
generation a topic with such an id is: see offsets.py.
"""

from __future__ import annotations

import uuid

from stream.kafka.producing import Sent
from stream.kafka.reading import Follower, Reader


class Ledger:
    """The accounts of one topic."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._name = name
        self._follower = Follower(reader, name)
        self._writer = uuid.uuid4().hex
        self._mine: dict[str, int] = {}
        self._said: dict[bytes, tuple[str, int]] = {}
        self._generations: dict[str, int] = {}

    def credit(self, account: str, count: int) -> Sent:
        """The record that adds to an account; `credited` once it is there."""
        total = self._mine.get(account, 0) + count
        return Sent(self._name, f"{account}\0{self._writer}".encode(), str(total).encode())

    def credited(self, account: str, count: int) -> None:
        self._mine[account] = self._mine.get(account, 0) + count

    def totals(self) -> dict[str, int]:
        """account -> records."""
        self._look()
        found: dict[str, int] = {}
        for account, total in self._said.values():
            found[account] = found.get(account, 0) + total
        return found

    def made(self, topic_id: str, generation: int) -> Sent:
        """The record that says which generation the topic with this id is."""
        return Sent(self._name, f"\0{topic_id}".encode(), str(generation).encode())

    def generations(self) -> dict[str, int]:
        """Kafka's id of the topic -> generation."""
        self._look()
        return dict(self._generations)

    def _look(self) -> None:
        for record in self._follower.more():
            account, _, writer = record.key.rpartition(b"\0")
            if account:
                self._said[record.key] = (account.decode(), int(record.value))
            else:
                self._generations[writer.decode()] = int(record.value)
