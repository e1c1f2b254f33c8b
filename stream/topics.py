"""What travels in which topic: reads `stream/schemas/`, one folder per topic with `topic.toml`, `v<N>.json` and examples.

For people and tests. At run time the structs of nouns.py do the checking; tests hold them against the schemas.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
from pydantic import Field

from stream.log import UnknownTopic
from stream.settings import Settings


class Topic(Settings):
    """One `topic.toml`. Several topics of one shape share a folder (`names`)."""

    names: tuple[str, ...] = Field(min_length=1)
    version: int = Field(ge=1)  # of the schema: v<version>.json
    carries: str
    key: str
    struct: str  # its class in `stream`
    producers: tuple[str, ...] = Field(min_length=1)  # folders
    consumers: tuple[str, ...] = Field(min_length=1)
    retention_days: int = Field(ge=0)  # 0 = for ever


@cache
def topics() -> dict[str, Topic]:
    """Every topic by name, those of the dead letters too."""
    return {name: topic for topic, _ in _folders() for name in topic.names}


def schema(topic: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's values. Raises UnknownTopic."""
    declared, folder = _find(topic)
    return msgspec.json.decode((folder / f"v{declared.version}.json").read_bytes(), type=dict[str, Any])


def examples(topic: str) -> list[bytes]:
    """Values as they travel, one of every kind there is: every consumer must handle all of them. Raises UnknownTopic."""
    _, folder = _find(topic)
    paths = sorted((path for path in (folder / "examples").iterdir() if path.name.endswith(".json")), key=_name)
    return [msgspec.json.format(path.read_bytes(), indent=-1) for path in paths]


def _name(path: Traversable) -> str:
    return path.name


def _folders() -> list[tuple[Topic, Traversable]]:
    found = []
    for folder in sorted(files("stream").joinpath("schemas").iterdir(), key=_name):
        if folder.is_dir() and (folder / "topic.toml").is_file():
            found.append((Topic(**tomllib.loads((folder / "topic.toml").read_text("utf-8"))), folder))
    return found


def _find(topic: str) -> tuple[Topic, Traversable]:
    for declared, folder in _folders():
        if topic in declared.names:
            return declared, folder
    raise UnknownTopic(f'no topic "{topic}"; there are {", ".join(topics())}')
