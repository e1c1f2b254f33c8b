"""What the alerts' pipeline tests share: a store with its upkeep, mentions to put into it, a mail server that obeys."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from index import Index, open_index, open_upkeep
from infra.testbed.waiting import until
from stream import Brand, Mention, mention_id, sort_key

NOW = datetime(2026, 11, 24, 14, 37, tzinfo=UTC)


def brand(language: str = "it") -> Brand:
    return Brand.model_validate(
        {"name": "Acme", "language": language, "alert_to": ["maria@example.com"], "products": [{"name": "Uno"}]}
    )


def mention(key: str, at: datetime, **changes: Any) -> Mention:
    identity = mention_id(key)
    values: dict[str, Any] = {
        "id": identity,
        "source": "feed:x",
        "channel": "feed",
        "fetched_at": at,
        "published_at": at,
        "date_origin": "stated",
        "sort_key": sort_key(at, identity),
        "language": "it",
        "brand": ("acme",),
        "product": ("uno",),
        "topic": ("delivery",),
        "sentiment": "negative",
        "score": -0.7,
        "confidence": 0.8,
        "status": "new",
        "reach": 0,
        "backfill": False,
        "engine": "1",
        "digest": key,
        "story": identity,
        "url": f"https://forum.example.org/{key}",
        "site": "forum.example.org",
        "title": f"Delusione {key}",
        "text": f"Il pacco {key} non arriva.",
        "author": f"utente-{key}",
    }
    return Mention(**(values | changes))


def usual_talk(days: int = 4) -> list[Mention]:
    """One negative and four other mentions an hour, until an hour before NOW."""
    talk = []
    for hour in range(1, days * 24):
        at = NOW - timedelta(hours=hour)
        talk.append(mention(f"bad-{hour}", at - timedelta(minutes=hour % 50)))
        talk += [mention(f"good-{hour}-{n}", at - timedelta(minutes=11 * n), sentiment="positive") for n in range(4)]
    return talk


def crisis(
    count: int = 24, *, minutes: float = 18, before: datetime = NOW, name: str = "c", **changes: Any
) -> list[Mention]:
    """Negative mentions spread over the `minutes` before `before`."""
    step = timedelta(minutes=minutes) / count
    return [mention(f"{name}-{number}", before - step * (number + 1), **changes) for number in range(count)]


class Store:
    """An index whose view follows within this process."""

    def __init__(self, directory: Path) -> None:
        self.index: Index = open_index(directory)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=open_upkeep(directory).run, args=(self._stop.is_set,))
        self._thread.start()

    def write(self, *mentions: Sequence[Mention]) -> None:
        """Writes, and waits until all is searchable."""
        for some in mentions:
            self.index.write(some)
        until(lambda: self.index.fresh()["behind"] == 0)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.index.close()


@contextlib.contextmanager
def opened_store(directory: Path) -> Iterator[Store]:
    store = Store(directory)
    try:
        yield store
    finally:
        store.close()


class MailServer:
    """Takes mails, or answers what `answer_recipient` (by address) or `answer_data` say; on its own thread."""

    def __init__(self) -> None:
        self.answer_recipient: dict[str, str] = {}
        self.answer_data = ""
        self.tries = 0
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._ready.wait()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.answer_recipient.get(address, "")
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.tries += 1
        if self.answer_data:
            return self.answer_data
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((list(envelope.rcpt_tos), message))
        return "250 OK"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(lambda: SMTP(self, hostname="here", loop=self._loop), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._stop.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    try:
        yield server
    finally:
        server.close()
