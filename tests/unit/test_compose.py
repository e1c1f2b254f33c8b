"""docker-compose.yml, Dockerfile and what `make env` writes, against the Compose specification's schema and against the
program itself. No engine is asked: what only a container can show is not shown here."""

from __future__ import annotations

import os
import re
import shlex
import ssl
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from dashboard import DashboardSettings
from index.elastic.layout import Layout
from index.elastic.settings import PASSWORD as ELASTIC_PASSWORD
from infra import make_env, prepare, setup
from ronzio.cli import root
from ronzio.commands.run import PROCESSES, SECOND_OPINION
from ronzio.metrics import PLACES
from ronzio.process import LOG
from ronzio.settings import OVERRIDES, SettingsError, load
from stream.kafka_settings import PASSWORD as KAFKA_PASSWORD

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
TEMPLATE = ROOT / "infra" / "compose" / "ronzio.toml"

ONE_SHOT = {"prepare": prepare, "setup": setup}
OURS = [name for name, service in SERVICES.items() if service.get("image", "").startswith(("ronzio:", "ronzio-hf:"))]
PROGRAMS = [name for name in OURS if name not in ONE_SHOT]
WHOLE = ["ronzio", "demo"]  # everything in one container
SCALED = [name for name in PROGRAMS if name not in WHOLE]
KNOWN = {*OVERRIDES.values(), "RONZIO_MAIL_PASSWORD", KAFKA_PASSWORD, ELASTIC_PASSWORD, LOG, "HF_HOME"}
USERS = {
    "stories": "worker",
    SECOND_OPINION: "alerts",
}  # stories are written like mentions; mentions are read as the alerts do


def test_the_file_keeps_to_the_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_without_a_profile_it_is_scaled_out() -> None:
    alone = {name: tuple(service["profiles"]) for name, service in SERVICES.items() if "profiles" in service}
    assert alone == {
        "ronzio": ("one-machine",),
        "demo": ("demo",),
        SECOND_OPINION: (SECOND_OPINION,),
        "kibana": ("kibana",),
        "prometheus": ("monitoring",),
        "grafana": ("monitoring",),
    }
    assert set(SCALED) == {*PROCESSES, SECOND_OPINION}


# -- commands and environment -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PROGRAMS)
def test_commands_are_the_programs_own(name: str) -> None:
    command, *arguments = SERVICES[name]["command"]
    parent = click.Context(root, **root.context_settings)
    found = root.get_command(parent, command)
    assert found is not None
    context = found.make_context(command, list(arguments), parent)
    assert context.params["data"] == Path("/data")
    assert name in WHOLE or command == name


@pytest.mark.parametrize("name", ONE_SHOT)
def test_what_runs_once_reads_its_command_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, *arguments = SERVICES[name]["command"]
    assert SERVICES[name]["entrypoint"] == ["python", "-m"]
    assert module == ONE_SHOT[name].__name__
    with pytest.raises(SystemExit):
        ONE_SHOT[name].main(["--help"])
    offered = capsys.readouterr().out
    assert all(argument in offered for argument in arguments if argument.startswith("--"))


@pytest.mark.parametrize("name", OURS)
def test_the_environment_is_the_programs_own(name: str) -> None:
    known = {
        "prepare": set(prepare.REQUIRED),
        "setup": {*setup.PASSWORDS.values(), setup.KIBANA, "RONZIO_ELASTICSEARCH_USER", ELASTIC_PASSWORD},
    }.get(name, KNOWN)
    assert set(SERVICES[name]["environment"]) <= known
    assert name in PROGRAMS or set(SERVICES[name]["environment"]) == known


def test_the_images_variables_are_of_their_kind() -> None:
    kinds = {
        "kafka": r"CLUSTER_ID|KAFKA_[A-Z_]+",
        "elasticsearch": r"ES_JAVA_OPTS|ELASTIC_PASSWORD|[a-z_]+(\.[a-z_]+)+",
        "kibana": r"(SERVER|ELASTICSEARCH|XPACK|TELEMETRY)_[A-Z_]+|NODE_OPTIONS",
        "grafana": r"GF_(SECURITY|ANALYTICS)_[A-Z_]+",
        "prometheus": "",
    }
    assert set(kinds) == set(SERVICES) - set(OURS)
    for name, kind in kinds.items():
        assert all(re.fullmatch(kind, variable) for variable in SERVICES[name].get("environment", {})), name


