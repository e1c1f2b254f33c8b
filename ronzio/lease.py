"""Work that must run in one process only, however many are up: crawling, alerts, tidying. Others stand by and take over.

A lease is a small record with its owner's name, written anew by the owner every `RENEW` seconds. Whoever waits watches the
record's version: unchanged for `TTL` seconds by the waiting process's own clock, the owner counts as gone. So no two machines'
clocks are compared. An owner that cannot renew stops its work before that time is over. On the same machine, and in the same
container, a killed owner is noticed at once, by its process number and start time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from index import Conflict, IndexFailure, Records, Stored, StoreUnavailable
from ronzio.process import Stop
from stream import utc_now

logger = logging.getLogger(__name__)

KIND: Final = "lease"
TTL: Final = 24.0  # seconds without a sign of life after which others take over
RENEW: Final = 8.0  # seconds between two signs of life
LOOK: Final = 0.5  # seconds between two looks while waiting
STOP_BY: Final = 0.75  # share of TTL after which an owner that could not renew stops


class _Owner(msgspec.Struct, frozen=True):
    """Who holds a lease; an empty host: nobody, it was given back."""

    host: str = ""
    pid: int = 0
    started: str = ""
    beat: int = 0
    at: datetime | None = None  # by the owner's clock; for people only
    kernel: str = ""  # whose process `pid` is: see `_kernel`


def holders(records: Records, now: datetime) -> dict[str, str]:
    """Lease -> the machine of who holds it, without those of whom nothing was heard for long; their clocks are believed."""
    found = {}
    for stored in records.scan(KIND):
        owner = msgspec.json.decode(stored.body, type=_Owner)
        if not _is_free(stored) and owner.at is not None and now - owner.at < timedelta(seconds=TTL):
            found[stored.id] = owner.host
    return found


def run_alone(
    records: Records, name: str, stop: Stop, work: Callable[[Stop], None], *, ttl: float = TTL, renew: float = RENEW
) -> None:
    """Waits for the lease `name`, then calls `work` with a stop that is also set when the lease is lost; again, until `stop`.

    A store that cannot be reached ends a turn of work, not the process.
    """
    waited = False
    while not stop():
        try:
            with _held(records, name, stop, ttl, renew) as inner:
                if inner is None:
                    return
                work(inner)
                if not inner():
                    return  # the work ended by itself
        except StoreUnavailable as error:
            if not waited:
                logger.error("%s; trying again", error, extra={"action": "waiting"})
            waited = True
            stop.wait(min(5.0, ttl / 4))
            continue
        waited = False


@contextlib.contextmanager
def _held(records: Records, name: str, stop: Stop, ttl: float, renew: float) -> Iterator[Stop | None]:
    version = _acquire(records, name, stop, ttl)
    if version is None:
        yield None
        return
    logger.info("this process has the lease %s", name, extra={"action": "lease-taken", "lease": name})
    inner = Stop(within=stop)
    stop.on_stop(inner.set)
    done = threading.Event()
    keeper = _Keeper(records, name, version, ttl, renew, inner, done)
    thread = threading.Thread(target=keeper.run, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield inner
    finally:
        done.set()
        thread.join()
        keeper.give_back()


class _Keeper:
    """Renews a lease until `done`; sets `lost` when it cannot."""

    def __init__(
        self, records: Records, name: str, version: int, ttl: float, renew: float, lost: Stop, done: threading.Event
    ) -> None:
        self._records = records
        self._name = name
        self._version = version
        self._ttl = ttl
        self._renew = renew
        self._lost = lost
        self._done = done
        self._beat = 0

    def run(self) -> None:
        alive = time.monotonic()
        while not self._done.wait(self._renew if alive >= time.monotonic() - self._renew else LOOK):
            self._beat += 1
            try:
                began = time.monotonic()
                self._version = self._records.put(KIND, self._name, _encoded(self._beat), expect=self._version)
                alive = began
            except Conflict:
                self._end("another process has it")
                return
            except IndexFailure as error:
                refused = not isinstance(error, StoreUnavailable)
                if refused or time.monotonic() - alive > STOP_BY * self._ttl:
                    self._end(str(error))
                    return

    def _end(self, why: str) -> None:
        self._version = -1
        logger.warning("lost the lease %s: %s", self._name, why, extra={"action": "lease-lost", "lease": self._name})
        self._lost.set()

    def give_back(self) -> None:
        """So that the next one need not wait."""
        if self._version >= 0:
            with contextlib.suppress(IndexFailure):
                self._records.put(KIND, self._name, msgspec.json.encode(_Owner()), expect=self._version)


def _acquire(records: Records, name: str, stop: Stop, ttl: float) -> int | None:
    """The lease's version once it is ours; None when asked to stop first."""
    seen, since, told = -1, time.monotonic(), False
    while not stop():
        stored = records.get(KIND, name)
        version = stored.version if stored else 0
        if version != seen:
            seen, since = version, time.monotonic()
        if stored is None or _is_free(stored) or time.monotonic() - since > ttl:
            try:
                return records.put(KIND, name, _encoded(0), expect=version)
            except Conflict:  # somebody else was faster: look again
                continue
        if not told:
            told = True
            logger.info("another process has the lease %s; standing by", name, extra={"action": "lease-waiting"})
        stop.wait(LOOK)
    return None


def _is_free(stored: Stored) -> bool:
    owner = msgspec.json.decode(stored.body, type=_Owner)
    if not owner.host:
        return True
    return owner.kernel != "" and owner.kernel == _kernel() and _started(owner.pid) != owner.started


def _encoded(beat: int) -> bytes:
    pid = os.getpid()
    return msgspec.json.encode(_Owner(socket.gethostname(), pid, _started(pid), beat, utc_now(), _kernel()))


def _started(pid: int) -> str:
    """When a process of this machine started, in ticks since it booted; "" where that cannot be told or it has ended."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if said[0] in "ZX" else said[19]


def _kernel() -> str:
    """Which processes the numbers of processes are of: of this boot of this machine, and of this container; "" where that cannot
    be told. A host's name does not say it: many machines have the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
