"""Appending: a lone record by itself, several in one transaction, so that all of them are there or none."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from kafka import KafkaProducer, errors

from stream.kafka.clients import LARGEST, REFUSED, Clients, begin_commit, discard, is_committed
from stream.log import LogError, LogUnavailable, Record, TooLarge

logger = logging.getLogger(__name__)

LARGEST_RECORD: Final = LARGEST // 2  # bytes of key and value: a dead letter holds them in base64


class Sent(NamedTuple):
    """A record on its way: Kafka's name of the topic, key, value, headers."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class _Unsure(NamedTuple):
    """Records whose commit is under way."""

    sent: list[Sent]
    commit: Any


class Producing:
    """Producers of one thread. Of those with one `transactional_id` the newest ends the others."""

    def __init__(self, clients: Clients, transactional_id: str) -> None:
        self._clients = clients
        self._id = clients.name(transactional_id)
        self._plain: KafkaProducer | None = None
        self._transactional: KafkaProducer | None = None
        self._unsure: _Unsure | None = None  # a transaction of which nobody has said yet whether it is committed

    def lone(self, sent: Sent) -> None:
        """One record. Raises LogUnavailable; it may yet arrive then."""
        with self._clients.errors():
            if self._plain is None:
                self._plain = self._clients.plain_producer()
            try:
                _send(self._plain, sent).get(self._clients.settings.timeout_s)
            except BaseException:
                discard(self._plain)
                self._plain = None
                raise

    def together(self, sent: Sequence[Sent]) -> None:
        """All of them or none. Raises LogUnavailable: called again with the same then, it goes on where it was."""
        deadline = time.monotonic() + self._clients.settings.timeout_s
        if self._unsure is not None:
            before = self._unsure.sent
            if self._finish(deadline) and before == list(sent):
                return
        while True:
            try:
                producer = self._begin()
                producer.begin_transaction()
                _all_taken(producer, [_send(producer, one) for one in sent], deadline)
                self._unsure = _Unsure(list(sent), begin_commit(producer))
            except LogUnavailable as error:
                last: Exception = error
            except errors.KafkaError as error:
                if isinstance(error, (*REFUSED, errors.MessageSizeTooLargeError)):
                    self._drop()
                    raise LogError(f"Kafka at {self._clients.servers} refuses this: {error}") from error
                last = error
            else:
                if self._finish(deadline):
                    return
                last = errors.TransactionAbortedError("the transaction was aborted")
            self._drop()
            if time.monotonic() > deadline:
                raise LogUnavailable(f"Kafka at {self._clients.servers} takes nothing: {last}") from last
            logger.info("appending again: %s", last, extra={"action": "append-again"})
            time.sleep(0.1)

    def renew(self) -> None:
        """Ends whoever else uses this transactional id, and waits until what they had begun is over."""
        self._drop()
        self._clients.ask(self._begin)

    def close(self) -> None:
        if self._plain is not None:
            self._plain.close(timeout=5)
            self._plain = None
        self._drop()

    def _finish(self, deadline: float) -> bool:
        """The end of the commit under way; True: all is there, False: nothing. Raises LogUnavailable while nobody says."""
        assert self._unsure is not None
        try:
            if not is_committed(self._unsure.commit, max(0.1, deadline - time.monotonic())):
                raise LogUnavailable(f"Kafka at {self._clients.servers} does not answer")
        except errors.KafkaError as error:
            # The coordinator has ended it (fenced, timed out), or a record could not be placed.
            logger.info("a transaction came to nothing: %s", error, extra={"action": "transaction-aborted"})
            self._unsure = None
            return False
        self._unsure = None
        return True

    def _begin(self) -> KafkaProducer:
        if self._transactional is None:
            producer = self._clients.producer(self._id)
            try:
                producer.init_transactions()
            except BaseException:
                discard(producer)
                raise
            self._transactional = producer
        return self._transactional

    def _drop(self) -> None:
        self._unsure = None
        if self._transactional is not None:
            discard(self._transactional)
            self._transactional = None


def _send(producer: KafkaProducer, sent: Sent) -> Any:
    return producer.send(sent.topic, sent.value, sent.key, headers=list(sent.headers))


def _all_taken(producer: KafkaProducer, futures: Sequence[Any], deadline: float) -> None:
    """Waits until Kafka has every record. Raises KafkaError. The library commits a transaction although some of its records
    have waited too long and were given up."""
    producer.flush(max(0.1, deadline - time.monotonic()))
    for future in futures:
        if future.exception is not None:
            raise future.exception


def check(records: Sequence[Record]) -> None:
    """Raises TypeError, TooLarge before anything is sent."""
    for record in records:
        if type(record.key) is not bytes or type(record.value) is not bytes:
            raise TypeError(f"key {record.key!r:.40}, value {record.value!r:.40}: expected bytes")
        if len(record.key) + len(record.value) > LARGEST_RECORD:
            size = len(record.key) + len(record.value)
            raise TooLarge(f"a record has {size:,} bytes; Kafka takes {LARGEST_RECORD:,} at most")
