"""One Elasticsearch node on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import ssl
import urllib.request
from pathlib import Path
from typing import Final

from infra.testbed import daemons
from infra.testbed.choice import Ports
from infra.testbed.secured import ADMINISTRATOR, Secured

HEAP: Final = "-Xms1g -Xmx1g"
ROUNDS: Final = 10_000
FIRST: Final = "first"  # who gives the administrator its password; the image does that with Elasticsearch's own program
_LOG: Final = """appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def settings(ports: Ports) -> dict[str, str]:
    """The elasticsearch.yml of a node without TLS and sign-in; where it keeps its data is added by `start`."""
    return {
        "cluster.name": "ronzio-test",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": str(ports.http),
        "transport.port": str(ports.transport),
        "node.store.allow_mmap": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "xpack.security.enabled": "false",
    }


def start(home: Path, java: Path, ports: Ports, folder: Path, secured: Secured | None, *, tied: bool) -> daemons.Daemon:
    """Starts the node with a configuration, data and logs of its own below `folder`; `home` is only read."""
    own = folder / "elasticsearch"
    config = own / "config"
    shutil.copytree(home / "config", config)
    (config / "elasticsearch.keystore").unlink(missing_ok=True)
    (config / "log4j2.properties").write_text(_LOG)
    for name in ("data", "logs", "tmp"):
        (own / name).mkdir()
    said = {**(secured.elasticsearch if secured else settings(ports))}
    said |= {"path.data": str(own / "data"), "path.logs": str(own / "logs")}
    (config / "elasticsearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in said.items()))
    if secured:
        shutil.copytree(secured.certificates, config / "certificates")
        (config / "users").write_text(f"{FIRST}:{hashed(secured.password)}\n")
        (config / "users_roles").write_text(f"superuser:{FIRST}\n")
    daemons.hand_over(own)
    command = [
        str(java), "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-cp", f"{home}/lib/tools/server-launcher/*",
        "org.elasticsearch.server.launcher.ServerLauncher",
    ]  # fmt: skip
    env = {
        **os.environ, "ES_HOME": str(home), "ES_PATH_CONF": str(config), "ES_DISTRIBUTION_TYPE": "zip",
        "ES_JAVA_HOME": str(java.parent.parent), "JAVA": str(java), "JAVA_TYPE": "external", "HOSTNAME": "ronzio-test",
        "ES_TMPDIR": str(own / "tmp"), "ES_JAVA_OPTS": secured.elasticsearch_heap if secured else HEAP, "HOME": str(own),
    }  # fmt: skip
    log = folder / "elasticsearch.log"  # it takes the folder it runs in for its home
    return daemons.start("elasticsearch", command, log, env, tied=tied, folder=home, as_nobody=True)


def hashed(password: str) -> str:
    """What Elasticsearch's file of users keeps: PBKDF2, which needs nothing but the standard library."""
    salt = secrets.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, 32)
    return f"{{PBKDF2}}{ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def answers(port: int, secured: Secured | None) -> bool:
    """True if the node is in a cluster and can take shards; the first time, it gives the administrator the password."""
    health = "/_cluster/health?wait_for_status=yellow&timeout=1s"
    if secured is None:
        return _asked(f"{address(port)}{health}")
    there = address(port, secured)
    if _asked(f"{there}{health}", secured):
        return True
    body = json.dumps({"password": secured.password}).encode()
    _asked(f"{there}/_security/user/{ADMINISTRATOR}/_password", secured, FIRST, body)
    return False


def _asked(url: str, secured: Secured | None = None, user: str = ADMINISTRATOR, body: bytes | None = None) -> bool:
    request, context = urllib.request.Request(url, body), None
    if secured:
        context = ssl.create_default_context(cafile=str(secured.authority))
        signed = base64.b64encode(f"{user}:{secured.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {signed}")
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def address(port: int, secured: Secured | None = None) -> str:
    return f"{'https' if secured else 'http'}://127.0.0.1:{port}"
