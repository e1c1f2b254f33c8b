"""The services of one run: brought up one way or the other, with what their users must know, and taken down."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from infra.testbed import choice, daemons, elastic, fetch, java, kafka, secured
from infra.testbed.choice import Choice, Ports, Unusable
from infra.testbed.daemons import Daemon

COMPOSE: Final = Path(__file__).parents[1] / "services.compose.yml"
STATE: Final = "state.json"


@dataclass
class Stand:
    """What runs for one `run` or `up`, and where it keeps its data. `exports` are environment variables."""

    folder: Path
    exports: dict[str, str] = field(default_factory=dict)
    daemons: list[Daemon] = field(default_factory=list)
    project: str = ""  # of Docker Compose
    tied: bool = False  # the services end with the process that started them

    def bring_up(self, chosen: Choice, cache: Path, env: Mapping[str, str], *, secure: bool, tied: bool) -> None:
        """Starts what is chosen and returns when it answers. Raises Unusable; the caller takes down then too."""
        self.exports |= chosen.given
        self.tied = tied
        if chosen.way == "docker":
            self._containers(chosen, choice.ports(env))
        elif chosen.way == "maven":
            self._processes(chosen, cache, env, secure=secure, tied=tied)

    def take_down(self) -> None:
        """Ends what was started and removes its data. May be called again."""
        for daemon in reversed(self.daemons):
            daemon.end()
        if self.project:
            self._compose("down", "--volumes", "--timeout", "10")
        shutil.rmtree(self.folder, ignore_errors=True)

    def daemon(self, name: str) -> Daemon:
        """A service that runs here as a process."""
        return next(one for one in self.daemons if one.name == name)

    @contextlib.contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Kills a service, and starts it again on the data it left; returns when it answers."""
        place = self.daemons.index(self.daemon(name))
        again = self.daemons[place].kill()
        try:
            yield
        finally:
            self.daemons[place] = again(self.tied)
            self.save()
            self._wait(name, None)

    def alive(self) -> bool:
        return bool(self.project) or all(daemon.alive() for daemon in self.daemons)

    def save(self) -> None:
        state = asdict(self) | {"folder": str(self.folder)}
        (self.folder / STATE).write_text(json.dumps(state, default=str))

    @classmethod
    def saved(cls, folder: Path) -> Stand | None:
        """What `save` wrote there, if anything."""
        try:
            state = json.loads((folder / STATE).read_text())
        except FileNotFoundError:
            return None
        started = [Daemon(one["name"], one["pid"], Path(one["log"])) for one in state["daemons"]]
        return cls(folder, state["exports"], started, state["project"], state.get("tied", False))

    # -- Docker -------------------------------------------------------------------------------------------------------
    def _containers(self, chosen: Choice, ports: Ports) -> None:
        self.project = f"ronzio-test-{ports.kafka}"
        self._ports = {"RONZIO_KAFKA_PORT": str(ports.kafka), "RONZIO_HTTP_PORT": str(ports.http)}
        wait = ("--wait", "--wait-timeout", f"{daemons.READY_WITHIN:.0f}")
        if self._compose("up", "--detach", *wait, *chosen.start) != 0:
            self._compose("logs", "--tail", str(daemons.TAIL))
            raise Unusable("the containers did not come up; what they said stands above")
        addresses = {"kafka": (choice.KAFKA, f"127.0.0.1:{ports.kafka}")}
        addresses["elasticsearch"] = (choice.ELASTICSEARCH, elastic.address(ports.http, None))
        self.exports |= dict(addresses[service] for service in chosen.start)

    _ports: Mapping[str, str] = field(default_factory=dict)

    def _compose(self, *arguments: str) -> int:
        command = ["docker", "compose", "--project-name", self.project, "--file", str(COMPOSE), *arguments]
        env = {**os.environ, **self._ports}
        return subprocess.run(command, stdout=sys.stderr, env=env, timeout=900, check=False).returncode

    # -- Maven --------------------------------------------------------------------------------------------------------
    def _processes(self, chosen: Choice, cache: Path, env: Mapping[str, str], *, secure: bool, tied: bool) -> None:
        jvm, ports = java.find_java(env), choice.ports(env)
        own = secured.make(self.folder / "secured", ports) if secure else None
        homes = {
            name: (fetch.kafka if name == "kafka" else fetch.elasticsearch)(cache, lambda: java.find_maven(env))
            for name in chosen.start
        }
        started, begun = {}, time.monotonic()
        for name, home in homes.items():
            module = kafka if name == "kafka" else elastic
            started[name] = module.start(home, jvm, ports, self.folder, own, tied=tied)
            self.daemons.append(started[name])
            self.save()
        self.exports |= _exports(chosen, ports, own) | {choice.STAND: str(self.folder)}
        for name in started:
            self._wait(name, own)
            sys.stderr.write(f"services: {name} answers after {time.monotonic() - begun:.1f} s\n")
        self.save()
        if "elasticsearch" in chosen.start:
            sys.stderr.write(f"services: this Elasticsearch has no {', '.join(fetch.LACKING)}\n")

    def _wait(self, name: str, own: secured.Secured | None) -> None:
        """Until a service answers. Raises Unusable."""
        variable, module = {"kafka": (choice.KAFKA, kafka), "elasticsearch": (choice.ELASTICSEARCH, elastic)}[name]
        address = self.exports[variable if own is None else variable.replace("_TEST_", "_TEST_SECURE_")]
        port = int(address.rpartition(":")[2])
        daemons.wait(self.daemon(name), lambda: module.answers(port, own))


def _exports(chosen: Choice, ports: Ports, own: secured.Secured | None) -> dict[str, str]:
    prefix = "RONZIO_TEST_SECURE_" if own else "RONZIO_TEST_"
    found = {}
    if "kafka" in chosen.start:
        found[f"{prefix}KAFKA"] = f"127.0.0.1:{ports.kafka}"
    if "elasticsearch" in chosen.start:
        found[f"{prefix}ELASTICSEARCH"] = elastic.address(ports.http, own)
        found[choice.LACKS] = ",".join(fetch.LACKING)
    if own:
        found[f"{prefix}FOLDER"] = str(own.folder)
    return found
