"""Servers as they are: polite, moved, overloaded, broken, hostile. The feed source says what happened and loses nothing."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from loopback import RawHandler, raw_serving, serving

from crawlers import (
    AuthExpired,
    BadPayload,
    CrawlerSettings,
    FeedSettings,
    Forbidden,
    Gone,
    Page,
    RateLimited,
    SourceError,
    TooBig,
    Unreachable,
)
from crawlers.feeds.feed import MOVES_OVER, UNCONDITIONAL_EVERY, FeedSource, FeedState, FeedTools
from crawlers.source import Budget

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = CrawlerSettings(max_bytes=200_000, fetch_seconds=60, read_seconds=60, parsers=1)
HURRIED = SETTINGS.model_copy(update={"fetch_seconds": 0.4})


def rss(*titles: str) -> bytes:
    items = "".join(f"<item><title>{title}</title><link>/{number}</link></item>" for number, title in enumerate(titles))
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode()


FIVE = rss(*(f"Numero {number}" for number in range(5)))
Asking = Callable[..., Awaitable[Page]]


def against(
    server: Any, work: Callable[[Asking, str], Awaitable[None]], *, settings: CrawlerSettings = SETTINGS, **place: Any
) -> None:
    """Runs `work(ask, base)` against the server; `ask(state, now, path)` is one visit of one and the same source."""

    async def main() -> None:
        tools = FeedTools(settings)
        try:
            async with server as base:

                async def ask(state: bytes | None = None, now: datetime = NOW, path: str = "/feed") -> Page:
                    place_settings = FeedSettings(**{"url": base + path, "local": True, "time_zone": "UTC", **place})
                    return await FeedSource(place_settings, tools).fetch(state, Budget(now=now))

                await work(ask, base)
        finally:
            await tools.close()

    asyncio.run(main())


def titles(page: Page) -> list[str]:
    return [item.title for item in page.items]


def state_of(page: Page) -> FeedState:
    return msgspec.json.decode(page.next_state, type=FeedState)


class Scripted:
    """Answers each request by the next of its functions, the last one for ever; keeps the requests."""

    def __init__(self, *answers: Callable[[], web.StreamResponse]) -> None:
        self._answers = list(answers)
        self.asked: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer()


def ok(body: bytes = FIVE, **headers: str) -> Callable[[], web.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(body=body, headers={"Content-Type": "application/rss+xml", **named})


def status(number: int, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.Response(
        status=number, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_validators_come_back_and_304_is_nothing_new() -> None:
    date = "Mon, 23 Nov 2026 10:00:00 GMT"
    server = Scripted(ok(ETag='"a"', Last_Modified=date), status(304), status(304), ok())

    async def work(ask: Asking, base: str) -> None:
        first = await ask()
        second = await ask(first.next_state, NOW + timedelta(hours=1))
        assert (titles(second), second.coverage.state, second.errors) == ([], "covered", ())
        assert server.asked[1].headers["If-None-Match"] == '"a"'
        assert server.asked[1].headers["If-Modified-Since"] == date
        await ask(second.next_state, NOW + UNCONDITIONAL_EVERY)
        assert "If-None-Match" not in server.asked[2].headers, (
            "a server that says 304 for ever is asked plainly at times"
        )

    against(serving(server), work)


def test_only_new_and_changed_entries_are_given() -> None:
    later = rss("Numero 0", "Numero 1 corretto", "Numero 2", "Numero 3", "Numero 4", "Numero 5")
    server = Scripted(ok(), ok(), ok(later))

    async def work(ask: Asking, base: str) -> None:
        first = await ask()
        same = await ask(first.next_state)
        third = await ask(same.next_state)
        assert [len(first.items), len(same.items)] == [5, 0]
        assert titles(third) == ["Numero 1 corretto", "Numero 5"]
        assert third.items[0].id == first.items[1].id

    against(serving(server), work)


def test_validators_go_to_the_first_address_only() -> None:
    server = Scripted(ok(ETag='"a"'), status(302, Location="/other"), ok())

    async def work(ask: Asking, base: str) -> None:
        first = await ask()
        await ask(first.next_state)
        assert "If-None-Match" in server.asked[1].headers
        assert "If-None-Match" not in server.asked[2].headers

    against(serving(server), work)


def moved(chain: dict[str, tuple[int, str]]) -> tuple[list[str], Callable[[web.Request], Awaitable[web.Response]]]:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path in chain:
            number, target = chain[request.path]
            return web.Response(status=number, headers={"Location": target})
        return web.Response(body=FIVE)

    return asked, answer


def test_a_permanent_move_is_believed_when_seen_often_and_long_enough() -> None:
    asked, answer = moved({"/feed": (301, "/b"), "/b": (308, "/c")})

    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert len(page.items) == 5
        for hours in (1, 2, 3):
            page = await ask(page.next_state, NOW + timedelta(hours=hours))
        assert "moved" not in page.coverage.note
        page = await ask(page.next_state, NOW + MOVES_OVER)
        assert page.coverage.note == f"it has moved to {base}/c"
        asked.clear()
        page = await ask(page.next_state, NOW + MOVES_OVER + timedelta(hours=1))
        assert asked == ["/c"]
        assert not page.items

    against(serving(answer), work)


@pytest.mark.parametrize("number", [302, 303, 307])
def test_a_detour_is_followed_and_never_believed(number: int) -> None:
    asked, answer = moved({"/feed": (number, "/b"), "/b": (301, "/c")})

    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert len(page.items) == 5
        for days in range(1, 5):
            page = await ask(page.next_state, NOW + timedelta(days=days))
        assert state_of(page).moved_to == ""
        assert asked[-3:] == ["/feed", "/b", "/c"]

    against(serving(answer), work)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://0.0.0.0:1/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "gopher://127.0.0.1:1/_x", "http://2852039166/",
    ],
)  # fmt: skip
def test_a_redirect_to_where_nobody_may_go_is_refused(target: str) -> None:
    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        (error,) = page.errors
        assert isinstance(error, Forbidden) or "not a usable address" in error.what, error

    against(serving(Scripted(status(302, Location=target))), work)


def test_this_machine_needs_leave() -> None:
    server = Scripted(ok())

    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert isinstance(page.errors[0], Forbidden)
        assert "local = true" in page.errors[0].what

    against(serving(server), work, local=False)
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(410), Gone, "410"),
        (status(401), AuthExpired, "401"),
        (status(403), Forbidden, "403"),
        (status(404), Unreachable, "404"),
        (status(500), Unreachable, "500"),
        (status(204), Unreachable, "204"),
        (status(301), Unreachable, "301"),
        (status(302, Location="/feed"), Unreachable, "more than 5 redirects"),
        (status(302, Location="http://["), Unreachable, "not a usable address"),
        (ok(b"x", Content_Encoding="br"), Unreachable, "packed as br"),
        (ok(gzip.compress(FIVE), Content_Encoding="gzip, gzip"), Unreachable, "packed as gzip, gzip"),
        (ok(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip"), TooBig, "200,000 bytes (unpacked)"),
        (ok(gzip.compress(b"") * 1000, Content_Encoding="gzip"), TooBig, "gzip members"),
        (ok(b"\0" * 300_000), TooBig, "200,000 bytes"),
        (ok(b""), BadPayload, "empty"),
        (ok(b"<!doctype html><html><body>Sign in</body></html>"), BadPayload, "neither RSS"),
    ],
)
def test_what_goes_wrong_is_said_and_costs_nothing(
    answer: Callable[[], web.Response], kind: type[SourceError], words: str
) -> None:
    server = Scripted(ok(rss("Numero 0"), ETag='"a"'), *[answer] * 7, ok())

    async def work(ask: Asking, base: str) -> None:
        first = await ask()
        broken = await ask(first.next_state)
        assert isinstance(broken.errors[0], kind), broken.errors
        assert words in broken.errors[0].what
        assert (broken.items, broken.coverage.state) == ((), "not-measured")
        assert state_of(broken) == state_of(first)
        while len(server.asked) < 8:
            await ask(broken.next_state)
        assert titles(await ask(broken.next_state)) == [f"Numero {number}" for number in range(1, 5)]

    against(serving(server), work)


@pytest.mark.parametrize(
    ("number", "value", "wait"),
    [
        (429, "120", 120),
        (429, "Tue, 24 Nov 2026 13:00:00 GMT", 3600),
        (429, "", 60),
        (429, "junk", 60),
        (503, "300", 300),
    ],
)
def test_a_wish_for_quiet_is_kept(number: int, value: str, wait: int) -> None:
    async def work(ask: Asking, base: str) -> None:
        (error,) = (await ask()).errors
        assert isinstance(error, RateLimited)
        assert error.until == NOW + timedelta(seconds=wait)

    against(serving(Scripted(status(number, Retry_After=value) if value else status(number))), work)


def raw(
    *pieces: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n", **how: Any
) -> RawHandler:
    """Writes the pieces; with `again`, the last one for ever; with `pause` seconds between; with `reset`, hangs up rudely."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in (head, *pieces):
            writer.write(piece)
            await writer.drain()
        while how.get("again"):
            writer.write(pieces[-1])
            await writer.drain()
            await asyncio.sleep(how.get("pause", 0))
        if how.get("reset"):
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return handler


