"""docker-compose.yml and Dockerfile against the Compose specification's schema and against the program itself."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from dashboard import DashboardSettings
from ronzio.cli import root
from ronzio.settings import OVERRIDES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_the_file_keeps_to_the_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_commands_are_the_programs_own(name: str) -> None:
    command, *arguments = SERVICES[name]["command"]
    parent = click.Context(root, **root.context_settings)
    found = root.get_command(parent, command)
    assert found is not None
    context = found.make_context(command, list(arguments), parent)
    assert context.params["data"] == Path("/data")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_what_is_used(name: str) -> None:
    service = SERVICES[name]
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    used = {Path(argument) for argument in service["command"] if argument.startswith("/")}
    assert all(any(path.is_relative_to(place) for place in mounted) for path in used)
    assert {volume.split(":")[0] for volume in service["volumes"] if volume[0] != "."} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_the_port_is_the_pages_and_stays_on_this_machine(name: str) -> None:
    (port,) = SERVICES[name]["ports"]
    assert port.startswith("127.0.0.1:")
    assert port.endswith(f":{DashboardSettings().port}")
    assert f"EXPOSE {DashboardSettings().port}" in DOCKERFILE
    assert f":{DashboardSettings().port}/healthz" in SERVICES[name]["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "USER ronzio" in DOCKERFILE
    assert set(service["environment"]) <= {*OVERRIDES.values(), "RONZIO_MAIL_PASSWORD"}


def test_the_image_starts_the_program() -> None:
    lines = dict(line.split(" ", 1) for line in DOCKERFILE.splitlines() if line.startswith(("ENTRYPOINT", "CMD")))
    assert shlex.split(lines["ENTRYPOINT"].strip("[]")) == ["ronzio"]
    assert "run" in lines["CMD"]
