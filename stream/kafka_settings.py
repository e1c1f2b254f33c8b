"""Where Kafka is, how to get in, and how the log lies in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, model_validator

from stream.settings import Settings

PASSWORD: Final = "RONZIO_KAFKA_PASSWORD"


class KafkaSettings(Settings):
    """How to reach Kafka. The password stays out of the file: see `password`."""

    servers: tuple[str, ...] = ("127.0.0.1:9092",)  # host:port; one is enough to find the others
    prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]{0,80}$")  # of every topic, group and transaction
    partitions: int = Field(default=12, ge=1, le=1000)  # of a topic that has to be made
    replication: int = Field(default=1, ge=1, le=9)  # copies of each partition of a topic that has to be made
    protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"  # TLS or not, sign-in or not
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"  # for the SASL protocols
    username: str = ""  # with RONZIO_KAFKA_PASSWORD
    password_file: Path | None = None  # a file that holds nothing but the password
    ca_file: Path | None = None  # certificate authority of the servers; the system's where it is not given
    session_s: float = Field(default=45.0, ge=1, le=1800)  # a member silent for so long is taken for dead
    poll_s: float = Field(default=300.0, ge=1)  # a member that does not poll for so long gives its partitions up
    transaction_s: float = Field(default=15.0, ge=5, le=900)  # a killed writer holds readers up no longer than this
    timeout_s: float = Field(default=30.0, gt=0)  # how long an append is tried before it is given up
    connect_s: float = Field(default=8.0, gt=0)  # how long an answer of Kafka is waited for

    @model_validator(mode="after")
    def _is_complete(self) -> KafkaSettings:
        for server in self.servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f'servers: "{server}" is no address such as kafka.example.org:9092')
        if not self.servers:
            raise ValueError("servers: at least one address is needed")
        if self.protocol.startswith("SASL") and not self.username:
            raise ValueError(f"username: {self.protocol} needs one, and its password in {PASSWORD} or password_file")
        return self

    def password(self) -> str:
        """The user's password, "" where there is none. Raises OSError when its file cannot be read."""
        if os.environ.get(PASSWORD):
            return os.environ[PASSWORD]
        return self.password_file.read_text("utf-8").split("\n", 1)[0].strip() if self.password_file else ""
