"""Makes the searchable view anew from the documents, beside readers and beside a live indexer.

The new view is built in a directory of its own and brought up to the last change; then `CURRENT` is replaced. Readers follow at
their next query. A live indexer notices the replacement before its next commit, leaves the old directory and goes on in the new
one from where that has come; what changed in between it brings in itself. Nobody waits, nothing is written twice.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from index import tables
from index.documents import Documents
from index.follower import MOST_UNCOMMITTED, Follower
from index.generations import Generations
from stream import transaction

Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)


def rebuild(documents: Documents, generations: Generations, progress: Progress | None = None) -> int:
    """Returns the documents in the new view. Waits where another process is rebuilding. Raises NoRoom."""
    with generations.only("rebuild"):
        built = generations.start()
        follower: Follower | None = None
        try:
            follower = Follower(documents, built, create=True, threads=2)
            _fill(documents, follower, progress)
            applied = follower.applied
            follower.finish()
        except BaseException:
            if follower is not None:
                follower.close()
            shutil.rmtree(built, ignore_errors=True)
            raise
        directory = generations.publish(built)
        _forget_gone(documents, applied)
        with generations.only("indexer", wait=False) as alone:
            if alone:
                generations.tidy()
    with documents.pool.connection() as connection:
        total = tables.total(connection)
    log.info("made the searchable view anew in %s: %d mentions", directory, total, extra={"action": "rebuilt_view"})
    return total


def _fill(documents: Documents, follower: Follower, progress: Progress | None) -> None:
    done = 0
    while True:
        count = follower.step()
        done += count
        if count == 0 or follower.careful or follower.uncommitted >= MOST_UNCOMMITTED:
            follower.commit()
        if progress is not None:
            with documents.pool.connection() as connection:
                total = tables.total(connection)
            progress(min(done, total), total)
        if count == 0 and not follower.uncommitted:
            return


def _forget_gone(documents: Documents, applied: int) -> None:
    """Deletions older than the new view need not be told to anybody: it was made without those documents."""
    with documents.pool.connection() as connection, transaction(connection):
        connection.execute("DELETE FROM gone WHERE seq<=?", (applied,))
