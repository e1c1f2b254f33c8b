"""Processes that can be killed, for reading what strangers wrote.

In: a module-level function and picklable arguments. Out: its result, or `Killed` when it took too long. A parser may hang
or eat memory on 100 kB of hostile input (measured: 20,000 namespace prefixes 22 s, 40,000 nested tags 12 s); here that
costs one worker.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

MEMORY = 600_000_000  # bytes of address space a worker may have
TASKS = 1_000  # then a worker is replaced, so that what a parser leaks goes away

T = TypeVar("T")


class Killed(Exception):
    """The work took too long, or its process died of it."""


class WorkFailed(Exception):
    """The work raised; the message says what."""


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)


class Workers:
    """A pool made at the first use. `close` ends its processes."""

    def __init__(self, processes: int = 2, preload: tuple[str, ...] = ("crawlers.feeds.parse",)) -> None:
        self._processes = processes
        self._preload = list(preload)
        self._pool: ProcessPool | None = None

    async def run(self, function: Callable[..., T], *arguments: object, seconds: float) -> T:
        """Raises Killed, WorkFailed. When cancelled, the process doing it is ended as well."""
        future: Future[T] = self._open().schedule(function, args=arguments, timeout=seconds)
        waiting = asyncio.wrap_future(future)
        try:
            await asyncio.wait({waiting})
        finally:
            waiting.cancel()  # does nothing once it is done
        error = waiting.exception()
        if error is None:
            return waiting.result()
        if isinstance(error, TimeoutError):
            raise Killed(f"reading it took more than {seconds:.0f} seconds")
        if isinstance(error, ProcessExpired):
            raise Killed("the process that read it died")
        raise WorkFailed(f"{type(error).__name__}: {error}"[:300]) from error

    def _open(self) -> ProcessPool:
        if self._pool is None:
            context: Any = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(self._preload)
            self._pool = ProcessPool(self._processes, TASKS, initializer=_limit, context=context)
        return self._pool

    def close(self) -> None:
        """Ends what runs. Safe to call twice."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None
