"""One request at a time to a host, a pause after each, and none at all while the host asks for quiet."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlsplit

from stream import utc_now

OWN_HOSTS = ("127.0.0.1", "localhost", "::1")
OWN_DELAY = 0.05  # seconds at most: this machine need not be spared as others are


class Hosts:
    """Turns by host. The pause counts from the end of a request: a slow host is asked less often."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._turns: dict[str, asyncio.Lock] = {}
        self._free_at: dict[str, float] = {}  # by the loop's clock
        self._quiet_until: dict[str, datetime] = {}

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Waits for the host's turn. Places without an address take turns by nothing."""
        host = host_of(url)
        if not host:
            yield
            return
        clock = asyncio.get_running_loop().time
        async with self._turns.setdefault(host, asyncio.Lock()):
            await asyncio.sleep(max(0.0, self._free_at.get(host, 0.0) - clock()))
            try:
                yield
            finally:
                own = urlsplit(url).hostname in OWN_HOSTS
                delay = min(self._delay, OWN_DELAY) if own else self._delay
                self._free_at[host] = clock() + delay * random.uniform(1, 1.2)

    def keep_quiet(self, url: str, until: datetime) -> None:
        """The host asked for it; it holds for every source there."""
        host = host_of(url)
        if host:
            self._quiet_until[host] = max(until, self._quiet_until.get(host, until))

    def quiet_until(self, url: str, now: datetime | None = None) -> datetime | None:
        """Until when the host wants no request, if it does."""
        until = self._quiet_until.get(host_of(url))
        return until if until is not None and until > (now or utc_now()) else None


def host_of(url: str) -> str:
    """Host and port: two servers on one machine are two hosts."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
