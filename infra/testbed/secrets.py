"""What the secured services need: a certificate authority of their own, a certificate for 127.0.0.1, a password."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.testbed.choice import Unusable

USER: Final = "ronzio"


@dataclass(frozen=True)
class Secrets:
    """A user's name and password, and files in PEM form."""

    password: str
    authority: Path
    certificate: Path
    key: Path
    user: str = USER


def make(folder: Path) -> Secrets:
    """Makes them anew in `folder`. Raises Unusable."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Unusable("openssl makes the certificates and is not here: apt-get install openssl")
    folder.mkdir(mode=0o755)
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
    alternatives = folder / "names.cnf"
    alternatives.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")

    def run(*arguments: str | Path) -> None:
        subprocess.run([openssl, *arguments], check=True, capture_output=True, timeout=60)

    run(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=ronzio test authority",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", authority_key, "-out", authority,
    )  # fmt: skip
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    run(
        "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "30",
        "-extfile", alternatives, "-out", certificate,
    )  # fmt: skip
    for file in (key, certificate, authority):
        file.chmod(0o644)  # the password of a throw-away service on 127.0.0.1; Elasticsearch runs as another user
    return Secrets(secrets.token_urlsafe(18), authority, certificate, key)
