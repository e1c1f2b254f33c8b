"""Runs every process of Ronzio on one machine: starts them, starts them again when they end, ends them together.

One supervisor a data directory (a lock file says so). A process that ends is started again after 1, 2, 4 ... 30
seconds; a minute of work resets that. Each child is the leader of its own process group, so that Ctrl-C reaches only
the supervisor, which then ends the children in order; a child whose supervisor is gone ends by itself
(see `ronzio.process`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ronzio.process import STDIN_TIED

logger = logging.getLogger(__name__)

BACKOFF_MAX = 30.0
HEALTHY_AFTER = 60.0
GRACE = 8.0


class AlreadyRunning(Exception):
    """Another supervisor works on this data directory."""


@dataclass(frozen=True)
class Program:
    """One process to keep running: a name and the command line behind `ronzio`."""

    name: str
    arguments: tuple[str, ...]

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ronzio", *self.arguments]


def backoff(failures: int) -> float:
    """Seconds to wait before the start that follows `failures` ends in a row: 1, 2, 4, ... at most 30."""
    return min(BACKOFF_MAX, 2.0 ** max(0, failures - 1))


def lock(data_dir: Path) -> TextIO:
    """Takes the data directory for this process. Raises AlreadyRunning with the other's process number."""
    run = data_dir / "run"
    run.mkdir(parents=True, exist_ok=True)
    file = (run / "supervisor.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"Ronzio is already running on {data_dir} (process {pid}); stop it first") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


class Child:
    """A program with its process, kept running until told to end."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.logs = logs
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.started_at = 0.0

    def start(self) -> None:
        with (self.logs / f"{self.program.name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                self.program.command(),
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                env={**os.environ, STDIN_TIED: "1", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self.started_at = time.time()

    async def wait(self) -> int:
        assert self.process is not None
        # Polled: 0.2 s is soon enough, and waiting in a thread could not be cancelled.
        while (code := self.process.poll()) is None:
            await asyncio.sleep(0.2)
        return code

    def signal(self, number: int) -> None:
        """To the whole group: a crawler's parser processes end with it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Ends the process, if it has not, and whatever it may have left behind in its group."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()
            self.process = None


class Supervisor:
    """Keeps `programs` running until `stop()`; `say` prints what a user should know."""

    def __init__(self, programs: Sequence[Program], data_dir: Path, say: Callable[[str], None]) -> None:
        self.data_dir = data_dir
        self.logs = data_dir / "run" / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.children = [Child(program, self.logs) for program in programs]
        self.say = say
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Returns when stopped, all children ended."""
        keepers = [asyncio.create_task(self._keep(child)) for child in self.children]
        announce = asyncio.ensure_future(ready()) if ready else None
        await self._stopping.wait()
        for task in [*keepers, *([announce] if announce else [])]:
            task.cancel()
        await asyncio.gather(*keepers, *([announce] if announce else []), return_exceptions=True)
        await self._end()

    async def _keep(self, child: Child) -> None:
        failures = 0
        while True:
            child.start()
            self._write_state()
            code = await child.wait()
            child.close()
            failures = 1 if time.time() - child.started_at > HEALTHY_AFTER else failures + 1
            child.restarts += 1
            pause = backoff(failures)
            self.say(
                f"{child.program.name} ended ({_how(code)}); starting it again in {pause:.0f} s. "
                f"Its log: {self.logs / child.program.name}.log"
            )
            self._write_state()
            await asyncio.sleep(pause)

    async def _end(self) -> None:
        for child in self.children:
            child.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE):
                for child in self.children:
                    if child.process is not None:
                        await child.wait()
        except TimeoutError:
            late = [child.program.name for child in self.children if child.process and child.process.poll() is None]
            self.say(f"ending {', '.join(late)} the hard way: no answer in {GRACE:.0f} s")
        for child in self.children:
            child.close()
        (self.data_dir / "run" / "processes.json").unlink(missing_ok=True)

    def _write_state(self) -> None:
        """For `ronzio status`: who runs, since when, how often it was started again."""
        state = [
            {
                "name": child.program.name,
                "pid": child.process.pid if child.process and child.process.poll() is None else None,
                "started_at": child.started_at,
                "restarts": child.restarts,
            }
            for child in self.children
        ]
        target = self.data_dir / "run" / "processes.json"
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(state))
        draft.replace(target)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
