"""Connections to one SQLite file for any number of threads: taken, used, put back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from index.store import StoreDamaged
from stream import Connection, connect, unusable


class Pool:
    """Opens a connection when none is free, so as many as are used at once. `prepare` is run on each new one."""

    def __init__(self, path: Path, prepare: Callable[[Connection], None] | None = None) -> None:
        self.path = path
        self._prepare = prepare
        self._free: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One that nobody else uses until the block ends. Raises DiskFull, StoreDamaged, sqlite3.Error."""
        with self._lock:
            if self._closed:
                raise ValueError(f"{self.path}: already closed")
            taken = self._free.pop() if self._free else None
        sound = True
        try:
            if taken is None:
                taken = connect(self.path)
                if self._prepare is not None:
                    self._prepare(taken)
            yield taken
        except sqlite3.DatabaseError as error:
            if not unusable(error):
                raise
            sound = False
            raise StoreDamaged(f"{self.path} cannot be used: {error}") from error
        finally:
            if taken is not None:
                self._put_back(taken, sound)

    def _put_back(self, connection: Connection, sound: bool) -> None:
        with self._lock:
            keep = sound and not self._closed
            if keep:
                self._free.append(connection)
        if not keep:
            connection.close()

    def close(self) -> None:
        """Closes the free ones now and those in use when they are put back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for connection in free:
            connection.close()
