"""Who of a consumer group is alive: a locked file per member.

The kernel drops the lock of a killed process at once. For a process that hangs, the file's time is the heartbeat: one
that stands still for `lease` seconds, by the observer's own monotonic clock, counts as dead (steps of the wall clock do
not matter).
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from pathlib import Path


class MemberFiles:
    """The directory of members' files, as one process sees it."""

    def __init__(self, directory: Path, lease: float) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lease = lease
        self._beats: dict[str, tuple[int, float]] = {}  # member -> (its file's time, when we first saw that)

    def create(self) -> MemberFile:
        """A new member of its own name, alive until closed."""
        return MemberFile(self._directory / uuid.uuid4().hex[:12])

    def alive(self, member: str) -> bool:
        """Is there a process behind it, and does it move?"""
        return self.locked(member) and not self._hangs(member)

    def locked(self, member: str) -> bool:
        """Is there a process behind it, be it stopped or stuck?"""
        try:
            with (self._directory / member).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def forget(self, member: str) -> None:
        """Removes the file of a dead one."""
        self._beats.pop(member, None)
        (self._directory / member).unlink(missing_ok=True)

    def _hangs(self, member: str) -> bool:
        try:
            beat = (self._directory / member).stat().st_mtime_ns
        except FileNotFoundError:
            return True
        now = time.monotonic()
        known, since = self._beats.get(member, (None, now))
        if known != beat:
            self._beats[member] = (beat, now)
            return False
        return now - since > self._lease


class MemberFile:
    """One member's own locked file."""

    def __init__(self, path: Path) -> None:
        self.member = path.name
        self._path = path
        self._file = path.open("xb")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def beat(self) -> None:
        """Says that this process moves."""
        os.utime(self._file.fileno())

    def close(self) -> None:
        """From here on the member is dead."""
        self._path.unlink(missing_ok=True)
        self._file.close()
