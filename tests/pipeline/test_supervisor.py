"""The supervisor with real child processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.testbed.waiting import until
from ronzio.supervisor import AlreadyRunning, Program, Supervisor, backoff, lock

CHILD = """
import pathlib, sys, threading
from ronzio.process import Stop
stop = Stop.from_signals()
pathlib.Path(sys.argv[1]).write_text(str(__import__("os").getpid()))
while not stop.wait(0.05):
    pass
"""

SUPERVISOR = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[2])
from test_supervisor import Script
from ronzio.supervisor import Supervisor
folder = pathlib.Path(sys.argv[1])
asyncio.run(Supervisor([Script("one", (), folder)], folder, print).run())
"""


@dataclass(frozen=True)
class Script(Program):
    folder: Path = Path()

    def command(self) -> list[str]:
        return [sys.executable, "-c", CHILD, str(self.folder / f"{self.name}.pid")]


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        # a zombie has ended: only its parent has not asked yet
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def pid_in(file: Path) -> int:
    until(lambda: file.exists() and file.read_text())
    return int(file.read_text())


@pytest.fixture
def said() -> Iterator[list[str]]:
    yield []


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    assert [backoff(n) for n in (1, 2, 3, 6, 50)] == [1, 2, 4, 30, 30]


def test_a_killed_process_is_started_again_and_all_end_together(tmp_path: Path, said: list[str]) -> None:
    async def main() -> tuple[int, int, int]:
        supervisor = Supervisor([Script("one", (), tmp_path), Script("two", (), tmp_path)], tmp_path, said.append)
        running = asyncio.create_task(supervisor.run())
        first = await asyncio.to_thread(pid_in, tmp_path / "one.pid")
        other = await asyncio.to_thread(pid_in, tmp_path / "two.pid")
        (tmp_path / "one.pid").unlink()
        os.kill(first, signal.SIGKILL)
        second = await asyncio.to_thread(pid_in, tmp_path / "one.pid")
        state = json.loads((tmp_path / "run" / "processes.json").read_text())
        assert {entry["name"]: entry["restarts"] for entry in state} == {"one": 1, "two": 0}
        supervisor.stop()
        await running
        return first, second, other

    first, second, other = asyncio.run(main())
    assert second != first
    assert not any(alive(pid) for pid in (first, second, other))
    assert said == [line for line in said if "one ended (signal SIGKILL)" in line] and len(said) == 1
    assert not (tmp_path / "run" / "processes.json").exists()


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as supervisor:
        child = pid_in(tmp_path / "one.pid")
        supervisor.kill()
    until(lambda: not alive(child))


def test_one_supervisor_a_data_directory(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        lock(tmp_path)
    lock(tmp_path).close()
