"""Follows the documents' changes into a view.

One `step` brings a batch of changes in; `commit` makes them visible. A document that tantivy refuses is found by halving the
batch (a refusal at the commit takes the whole commit with it), written down as refused and left out.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from index.documents import Documents
from index.view import Change, ViewLost, Writer
from stream import transaction

BATCH: Final = 2000  # changes a step
MOST_UNCOMMITTED: Final = 20_000  # changes
REISSUED: Final = 100_000  # deletions issued again when a view is opened, newest first

log = logging.getLogger(__name__)


class NoRoom(Exception):
    """The disk has no room for the view. Readers go on with the last commit; nothing of the documents is lost."""


class Follower:
    """Brings one directory up to date. The caller holds the lock for it."""

    def __init__(self, documents: Documents, directory: Path, *, create: bool = False, threads: int = 1) -> None:
        self._documents = documents
        self._directory = directory
        self._threads = threads
        self._batch = BATCH
        self._refused: set[int] = set()
        self.uncommitted = 0
        self._writer = Writer(directory, create=create, threads=threads)
        self._reissue()

    @property
    def applied(self) -> int:
        """The change number up to which everything has been handed to tantivy."""
        return self._writer.applied

    def _reissue(self) -> None:
        """Deletes again what is gone: it costs microseconds, and what was erased must not be there whatever happened."""
        statement = "SELECT id FROM gone WHERE id NOT IN (SELECT id FROM docs) ORDER BY seq DESC LIMIT ?"
        with self._documents.pool.connection() as connection:
            self._writer.delete([id for (id,) in connection.execute(statement, (REISSUED,))])

    def step(self) -> int:
        """Hands over the next changes; answers how many, 0 at the end. Raises NoRoom, ViewLost."""
        gone, changes, last = self._next()
        try:
            self._writer.delete(gone)
            for change in changes:
                if change.seq not in self._refused:
                    self._add(change)
        except ValueError as error:
            self._failed(error)
            return 1
        self._writer.applied = max(self._writer.applied, last)
        self.uncommitted += len(gone) + len(changes)
        return len(gone) + len(changes)

    def _next(self) -> tuple[list[str], list[Change], int]:
        base = self._writer.applied
        with self._documents.pool.connection() as connection:
            connection.execute("BEGIN")  # one snapshot for both
            try:
                rows = connection.execute(
                    "SELECT seq, id, born, body FROM docs WHERE seq>? ORDER BY seq LIMIT ?", (base, self._batch)
                ).fetchall()
                last = rows[-1][0] if len(rows) == self._batch else 1 << 62
                gone = connection.execute(
                    "SELECT seq, id FROM gone WHERE seq>? AND seq<=? ORDER BY seq", (base, last)
                ).fetchall()
            finally:
                connection.execute("COMMIT")
        reached = max([seq for seq, *_ in (*rows[-1:], *gone[-1:])], default=base)
        return [id for _, id in gone], [Change(*row) for row in rows], reached

    def _add(self, change: Change) -> None:
        try:
            self._writer.add(change)
        except ValueError as error:
            if _no_room(error):
                raise
            self._refuse(change.seq, change.id, str(error))

    def commit(self) -> None:
        """Makes what was handed over visible; does nothing where there is nothing. Raises NoRoom, ViewLost."""
        if not self.uncommitted:
            return
        before = self._writer.applied
        try:
            self._writer.commit()
        except ValueError as error:
            self._failed(error, upto=before)
            return
        self.uncommitted = 0
        self._batch = min(BATCH, self._batch * 2)

    @property
    def careful(self) -> bool:
        """A batch was refused: commit after every step until the culprit is found."""
        return self._batch < BATCH

    def _failed(self, error: ValueError, upto: int = 0) -> None:
        """tantivy dropped everything since the last commit: goes on from there with half the batch."""
        message = str(error)
        culprit = self._batch == 1 and upto
        self._reopen()
        if _no_room(error):
            raise NoRoom(message)
        if "os error" in message:
            raise ViewLost(f"the searchable view in {self._directory} cannot be written: {message}")
        if culprit:
            with self._documents.pool.connection() as connection:
                row = connection.execute("SELECT seq, id FROM docs WHERE seq=?", (upto,)).fetchone()
            if row is not None:
                self._refuse(row[0], row[1], message)
        self._batch = max(1, min(self._batch, BATCH) // 2)

    def _reopen(self) -> None:
        self._writer.close()
        self.uncommitted = 0
        self._writer = Writer(self._directory, threads=self._threads)

    def _refuse(self, seq: int, id: str, reason: str) -> None:
        self._refused.add(seq)
        log.error("the searchable view cannot take mention %s: %s", id, reason, extra={"action": "refuse_mention"})
        with self._documents.pool.connection() as connection, transaction(connection):
            connection.execute("INSERT OR REPLACE INTO refused VALUES(?, ?, ?)", (id, seq, reason))

    def finish(self) -> None:
        """Commits, waits for tantivy's own work in the directory and closes. Raises ValueError."""
        self._writer.finish()

    def close(self) -> None:
        """Drops what is not committed and gives the view's lock back."""
        self._writer.close()


def _no_room(error: ValueError) -> bool:
    return "os error 28" in str(error) or "No space left" in str(error)
