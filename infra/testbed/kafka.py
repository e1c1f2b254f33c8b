"""One Kafka broker that is its own controller, on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.testbed import daemons
from infra.testbed.choice import Ports, Unusable
from infra.testbed.secured import Secured

HEAP: Final = "-Xms512m -Xmx512m"
CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qk"
# What a test cannot wait for or a small machine need not hold.
QUICK: Final = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.min.isr": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.min.session.timeout.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
}
_API_VERSIONS: Final = 18


def properties(ports: Ports, data: Path) -> dict[str, str]:
    """The configuration of a broker without TLS and sign-in."""
    listeners = f"CLIENTS://127.0.0.1:{ports.kafka},CONTROLLER://127.0.0.1:{ports.controller}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
        "listeners": listeners,
        "advertised.listeners": listeners.partition(",")[0],
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT",
        "log.dirs": str(data),
        **QUICK,
    }


def start(home: Path, java: Path, ports: Ports, folder: Path, secured: Secured | None, *, tied: bool) -> daemons.Daemon:
    """Formats a fresh store in `folder` and starts the broker on it."""
    file = folder / "kafka.properties"
    file.touch(0o600)
    said = secured.kafka if secured else properties(ports, folder / "kafka")
    file.write_text("".join(f"{key}={value}\n" for key, value in said.items()))
    classpath = ["-cp", f"{home / 'lib'}/*"]
    cluster = secured.env["KAFKA_CLUSTER_ID"] if secured else CLUSTER
    formatted = subprocess.run(
        [str(java), *classpath, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file),
         *_users(secured.env if secured else {})],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if formatted.returncode != 0:
        raise Unusable(f"Kafka's store could not be formatted:\n{formatted.stdout}{formatted.stderr}")
    level = "-Dorg.apache.logging.log4j.level=WARN"
    heap = (secured.kafka_heap if secured else HEAP).split()
    command = [str(java), *heap, level, *classpath, "kafka.Kafka", str(file)]
    return daemons.start("kafka", command, folder / "kafka.log", os.environ, tied=tied, folder=folder)


def _users(env: Mapping[str, str]) -> list[str]:
    """The user of PLAIN, for SCRAM."""
    password = env.get("RONZIO_KAFKA_PASSWORD")
    kinds = ("SCRAM-SHA-512", "SCRAM-SHA-256") if password else ()
    return [part for kind in kinds for part in ("--add-scram", f"{kind}=[name=ronzio,password={password}]")]


def answers(port: int, secured: Secured | None) -> bool:
    """True if the broker says which versions it speaks: the first thing every client asks. A secured one is asked where it
    listens to itself, without TLS."""
    if secured:
        port = int(secured.kafka["listeners"].rpartition(":")[2])
    name = b"ronzio"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(name)) + name
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as link:
            link.sendall(struct.pack(">i", len(request)) + request)
            head = link.recv(10)  # length, the request's number, an error code
            return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
    except OSError:
        return False
