"""One process that does one `Job`, and that can be ended at any moment with all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO

import msgspec

from crawlers.sites.job import Job, Outcome

logger = logging.getLogger(__name__)

LONGEST_ANSWER = 4_000_000  # bytes of an outcome
TAIL = 4_000  # bytes of what it said last before it died


class ChildDied(Exception):
    """It ended without an outcome, or had to be ended; the message says how."""


class Child:
    """At most one process at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process under way."""
        return self._process.pid if self._process is not None else None

    async def run(self, job: Job, seconds: float) -> Outcome:
        """Raises ChildDied, also after `seconds`. When cancelled, the process is ended."""
        with tempfile.TemporaryFile() as said:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "crawlers.sites.spider"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
                limit=LONGEST_ANSWER,
            )
            self._process = process
            try:
                async with asyncio.timeout(seconds):
                    return await _ask(process, job)
            except TimeoutError:
                raise ChildDied(f"it took more than {seconds:.0f} seconds") from None
            except (EOFError, OSError, ValueError) as error:
                _end(process)
                raise ChildDied(f"{_reason(await process.wait(), _tail(said))} ({error})") from None
            finally:
                _end(process)
                await asyncio.shield(process.communicate())  # until all who held its pipes are gone
                self._process = None

    async def close(self) -> None:
        """Ends the process under way. Safe to call twice."""
        if self._process is not None:
            _end(self._process)
            await self._process.wait()


async def _ask(process: asyncio.subprocess.Process, job: Job) -> Outcome:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError("it said nothing")
    outcome = msgspec.json.decode(line, type=Outcome)
    process.stdin.close()
    return outcome


def _end(process: asyncio.subprocess.Process) -> None:
    """The process and its group: it leads one, in which those who read pages for it are."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(code: int, said: str) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = said.strip().splitlines()[-1] if said.strip() else ""
    if said.strip():
        logger.error("a site's crawl died: %s", said, extra={"action": "site-crawl-died"})
    return f"{how}; {last}"[:300] if last else how


def _tail(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - TAIL))
    return said.read().decode("utf-8", "replace")
