"""One polite, bounded GET.

In: an address, the validators of the last answer. Out: `Fetched`, which says what came or what went wrong; nothing is
raised for what a server does. Redirects are followed by hand, so that every hop goes through the guard and the
validators go to the first only.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

from crawlers.guard import Policy, Refused, guarded_connector
from crawlers.inflate import Inflater, Oversize, UnknownEncoding
from crawlers.settings import CrawlerSettings
from crawlers.source import AnySourceError, AuthExpired, Forbidden, Gone, RateLimited, TooBig, Unreachable

HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PERMANENT = (301, 308)
SHORTEST_WAIT = timedelta(seconds=60)  # a Retry-After below it counts as this
LONGEST_WAIT = timedelta(hours=24)
ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/html;q=0.8, */*;q=0.5"


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `body` is unpacked; it is there for status 200 only, and may be cut off (`truncated`)."""

    url: str  # where it came from, after redirects
    status: int = 0
    body: bytes = b""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    moved_to: str = ""  # where permanent redirects, and nothing but those, led from the address asked
    truncated: bool = False
    error: AnySourceError | None = None


class Fetcher:
    """A client for public places, and one for those that the user marked local. Close it. Keeps no cookies."""

    def __init__(self, settings: CrawlerSettings) -> None:
        self._settings = settings
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def get(
        self, url: str, *, now: datetime, local: bool = False, etag: str = "", last_modified: str = ""
    ) -> Fetched:
        """`etag` and `last_modified` make the request conditional: the answer may then have status 304."""
        validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        first = {name: value for name, value in validators.items() if value}
        seconds = self._settings.fetch_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, self._session(local), first, now)
        except TimeoutError:
            what = f"no complete answer within {seconds:.0f} seconds"
            return Fetched(url=url, error=Unreachable(what=what, url=url))

    async def _follow(
        self, url: str, session: aiohttp.ClientSession, headers: dict[str, str], now: datetime
    ) -> Fetched:
        asked, moved_to, permanent = url, "", True
        for _ in range(HOPS + 1):
            try:
                if urlsplit(url).scheme not in ("http", "https"):
                    there = f"it redirects to {url[:200]}, which is no web address"
                    what = "it is no web address" if url == asked else there
                    return Fetched(url=asked, error=Forbidden(what=what, url=asked))
                async with self._answer(session, url, headers) as response:
                    target = response.headers.get("Location", "")
                    if response.status not in REDIRECTS or not target:
                        return await self._read(response, url, moved_to, now)
                    permanent = permanent and response.status in PERMANENT
                    url, headers = urljoin(url, target), {}
                    moved_to = url if permanent else moved_to
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return Fetched(url=url, error=explain(error, url))
        what = f"more than {HOPS} redirects, the last one to {url[:200]}"
        return Fetched(url=asked, error=Unreachable(what=what, url=asked))

    @asynccontextmanager
    async def _answer(
        self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        asking = {"Accept-Encoding": "gzip, deflate", "Accept": ACCEPT, **headers}
        async with session.get(url, headers=asking, allow_redirects=False) as response:
            yield response

    async def _read(self, response: aiohttp.ClientResponse, url: str, moved_to: str, now: datetime) -> Fetched:
        header = response.headers.get
        got = Fetched(
            url=url,
            status=response.status,
            content_type=header("Content-Type", ""),
            etag=header("ETag", "")[:500],
            last_modified=header("Last-Modified", "")[:100],
            moved_to=moved_to,
        )
        if response.status in (200, 304):
            return await self._body(response, got) if response.status == 200 else got
        wait = retry_after(header("Retry-After", ""), now)
        return msgspec.structs.replace(got, error=refusal(response.status, url, wait, now))

    async def _body(self, response: aiohttp.ClientResponse, got: Fetched) -> Fetched:
        limit, wire, parts, truncated = self._settings.max_bytes, 0, [], False
        try:
            inflater = Inflater(response.headers.get("Content-Encoding", ""), limit)
            async for piece in response.content.iter_any():
                wire += len(piece)
                if wire > limit:
                    raise Oversize("sent")
                parts.append(inflater.feed(piece))
            truncated = not inflater.complete
        except Oversize as error:
            what = f"the answer is too big: more than {limit:,} bytes ({error})"
            return msgspec.structs.replace(got, error=TooBig(what=what, url=got.url))
        except UnknownEncoding as error:
            what = f"the answer is packed as {error}, which was not asked for"
            return msgspec.structs.replace(got, error=Unreachable(what=what, url=got.url, status=got.status))
        except (aiohttp.ClientPayloadError, zlib.error):
            truncated = True
        return msgspec.structs.replace(got, body=b"".join(parts), truncated=truncated)

    def _session(self, local: bool) -> aiohttp.ClientSession:
        if local not in self._sessions:
            own = self._settings
            self._sessions[local] = aiohttp.ClientSession(
                connector=guarded_connector(Policy(local=local)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=own.connect_seconds, sock_read=own.read_seconds),
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": own.user_agent},
            )
        return self._sessions[local]

    async def close(self) -> None:
        """Safe to call twice."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()


def refusal(status: int, url: str, wait: timedelta | None, now: datetime) -> AnySourceError:
    """What an answer without content means."""
    if status == 429 or (status == 503 and wait):
        until = now + (wait or SHORTEST_WAIT)
        return RateLimited(what=f"the server asks us to wait until {until:%Y-%m-%d %H:%M} UTC", url=url, until=until)
    if status == 410:
        return Gone(what="the server says that it is gone for good (410)", url=url)
    if status == 401:
        return AuthExpired(what="the server wants a sign-in (401)", url=url)
    if status in (403, 451):
        return Forbidden(what=f"the server refuses us ({status})", url=url)
    return Unreachable(what=f"the server answers with status {status}", url=url, status=status)


def explain(error: Exception, url: str) -> AnySourceError:
    """What a failed connection means; a refused address may be hidden in aiohttp's own errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return Forbidden(what=str(cause), url=url)
        cause = getattr(cause, "os_error", None) or cause.__cause__
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Unreachable(what=f"not a usable address: {url[:200]}", url=url)
    if isinstance(error, TimeoutError):
        return Unreachable(what="no answer in time", url=url)
    return Unreachable(what=f"cannot be reached: {error}"[:300], url=url)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """How long a Retry-After header asks to wait, between one minute and a day; None where it cannot be read."""
    try:
        wait = timedelta(seconds=int(value)) if value.strip().isdigit() else _aware(parsedate_to_datetime(value)) - now
    except OverflowError:
        return LONGEST_WAIT
    except (ValueError, TypeError):
        return None
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
