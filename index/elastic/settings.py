"""Where Elasticsearch is and how mentions lie in it: the table `[elasticsearch]`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from stream import Settings

API_KEY = "RONZIO_ELASTICSEARCH_API_KEY"
PASSWORD = "RONZIO_ELASTICSEARCH_PASSWORD"


class ElasticSettings(Settings):
    """How to reach Elasticsearch. Secrets stay out of the file: see `secret`."""

    hosts: tuple[str, ...] = ("http://127.0.0.1:9200",)  # addresses; one is enough, others take over from it
    prefix: str = Field(default="ronzio-", pattern=r"^([a-z0-9][a-z0-9_.-]*)?$")  # of every index and alias
    slice: Literal["month", "quarter", "year"] = "quarter"  # how much time an index of mentions covers; fixed when made
    shards: int = Field(default=1, ge=1, le=64)  # of an index of mentions
    replicas: int = Field(default=0, ge=0, le=4)  # copies beside the first; 1 survives the loss of a node
    username: str = ""  # with RONZIO_ELASTICSEARCH_PASSWORD; an API key in RONZIO_ELASTICSEARCH_API_KEY comes first
    api_key_file: Path | None = None  # a file that holds nothing but the key
    password_file: Path | None = None  # a file that holds nothing but the password
    ca_file: Path | None = None  # certificate authority of an https address
    compress: bool = False  # bodies between Ronzio and Elasticsearch: worth it across a network only
    timeout_s: float = Field(default=30.0, gt=0)  # of one request

    @model_validator(mode="after")
    def _hosts_are_addresses(self) -> ElasticSettings:
        for host in self.hosts:
            if "@" in host:  # addresses stand in every message
                raise ValueError(f"hosts: no user or password in an address: username, and {PASSWORD} or password_file")
            if not host.startswith(("http://", "https://")):
                raise ValueError(f'hosts: "{host}" is no address such as https://search.example.org:9200')
        if not self.hosts:
            raise ValueError("hosts: at least one address is needed")
        return self

    def api_key(self) -> str:
        """The API key, "" where there is none. Raises OSError when its file cannot be read."""
        return secret(API_KEY, self.api_key_file)

    def password(self) -> str:
        """The user's password, "" where there is none. Raises OSError when its file cannot be read."""
        return secret(PASSWORD, self.password_file)


def secret(variable: str, file: Path | None) -> str:
    """What the environment says, else what the file holds, without the line's end."""
    if os.environ.get(variable):
        return os.environ[variable]
    return file.read_text("utf-8").strip() if file else ""
