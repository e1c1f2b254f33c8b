"""Who is not let in says so in one line, does not knock again and again, and shows no secret: every process, both services.

The processes are those of docker-compose.yml. Between them and the services stands a relay that counts the connections.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from composed import AUTHORITY, ELASTICSEARCH, KAFKA, Composed, Running, bases, env_file, secrets, secured
from elasticsearch import Elasticsearch

from infra import prepare
from infra.testbed import open_ports
from infra.testbed.waiting import until

pytestmark = secured
EVERY = ("indexer", "worker", "stories", "crawler", "alerts", "dashboard")
WRONG = "wrong-and-secret"
TRIES = 4  # connections of one process to one service until it gives up; a client's own first ones are two


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on and counts connections."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self.connections = 0
        self._upstream = (host, int(port))
        super().__init__(("127.0.0.1", 0), _Passing)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def reach(self) -> socket.socket:
        self.connections += 1
        return socket.create_connection(self._upstream)


class _Passing(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Relay)
        with self.server.reach() as upstream, contextlib.suppress(OSError):
            back = threading.Thread(target=_pass, args=(upstream, self.request), daemon=True)
            back.start()
            _pass(self.request, upstream)
            back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Fault(NamedTuple):
    """`changes`: to the environment; `tables`: to ronzio.toml; `said`: what the line says behind the service's address."""

    service: str
    said: str
    changes: Mapping[str, str] = {}
    tables: Mapping[str, Mapping[str, Any]] = {}


@pytest.fixture(scope="module")
def other(secured_services: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of an authority that signed nothing here."""
    folder = tmp_path_factory.mktemp("other")
    prepare.certify(folder, folder)
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def expired(secured_services: None) -> str:
    """An API key that was good for a second."""
    auth = ("elastic", env_file()["ELASTIC_PASSWORD"])
    with Elasticsearch(ELASTICSEARCH, basic_auth=auth, ca_certs=str(AUTHORITY)) as client:
        key = str(client.security.create_api_key(name="short", expiration="1s")["encoded"])
    with Elasticsearch(ELASTICSEARCH, api_key=key, ca_certs=str(AUTHORITY)) as client:
        until(lambda: client.options(ignore_status=401).security.authenticate().meta.status == 401, "the key to expire")
    return key


@pytest.fixture(scope="module")
def users(secured_services: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Elasticsearch is set up as docker-compose.yml does it."""
    done = Composed(tmp_path_factory.mktemp("users"), {"brands": [{"name": "Acme"}]}, *open_ports.free(1)).run("setup")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def fault(request: pytest.FixtureRequest, other: Path, expired: str) -> Fault:
    return {
        "kafka-password": Fault("kafka", 'refuses user "ronzio": wrong', {"RONZIO_KAFKA_PASSWORD": WRONG}),
        "kafka-certificate": Fault("kafka", "no trusted connection", tables={"kafka": {"ca_file": str(other)}}),
        "store-password": Fault(
            "elasticsearch", 'refuses user "ronzio-', {"RONZIO_ELASTICSEARCH_PASSWORD": WRONG}
        ),
        "store-certificate": Fault(
            "elasticsearch", "certificate is not trusted", tables={"elasticsearch": {"ca_file": str(other)}}
        ),
        "store-key": Fault(
            "elasticsearch", "refuses the API key", {"RONZIO_ELASTICSEARCH_API_KEY": expired}
        ),
    }[request.param]  # fmt: skip


@contextlib.contextmanager
def relayed(folder: Path, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Composed, dict[str, Relay]]]:
    """An installation that reaches both services through relays."""
    relays = {"kafka": Relay(KAFKA), "elasticsearch": Relay(ELASTICSEARCH.removeprefix("https://"))}
    composed = Composed(folder, {"brands": [{"name": "Acme"}]}, *open_ports.free(1))
    composed.configure("kafka", {"servers": [relays["kafka"].address], **tables.get("kafka", {})})
    there = f"https://{relays['elasticsearch'].address}"
    composed.configure("elasticsearch", {"hosts": [there], **tables.get("elasticsearch", {})})
    try:
        yield composed, relays
    finally:
        composed.close()
        for relay in relays.values():
            relay.shutdown()
            relay.server_close()


@pytest.mark.parametrize(
    "fault", ["kafka-password", "kafka-certificate", "store-password", "store-certificate", "store-key"], indirect=True
)
def test_who_is_not_let_in_says_it_once_and_ends(users: None, tmp_path: Path, fault: Fault, expired: str) -> None:
    concerned = [name for name in EVERY if fault.service == "elasticsearch" or name != "alerts"]  # it needs no log
    with relayed(tmp_path, fault.tables) as (composed, relays):
        ports = bases(len(concerned))
        started = [composed.start(name, next(ports), fault.changes) for name in concerned]
        codes = {one.name: one.ended(90) for one in started}
        relay = relays[fault.service]
        assert set(codes.values()) == {1}, codes
        for one in started:
            _check_line(one, fault, relay, expired)
        assert relay.connections <= TRIES * len(started)
        asked = composed.ask("status", changes=fault.changes)
        assert asked.returncode == 1
        assert asked.stdout == ""
        (line,) = asked.stderr.splitlines()
        assert line.startswith("Error: ")
        assert fault.said.removesuffix("ronzio-") in line
        assert not [secret for secret in (*secrets(), WRONG, expired) if secret in line]


def _check_line(one: Running, fault: Fault, relay: Relay, expired: str) -> None:
    lines = [json.loads(line) for line in one.said.splitlines()]
    (line,) = [line for line in lines if line["level"] not in ("info", "debug")]
    assert line["action"] == "process-ended"
    assert relay.address in line["message"]
    assert fault.said in line["message"]
    assert not [secret for secret in (*secrets(), WRONG, expired) if secret in one.said], one.name


def test_a_key_taken_back_ends_the_work_under_way(users: None, tmp_path: Path) -> None:
    auth = ("elastic", env_file()["ELASTIC_PASSWORD"])
    with (
        Elasticsearch(ELASTICSEARCH, basic_auth=auth, ca_certs=str(AUTHORITY)) as client,
        relayed(tmp_path, {}) as (composed, relays),
    ):
        made = client.security.create_api_key(name="taken-back", expiration="1h")
        ports = bases(3)
        changes = {"RONZIO_ELASTICSEARCH_API_KEY": str(made["encoded"])}
        started = [composed.start(name, next(ports), changes) for name in ("crawler", "alerts", "indexer")]
        for one in started:
            until(lambda one=one: "lease-taken" in one.said, f"{one.name} to work")  # type: ignore[misc]
        before = relays["elasticsearch"].connections
        client.security.invalidate_api_key(ids=[made["id"]])
        assert {one.name: one.ended(60) for one in started} == {"crawler-0": 1, "alerts-1": 1, "indexer-2": 0}
        assert relays["elasticsearch"].connections - before <= TRIES * len(started)
        for one in started:
            lines = [json.loads(line) for line in one.said.splitlines()]
            told = [line for line in lines if line["level"] not in ("info", "debug")]
            assert len(told) <= 4, told
            assert any("refuses the API key" in line["message"] for line in told)
            assert not [secret for secret in (*secrets(), str(made["encoded"])) if secret in one.said], one.name
