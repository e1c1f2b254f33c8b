"""The first thing that runs when Ronzio starts scaled out: says what is missing in .env, and makes the certificates.

The authority signs the certificates of Kafka and Elasticsearch and is then forgotten: its key is never kept. The
certificates last ten years; to have new ones, remove the volumes `certificates` and `authority` while nothing runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

REQUIRED: Final = (
    "ELASTIC_PASSWORD",
    "KAFKA_CLUSTER_ID",
    "RONZIO_KAFKA_PASSWORD",
    "RONZIO_INDEXER_PASSWORD",
    "RONZIO_WORKER_PASSWORD",
    "RONZIO_CRAWLER_PASSWORD",
    "RONZIO_ALERTS_PASSWORD",
    "RONZIO_DASHBOARD_PASSWORD",
    "KIBANA_PASSWORD",
    "KIBANA_KEY",
    "GRAFANA_PASSWORD",
)
SERVERS: Final = ("elasticsearch", "kafka")
DAYS: Final = 3650
OWNER: Final = (1000, 0)  # whom Kafka and Elasticsearch run as in their images


class Unprepared(Exception):
    """Something is missing; the message says what to do."""


def missing(env: Mapping[str, str]) -> list[str]:
    """Required variables that are not set."""
    return [name for name in REQUIRED if not env.get(name)]


def certify(certificates: Path, authority: Path) -> bool:
    """Makes <server>.pem, <server>.key and kafka.pem with its key in `certificates`, ca.pem in both. False if they are there.

    ca.pem in `authority` comes last: if it is there, all is there. Raises Unprepared.
    """
    if (authority / "ca.pem").exists():
        return False
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Unprepared("openssl makes the certificates and is not here")

    def run(*arguments: str | Path) -> None:
        try:
            subprocess.run([openssl, *arguments], check=True, capture_output=True, text=True, timeout=60)
        except subprocess.CalledProcessError as error:
            raise Unprepared(f"openssl could not make the certificates: {error.stderr.strip()}") from None

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca, ca_key = folder / "ca.pem", folder / "ca.key"
        run(
            "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", str(DAYS), "-subj", "/CN=Ronzio authority",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", ca_key, "-out", ca,
        )  # fmt: skip
        for server in SERVERS:
            key, request, signed, extensions = (folder / f"{server}.{kind}" for kind in ("key", "csr", "pem", "cnf"))
            extensions.write_text(
                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
                "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                f"subjectAltName=DNS:{server},DNS:localhost,IP:127.0.0.1\n"
            )
            run("req", "-newkey", "rsa:3072", "-nodes", "-subj", f"/CN={server}", "-keyout", key, "-out", request)
            run(
                "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", str(DAYS),
                "-extfile", extensions, "-out", signed,
            )  # fmt: skip
        kafka = (folder / "kafka.key").read_text() + (folder / "kafka.pem").read_text()  # Kafka wants both in one file
        _put(certificates / "kafka.pem", kafka, secret=True)
        _put(certificates / "elasticsearch.key", (folder / "elasticsearch.key").read_text(), secret=True)
        _put(certificates / "elasticsearch.pem", (folder / "elasticsearch.pem").read_text())
        _put(certificates / "ca.pem", ca.read_text())
        _put(authority / "ca.pem", ca.read_text())
    return True


def _put(path: Path, text: str, *, secret: bool = False) -> None:
    """Writes it whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(text)
    new.chmod(0o440 if secret else 0o444)
    if os.geteuid() == 0:
        os.chown(new, *OWNER)
    new.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; what is missing is said in a line, without a traceback."""
    parser = argparse.ArgumentParser(prog="infra.prepare", description="Checks .env and makes the certificates.")
    parser.add_argument("--certificates", type=Path, required=True, help="folder for Kafka's and Elasticsearch's keys")
    parser.add_argument("--authority", type=Path, required=True, help="folder for what their clients check them with")
    said = parser.parse_args(arguments)
    if names := missing(os.environ):
        sys.stderr.write(f"prepare: .env does not set {', '.join(names)}: run make env first\n")
        return 1
    try:
        made = certify(said.certificates, said.authority)
    except (Unprepared, OSError) as error:
        sys.stderr.write(f"prepare: {error}\n")
        return 1
    sys.stdout.write(f"prepare: the certificates {'are made' if made else 'are there'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
