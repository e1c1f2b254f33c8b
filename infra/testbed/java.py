"""Finds a Java that is new enough, and Maven; what is missing is asked for in one line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.testbed.choice import Unusable

NEEDED: Final = 21  # Elasticsearch 9; Kafka 4 would do with 17
PLACES: Final = Path("/usr/lib/jvm")
PACKAGES: Final = ("openjdk-25-jre-headless", "openjdk-21-jre-headless")


def find_java(env: Mapping[str, str], *, places: Path = PLACES, version: Callable[[Path], int] | None = None) -> Path:
    """The java of JAVA_HOME if it is new enough, else the newest of PATH and /usr/lib/jvm. Raises Unusable."""
    ask = version or java_version
    found: dict[Path, int] = {}
    for path in _candidates(env, places):
        number = ask(path)
        if number >= NEEDED and env.get("JAVA_HOME") and path == Path(env["JAVA_HOME"]) / "bin" / "java":
            return path
        found[path] = number
    best = max(found, key=lambda path: found[path], default=None)
    if best is None or found[best] < NEEDED:
        there = f"the newest here is {found[best]}" if best is not None else "none is here"
        raise Unusable(
            f"Elasticsearch needs Java {NEEDED} or newer and {there}: apt-get install {' or '.join(PACKAGES)} "
            "(Debian 13), or set JAVA_HOME"
        )
    return best


def find_maven(env: Mapping[str, str]) -> Path:
    """`mvn`. Raises Unusable."""
    found = shutil.which("mvn", path=env.get("PATH"))
    if found is None:
        raise Unusable("Maven fetches Kafka and Elasticsearch and is not here: apt-get install maven")
    return Path(found)


def java_version(java: Path) -> int:
    """The first number of what `java -version` says; 0 if it says none."""
    try:
        asked = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = re.search(r'version "(\d+)', asked.stderr)
    return int(said[1]) if said else 0


def _candidates(env: Mapping[str, str], places: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in _paths(env, places):
        if path.is_file() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path


def _paths(env: Mapping[str, str], places: Path) -> Sequence[Path]:
    paths = [Path(env["JAVA_HOME"]) / "bin" / "java"] if env.get("JAVA_HOME") else []
    if (on_path := shutil.which("java", path=env.get("PATH"))) is not None:
        paths.append(Path(on_path).resolve())  # /usr/bin/java is a link into the home that belongs to it
    return [*paths, *sorted(places.glob("*/bin/java"))]