@pytest.mark.parametrize(
    "handler",
    [
        raw(b"\r\n<rss>", b"x", again=True, pause=0.02),
        raw(b"X-A: 1\r\n", again=True, pause=0.02),
        raw(b"Content-Length: 500\r\n\r\n<rss>", b"", again=True, pause=0.02),
    ],
    ids=["body", "headers", "silence"],
)
def test_a_slow_drip_ends(handler: RawHandler) -> None:
    async def work(ask: Asking, base: str) -> None:
        (error,) = (await ask()).errors
        assert isinstance(error, Unreachable)
        assert "within" in error.what

    against(raw_serving(handler), work, settings=HURRIED)


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (raw(b"\r\n", b"x" * 50_000, again=True), TooBig),
        (raw(b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n", again=True), TooBig),
        (raw(b"X-A: " + b"x" * 1000 + b"\r\n", again=True), Unreachable),
        (raw(b"x" * 1000, again=True), Unreachable),
        (raw(head=b"SSH-2.0-OpenSSH_9.6\r\n"), Unreachable),
        (raw(head=b""), Unreachable),
        (raw(head=b"", reset=True), Unreachable),
        (raw(b"Content-Length: -5\r\n\r\n"), Unreachable),
        (raw(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), Unreachable),
    ],
    ids=["endless", "endless-chunks", "endless-headers", "endless-line", "ssh", "nothing", "reset", "length", "both"],
)
def test_broken_and_endless_answers_end(handler: RawHandler, kind: type[SourceError]) -> None:
    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert isinstance(page.errors[0], kind), page.errors
        assert page.coverage.state == "not-measured"

    against(raw_serving(handler), work)


