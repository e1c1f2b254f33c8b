"""The clients of Kafka's library, set up the same everywhere, and its errors in our words.

The library is pinned exactly: what it calls private is used in this file and named there, nowhere else.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import KafkaAdminClient
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket

from stream.kafka.entry import refusal
from stream.kafka_settings import KafkaSettings
from stream.log import LogError, LogUnavailable, UnknownTopic

MIB: Final = 1024 * 1024
LARGEST: Final = 16 * MIB  # bytes of one message of any topic
QUIET: Final = logging.getLogger("kafka")  # the library tells of every try to connect; what counts is told by us

BACKOFF_MS: Final = 5  # between two tries of a request; with the library's 100 a transaction takes five times as long
PAUSE: Final = 0.2  # seconds between two tries of a call

T = TypeVar("T")


class Holding(CooperativeStickyAssignor):  # type: ignore[misc]
    """Tells the group what its member holds when it joins.

    The library's own tells what it was last given, also after it was taken for dead and has given that up. The others
    then wait for it to give it up, which it does not do twice: those partitions are nobody's until somebody else joins or
    leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.held: Callable[[], Collection[TopicPartition]] = tuple

    def metadata(self, topics: Collection[str]) -> Any:
        self.member_assignment = list(self.held())
        return super().metadata(topics)


REFUSED: Final = (
    errors.SaslAuthenticationFailedError,
    errors.AuthorizationError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)


class Clients:
    """Makes clients for one cluster. Every method raises LogUnavailable (not reached), LogError (not let in)."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._entered = False
        if QUIET.level == logging.NOTSET:
            QUIET.setLevel(logging.CRITICAL)

    @property
    def servers(self) -> str:
        return ", ".join(self.settings.servers)

    def admin(self) -> KafkaAdminClient:
        with self.errors():
            return _made(KafkaAdminClient, **self._common(), request_timeout_ms=self._wait_ms)

    def reader(self) -> KafkaConsumer:
        """A consumer of no group that reads what is committed, from where it is told."""
        with self.errors():
            return _made(
                KafkaConsumer,
                **self._common(),
                **self._reading(),
                group_id=None,
                enable_auto_commit=False,
                fetch_max_wait_ms=50,
            )

    def member(self, group: str) -> KafkaConsumer:
        """A consumer that is to join `group` (with the prefix)."""
        session, sharing = int(self.settings.session_s * 1000), Holding()
        with self.errors():
            made = _made(
                KafkaConsumer,
                **self._common(),
                **self._reading(),
                group_id=group,
                enable_auto_commit=False,
                partition_assignment_strategy=(sharing,),
                session_timeout_ms=session,
                heartbeat_interval_ms=min(500, session // 4),  # how soon it hears that others join or leave
                max_poll_interval_ms=int(self.settings.poll_s * 1000),
            )
        sharing.held = made._subscription.assigned_partitions
        return made

    def plain_producer(self) -> KafkaProducer:
        """A writer of lone records: idempotent, acknowledged by every copy in sync."""
        with self.errors():
            return _made(KafkaProducer, **self._common(), **self._writing(), linger_ms=0, enable_idempotence=True)

    def producer(self, transactional_id: str) -> KafkaProducer:
        """A writer of transactions; `init_transactions` is still to be called."""
        with self.errors():
            return _made(
                KafkaProducer,
                **self._common(),
                transactional_id=transactional_id,
                transaction_timeout_ms=int(self.settings.transaction_s * 1000),
                linger_ms=2,
                **self._writing(),
            )

    def name(self, topic: str) -> str:
        """A topic or group as the cluster knows it."""
        return self.settings.prefix + topic

    def ask(self, work: Callable[[], T]) -> T:
        """One question, asked again while a broker says that it cannot answer yet. Raises LogUnavailable, LogError."""
        deadline = time.monotonic() + self.settings.connect_s
        while True:
            try:
                with self.errors():
                    return work()
            except LogUnavailable:
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns the library's errors into ours."""
        try:
            yield
        except REFUSED as error:
            raise LogError(self._refusal(error)) from None
        except errors.UnknownTopicOrPartitionError as error:
            raise UnknownTopic(f"Kafka at {self.servers} has no such topic: {_short(error)}") from error
        except (errors.KafkaConfigurationError, errors.IllegalArgumentError, errors.UnsupportedVersionError) as error:
            raise LogError(f"Kafka at {self.servers}: {_short(error)}") from error
        except errors.KafkaError as error:
            raise self.unreached(error) from error
        except OSError as error:
            raise LogError(f"Kafka at {self.servers}: {error}") from error

    def unreached(self, error: BaseException) -> LogError:
        """LogUnavailable, or LogError where waiting will not help (a wrong password, a certificate that is not to be trusted)."""
        if isinstance(error, REFUSED):
            return LogError(self._refusal(error))
        if self.settings.protocol != "PLAINTEXT" and (reason := refusal(self.settings)):
            return LogError(f"Kafka at {self.servers} {reason}")
        return LogUnavailable(f"Kafka at {self.servers} does not answer: {_short(error)}")

    @property
    def _wait_ms(self) -> int:
        return int(self.settings.connect_s * 1000)

    def _refusal(self, error: BaseException) -> str:
        who = f' "{self.settings.username}"' if self.settings.username else ""
        return f"Kafka at {self.servers} refuses user{who}: {_short(error)}"

    def _common(self) -> dict[str, Any]:
        """What all clients are given. Raises LogError the first time, where Kafka does not let us in."""
        if not self._entered and self.settings.protocol != "PLAINTEXT" and (reason := refusal(self.settings)):
            raise LogError(f"Kafka at {self.servers} {reason}")
        self._entered = True
        found: dict[str, Any] = {
            "bootstrap_servers": list(self.settings.servers),
            "bootstrap_timeout_ms": self._wait_ms,
            "security_protocol": self.settings.protocol,
            "client_id": f"{self.settings.prefix}ronzio",
            "reconnect_backoff_max_ms": 1000,
        }
        if self.settings.ca_file:
            found["ssl_cafile"] = str(self.settings.ca_file)
        if self.settings.protocol.startswith("SASL"):
            found["sasl_mechanism"] = self.settings.mechanism
            found["sasl_plain_username"] = self.settings.username
            found["sasl_plain_password"] = self.settings.password()
        return found

    def _reading(self) -> dict[str, Any]:
        return {
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "request_timeout_ms": self._wait_ms,
            "max_partition_fetch_bytes": 2 * MIB,
            "fetch_max_bytes": 32 * MIB,
            "allow_auto_create_topics": False,
            "metadata_max_age_ms": 10_000,  # so soon it is seen at the latest that a topic was made anew
        }

    def _writing(self) -> dict[str, Any]:
        return {
            "acks": "all",
            "compression_type": "lz4",
            "batch_size": 256 * 1024,
            "max_request_size": LARGEST,
            "max_block_ms": self._wait_ms,
            "request_timeout_ms": self._wait_ms,
            "delivery_timeout_ms": 2 * self._wait_ms,
            "retry_backoff_ms": BACKOFF_MS,
            "allow_auto_create_topics": False,
        }


