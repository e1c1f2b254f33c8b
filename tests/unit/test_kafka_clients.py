"""What making clients of Kafka leaves behind where there is no Kafka."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stream import KafkaSettings, LogUnavailable
from stream.kafka.clients import Clients


@pytest.mark.parametrize("kind", ["admin", "reader", "plain_producer"])
def test_a_try_that_fails_leaves_no_thread_and_no_socket(kind: str) -> None:
    clients = Clients(KafkaSettings(servers=("127.0.0.1:1",), connect_s=1))

    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = held()
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1\b"):
        getattr(clients, kind)()
    assert held() == before
