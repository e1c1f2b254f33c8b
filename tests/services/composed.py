"""Ronzio's processes as docker-compose.yml starts them, without its containers: the file's commands, environment and health
checks, with addresses, ports and paths mapped to this machine. The services are those of `infra/services.py run --secure`.

What is not as in a container: every process has ports of its own (there each has an address of its own), binds to 127.0.0.1
only, and has neither a read-only file system nor limits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from infra.make_env import TEMPLATE
from infra.testbed import open_ports
from infra.testbed.secured import mapped, read
from infra.testbed.waiting import PATIENCE
from ronzio.metrics import PLACES

KAFKA = os.environ.get("RONZIO_TEST_SECURE_KAFKA", "")
ELASTICSEARCH = os.environ.get("RONZIO_TEST_SECURE_ELASTICSEARCH", "")
FOLDER = Path(os.environ.get("RONZIO_TEST_SECURE_FOLDER", "/nonexistent"))
AUTHORITY = FOLDER / "authority" / "ca.pem"
BASE = 9110  # RONZIO_METRICS_PORT in docker-compose.yml

secured = [pytest.mark.secured, pytest.mark.usefixtures("secured_services")]


def env_file() -> dict[str, str]:
    """What `.env` of these services sets."""
    lines = (FOLDER / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def secrets() -> list[str]:
    """What must not be read anywhere."""
    return [value for name, value in env_file().items() if name.endswith(("PASSWORD", "KEY")) and value]


class Running:
    """A process that was started; `said` is all it wrote."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], folder: Path, health: list[str]) -> None:
        self.name = name
        self._file = folder / f"{name}.out"
        self._health = health
        with self._file.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def said(self) -> str:
        return self._file.read_text("utf-8", "replace")

    def healthy(self) -> bool:
        """As the health check of its service says; fails where it has ended."""
        self.check_alive()
        return subprocess.run(self._health, capture_output=True, check=False).returncode == 0

    def check_alive(self) -> None:
        assert self._process.poll() is None, f"{self.name} ended with {self._process.returncode}: {self.said[-3000:]}"

    def ended(self, seconds: float) -> int:
        """Its exit code; fails after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} is still running after {seconds:.0f} s: {self.said[-3000:]}")

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Composed:
    """One installation in `folder`. `more` is added to the template of ronzio.toml; what is started is ended by `close`."""

    def __init__(self, folder: Path, more: Mapping[str, Any], pages: int) -> None:
        self.folder = folder
        self.env = env_file()
        self.services = read()
        self._pages = pages
        self.running: list[Running] = []
        places = {"kafka:9092": KAFKA, "https://elasticsearch:9200": ELASTICSEARCH, "/authority": str(AUTHORITY.parent)}
        config = tomllib.loads(mapped(TEMPLATE.read_text("utf-8"), {}, places)) | dict(more)
        self._config = folder / "config" / "ronzio.toml"
        self._config.parent.mkdir()
        self._config.write_text(tomlkit.dumps(config), "utf-8")

    def configure(self, table: str, changes: Mapping[str, Any]) -> None:
        """Changes a table of ronzio.toml for what is started from now on."""
        config = tomllib.loads(self._config.read_text("utf-8"))
        config[table] |= changes
        self._config.write_text(tomlkit.dumps(config), "utf-8")

    def start(self, service: str, ports: int, changes: Mapping[str, str] | None = None) -> Running:
        """Starts the service's command. `ports`: the first of those for metrics; `changes`: to its environment."""
        number = len(self.running)
        places = self._places(number, ports)
        name = f"{service}-{number}"
        env = self.environment(service, ports) | dict(changes or {})
        health = self.services[service]["healthcheck"].get("test", [])[1:]
        checks = [sys.executable, *(mapped(part, self.env, places) for part in health[1:])]
        one = Running(name, self.command(service, number), env, self.folder, checks)
        self.running.append(one)
        return one

    def command(self, service: str, number: int) -> list[str]:
        said = self.services[service]
        entry = ["-m", *(said["entrypoint"][2:] if "entrypoint" in said else ["ronzio"])]
        return [sys.executable, *entry, *(mapped(part, self.env, self._places(number, 0)) for part in said["command"])]

    def environment(self, service: str, ports: int) -> dict[str, str]:
        """Of the service's process, and of those that `docker compose exec` starts beside it; nothing of this process'."""
        said = self.services[service]["environment"]
        env = {name: mapped(value, self.env, {"0.0.0.0": "127.0.0.1"}) for name, value in said.items()}
        if "RONZIO_METRICS_PORT" in env:
            env["RONZIO_METRICS_PORT"] = str(ports)
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "RONZIO_PORT": str(self._pages), **env}

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        """A service that ends by itself."""
        command, env = self.command(service, 0), self.environment(service, 0)
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def ask(self, *arguments: str, changes: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """`docker compose exec indexer ronzio ...`, as docs/running.md says it."""
        command = [sys.executable, "-m", "ronzio", *arguments, "--config", str(self._config)]
        env = self.environment("indexer", 0) | dict(changes or {})
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def close(self) -> None:
        for one in self.running:
            one.kill()

    def _places(self, number: int, ports: int) -> dict[str, str]:
        metrics = {f"127.0.0.1:{BASE + place}": f"127.0.0.1:{ports + place}" for place in range(len(PLACES))}
        own = {"/config": str(self.folder / "config"), "/data": str(self.folder / f"data-{number}")}
        return {**metrics, **own, "127.0.0.1:8501": f"127.0.0.1:{self._pages}"}


def bases(count: int) -> Iterator[int]:
    """First ports for the metrics of so many processes, all of them free."""
    return iter(open_ports.in_a_row(count * len(PLACES))[:: len(PLACES)])
