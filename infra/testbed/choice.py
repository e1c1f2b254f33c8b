"""Which way the services come up: addresses that are given, a Docker engine, or artifacts from Maven with a Java.

The choice is made once, by `choose`, from what the caller found out: so it can be tested without any of it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from infra.testbed import open_ports

KAFKA: Final = "RONZIO_TEST_KAFKA"
ELASTICSEARCH: Final = "RONZIO_TEST_ELASTICSEARCH"
LACKS: Final = "RONZIO_TEST_ELASTICSEARCH_LACKS"
STAND: Final = "RONZIO_TEST_STAND"  # folder of a Stand, where the services are processes: tests may kill them
PORTS: Final = "RONZIO_SERVICES_PORTS"


class Unusable(Exception):
    """The services cannot be had here; the message is one line that says what to do."""


@dataclass(frozen=True)
class Ports:
    """Where the services listen on 127.0.0.1."""

    kafka: int
    controller: int
    http: int
    transport: int
    local: int  # of the secured broker: its own, without sign-in


@dataclass(frozen=True)
class Choice:
    """`way` is "given", "docker" or "maven"; `given` are addresses from the environment, `start` what is to be started."""

    way: str
    why: str
    given: Mapping[str, str]
    start: tuple[str, ...]


def choose(env: Mapping[str, str], docker: Callable[[], bool], *, secure: bool = False) -> Choice:
    """Given addresses first; then Docker, if its engine answers; then Maven. Never asks Docker without need."""
    names = {"kafka": KAFKA, "elasticsearch": ELASTICSEARCH}
    given = {} if secure else {variable: env[variable] for variable in names.values() if env.get(variable)}
    start = tuple(service for service, variable in names.items() if variable not in given)
    if not start:
        return Choice("given", "the addresses in the environment are used as they are", given, ())
    what = " and ".join(start)
    if secure:
        return Choice("maven", f"{what} from Maven artifacts: TLS and sign-in are set up only there", given, start)
    if docker():
        return Choice("docker", f"{what} in containers: a Docker engine answers", given, start)
    return Choice("maven", f"{what} from Maven artifacts: no Docker engine answers", given, start)


def docker_answers() -> bool:
    """True if Compose is there and the engine behind it lives."""
    if shutil.which("docker") is None:
        return False
    for question in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            asked = subprocess.run(question, capture_output=True, timeout=15, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        if asked.returncode != 0:
            return False
    return True


def ports(env: Mapping[str, str]) -> Ports:
    """The four of RONZIO_SERVICES_PORTS, or free ones. Raises Unusable."""
    if said := env.get(PORTS):
        parts = said.split(",")
        if len(parts) != 4 or not all(part.strip().isdigit() and 0 < int(part) < 65_536 for part in parts):
            raise Unusable(f'{PORTS}="{said}" is not "kafka,controller,http,transport": four port numbers')
        kafka, controller, http, transport = map(int, parts)
        return Ports(kafka, controller, http, transport, *open_ports.free(1))
    return Ports(*open_ports.free(5))
