"""The settings of [alerts] and [mail] in `ronzio.toml`."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from stream import Settings

PASSWORD_VARIABLE = "RONZIO_MAIL_PASSWORD"

Sensitivity = Literal["low", "normal", "high"]


class QuietHours(Settings):
    """A stretch of the brand's local day in which mails wait until it ends. It may cross midnight."""

    start: time  # such as 22:00:00
    end: time  # such as 07:00:00


class AlertSettings(Settings):
    """When negative talk is unusual, and what is told of it."""

    every: float = Field(default=60.0, gt=0, le=3600)  # seconds between looks
    bucket_seconds: int = Field(default=300, ge=5, le=3600)  # mentions are counted in steps of this
    grace_seconds: float = Field(default=60.0, ge=0, le=3600)  # wait behind a bucket's end for late arrivals
    history_days: int = Field(default=28, ge=1, le=90)  # what "usual" is learnt from
    sensitivity: Sensitivity = "normal"  # how unusual it must be
    min_mentions: int = Field(default=5, ge=3)  # never fewer negative mentions than this
    quiet_minutes: float = Field(default=30.0, gt=0)  # an incident ends after so long without anything unusual
    most_mails: int = Field(default=5, ge=2)  # about one incident; its end is always told
    mail_on_start: bool = True  # when an incident begins
    mail_on_worse: bool = True  # when it has at least doubled
    mail_on_end: bool = True  # when it is over
    quiet_hours: QuietHours | None = None

    @field_validator("bucket_seconds")
    @classmethod
    def _divides_a_day(cls, seconds: int) -> int:
        if 86_400 % seconds:
            raise ValueError("must divide a day evenly, such as 60, 300 or 900")
        return seconds


class MailSettings(Settings):
    """How mail leaves. The password comes from the environment variable RONZIO_MAIL_PASSWORD or from a file."""

    model_config = ConfigDict(populate_by_name=True)

    host: str = ""  # "" = no mail is sent; what would be sent is kept and shown
    port: int = Field(default=587, ge=1, le=65535)  # of the mail server
    security: Literal["none", "starttls", "tls"] = "starttls"  # "tls" is usual on port 465
    user: str = ""  # where the server wants a sign-in
    password_file: Path | None = None  # a file that holds nothing but the password
    password: SecretStr = Field(default=SecretStr(""), exclude=True)
    from_: str = Field(default="Ronzio <ronzio@localhost>", alias="from")  # the sender
    to: tuple[str, ...] = ()  # for brands without an `alert_to` of their own
    dashboard_url: str = ""  # where links in mails lead; none given: the pages' own host and port
    timeout: float = Field(default=20.0, gt=0, le=300)  # seconds, for each step of a delivery
    give_up_hours: float = Field(default=48.0, gt=0)  # a mail that is refused so long is given up

    @model_validator(mode="before")
    @classmethod
    def _no_password_in_the_file(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("password"), str):
            raise ValueError(
                f'"password" does not belong in the file: set {PASSWORD_VARIABLE}, or name a password_file'
            )
        return data

    @field_validator("to")
    @classmethod
    def _addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if "@" not in address or any(ch in address for ch in "\r\n"):
                raise ValueError(f'"{address}" is not an e-mail address')
        return addresses

    def secret(self) -> str:
        """The password: given in code, from the environment, or the first line of `password_file`; "" = none.

        Raises OSError naming the file if it cannot be read.
        """
        if given := self.password.get_secret_value() or os.environ.get(PASSWORD_VARIABLE, ""):
            return given
        return self.password_file.read_text("utf-8").split("\n", 1)[0].strip() if self.password_file else ""