def _made(kind: Callable[..., T], **config: Any) -> T:
    """A client of the library, which keeps the thread and the sockets of one that does not find its cluster: one more at every
    try while a broker is away."""
    opened = []

    def connect(**more: Any) -> KafkaNetClient:
        opened.append(KafkaNetClient(**more))
        return opened[-1]

    try:
        return kind(**config, kafka_client=connect)
    except BaseException:
        for one in opened:
            one._net.close()
        raise


_connect = KafkaNetSocket.sock_connect


async def _connect_or_close(self: Any, net: Any, sock: socket.socket, *address: Any, **more: Any) -> socket.socket:
    try:
        connected: socket.socket = await _connect(self, net, sock, *address, **more)
    except BaseException:
        sock.close()
        raise
    return connected


# The library leaves a socket that does not connect to the garbage collector; while a broker is away that is one a second.
KafkaNetSocket.sock_connect = _connect_or_close


def begin_commit(producer: KafkaProducer) -> Any:
    """Begins to commit the transaction, for `is_committed` (the library's own call waits without end). Raises KafkaError:
    then it is not committed."""
    result = producer._transaction_manager.begin_commit()
    producer._sender.wakeup()
    return result


def is_committed(commit: Any, seconds: float) -> bool:
    """Waits for the end of a commit; False while nobody has said. Raises KafkaError: then it is not committed."""
    return bool(commit.wait(timeout_ms=seconds * 1000))


def discard(producer: KafkaProducer) -> None:
    """Ends a writer at once, whatever it is doing; its open transaction is left to Kafka."""
    producer._unregister_cleanup()
    producer._closed = True  # its own close would wait for what was not sent
    producer._sender.force_close()
    producer._sender.join(5)


def joined(consumer: KafkaConsumer, seconds: float) -> bool:
    """Takes part in a sharing out that is under way; False if it did not end within `seconds`."""
    coordinator = consumer._coordinator
    if coordinator._join_task is not None:
        # A poll ended in the middle of joining. Where the topic's metadata had changed, the library forgets that it was
        # joining at all and would wait for ever.
        coordinator.request_rejoin()
    return not coordinator.need_rejoin() or bool(coordinator.poll(timeout_ms=seconds * 1000))


def positions(consumer: KafkaConsumer) -> Mapping[TopicPartition, int | None]:
    """Where each assigned partition goes on, without asking Kafka."""
    states = consumer._subscription.assignment
    return {place: state.position.offset if state.position else None for place, state in list(states.items())}


def topic_id(consumer: KafkaConsumer, topic: str) -> str:
    """What tells a topic from one of the same name made later; "" while it is not known."""
    found = consumer._cluster.topic_id(topic)
    return found.hex if found else ""


def _short(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)  # which begins with the name, for some
    return (text if text.startswith(name) else f"{name}: {text}").split("\n", 1)[0][:200]
