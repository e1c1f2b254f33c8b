"""SQLite as several processes use it here: how a file is opened, how writers queue, what a full disk looks like.

In: a path. Out: a connection that sees every commit made before its next statement, and `transaction`, the only way to
write. Shared by the log and the store. Linux and macOS (flock).

Writers queue on `<path>.lock` and not on SQLite's busy handler, which sleeps up to 100 ms and is unfair (measured, 8 writers:
p99 25 ms against 54, longest 42 ms against 533). Checkpoints run under the same lock, so that no commit meets one: SQLite
before 3.51.3 can corrupt the file there (https://sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

PAGE = 8192  # bytes; measured on documents of 1 kB: 83,000 rows a second; 56,000 with 4096, 65,000 with 16384
BUSY = 15.0  # seconds; only recovery after a crash and the last close of a file still wait on this
WAL_TARGET = 8 << 20  # bytes: above it the write-ahead log is copied into the file
WAL_LIMIT = 64 << 20  # bytes: what is kept of the write-ahead log's file after it has been copied
COMMITS_PER_CHECK = 32
_UNUSABLE = (  # of the file's fault
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
)  # fmt: skip
NEARLY_FULL = 1 << 20  # bytes: an I/O error on a disk with less than this free is taken for a full disk


class DiskFull(Exception):
    """The disk has no room for the file. The transaction was rolled back; what was committed before is safe."""


class Connection(sqlite3.Connection):
    """A connection made by `connect`. Close it. Does not survive a fork; may move between threads, one at a time."""

    path: Path
    lock: IO[bytes] | None = None
    commits: int = 0

    def close(self) -> None:
        """Closes the file and its lock. Safe to call twice."""
        super().close()
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until no other connection writes; the kernel ends the wait at once and frees the lock of the dead."""
        if self.lock is None:
            raise sqlite3.ProgrammingError(f"{self.path}: the connection is closed")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)


def connect(path: Path) -> Connection:
    """Opens or creates the database at `path`, its directory too.

    A commit is on the disk when it returns (synchronous=FULL). Raises DiskFull, sqlite3.Error, OSError.
    """
    with _full_disk_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY, isolation_level=None, check_same_thread=False, factory=Connection, cached_statements=256
        )
        try:
            connection.path = path
            connection.lock = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - closed by Connection.close
            if connection.execute("PRAGMA journal_mode").fetchone() != (
                "wal",
            ):  # new: else opening waits for no writer
                with connection.alone():
                    connection.execute(f"PRAGMA page_size={PAGE}")  # counts only before the first table
                    connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(
                "PRAGMA secure_delete=ON"
            )  # what was erased is overwritten; the default differs by build
            connection.execute("PRAGMA cache_size=-16000")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT}")
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """All or nothing: commits on leaving, rolls back on an exception. One writer at a time over all processes.

    Do the work that needs no lock before. Raises DiskFull; may not be nested (RuntimeError).
    """
    nested = connection.in_transaction
    if nested:
        raise RuntimeError(f"{connection.path}: a transaction inside a transaction")
    with _full_disk_named(connection.path), connection.alone():
        # IMMEDIATE: a reading transaction that starts to write after another's commit fails at once, whatever the timeout.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has already rolled back
                connection.execute("ROLLBACK")
            raise
        _checkpoint_when_due(connection)


def unusable(error: sqlite3.DatabaseError) -> bool:
    """Whether it tells of the file (damaged, not a database, not to be opened) rather than of a wrong statement."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE


def data_version(connection: Connection) -> int:
    """A number that changes when another connection has committed. Costs 2 us: made for polling."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _checkpoint_when_due(connection: Connection) -> None:
    connection.commits += 1
    if connection.commits % COMMITS_PER_CHECK:
        return
    if Path(f"{connection.path}-wal").stat().st_size <= WAL_TARGET:
        return
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError as error:
        # The commit stands, so the caller must not hear of a failure; a later commit tries again.
        logger.warning("%s: checkpoint put off: %s", connection.path, error, extra={"action": "checkpoint-put-off"})


@contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if not _means_full(error, path):
            raise
        raise DiskFull(f"{path}: no room left on the disk; free some and go on") from error


def _means_full(error: sqlite3.OperationalError | OSError, path: Path) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_FULL:
        return True
    if code & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize < NEARLY_FULL
