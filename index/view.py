"""The searchable view in tantivy: its writer, its readers, and how far it has come.

How far: the highest change number in it, which is committed with the rows themselves. Rows of higher numbers cannot be there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import tantivy

from index.analysis import ANALYZER, analyzer
from index.generations import Generations
from index.layout import SCHEMA, SEQUENCE
from index.store import IndexFailure

HEAP: Final = 64 << 20  # bytes; measured: 15 MB 11,600 mentions a second, 64 MB 13,200, 256 MB 13,100
_TRIES: Final = 5


class Change(NamedTuple):
    """A document at its last change. `born`: the number of its first."""

    seq: int
    id: str
    born: int
    body: bytes


class ViewLost(IndexFailure):
    """The searchable view is missing or damaged; the indexer makes it anew by itself."""


def open_index(directory: Path | None, *, create: bool = False) -> Any:
    """A tantivy index with the analyzer registered; in memory for None. Raises ViewLost."""
    path = None if directory is None else str(directory)
    try:
        index = tantivy.Index(SCHEMA, path=path) if create or path is None else tantivy.Index.open(path)
    except (ValueError, OSError) as error:
        raise ViewLost(f"the searchable view in {directory} cannot be opened: {error}") from error
    index.register_tokenizer(ANALYZER, analyzer())
    return index


def progress(searcher: Any) -> int:
    """The highest change number in the view; 0 in an empty one."""
    hits = searcher.search(tantivy.Query.all_query(), 1, count=False, order_by_field=SEQUENCE).hits
    return int(hits[0][0] or 0) if hits else 0


class Writer:
    """The one writer of a directory. After an exception of `add` or `commit`, close it and open another."""

    def __init__(self, directory: Path, *, create: bool = False, threads: int = 1) -> None:
        self.directory = directory
        index = open_index(directory, create=create)
        # tantivy's lock lives as long as any name for the writer, in a traceback too: only this attribute may have it.
        try:
            self._writer: Any = index.writer(HEAP, threads)
        except (ValueError, OSError) as error:
            raise ViewLost(f"the searchable view in {directory} cannot be written to: {error}") from error
        # The first operation of a writer gets the number of the last commit. If a merge runs before the next commit, a
        # deletion with that number can be taken for done in one part of the view and be lost: so it deletes nothing.
        self._writer.delete_documents_by_term("id", "")
        try:
            index.reload()
            self.applied = progress(index.searcher())
        except (ValueError, OSError) as error:  # its files went between opening and now
            raise ViewLost(f"the searchable view in {directory} cannot be read: {error}") from error

    def delete(self, ids: Sequence[str]) -> None:
        """Takes mentions out at the next commit."""
        for id in ids:
            self._writer.delete_documents_by_term("id", id)

    def add(self, change: Change) -> None:
        """Puts a document in, in place of what it was. Raises ValueError for a body tantivy cannot take."""
        if change.born <= self.applied:  # born later, it cannot be in the view: new mentions pay nothing
            self._writer.delete_documents_by_term("id", change.id)
        self._writer.add_json(f'{change.body[:-1].decode()},"{SEQUENCE}":{change.seq}}}')

    def commit(self) -> None:
        """Makes everything so far visible and durable, or raises ValueError and loses everything since the last one."""
        self._writer.commit()

    def finish(self) -> None:
        """Commits, waits until tantivy has nothing more to write in the directory, and closes."""
        self._writer.commit()
        self._writer.wait_merging_threads()
        self._writer = None

    def close(self) -> None:
        """Gives the lock back. What is not committed is dropped."""
        self._writer = None


class Reader:
    """A view to search in, from any thread of any process. Follows commits and replacements by itself."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._lock = threading.Lock()
        self._stamp = (0, 0)
        self._meta_path = Path()
        self._index: Any = None
        self._meta: tuple[int, int] = (0, 0)
        self._searcher: Any = None

    def searcher(self) -> Any:
        """A searcher over the last commit; it stays as it is while it is held. None before there is a view.

        Costs 8 us when nothing has changed, some 0.3 ms after a commit. Raises ViewLost.
        """
        with self._lock:
            for attempt in range(_TRIES):
                try:
                    self._refresh()
                except ViewLost:
                    if attempt == _TRIES - 1:  # else CURRENT may have been replaced in between
                        raise
                else:
                    break
            return self._searcher

    def _refresh(self) -> None:
        stamp = self._generations.stamp()
        if stamp != self._stamp or self._index is None:
            directory = self._generations.current()
            if directory is None:
                self._searcher = None
                return
            self._index = open_index(directory)
            self._meta_path = directory / "meta.json"
            self._stamp, self._meta = stamp, (0, 0)
        meta = self._meta_stamp()
        if meta != self._meta:
            try:
                self._index.reload()
            except (ValueError, OSError) as error:
                self._stamp = (0, 0)
                raise ViewLost(f"the searchable view in {self._meta_path.parent} cannot be read: {error}") from error
            self._searcher = self._index.searcher()
            self._meta = meta

    def _meta_stamp(self) -> tuple[int, int]:
        try:
            status = self._meta_path.stat()
        except FileNotFoundError:  # removed under us: what is open stays readable, CURRENT will say where to go on
            self._stamp = (0, 0)
            return self._meta
        return status.st_mtime_ns, status.st_ino
