"""What making clients of Kafka leaves behind where there is no Kafka."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from stream import KafkaSettings, LogUnavailable
from stream.kafka.clients import Clients, Holding


@pytest.mark.parametrize("kind", ["admin", "reader", "plain_producer"])
def test_a_try_that_fails_leaves_no_thread_and_no_socket(kind: str) -> None:
    clients = Clients(KafkaSettings(servers=("127.0.0.1:1",), connect_s=1))

    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = held()
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1\b") as caught:
        getattr(clients, kind)()
    assert str(caught.value).count("KafkaTimeoutError") == 1
    assert held() == before


def test_a_member_tells_the_group_what_it_holds_not_what_it_was_last_given() -> None:
    """What it has given up and would go on telling of, the others would wait for without end."""
    sharing, held = Holding(), {TopicPartition("t", 0), TopicPartition("t", 2)}
    sharing.held = lambda: held
    given = ConsumerProtocolAssignment(1, [("t", [0, 1, 2, 3])], b"")
    sharing.on_assignment(given, 7)

    def told() -> list[tuple[str, list[int]]]:
        return [(one.topic, list(one.partitions)) for one in sharing.metadata(["t"]).owned_partitions]

    assert told() == [("t", [0, 2])]
    held.clear()  # taken for dead
    assert told() == []
