#!/usr/bin/env python3
"""What `docker compose up` needs beside the files of the project, with nothing but Python 3.11:

.env                 passwords that are made up here; only its owner may read it
config/ronzio.toml   the settings, to be filled in

What is there is left as it is.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATE: Final = ROOT / "infra" / "compose" / "ronzio.toml"
TABLES: Final = ("kafka", "elasticsearch")


def password() -> str:
    """Letters and digits only: it stands in files of many kinds."""
    return secrets.token_hex(20)


def cluster() -> str:
    """Kafka's name for a cluster: 16 bytes; none that looks like an option."""
    while (name := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        continue
    return name


VARIABLES: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {  # name -> what for, how it is made
    "ELASTIC_PASSWORD": ("Elasticsearch's administrator, elastic; also for signing in to Kibana", password),
    "KAFKA_CLUSTER_ID": ("fixed when Kafka starts for the first time", cluster),
    "RONZIO_KAFKA_PASSWORD": ("the processes' user in Kafka", password),
    "RONZIO_INDEXER_PASSWORD": ("the processes' users in Elasticsearch", password),
    "RONZIO_WORKER_PASSWORD": ("", password),
    "RONZIO_CRAWLER_PASSWORD": ("", password),
    "RONZIO_ALERTS_PASSWORD": ("", password),
    "RONZIO_DASHBOARD_PASSWORD": ("", password),
    "KIBANA_PASSWORD": ("Kibana's own user in Elasticsearch", password),
    "KIBANA_KEY": ("encrypts what Kibana keeps", password),
    "GRAFANA_PASSWORD": ("the user admin of Grafana, when it starts for the first time", password),
    "RONZIO_MAIL_PASSWORD": ("of your mail server: fill it in", str),
    "RONZIO_PORT": ("of the pages, on this machine", lambda: "8501"),
}


def write_env(path: Path) -> list[str]:
    """Writes `path` if it is not there. Answers the variables that a file which is there does not have."""
    lines = ["# Made by `make env`. Keep it to yourself, and keep a copy: the data cannot be reached without it."]
    for name, (purpose, make) in VARIABLES.items():
        lines += [f"# {purpose}"] if purpose else []
        lines.append(f"{name}={make()}")
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return [name for name in VARIABLES if name not in names(path)]
    with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123 a file that is open already
        file.write("\n".join(lines) + "\n")
    _say(f"{path}: written, with new passwords; only you may read it")
    return []


def names(path: Path) -> set[str]:
    """The variables a file of this kind sets."""
    lines = (line.strip().removeprefix("export ") for line in path.read_text("utf-8").splitlines())
    return {line.partition("=")[0].strip() for line in lines if "=" in line and not line.startswith("#")}


def write_config(path: Path) -> list[str]:
    """Writes `path` if it is not there. Answers the tables that a file which is there does not have."""
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        found = tomllib.loads(path.read_text("utf-8"))
        return [table for table in TABLES if table not in found]
    path.write_text(TEMPLATE.read_text("utf-8"), "utf-8")
    path.parent.chmod(0o755)  # the container's user reads it; there are no secrets in it
    path.chmod(0o644)
    _say(f"{path}: written; fill in your brands and sources")
    return []


def main(folder: Path = ROOT) -> int:
    """1 if something that is there lacks what it should have."""
    env, config = folder / ".env", folder / "config" / "ronzio.toml"
    before = [path for path in (env, config) if path.exists()]
    try:
        variables, tables = write_env(env), write_config(config)
    except tomllib.TOMLDecodeError as error:
        _say(f"{config}: not TOML: {error}")
        return 1
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}")
        return 1
    lacks = {env: variables, config: [f"[{table}]" for table in tables]}
    for path in before:
        if not lacks[path]:
            _say(f"{path}: is there, left as it is")
    if variables:
        _say(f"{env}: is there, left as it is, but does not set {', '.join(variables)}: add them")
    if tables:
        where = TEMPLATE.relative_to(ROOT)
        _say(f"{config}: is there, left as it is, but has no {' and no '.join(lacks[config])}: take them from {where}")
    return 1 if variables or tables else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
