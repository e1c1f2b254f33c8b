"""How fast the log on Kafka takes and hands out records, beside kafka-python alone with the same batches.

    python infra/services.py run -- .venv/bin/python -m benchmarks.kafka [RECORDS] [ROUNDS]

Needs RONZIO_TEST_KAFKA, which `infra/services.py run` sets. Both sides send 900-byte records over as many keys, a thousand at a
time, to 8 partitions, acknowledged by all copies, compressed with lz4, and wait for each batch; both read in a group, committed
records only, a thousand at a time, and commit after each. The log does more: a batch is one transaction with its credit, and
partitions are handed out by epoch. Rounds alternate; prints the median of each side and of the ratio within a round, of rates and
of this process's processor time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

from stream import RAW, KafkaSettings, Record, open_log

BATCH = 1000
PARTITIONS = 8
SIZE = 900


class Cost(NamedTuple):
    """Seconds of a piece of work, and of this process's processors."""

    took: float
    spent: float


def cost(work: Callable[[], None]) -> Cost:
    begin, before = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - begin, time.process_time() - before)


def values(count: int) -> list[Record]:
    """Half of a record is noise and half repeats, so that they compress about as JSON does."""
    return [Record(b"%020d" % number, os.urandom(SIZE // 2) + bytes(SIZE - SIZE // 2)) for number in range(count)]


def batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]


@contextmanager
def topics(servers: Sequence[str]) -> Iterator[str]:
    """A prefix of its own; the topics under it go at the end."""
    prefix = f"bench{uuid.uuid4().hex[:8]}."
    admin = KafkaAdminClient(bootstrap_servers=list(servers))
    try:
        admin.create_topics([NewTopic(f"{prefix}plain", PARTITIONS, 1)])
        yield prefix
    finally:
        admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(prefix)])
        admin.close()


def through_the_log(servers: Sequence[str], prefix: str, records: Sequence[Record]) -> tuple[Cost, Cost]:
    """Append, then poll."""
    with closing(open_log(KafkaSettings(servers=tuple(servers), prefix=prefix, partitions=PARTITIONS))) as log:
        log.append(RAW, records[:1], account="bench")  # connections are made, not counted

        def append() -> None:
            for batch in batches(records[1:]):
                log.append(RAW, batch, account="bench")

        produced = cost(append)
        with log.consumer("bench", [RAW]) as consumer:
            first = next(batch for _ in range(1000) for batch in consumer.poll(1, 1.0))
            consumer.commit(first)
            left = len(records) - len(first.records)

            def poll() -> None:
                nonlocal left
                while left:
                    for batch in consumer.poll(BATCH, 1.0):
                        left -= len(batch.records)
                        consumer.commit(batch)

            return produced, cost(poll)


def by_the_library(servers: Sequence[str], prefix: str, records: Sequence[Record]) -> tuple[Cost, Cost]:
    """The same with kafka-python alone."""
    topic = f"{prefix}plain"
    producer = KafkaProducer(
        bootstrap_servers=list(servers), acks="all", compression_type="lz4", batch_size=256 * 1024, linger_ms=2,
        enable_idempotence=True,
    )  # fmt: skip
    producer.send(topic, records[0].value, records[0].key).get(30)

    def send() -> None:
        for batch in batches(records[1:]):
            sent = [producer.send(topic, record.value, record.key) for record in batch]
            producer.flush()
            assert all(one.succeeded() for one in sent)

    produced = cost(send)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=list(servers), group_id=f"{prefix}plain", enable_auto_commit=False,
        auto_offset_reset="earliest", isolation_level="read_committed", max_partition_fetch_bytes=2 << 20,
        fetch_max_bytes=32 << 20,
    )  # fmt: skip
    left = len(records)
    while left == len(records):
        left -= sum(map(len, consumer.poll(1000, max_records=1).values()))

    def read() -> None:
        nonlocal left
        while left:
            found = consumer.poll(1000, max_records=BATCH)
            left -= sum(map(len, found.values()))
            ends = {place: OffsetAndMetadata(some[-1].offset + 1, "", -1) for place, some in found.items()}
            if ends:
                consumer.commit(ends)

    consumed = cost(read)
    consumer.close()
    return produced, consumed


def main(count: int = 100_000, rounds: int = 5) -> None:
    servers = os.environ["RONZIO_TEST_KAFKA"].split(",")
    records = values(count)
    ours, plain = [], []
    for _ in range(rounds):
        with topics(servers) as prefix:
            plain.append(by_the_library(servers, prefix, records))
            ours.append(through_the_log(servers, prefix, records))
    print(f"{count:,} records of {SIZE} bytes in batches of {BATCH:,}, {rounds} rounds")
    for side, name in enumerate(("produce", "consume")):
        mine, theirs = [each[side] for each in ours], [each[side] for each in plain]
        rates = [statistics.median(count / one.took for one in some) for some in (mine, theirs)]
        ratio = statistics.median(b.took / a.took for a, b in zip(mine, theirs, strict=True))
        spent = statistics.median(b.spent / a.spent for a, b in zip(mine, theirs, strict=True))
        print(
            f"  {name}  {rates[0]:9,.0f} a second, kafka-python alone {rates[1]:9,.0f}: "
            f"ratio {ratio:.2f} of rates, {spent:.2f} of processor time"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
