"""Accounts: how many records were ever appended for whom.

Each writer says, in the transaction of its records, how much it has credited an account with altogether. The topic is compacted:
of each writer and account the last word stays. What all writers say, added up, is the account.
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

    def credit(self, account: str, count: int) -> Sent:
        """The record that adds to an account; `credited` once it is there."""
        total = self._mine.get(account, 0) + count
        return Sent(self._name, f"{account}\0{self._writer}".encode(), str(total).encode())

    def credited(self, account: str, count: int) -> None:
        self._mine[account] = self._mine.get(account, 0) + count

    def totals(self) -> dict[str, int]:
        """account -> records."""
        for record in self._follower.more():
            account = record.key.rpartition(b"\0")[0].decode()
            self._said[record.key] = (account, int(record.value))
        found: dict[str, int] = {}
        for account, total in self._said.values():
            found[account] = found.get(account, 0) + total
        return found