def test_every_variable_is_written_by_make_env() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert used == set(make_env.VARIABLES)
    for name, fallback in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", TEXT):
        assert fallback.startswith(":-"), f"{name}: the demo must start without .env, and Compose reads the whole file"


def test_what_has_no_default_is_asked_for_before_anything_starts() -> None:
    empty = {name for name, fallback in re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", TEXT) if not fallback}
    assert empty - {"RONZIO_MAIL_PASSWORD"} == set(prepare.REQUIRED)
    assert {f"${{{name}:-}}" for name in prepare.REQUIRED} == set(SERVICES["prepare"]["environment"].values())
    for name in ("kafka", "elasticsearch"):
        assert SERVICES[name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SCALED)
def test_each_process_has_a_user_of_its_own(name: str) -> None:
    environment = SERVICES[name]["environment"]
    user = environment["RONZIO_ELASTICSEARCH_USER"]
    assert user == f"ronzio-{USERS.get(name, name)}"
    assert environment[ELASTIC_PASSWORD] == f"${{{setup.PASSWORDS[user]}:-}}"
    assert sum("PASSWORD" in variable for variable in environment) == (3 if name == "alerts" else 2)
    assert user in setup.roles("")


# -- places and ports -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert source == "./config" or (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert set(COMPOSE["volumes"]) <= used


@pytest.mark.parametrize("name", OURS)
def test_what_is_used_is_mounted(name: str) -> None:
    service = SERVICES[name]
    mounted = {volume.split(":")[1] for volume in service["volumes"]} | set(service["tmpfs"])
    used = {Path(argument) for argument in service["command"] if argument.startswith("/")}
    if name in SCALED:
        settings = load(TEMPLATE)
        assert settings.kafka
        assert settings.elasticsearch
        used |= {path for path in (settings.kafka.ca_file, settings.elasticsearch.ca_file) if path}
    assert all(any(path.is_relative_to(place) for place in mounted) for path in used)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_to_this_machine_only(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    pages = ["127.0.0.1:${RONZIO_PORT:-8501}:8501"]
    if name in PROGRAMS:
        assert ports == (pages if name in ("dashboard", *WHOLE) else [])
    if "profiles" not in SERVICES[name]:
        assert ports == (pages if name == "dashboard" else [])


def test_the_port_is_that_of_the_pages() -> None:
    port = DashboardSettings().port
    assert f"EXPOSE {port}" in DOCKERFILE
    assert make_env.VARIABLES["RONZIO_PORT"][1]() == str(port)
    for name in ("dashboard", *WHOLE):
        assert f":{port}/healthz" in SERVICES[name]["healthcheck"]["test"][-1]
        assert SERVICES[name]["ports"][0].endswith(f":{port}")


@pytest.mark.parametrize("name", SCALED)
def test_a_process_is_asked_for_its_health_where_it_answers(name: str) -> None:
    environment = SERVICES[name]["environment"]
    port = int(environment["RONZIO_METRICS_PORT"]) + PLACES.index(name)
    asked = DashboardSettings().port if name == "dashboard" else port
    assert f"'http://127.0.0.1:{asked}/healthz'" in SERVICES[name]["healthcheck"]["test"][-1]
    scraped = yaml.safe_load((ROOT / "infra" / "compose" / "prometheus.yml").read_text("utf-8"))
    found = {one["names"][0]: one["port"] for one in scraped["scrape_configs"][0]["dns_sd_configs"]}
    assert found[name] == port
    assert environment["RONZIO_METRICS_HOST"] == "0.0.0.0"


def test_only_what_has_to_reaches_the_world() -> None:
    assert COMPOSE["networks"]["inside"]["internal"]
    outside = {name for name, service in SERVICES.items() if "outside" in service.get("networks", ())}
    assert outside == {"crawler", "alerts", "dashboard", SECOND_OPINION, "kibana", "prometheus", "grafana"}
    assert SERVICES["prepare"]["network_mode"] == "none"


def test_the_settings_meet_the_services() -> None:
    settings = load(TEMPLATE)
    assert settings.kafka
    assert settings.elasticsearch
    kafka, elastic = SERVICES["kafka"]["environment"], SERVICES["elasticsearch"]["environment"]
    (server,) = settings.kafka.servers
    assert f"CLIENTS://{server}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert f"CLIENTS:{settings.kafka.protocol}" in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
    assert kafka["KAFKA_LISTENER_NAME_CLIENTS_SASL_ENABLED_MECHANISMS"] == settings.kafka.mechanism
    user = f'user_{settings.kafka.username}="${{RONZIO_KAFKA_PASSWORD:-}}"'
    assert user in kafka["KAFKA_LISTENER_NAME_CLIENTS_PLAIN_SASL_JAAS_CONFIG"]
    assert settings.elasticsearch.hosts == ("https://elasticsearch:9200",)
    assert elastic["xpack.security.enabled"] == elastic["xpack.security.http.ssl.enabled"] == "true"
    assert set(prepare.SERVERS) == {"kafka", "elasticsearch"}


# -- rights and limits ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["CHOWN"] if name == "prepare" else [])
    assert ("user" in service) == (name == "prepare")
    assert "USER ronzio" in DOCKERFILE
    keys = [volume for volume in service.get("volumes", ()) if volume.startswith("certificates:")]
    assert bool(keys) == (name in ("prepare", "kafka", "elasticsearch"))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_limited_and_watched(name: str) -> None:
    service = SERVICES[name]
    image, _, version = service["image"].rpartition(":")
    assert image
    assert re.fullmatch(r"v?\d+(\.\d+)+", version)
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    once = name in ONE_SHOT
    assert service["restart"] == ("no" if once else "unless-stopped")
    assert ("test" in service["healthcheck"]) != once


def test_what_a_service_waits_for_can_be_told() -> None:
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            ended = "service_completed_successfully"
            assert wanted["condition"] == (ended if name in ONE_SHOT else "service_healthy")
    for name in SCALED:
        assert set(SERVICES[name]["depends_on"]) == {"kafka", "elasticsearch", "setup"}


def test_elasticsearch_keeps_the_configuration_of_its_version() -> None:
    version = SERVICES["elasticsearch"]["image"].rpartition(":")[2]
    assert COMPOSE["volumes"]["elasticsearch-config"]["name"].endswith(f"-{version}")
    assert SERVICES["kibana"]["image"].rpartition(":")[2] == version


def test_the_image_starts_the_program() -> None:
    lines = dict(line.split(" ", 1) for line in DOCKERFILE.splitlines() if line.startswith(("ENTRYPOINT", "CMD")))
    assert shlex.split(lines["ENTRYPOINT"].strip("[]")) == ["ronzio"]
    assert "run" in lines["CMD"]


def test_the_second_engine_has_what_it_needs(tmp_path: Path) -> None:
    service = SERVICES[SECOND_OPINION]
    extras = shlex.split(service["build"]["args"]["EXTRAS"])
    assert extras[0] == "--extra"
    assert set(extras[1::2]) <= set(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    )
    assert "ARG EXTRAS" in DOCKERFILE
    assert DOCKERFILE.count("$EXTRAS") == DOCKERFILE.count("uv sync")
    assert service["environment"]["HF_HOME"] in re.findall(r"install -d .*ronzio (.*)", DOCKERFILE)[0].split(), (
        "its user may write"
    )
    config = tmp_path / "ronzio.toml"
    offered = re.findall(
        r"^# (\[enrichment.second_opinion\]|engine = .*|budget = .*)$", TEMPLATE.read_text("utf-8"), re.MULTILINE
    )
    config.write_text(TEMPLATE.read_text("utf-8") + "\n".join(offered))
    assert load(config).enrichment.second_opinion.engine.startswith("hf:")


# -- make env ---------------------------------------------------------------------------------------------------------
def _env(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_make_env_writes_what_is_needed_for_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = os.umask(0o077)
    try:
        assert make_env.main(tmp_path) == 0
    finally:
        os.umask(before)
    said = capsys.readouterr().out
    assert str(tmp_path / ".env") in said
    assert str(tmp_path / "config" / "ronzio.toml") in said
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o755  # the container's user reads it
    assert (tmp_path / "config" / "ronzio.toml").stat().st_mode & 0o777 == 0o644
    found = _env(tmp_path)
    assert set(found) == set(make_env.VARIABLES)
    assert prepare.missing(found) == []
    secrets = [found[name] for name in prepare.REQUIRED if name != "KAFKA_CLUSTER_ID"]
    assert len(set(secrets)) == len(secrets)
    assert all(re.fullmatch(r"[0-9a-f]{40}", secret) for secret in secrets)
    assert re.fullmatch(r"[\w][\w-]{21}", found["KAFKA_CLUSTER_ID"])
    assert not any(secret in said for secret in secrets)


def test_make_env_leaves_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_env.main(tmp_path)
    files = [tmp_path / ".env", tmp_path / "config" / "ronzio.toml"]
    before = [file.read_bytes() for file in files]
    capsys.readouterr()
    assert make_env.main(tmp_path) == 0
    assert [file.read_bytes() for file in files] == before
    assert capsys.readouterr().out.count("left as it is") == 2


def test_make_env_says_what_older_files_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("# ELASTIC_PASSWORD=x\nKIBANA_KEY=y\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "ronzio.toml").write_text("[kafka]\n")
    assert make_env.main(tmp_path) == 1
    env, config = capsys.readouterr().out.splitlines()
    assert "ELASTIC_PASSWORD" in env
    assert "KIBANA_KEY" not in env
    assert "[elasticsearch]" in config
    assert "[kafka]" not in config
    (tmp_path / "config" / "ronzio.toml").write_text("[kafka\n")
    assert make_env.main(tmp_path) == 1
    assert "not TOML" in capsys.readouterr().out


def test_make_env_needs_nothing_but_python() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import infra.make_env"
    started = subprocess.run([sys.executable, "-I", "-S", "-c", code, ROOT], capture_output=True, text=True)
    assert started.returncode == 0, started.stderr


def test_what_make_env_writes_is_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"/.env", "/config/"} <= set(ignored)
    assert "/.env" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert set(make_env.TABLES) <= set(tomllib.loads(TEMPLATE.read_text("utf-8")))


# -- what runs once ---------------------------------------------------------------------------------------------------
def test_prepare_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in prepare.REQUIRED:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KIBANA_KEY", "")
    assert prepare.main(["--certificates", str(tmp_path), "--authority", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "prepare: .env does not set KIBANA_KEY: run make env first\n"
    assert list(tmp_path.iterdir()) == []


def test_certificates_are_made_once_and_trusted_by_their_names(tmp_path: Path) -> None:
    certificates, authority = tmp_path / "certificates", tmp_path / "authority"
    certificates.mkdir()
    authority.mkdir()
    assert prepare.certify(certificates, authority)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert not prepare.certify(certificates, authority)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    assert [path.name for path in authority.iterdir()] == ["ca.pem"]
    assert not any("key" in path.name for path in certificates.iterdir() if path.stat().st_mode & 0o007)
    assert (certificates / "kafka.pem").stat().st_mode & 0o777 == 0o440
    for server, files in (("elasticsearch", ("elasticsearch.pem", "elasticsearch.key")), ("kafka", ("kafka.pem",))):
        assert _trusted(authority / "ca.pem", [certificates / file for file in files], server)
        assert not _trusted(authority / "ca.pem", [certificates / file for file in files], "example.org")


def _trusted(ca: Path, chain: list[Path], name: str) -> bool:
    """A handshake in memory."""
    ours, theirs = ssl.create_default_context(cafile=str(ca)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.verify_flags |= ssl.VERIFY_X509_STRICT
    theirs.load_cert_chain(*map(str, chain))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = ours.wrap_bio(down, up, server_hostname=name), theirs.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return client.version() is not None


def _may(role: str, index: str, privilege: str) -> bool:
    return any(
        privilege in grant["privileges"]
        and any(re.fullmatch(name.replace("*", ".*"), index) for name in grant["names"])
        for grant in setup.roles("ronzio-")[role]["indices"]
    )


@pytest.mark.parametrize("role", setup.roles("ronzio-"))
def test_roles_give_what_is_needed_and_no_more(role: str) -> None:
    writers, readers = ("ronzio-worker", "ronzio-indexer"), ("ronzio-alerts", "ronzio-dashboard")
    for index in ("ronzio-mentions", "ronzio-mentions-write-2026q4", "ronzio-mentions-2026q4-g1", "ronzio-directory"):
        assert _may(role, index, "write") == (role in writers)
        assert _may(role, index, "read") == (role in (*writers, *readers))
    assert _may(role, "ronzio-state", "write") == (role in writers)
    assert _may(role, "ronzio-state", "read") == (role != "ronzio-crawler")
    assert _may(role, "ronzio-records", "write") == (role != "ronzio-dashboard")
    assert _may(role, "ronzio-mentions-2026q4-g1", "delete_index") == (role == "ronzio-indexer")
    for privilege in ("read", "write", "delete_index"):
        assert not _may(role, "another", privilege)
        assert not _may(role, "ronzio-x", privilege)
    granted = {one for grant in setup.roles("ronzio-")[role]["indices"] for one in grant["privileges"]}
    assert not granted & {"all", "manage"}
    assert not set(setup.roles("ronzio-")[role]["cluster"]) & {"all", "manage", "manage_security"}


def test_roles_are_about_the_indices_there_are() -> None:
    settings = load(TEMPLATE).elasticsearch
    assert settings
    layout = Layout(None, settings)  # type: ignore[arg-type]
    names = {name for grant in setup.roles(settings.prefix)["ronzio-worker"]["indices"] for name in grant["names"]}
    own = {layout.directory, layout.state, layout.records, layout.decisions}
    assert names == {layout.mentions, f"{layout.mentions}-*", *own}
    assert set(setup.roles("")) == set(setup.PASSWORDS)


def test_a_user_in_the_environment_does_not_move_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "ronzio.toml"
    monkeypatch.setenv("RONZIO_ELASTICSEARCH_USER", "elastic")
    config.write_text('[[brands]]\nname = "Acme"\n')
    assert load(config).elasticsearch is None
    config.write_text('[[brands]]\nname = "Acme"\n[elasticsearch]\nusername = "somebody"\n')
    settings = load(config).elasticsearch
    assert settings is not None
    assert settings.username == "elastic"
    config.write_text('elasticsearch = "http://127.0.0.1:9200"\n[[brands]]\nname = "Acme"\n')
    with pytest.raises(SettingsError, match="elasticsearch"):
        load(config)


@pytest.mark.parametrize("address", ["https://elastic:geheim@search.example.org:9200", "elastic:geheim@search:9200"])
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path, address: str) -> None:
    config = tmp_path / "ronzio.toml"
    config.write_text(f'[[brands]]\nname = "Acme"\n[elasticsearch]\nhosts = ["{address}"]\n')
    with pytest.raises(SettingsError, match="RONZIO_ELASTICSEARCH_PASSWORD") as caught:
        load(config)
    assert "geheim" not in str(caught.value)


def test_setup_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ronzio.toml"
    assert setup.main(["--config", str(config)]) == 1
    config.write_text('[[brands]]\nname = "Acme"\n')
    monkeypatch.setenv("RONZIO_ELASTICSEARCH_USER", "elastic")
    monkeypatch.setenv(ELASTIC_PASSWORD, "x")
    assert setup.main(["--config", str(config)]) == 1
    config.write_text('[[brands]]\nname = "Acme"\n[elasticsearch]\n')
    monkeypatch.delenv("RONZIO_ELASTICSEARCH_USER")
    assert setup.main(["--config", str(config)]) == 1
    monkeypatch.setenv("RONZIO_ELASTICSEARCH_USER", "elastic")
    assert setup.main(["--config", str(config)]) == 1
    none, table, user, password = capsys.readouterr().err.splitlines()
    assert "no such file" in none
    assert "[elasticsearch]" in table
    assert "administrator" in user
    assert "run make env first" in password
