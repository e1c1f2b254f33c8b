"""The indexer: the one process that follows the documents into the searchable view.

It repairs what it finds: a view that is missing, damaged, of another version, or ahead of the documents (a backup of them was
put back) is made anew. When another process has replaced the view, it goes on in the new one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from index import tables
from index.damage import damage
from index.documents import Documents
from index.follower import MOST_UNCOMMITTED, Follower, NoRoom
from index.generations import Generations
from index.layout import VERSION
from index.rebuild import rebuild
from index.view import ViewLost, open_index, progress
from stream import DiskFull, data_version

COMMIT_EVERY: Final = 0.4  # seconds between commits, at least
COMMIT_SHARE: Final = 4  # ... and at least so many times as long as the last commit took: many small parts cost merging
TICK: Final = 0.01  # seconds between looks at the documents: 0.5 % of a core
ROOM_AGAIN: Final = 1.0  # seconds until it tries again on a full disk
LOCK_AGAIN: Final = 0.25
COUNT_EVERY: Final = 60.0  # seconds between comparisons of the view with the documents, when there is nothing to do

log = logging.getLogger(__name__)

Stop = Callable[[], bool]


class Miscounted(ViewLost):
    """The view does not hold what the documents hold."""


class EmbeddedUpkeep:
    """`Upkeep` of the embedded backend. Run it in a process of its own; a second one waits until the first ends."""

    def __init__(self, directory: Path) -> None:
        self._documents = Documents(directory / "documents.db")
        self._generations = Generations(directory / "view")

    def run(self, stop: Stop) -> None:
        """See `Upkeep.run`. Closes its files at the end."""
        try:
            while not stop():
                with self._generations.only("indexer", wait=False) as alone:
                    if alone:
                        self._follow(stop)
                if not stop():
                    time.sleep(LOCK_AGAIN)
        finally:
            self._documents.close()

    def _follow(self, stop: Stop) -> None:
        while not stop():
            try:
                directory = self._sound_directory()
                self._generations.tidy()
                follower = Follower(self._documents, directory)
                try:
                    self._work(follower, directory, stop)
                finally:
                    follower.close()
            except Miscounted as error:
                log.error("%s; making it anew", error, extra={"action": "rebuild_view"})
                rebuild(self._documents, self._generations)
            except (NoRoom, DiskFull) as error:
                log.error("no room for the searchable view: %s", error, extra={"action": "view_disk_full"})
                _wait(ROOM_AGAIN, stop)
            except ViewLost as error:
                log.warning("%s", error, extra={"action": "view_lost"})
                _wait(LOCK_AGAIN, stop)

    def _sound_directory(self) -> Path:
        """The current directory, made anew where it cannot be gone on with."""
        problem = self._problem()
        if problem:
            log.warning("making the searchable view anew: %s", problem, extra={"action": "rebuild_view"})
            rebuild(self._documents, self._generations)
        current = self._generations.current()
        if current is None:
            raise ViewLost("there is no searchable view")
        return current

    def _problem(self) -> str:
        current = self._generations.current()
        if current is None:
            return "there is none yet"
        if not current.name.startswith(f"{VERSION}-"):
            return f"{current.name} was made by another version"
        wrong = damage(current)
        if wrong:
            return wrong
        try:
            searcher = open_index(current).searcher()
        except ViewLost as error:
            return str(error)
        with self._documents.pool.connection() as connection:
            if progress(searcher) > tables.head(connection):
                return "it is ahead of the documents: an older copy of them was put back"
        return ""

    def _count(self, directory: Path, applied: int) -> None:
        """Compares the view with the documents where both stand still. Raises Miscounted."""
        with self._documents.pool.connection() as connection:
            connection.execute("BEGIN")
            try:
                pending = tables.pending(connection, applied)
                expected = tables.total(connection) - tables.refused(connection)
            finally:
                connection.execute("COMMIT")
        found = open_index(directory).searcher().num_docs
        if not pending and found != expected:
            raise Miscounted(f"the searchable view has {found} mentions and should have {expected}")

    def _work(self, follower: Follower, directory: Path, stop: Stop) -> None:
        """Follows until told to stop or until the view is replaced."""
        stamp = self._generations.stamp()
        if self._generations.current() != directory:
            return
        committed = time.monotonic()
        counted = committed - COUNT_EVERY
        every = COMMIT_EVERY
        with self._documents.pool.connection() as watch:
            while not stop():
                version = data_version(watch)
                count = follower.step()
                due = time.monotonic() - committed >= every or follower.uncommitted >= MOST_UNCOMMITTED
                if self._generations.stamp() != stamp:
                    return
                if follower.uncommitted and (due or follower.careful):
                    begin = time.monotonic()
                    follower.commit()
                    committed = time.monotonic()
                    every = max(COMMIT_EVERY, COMMIT_SHARE * (committed - begin))
                if not count:
                    until = committed + every if follower.uncommitted else time.monotonic() + COMMIT_EVERY
                    while time.monotonic() < until and data_version(watch) == version and not stop():
                        time.sleep(TICK)
                    if not (directory / "meta.json").exists():
                        raise ViewLost(f"the searchable view in {directory} has disappeared")
                    if not follower.uncommitted and time.monotonic() - counted >= COUNT_EVERY:
                        self._count(directory, follower.applied)
                        counted = time.monotonic()
            if self._generations.stamp() == stamp:
                follower.commit()


def _wait(seconds: float, stop: Stop) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop():
        time.sleep(TICK)
