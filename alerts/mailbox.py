"""A mail server for the demo: takes every mail on this machine and keeps it in a Maildir. Sends nothing on."""

from __future__ import annotations

import asyncio
import logging
import mailbox
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

logger = logging.getLogger(__name__)

_CHECK = 0.2  # seconds between looks at `stop`
_LARGEST = 10 * 1024 * 1024  # bytes of a mail


class _Keep:
    """Stores each mail, durable before it is acknowledged."""

    def __init__(self, directory: Path) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        self._box = mailbox.Maildir(str(directory), create=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        content: bytes = envelope.content
        self._box.add(mailbox.MaildirMessage(content))
        logger.info("mail kept", extra={"action": "mail-kept", "to": envelope.rcpt_tos})
        return "250 kept"


def serve_mailbox(host: str, port: int, directory: Path, stop: Callable[[], bool]) -> None:
    """Serves SMTP on `host`:`port` until `stop()`; each mail becomes a file in the Maildir `directory`.

    Raises OSError if the port is taken.
    """
    asyncio.run(_serve(host, port, directory, stop))


async def _serve(host: str, port: int, directory: Path, stop: Callable[[], bool]) -> None:
    keep = _Keep(directory)
    loop = asyncio.get_running_loop()

    def conversation() -> SMTP:
        return SMTP(keep, data_size_limit=_LARGEST, hostname="ronzio.localhost", ident="Ronzio", loop=loop)

    server = await loop.create_server(conversation, host, port)
    logger.info("mailbox serves on %s:%d", host, port, extra={"action": "mailbox-serves"})
    async with server:
        while not stop():
            await asyncio.sleep(_CHECK)
