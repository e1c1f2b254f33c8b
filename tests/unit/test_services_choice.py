"""Which way the test services come up, and what is said when they cannot."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import services
from infra.testbed import choice, elastic, fetch, java, kafka, secured
from infra.testbed.choice import Ports, Unusable, choose
from infra.testbed.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "infra" / "services.compose.yml"
PORTS = Ports(1, 2, 3, 4, 5)
BOTH = {choice.KAFKA: "k:1", choice.ELASTICSEARCH: "http://e:2"}


def never() -> bool:
    raise AssertionError("Docker was asked without need")


def test_given_addresses_are_used_as_they_are() -> None:
    chosen = choose(BOTH, never)
    assert (chosen.way, chosen.given, chosen.start) == ("given", BOTH, ())


def test_what_is_not_given_is_started() -> None:
    chosen = choose({choice.KAFKA: "k:1", choice.ELASTICSEARCH: ""}, lambda: True)
    assert (chosen.way, chosen.given, chosen.start) == ("docker", {choice.KAFKA: "k:1"}, ("elasticsearch",))


@pytest.mark.parametrize(("docker", "way"), [(True, "docker"), (False, "maven")])
def test_docker_if_its_engine_answers(docker: bool, way: str) -> None:
    chosen = choose({}, lambda: docker)
    assert (chosen.way, chosen.start) == (way, ("kafka", "elasticsearch"))
    assert "\n" not in chosen.why


def test_secured_ones_are_always_our_own() -> None:
    assert choose(BOTH, never, secure=True).way == "maven"


def test_no_docker_program_is_no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not choice.docker_answers()


def test_an_engine_that_does_not_answer_is_no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "docker"
    script.write_text('#!/bin/sh\ntest "$1" = compose\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert not choice.docker_answers()
    script.write_text("#!/bin/sh\ntrue\n")
    assert choice.docker_answers()


def test_ports_are_free_and_differ_or_as_said() -> None:
    found = choice.ports({})
    assert len(set(dataclasses.astuple(found))) == 5
    said = dataclasses.astuple(choice.ports({choice.PORTS: "19092, 19093,19200,19300"}))
    assert said[:4] == (19092, 19093, 19200, 19300)
    for wrong in ("1,2,3", "1,2,3,x", "1,2,3,70000"):
        with pytest.raises(Unusable, match="four port numbers"):
            choice.ports({choice.PORTS: wrong})


def javas(tmp_path: Path, **versions: int) -> tuple[Path, dict[Path, int]]:
    found = {}
    for name, version in versions.items():
        path = tmp_path / "jvm" / name / "bin" / "java"
        path.parent.mkdir(parents=True)
        path.write_text(name)
        path.chmod(0o755)
        found[path] = version
    return tmp_path / "jvm", found


def test_the_newest_java_is_found_and_a_good_java_home_wins(tmp_path: Path) -> None:
    places, found = javas(tmp_path, a=17, b=25, c=21)

    def ask(home: str) -> str:
        env = {"PATH": str(tmp_path), "JAVA_HOME": home}
        return java.find_java(env, places=places, version=found.__getitem__).parents[1].name

    assert ask("") == "b"
    assert ask(str(places / "c")) == "c"
    assert ask(str(places / "a")) == "b"


@pytest.mark.parametrize(("versions", "there"), [({"a": 17}, "the newest here is 17"), ({}, "none is here")])
def test_a_missing_java_is_asked_for_in_one_line(tmp_path: Path, versions: dict[str, int], there: str) -> None:
    places, found = javas(tmp_path, **versions)
    with pytest.raises(Unusable, match=there) as caught:
        java.find_java({"PATH": str(tmp_path)}, places=places, version=found.__getitem__)
    assert "openjdk-21-jre-headless" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_maven_too(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="apt-get install maven"):
        java.find_maven({"PATH": str(tmp_path)})


def test_the_containers_keep_to_the_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_both_ways_start_the_same_services() -> None:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    assert services["kafka"]["image"] == f"apache/kafka:{fetch.KAFKA_VERSION}"
    assert services["elasticsearch"]["image"].endswith(f":{fetch.ELASTICSEARCH_VERSION}")
    in_container = services["kafka"]["environment"]
    for key, value in kafka.QUICK.items():
        assert str(in_container["KAFKA_" + key.replace(".", "_").upper()]) == value
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["mem_limit"]
        assert service["healthcheck"]["test"]


def test_nothing_listens_to_other_machines() -> None:
    listeners = kafka.properties(PORTS, Path("/data"))["listeners"].split(",")
    assert [one.split("://")[1] for one in listeners] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert elastic.settings(PORTS)["network.host"] == "127.0.0.1"


def test_secured_ones_are_those_of_docker_compose(tmp_path: Path) -> None:
    own = secured.make(tmp_path / "secured", PORTS)
    theirs = {name: secured.read()[name]["environment"] for name in ("kafka", "elasticsearch")}
    asked = {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in theirs["kafka"]} - {
        "cluster.id",
        "heap.opts",
    }
    assert set(own.kafka) == asked | set(secured.KAFKA_DIFFERS)
    assert own.kafka["listeners"] == "CLIENTS://127.0.0.1:1,CONTROLLER://127.0.0.1:2,LOCAL://127.0.0.1:5"
    assert own.kafka["advertised.listeners"] == "CLIENTS://127.0.0.1:1,LOCAL://127.0.0.1:5"
    assert own.env["RONZIO_KAFKA_PASSWORD"] in own.kafka["listener.name.clients.plain.sasl.jaas.config"]
    asked = {name for name in theirs["elasticsearch"] if "." in name}
    left_out = {name for name, value in secured.ELASTICSEARCH_DIFFERS.items() if value is None}
    assert left_out < asked
    assert (
        set(own.elasticsearch) - set(secured.ELASTICSEARCH_DIFFERS) - {"http.port", "transport.port"}
        == asked - left_out
    )
    assert not [
        value for value in (*own.kafka.values(), *own.elasticsearch.values()) if "0.0.0.0" in value or "$" in value
    ]
    assert elastic.address(9, own) == "https://127.0.0.1:9"
    again = secured.make(tmp_path / "again", PORTS)
    assert again.password != own.password
    assert again.authority.read_bytes() != own.authority.read_bytes()


def test_secured_ones_say_what_they_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Unusable, match="which has PyYAML"):
        secured.make(tmp_path / "secured", PORTS)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unusable, match="openssl"):
        secured.make(tmp_path / "without", PORTS)


def test_the_password_is_kept_as_a_hash_with_its_salt() -> None:
    head, salt, key = elastic.hashed("geheim").split("$")
    assert head == f"{{PBKDF2}}{elastic.ROUNDS}"
    made = hashlib.pbkdf2_hmac("sha512", b"geheim", base64.b64decode(salt), elastic.ROUNDS, 32)
    assert base64.b64decode(key) == made


def test_what_a_killed_run_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    for name in ("run-dead", "run-alive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    with (tmp_path / "run-alive" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        services.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run-alive"]


def test_the_command_says_what_is_wrong_and_ends() -> None:
    asked = subprocess.run(
        [sys.executable, ROOT / "infra" / "services.py", "run", "--", "true"],
        env={"PATH": "/nonexistent", choice.PORTS: "1", "HOME": "/tmp", "RONZIO_SERVICES_DIR": "/tmp/ronzio-none"},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert asked.returncode == 2
    assert "Traceback" not in asked.stderr


def test_with_given_addresses_the_command_just_runs(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, ROOT / "infra" / "services.py", "run", "--", "sh", "-c", f"echo ${choice.KAFKA}; exit 5"],
        env={"PATH": "/bin:/usr/bin", "RONZIO_SERVICES_DIR": str(tmp_path), **BOTH},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (asked.returncode, asked.stdout) == (5, "k:1\n")
    assert not list(tmp_path.iterdir())


STANDING = """
import sys
sys.path.insert(0, sys.argv[1])
from infra import services
from infra.testbed import daemons, stand
def bring_up(self, chosen, cache, env, *, secure, tied):
    started = daemons.start("kafka", [sys.argv[2], "600"], self.folder / "log", {}, tied=tied, folder=self.folder)
    self.daemons.append(started)
    self.save()
