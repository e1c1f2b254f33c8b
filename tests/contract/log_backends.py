"""The backends of the log that the contract runs on. A new one is one more entry of BACKENDS.

Also run as a script, as another process that uses the log: see `main`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from infra.testbed.waiting import until
from stream import RAW, Consumer, Fenced, KafkaSettings, Log, Record
from stream.embedded import EmbeddedLog
from stream.embedded_consumer import EmbeddedConsumer
from stream.kafka.log import KafkaLog

PARTITIONS = 4
LEASE = 1.0  # seconds a member may stand still in these tests


class Backend(NamedTuple):
    """`prepare` makes an empty log and says where; `open` opens it, as often as wanted."""

    prepare: Callable[[Path], str]
    open: Callable[[str], Log]
    clear: Callable[[str], None]
    quiet: float


KAFKA = os.environ.get("RONZIO_TEST_KAFKA", "")
SESSION = 6.0  # seconds without a sign of life that Kafka gives a member in these tests


def kafka_settings(prefix: str) -> KafkaSettings:
    return KafkaSettings(servers=tuple(KAFKA.split(",")), prefix=prefix, partitions=PARTITIONS, session_s=SESSION)


def drop_topics(prefix: str) -> None:
    """Everything a test has made in Kafka goes."""
    admin = KafkaAdminClient(bootstrap_servers=KAFKA.split(","))
    admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(prefix)])
    admin.close()


KINDS = {
    "embedded": Backend(
        prepare=lambda tmp_path: str(tmp_path / "log"),
        open=lambda where: EmbeddedLog(Path(where), partitions=PARTITIONS, lease=LEASE),
        clear=lambda where: None,
        quiet=0.0,
    ),
    "kafka": Backend(
        prepare=lambda tmp_path: f"t{uuid.uuid4().hex[:12]}.",
        open=lambda where: KafkaLog(kafka_settings(where)),
        clear=drop_topics,
        quiet=2.5,
    ),
}
BACKENDS = ["embedded"]
if KAFKA:
    BACKENDS.append(pytest.param("kafka", marks=pytest.mark.services))  # type: ignore[arg-type]


def quiet(consumer: Consumer) -> float:
    """Seconds without records after which a member has all there is: on Kafka it has to join first."""
    return 0.0 if isinstance(consumer, EmbeddedConsumer) else KINDS["kafka"].quiet


def at_most(log: Log, records: int, appends: int) -> range:
    """How many offsets so many records take: on Kafka each append leaves a mark in each partition at most."""
    return range(records, records + 1 + (0 if isinstance(log, EmbeddedLog) else appends * PARTITIONS))


def at_rest(name: str, partitions: int) -> bool:
    """No transaction is open in a topic of Kafka's: what can be read is all there is."""
    places = [TopicPartition(name, partition) for partition in range(partitions)]
    ends = []
    for isolation in ("read_committed", "read_uncommitted"):
        with closing(KafkaConsumer(bootstrap_servers=KAFKA.split(","), isolation_level=isolation)) as consumer:
            ends.append(consumer.end_offsets(places))
    return bool(ends[0] == ends[1])


def readable(log: Log, topic: str = RAW) -> Log:
    """Waits until what was appended can be read: Kafka ends a transaction in each partition a little after saying yes."""
    if isinstance(log, KafkaLog):
        name, partitions = log._clients.name(topic), len(log.ends(topic))
        until(lambda: at_rest(name, partitions), f"all of {name} to be readable")
    return log


class Child:
    """Another process. Its lines are JSON."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, __file__, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> object:
        """The next thing it says. Fails if it ended instead."""
        said = self._out.readline()
        assert said, f"the other process ended with {self.process.wait()}"
        return json.loads(said)

    def go_on(self, batches: int = 1) -> None:
        """Lets it commit the batch it told of, or as many more."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n" * batches)
        self.process.stdin.flush()

    def kill(self) -> None:
        """kill -9, and the end of it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def _out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


class LogFactory:
    """Opens one log as often as wanted; closes what it opened, ends the processes it started."""

    def __init__(self, name: str, tmp_path: Path) -> None:
        self._name = name
        self.where = KINDS[name].prepare(tmp_path)
        self._logs: list[Log] = []
        self._children: list[Child] = []

    def __call__(self) -> Log:
        log = KINDS[self._name].open(self.where)
        self._logs.append(log)
        return log

    def child(self, task: str, *arguments: str) -> Child:
        child = Child(self._name, self.where, task, *arguments)
        self._children.append(child)
        return child

    def close(self) -> None:
        for child in self._children:
            child.kill()
        for log in self._logs:
            log.close()
        KINDS[self._name].clear(self.where)


@contextmanager
def opened(name: str, tmp_path: Path) -> Iterator[LogFactory]:
    factory = LogFactory(name, tmp_path)
    try:
        yield factory
    finally:
        factory.close()


def records(count: int, prefix: str = "r", keys: int = 50) -> list[Record]:
    """Values `<prefix>-0` ..., over `keys` keys."""
    return [Record(b"key-%d" % (i % keys), f"{prefix}-{i}".encode()) for i in range(count)]


def main(name: str, where: str, task: str, *arguments: str) -> None:
    """`append PREFIX COUNT SIZE`: appends in batches of SIZE, says "done".
    `own GROUP`: joins, says of every batch what it is, then waits to be let on, commits, says "committed" or "fenced"."""
    log = KINDS[name].open(where)
    if task == "append":
        every = records(int(arguments[1]), arguments[0])
        for start in range(0, len(every), int(arguments[2])):
            log.append(RAW, every[start : start + int(arguments[2])], account=arguments[0])
        say("done")
        log.close()
        return
    consumer = log.consumer(arguments[0], [RAW])
    while True:
        for batch in consumer.poll(timeout=0.1):
            say({"partition": batch.partition, "epoch": batch.epoch, "records": len(batch.records)})
            sys.stdin.readline()
            try:
                consumer.commit(batch)
                say("committed")
            except Fenced:
                say("fenced")


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
