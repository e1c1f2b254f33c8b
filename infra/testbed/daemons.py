"""Starts a service as a process group of its own, waits until it answers, and ends it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.testbed.choice import Unusable

READY_WITHIN: Final = 300.0  # seconds; 15 on an idle machine
END_WITHIN: Final = 15.0
TAIL: Final = 25  # lines of a log that are shown
NOBODY: Final = "nobody"  # who runs what refuses to run as root


@dataclass(frozen=True)
class Daemon:
    """A started service; `pid` leads its process group."""

    name: str
    pid: int
    log: Path

    def alive(self) -> bool:
        """True while the process that was started is there, and it is this one: numbers are used again."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        place = Path(f"/proc/{self.pid}")
        try:
            command = (place / "cmdline").read_bytes()
            state = (place / "stat").read_text().rpartition(") ")[2][:1]
        except OSError:
            return False
        # A process that is just being replaced by its program shows no command, as a dead one (Z, X) does
        return b"java" in command or (not command and state not in "ZX")

    def end(self) -> None:
        """SIGTERM to the group, and SIGKILL to what is left of it after a while."""
        if not self.alive():
            self._signal(signal.SIGKILL)  # what it may have left behind
            return
        self._signal(signal.SIGTERM)
        until = time.monotonic() + END_WITHIN
        while self.alive() and time.monotonic() < until:
            time.sleep(0.1)
        self._signal(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops it (SIGSTOP) and lets it go on: what a machine that hangs looks like to others."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def kill(self) -> Callable[[bool], Daemon]:
        """kill -9. What it answers starts the same command again (True: tied to this process)."""
        place = Path(f"/proc/{self.pid}")
        command = (place / "cmdline").read_text().rstrip("\0").split("\0")
        env = dict(line.split("=", 1) for line in (place / "environ").read_text().split("\0") if "=" in line)
        folder, owner = (place / "cwd").readlink(), place.stat().st_uid
        self._signal(signal.SIGKILL)
        while self.alive():
            time.sleep(0.05)

        def again(tied: bool) -> Daemon:
            nobody = owner != os.getuid()
            return start(self.name, command, self.log, env, tied=tied, folder=folder, as_nobody=nobody)

        return again

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-TAIL:])


def start(
    name: str, command: Sequence[str], log: Path, env: Mapping[str, str], *,
    tied: bool, folder: Path, as_nobody: bool = False,
) -> Daemon:  # fmt: skip
    """Runs `command` in `folder`, its output in `log`. `tied`: it ends when this process is gone, even after a
    kill -9. `as_nobody`: without root's rights, if this process has them."""
    who: dict[str, Any] = {}
    if as_nobody and os.getuid() == 0:
        entry = pwd.getpwnam(NOBODY)
        who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    if tied and (setpriv := shutil.which("setpriv")) is not None:
        command = [setpriv, "--pdeathsig", "TERM", *command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=dict(env),
            start_new_session=True, **who,
        )  # fmt: skip
    return Daemon(name, process.pid, log)


def hand_over(*folders: Path) -> None:
    """Gives folders to the user whom `start(as_nobody=True)` means. Does nothing for those who are not root."""
    if os.getuid() == 0:
        entry = pwd.getpwnam(NOBODY)
        for folder in folders:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, entry.pw_uid, entry.pw_gid)


def wait(daemon: Daemon, ready: Callable[[], bool], within: float = READY_WITHIN) -> None:
    """Returns once `ready()`. Raises Unusable with the end of the service's log."""
    until = time.monotonic() + within
    while not ready():
        if not daemon.alive():
            raise Unusable(f"{daemon.name} ended while it started; the end of {daemon.log}:\n{daemon.tail()}")
        if time.monotonic() > until:
            raise Unusable(f"{daemon.name} is not up in {within:.0f} s; the end of {daemon.log}:\n{daemon.tail()}")
        time.sleep(0.2)