stand.Stand.bring_up = bring_up
sys.exit(services.main(["run", "--", *sys.argv[3:]]))
"""


@pytest.mark.parametrize("how", ["failure", "SIGINT", "SIGTERM", "SIGKILL"])
def test_the_services_end_with_the_run_however_it_ends(tmp_path: Path, how: str) -> None:
    java = tmp_path / "java"  # stands for a service: only a program of this name is taken for one
    java.write_bytes(Path("/bin/sleep").read_bytes())
    java.chmod(0o755)
    work = "exit 3" if how == "failure" else "echo up; exec sleep 600"
    command = [sys.executable, "-c", STANDING, str(ROOT), str(java), "sh", "-c", work]
    env = {"PATH": "/bin:/usr/bin", "RONZIO_SERVICES_DIR": str(tmp_path / "services")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, start_new_session=True) as run:
        assert run.stdout is not None
        if how != "failure":
            assert run.stdout.readline() == b"up\n"
            until(lambda: running(java))
        if how == "SIGINT":
            os.killpg(run.pid, signal.SIGINT)  # as the terminal does
        elif how != "failure":
            run.send_signal(signal.Signals[how])
        try:
            code = run.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)  # after SIGKILL the command is left, which nobody else ends
    assert code == {"failure": 3, "SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[how]
    until(lambda: not running(java))
    assert how == "SIGKILL" or not list((tmp_path / "services").iterdir())


def running(program: Path) -> bool:
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if place.read_bytes().startswith(str(program).encode() + b"\0"):
                return True
    return False