CUT = FIVE[: FIVE.index(b"Numero 3") + 4]
PACKED = gzip.compress(rss(*(f"Numero {number} {number * 7919}" for number in range(400))))


@pytest.mark.parametrize(
    "handler",
    [
        raw(b"Content-Length: %d\r\nETag: x\r\n\r\n" % len(FIVE), CUT),
        raw(b"Transfer-Encoding: chunked\r\nETag: x\r\n\r\n", b"%x\r\n%s\r\n" % (len(CUT), CUT)),
        raw(b"Transfer-Encoding: chunked\r\nETag: x\r\n\r\n", b"%x\r\n%s" % (len(FIVE), CUT)),
        raw(b"Content-Encoding: gzip\r\nETag: x\r\n\r\n", PACKED[: len(PACKED) // 2]),
    ],
    ids=["length", "between-chunks", "in-a-chunk", "gzip"],
)
def test_of_a_cut_off_body_the_whole_entries_stay(handler: RawHandler) -> None:
    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert titles(page)[:3] == [title.title for title in page.items[:3]] != []
        assert all(title.startswith("Numero ") and title != "Nume" for title in titles(page))
        assert page.coverage.state == "covered"
        assert "cut off" in page.coverage.note
        assert (state_of(page).etag, state_of(page).last_modified) == ("", "")

    against(raw_serving(handler), work)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (rss("Perché").replace(b"1.0", b'1.0" encoding="utf-8', 1), "text/xml; charset=iso-8859-1"),
        (rss("Perché").decode().encode("cp1252"), "text/xml; charset=utf-8"),
        (rss("Perché").decode().encode("cp1252"), "application/rss+xml; charset=nonsense"),
        (rss("Perché").decode().replace("1.0", '1.0" encoding="iso-8859-1', 1).encode("latin-1"), "text/html"),
        (rss("Perché").decode().encode("utf-16"), "application/xml"),
        (b"\xef\xbb\xbf" + rss("Perché"), "text/plain; charset=us-ascii"),
    ],
    ids=["declared-otherwise", "not-utf8", "nonsense", "html", "utf16", "mark"],
)
def test_wrong_charsets(body: bytes, kind: str) -> None:
    async def work(ask: Asking, base: str) -> None:
        assert titles(await ask()) == ["Perché"]

    against(serving(Scripted(ok(body, Content_Type=kind))), work)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("mar 3 marzo 2026", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("lun, 02 feb 2026 10:30:00 +0100", datetime(2026, 2, 2, 9, 30, tzinfo=UTC)),
        ("Gio, 15 Gen 2026 08:00:00 CET", datetime(2026, 1, 15, 7, tzinfo=UTC)),
        ("1° maggio 2026 alle 18.45", datetime(2026, 5, 1, 16, 45, tzinfo=UTC)),
        ("05/03/2026 10:00", datetime(2026, 3, 5, 9, tzinfo=UTC)),
        ("domani", NOW),
    ],
)
def test_italian_dates(date: str, expected: datetime) -> None:
    body = FIVE.replace(b"</item>", f"<pubDate>{date}</pubDate></item>".encode())

    async def work(ask: Asking, base: str) -> None:
        page = await ask()
        assert {item.published_at for item in page.items} == {expected}
        assert {item.date_origin == "fetched" for item in page.items} == {expected == NOW}

    against(serving(Scripted(ok(body))), work, time_zone="Europe/Rome")


def test_a_feed_that_harms_its_reader_is_not_read_twice() -> None:
    """A pattern for mail addresses takes 5 s of 32 kB of these."""
    hostile = FIVE.replace(b"</item>", b"<author>a@" + b"a." * 16_000 + b"</author></item>", 1)
    server = Scripted(ok(hostile), ok(hostile), ok())
    settings = SETTINGS.model_copy(update={"max_bytes": 2_000_000, "parse_seconds": 0.5})

    async def work(ask: Asking, base: str) -> None:
        first = await ask()
        assert isinstance(first.errors[0], BadPayload)
        assert "more than" in first.errors[0].what
        again = await ask(first.next_state)
        assert isinstance(again.errors[0], Unreachable)
        assert "still" in again.errors[0].what
        assert len((await ask(again.next_state)).items) == 5

    against(serving(server), work, settings=settings)
