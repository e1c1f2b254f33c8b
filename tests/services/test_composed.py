"""What `docker compose up` runs, run here without Docker: the certificates and settings of its services, and its commands.

All of it is brought up once around the demo's web in quick motion, waited for as the health checks say, looked at through the
dashboard and `ronzio status`, and ended as Compose would end it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from composed import ELASTICSEARCH, FOLDER, Composed, bases, secrets, secured
from spine_harness import PLAN, Demo
from test_spine import read_mails

from benchmarks.bert import tiny
from infra.testbed import open_ports
from infra.testbed.secured import ENV, mapped, read
from infra.testbed.waiting import PATIENCE, until
from ronzio.demo import Clock, Scenario
from stream import utc_now

pytestmark = secured
UP = (
    "indexer",
    "worker",
    "worker",
    "stories",
    "alerts",
    "dashboard",
    "second-opinion",
)  # and the crawler, once there is something to fetch
GRACE = 20.0  # seconds: stop_grace_period


class Web(Demo):
    """The demo's web and its mailbox; everything else is started as docker-compose.yml says."""

    def _start(self, name: str) -> None:
        if name == "demo-mailbox":
            super()._start(name)


class Outcome:
    """What was there to see before it ended, and how it ended."""

    def __init__(self) -> None:
        self.exported: list[dict[str, str]] = []
        self.status: dict[str, Any] = {}
        self.told = ""
        self.mails: list[tuple[str, str]] = []
        self.posts: set[str] = set()
        self.codes: dict[str, int] = {}
        self.said: dict[str, str] = {}
        self.setups: list[subprocess.CompletedProcess[str]] = []


@pytest.fixture(scope="module")
def outcome(secured_services: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("composed")
    web, found = Web(folder), Outcome()
    tables = {name: table for name, table in tomllib.loads(web.file.read_text("utf-8")).items() if name != "data_dir"}
    second = {
        "engine": f"hf:{tiny(folder / 'model')}",
        "below": 1.0,
        "budget": 0.2,
    }  # of random weights: asked about few
    tables["enrichment"] = tables.get("enrichment", {}) | {"second_opinion": second}
    (pages,) = open_ports.free(1)
    composed = Composed(folder, tables, pages)
    found.setups = [composed.run("setup"), composed.run("setup")]
    assert [done.returncode for done in found.setups] == [0, 0], found.setups
    try:
        ports = bases(len(UP) + 1)
        for service in UP:
            composed.start(service, next(ports))
        _all_healthy(composed)
        # The crisis begins some seconds after the web: what was published before a source's first visit never alerts
        web.scenario = Scenario(PLAN, Clock.starting(utc_now().replace(microsecond=0)))
        with web.running():
            composed.start("crawler", next(ports))
            _all_healthy(composed)
            _look(composed, web, found, f"http://127.0.0.1:{pages}")
        for one in composed.running:
            one.terminate()
        found.codes = {one.name: one.ended(GRACE) for one in composed.running}
        found.said = {one.name: one.said for one in composed.running}
    finally:
        composed.close()
    yield found


def _all_healthy(composed: Composed) -> None:
    for one in composed.running:
        until(one.healthy, f"{one.name} to be healthy")


def _look(composed: Composed, web: Web, found: Outcome, pages: str) -> None:
    def a_mail() -> bool:
        for one in composed.running:
            one.check_alive()
        return bool(read_mails(web.data_dir))

    until(a_mail, "the crisis' mail")
    web.silent_from = utc_now()
    found.posts = {post.path for post in web.posts() if post.company}

    def all_there() -> bool:
        a_mail()
        found.exported = list(csv.DictReader(io.StringIO(_get(f"{pages}/export/csv").removeprefix("\ufeff"))))
        paths = {"/" + row["url"].split("/", 3)[3] for row in found.exported}
        return found.posts <= paths

    until(all_there, "all posts on the dashboard")

    def settled() -> bool:
        found.status = json.loads(composed.ask("status", "--json").stdout)
        return not any(found.status["waiting"].values()) and found.status["second_opinion"] is not None

    until(settled, "everything to be handled")
    found.mails = read_mails(web.data_dir)
    found.told = composed.ask("status").stdout


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode("utf-8"))


def test_setup_makes_users_and_does_nothing_twice(outcome: Outcome) -> None:
    first, second = outcome.setups
    assert first.stdout == second.stdout
    assert "ronzio-worker" in first.stdout


def test_what_was_published_is_on_the_dashboard_once(outcome: Outcome) -> None:
    ids = [row["id"] for row in outcome.exported]
    assert len(ids) == len(set(ids)) >= len(outcome.posts) > 0
    assert all(row["brand"] for row in outcome.exported)


def test_the_crisis_is_mailed_once(outcome: Outcome) -> None:
    ((to, subject),) = set(outcome.mails)
    assert to == "marketing@ondalba.example"
    assert "Ondalba" in subject
    assert len(outcome.mails) == 1


def test_the_books_balance(outcome: Outcome) -> None:
    assert outcome.status["balanced"]
    assert outcome.status["mentions"]["behind"] == 0
    assert outcome.status["mentions"]["documents"] >= len(outcome.exported)


def test_status_tells_who_is_at_work(outcome: Outcome) -> None:
    here = socket.gethostname()
    alone = {"crawler": [here], "alerts": [here], "indexer": [here], "second-opinion": [here]}
    assert outcome.status["at_work"] == {"worker": 2, "stories": 1, **alone}
    assert (
        f"At work worker: 2, stories: 1, crawler: {here}, alerts: {here}, indexer: {here}, second-opinion: {here}"
        in " ".join(outcome.told.split())
    )


def test_a_second_engine_is_asked_with_the_rights_of_the_alerts(outcome: Outcome) -> None:
    asked = outcome.status["second_opinion"]
    assert asked["engine"].startswith("hf:")
    assert asked["asked"] > 0


def test_all_end_when_asked_to(outcome: Outcome) -> None:
    assert set(outcome.codes.values()) == {0}, outcome.codes


def test_logs_are_json_lines_without_secrets(outcome: Outcome) -> None:
    for name, said in outcome.said.items():
        for line in said.splitlines():
            assert json.loads(line)["level"] in ("info", "warning"), f"{name}: {line}"
        assert not [secret for secret in secrets() if secret in said], name


def test_elasticsearch_is_healthy_as_its_container_would_say(outcome: Outcome) -> None:
    assert shutil.which("curl"), "the health check of docker-compose.yml uses curl"
    kind, check = read()["elasticsearch"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    places = {"https://localhost:9200": ELASTICSEARCH.replace("127.0.0.1", "localhost"), "config/": f"{FOLDER}/"}
    command = f". {FOLDER}/{ENV}; {mapped(check, {}, places)}"
    assert subprocess.run(["sh", "-c", command], env={"PATH": os.environ["PATH"]}, check=False).returncode == 0
