"""One Elasticsearch node on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets as secrets_of_python
import shutil
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from infra.testbed import daemons
from infra.testbed.choice import Ports
from infra.testbed.secrets import Secrets

HEAP: Final = "1g"
ROUNDS: Final = 10_000
_LOG: Final = """appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def settings(ports: Ports, folder: Path, secrets: Secrets | None) -> dict[str, str]:
    """The node's elasticsearch.yml."""
    found = {
        "cluster.name": "ronzio-test",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": str(ports.http),
        "transport.port": str(ports.transport),
        "path.data": str(folder / "elasticsearch" / "data"),
        "path.logs": str(folder / "elasticsearch" / "logs"),
        "node.store.allow_mmap": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "xpack.security.enabled": "true" if secrets else "false",
    }
    if secrets:
        found |= {
            "xpack.security.enrollment.enabled": "false",
            "xpack.security.http.ssl.enabled": "true",
            "xpack.security.http.ssl.key": "server.key",
            "xpack.security.http.ssl.certificate": "server.pem",
            "xpack.security.http.ssl.certificate_authorities": "ca.pem",
        }
    return found


def start(home: Path, java: Path, ports: Ports, folder: Path, secrets: Secrets | None, *, tied: bool) -> daemons.Daemon:
    """Starts the node with a configuration, data and logs of its own below `folder`; `home` is only read."""
    own = folder / "elasticsearch"
    config = own / "config"
    shutil.copytree(home / "config", config)
    (config / "elasticsearch.keystore").unlink(missing_ok=True)
    (config / "log4j2.properties").write_text(_LOG)
    for name in ("data", "logs", "tmp"):
        (own / name).mkdir()
    (config / "elasticsearch.yml").write_text(
        "".join(f"{key}: {value}\n" for key, value in settings(ports, folder, secrets).items())
    )
    if secrets:
        for file in (secrets.key, secrets.certificate, secrets.authority):
            shutil.copy(file, config)
        (config / "users").write_text(f"{secrets.user}:{hashed(secrets.password)}\n")
        (config / "users_roles").write_text(f"superuser:{secrets.user}\n")
    daemons.hand_over(own)
    command = [
        str(java), "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-cp", f"{home}/lib/tools/server-launcher/*",
        "org.elasticsearch.server.launcher.ServerLauncher",
    ]  # fmt: skip
    env = {
        **os.environ, "ES_HOME": str(home), "ES_PATH_CONF": str(config), "ES_DISTRIBUTION_TYPE": "zip",
        "ES_JAVA_HOME": str(java.parent.parent), "JAVA": str(java), "JAVA_TYPE": "external", "HOSTNAME": "ronzio-test",
        "ES_TMPDIR": str(own / "tmp"), "ES_JAVA_OPTS": f"-Xms{HEAP} -Xmx{HEAP}", "HOME": str(own),
    }  # fmt: skip
    log = folder / "elasticsearch.log"  # it takes the folder it runs in for its home
    return daemons.start("elasticsearch", command, log, env, tied=tied, folder=home, as_nobody=True)


def hashed(password: str) -> str:
    """What Elasticsearch's file of users keeps: PBKDF2, which needs nothing but the standard library."""
    salt = secrets_of_python.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, 32)
    return f"{{PBKDF2}}{ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def answers(port: int, secrets: Secrets | None) -> bool:
    """True if the node is in a cluster and can take shards."""
    request = urllib.request.Request(f"{address(port, secrets)}/_cluster/health?wait_for_status=yellow&timeout=1s")
    context = None
    if secrets:
        context = ssl.create_default_context(cafile=str(secrets.authority))
        signed = base64.b64encode(f"{secrets.user}:{secrets.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {signed}")
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def address(port: int, secrets: Secrets | None) -> str:
    return f"{'https' if secrets else 'http'}://127.0.0.1:{port}"
