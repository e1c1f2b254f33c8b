"""The settings of [dashboard] in `ronzio.toml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stream import Settings


class DashboardSettings(Settings):
    """Where the pages are served, and how."""

    host: str = "127.0.0.1"  # anybody who reaches this address sees everything: there is no sign-in yet
    port: int = Field(default=8501, ge=1, le=65535)  # of the pages
    language: Literal["it", "en"] = "it"  # for browsers that ask for neither
    time_zone: str = "Europe/Rome"  # of the times on the pages
    refresh_seconds: float = Field(default=5.0, ge=1, le=3600)  # between two looks of an open page
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")  # names a browser may use for this server

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the pages."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"
