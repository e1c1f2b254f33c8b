"""Kafka and Elasticsearch with TLS and sign-in, as docker-compose.yml has them, without its containers.

In: the two services' environment in docker-compose.yml, the passwords of `make env`, the certificates that the command of the
service `prepare` makes. Out: what the broker and the node are to be configured with here. What cannot be the same is named in
`KAFKA_DIFFERS` and `ELASTICSEARCH_DIFFERS`, each with its reason; the rest is taken as it stands. Needs PyYAML.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.make_env import ROOT, write_env
from infra.testbed.choice import Ports, Unusable

FILE: Final = ROOT / "docker-compose.yml"
ENV: Final = ".env"
ADMINISTRATOR: Final = "elastic"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

KAFKA_DIFFERS: Final[Mapping[str, str]] = {
    # SCRAM beside PLAIN: the settings of Ronzio offer both, the containers use one
    "listener.name.clients.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,SCRAM-SHA-256",
    "listener.name.clients.scram-sha-512.sasl.jaas.config": _SCRAM,
    "listener.name.clients.scram-sha-256.sasl.jaas.config": _SCRAM,
}
ELASTICSEARCH_DIFFERS: Final[Mapping[str, str | None]] = {  # None: not set here
    "ingest.geoip.downloader.enabled": None,  # this build has no such module
    "cluster.routing.allocation.disk.threshold_enabled": "false",  # a developer's disk may be nearly full
    "network.host": "127.0.0.1",  # the image has 0.0.0.0, which only its private network sees
}


@dataclass(frozen=True)
class Secured:
    """`env`: what `.env` sets. `folder` holds .env, certificates/ and authority/."""

    folder: Path
    env: Mapping[str, str]
    kafka: Mapping[str, str]
    kafka_heap: str
    elasticsearch: Mapping[str, str]
    elasticsearch_heap: str

    @property
    def authority(self) -> Path:
        return self.folder / "authority" / "ca.pem"

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def password(self) -> str:
        """Of Elasticsearch's administrator."""
        return self.env["ELASTIC_PASSWORD"]


def make(folder: Path, ports: Ports) -> Secured:
    """Passwords and certificates anew in `folder`, and the settings that go with them. Raises Unusable."""
    services = read()
    folder.mkdir(mode=0o755)
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for what `up` exports
        write_env(folder / ENV)
    env = dict(line.split("=", 1) for line in (folder / ENV).read_text("utf-8").splitlines() if line[0] != "#")
    places = {
        "CLIENTS://0.0.0.0:9092": f"CLIENTS://127.0.0.1:{ports.kafka}",
        "CLIENTS://kafka:9092": f"CLIENTS://127.0.0.1:{ports.kafka}",
        "127.0.0.1:9093": f"127.0.0.1:{ports.controller}",
        "127.0.0.1:9094": f"127.0.0.1:{ports.local}",
        "/certificates": str(folder / "certificates"),
        "/authority": str(folder / "authority"),
        "/var/lib/kafka/data": str(folder.parent / "kafka"),
    }
    _prepare(services["prepare"], env, folder, places)
    broker = {name: mapped(value, env, places) for name, value in services["kafka"]["environment"].items()}
    node = {name: mapped(value, env, {}) for name, value in services["elasticsearch"]["environment"].items()}
    own = {name: value for name, value in node.items() if "." in name}
    own |= {"http.port": str(ports.http), "transport.port": str(ports.transport)}
    differs = {**own, **ELASTICSEARCH_DIFFERS}
    return Secured(
        folder,
        env,
        {**properties(broker), **KAFKA_DIFFERS},
        broker["KAFKA_HEAP_OPTS"],
        {name: value for name, value in differs.items() if value is not None},
        node["ES_JAVA_OPTS"],
    )


def read() -> dict[str, Any]:
    """The services of docker-compose.yml. Raises Unusable."""
    try:
        import yaml
    except ImportError:
        raise Unusable("--secure reads docker-compose.yml: start it with .venv/bin/python, which has PyYAML") from None
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
    return found


def mapped(value: object, env: Mapping[str, str], places: Mapping[str, str]) -> str:
    """A value of the file as Compose hands it on: variables put in, then places of the containers replaced by ours."""
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: env.get(found[1]) or found[2], str(value)).replace("$$", "$")
    for theirs, ours in places.items():
        text = text.replace(theirs, ours)
    return text


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """What the image of Kafka makes of its environment: KAFKA_A_B is a.b."""
    others = ("KAFKA_HEAP_OPTS", "CLUSTER_ID")
    names = {name: name.removeprefix("KAFKA_").lower().replace("_", ".") for name in environment if name not in others}
    return {ours: environment[name].strip() for name, ours in names.items()}


def _prepare(service: Mapping[str, Any], env: Mapping[str, str], folder: Path, places: Mapping[str, str]) -> None:
    """Runs what the service `prepare` runs."""
    for name in ("certificates", "authority"):
        (folder / name).mkdir(mode=0o755)
    command = [sys.executable, *service["entrypoint"][1:], *(mapped(part, env, places) for part in service["command"])]
    own = {name: mapped(value, env, {}) for name, value in service["environment"].items()}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise Unusable(done.stderr.strip())
