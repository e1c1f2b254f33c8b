"""One Kafka broker that is its own controller, on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
from pathlib import Path
from typing import Final

from infra.testbed import daemons
from infra.testbed.choice import Ports, Unusable
from infra.testbed.secrets import Secrets

HEAP: Final = "512m"
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


def properties(ports: Ports, data: Path, secrets: Secrets | None) -> dict[str, str]:
    """The broker's configuration: a plain listener, or one with TLS and sign-in."""
    protocol = "SASL_SSL" if secrets else "PLAINTEXT"
    listeners = f"CLIENTS://127.0.0.1:{ports.kafka},CONTROLLER://127.0.0.1:{ports.controller}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.controller}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,CLIENTS:{protocol}",
        "log.dirs": str(data),
        **QUICK,
    }
    return settings | (_secure(secrets) if secrets else {})


def _secure(secrets: Secrets) -> dict[str, str]:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{module} required username="{secrets.user}" password="{secrets.password}";'
    both = secrets.key.with_name("kafka.pem")  # Kafka wants the key and its certificate in one file
    both.write_text(secrets.key.read_text() + secrets.certificate.read_text())
    return {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": jaas,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(secrets.authority),
    }


def start(home: Path, java: Path, ports: Ports, folder: Path, secrets: Secrets | None, *, tied: bool) -> daemons.Daemon:
    """Formats a fresh store in `folder` and starts the broker on it."""
    file, data = folder / "kafka.properties", folder / "kafka"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties(ports, data, secrets).items()))
    classpath = ["-cp", f"{home / 'lib'}/*"]
    user = ["--add-scram", f"SCRAM-SHA-512=[name={secrets.user},password={secrets.password}]"] if secrets else []
    formatted = subprocess.run(
        [str(java), *classpath, "kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER,
         "-c", str(file), *user],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if formatted.returncode != 0:
        raise Unusable(f"Kafka's store could not be formatted:\n{formatted.stdout}{formatted.stderr}")
    level = "-Dorg.apache.logging.log4j.level=WARN"
    command = [str(java), f"-Xms{HEAP}", f"-Xmx{HEAP}", level, *classpath, "kafka.Kafka", str(file)]
    return daemons.start("kafka", command, folder / "kafka.log", os.environ, tied=tied, folder=folder)


def answers(port: int, secrets: Secrets | None) -> bool:
    """True if the broker says which versions it speaks: the first thing every client asks."""
    name = b"ronzio"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(name)) + name
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as plain:
            link = _wrapped(plain, secrets) if secrets else plain
            link.sendall(struct.pack(">i", len(request)) + request)
            head = link.recv(10)  # length, the request's number, an error code
            return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
    except OSError:
        return False


def _wrapped(plain: socket.socket, secrets: Secrets) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(secrets.authority))
    return context.wrap_socket(plain, server_hostname="localhost")
