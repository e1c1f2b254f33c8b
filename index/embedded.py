"""The embedded backend: documents in SQLite, the searchable view in tantivy, small records in SQLite, in one directory.

    documents.db    the truth: mentions, edits, erasures, positions, books
    records.db      the application's small records
    view/           the searchable view; the indexer (`EmbeddedUpkeep`) follows the documents into it

Any number of processes may write and search. A mention is searchable some 0.4 s after it is written, while the indexer runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import tantivy

from index import tables
from index.documents import Documents
from index.follower import NoRoom
from index.generations import Generations
from index.layout import SCHEMA
from index.queries import Translator, all_of
from index.ranges import between
from index.rebuild import rebuild
from index.records import SqliteRecords
from index.search import Found, Order, Search
from index.store import Json, Records, Retagged, StoreFull, StoreUnavailable, Tally, Written
from index.view import Reader, open_index, progress
from stream import Edit, Mention, Position, utc_now

BEHIND_COUNTED: Final = 10_000  # changes counted one by one; beyond, the difference of the totals is told


class EmbeddedIndex:
    """`Index` in a directory; see there for what each method guarantees."""

    records: Records

    def __init__(self, directory: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.documents = Documents(directory / "documents.db")
        self.records = self._records = SqliteRecords(directory / "records.db")
        self._generations = Generations(directory / "view")
        self._reader = Reader(self._generations)
        self._nothing: Any = None

    # -- writing ------------------------------------------------------------------------------------------------------
    def resume(self, position: Position) -> int | None:
        return self.documents.resume(position)

    def write(
        self,
        mentions: Sequence[Mention],
        *,
        tallies: Mapping[str, Tally] | None = None,
        position: Position | None = None,
    ) -> Written:
        return Written(self.documents.write(mentions, tallies, position))

    def edit(self, edits: Sequence[Edit], *, position: Position | None = None) -> None:
        self.documents.edit(edits, position)

    def assign(self, stories: Mapping[str, str], events: Mapping[str, str] | None = None) -> None:
        self.documents.assign(stories, events)

    def retag(self, mentions: Sequence[Retagged]) -> int:
        return self.documents.retag(mentions)

    def delete(self, ids: Sequence[str]) -> int:
        return self.documents.delete(ids)

    def retain(self, before: datetime) -> int:
        return self.documents.retain(before)

    # -- reading ------------------------------------------------------------------------------------------------------
    def search(self, body: Json) -> Json:
        return Search(self._searcher(), self.documents, self._now()).answer(body)

    def search_many(self, bodies: Sequence[Json]) -> list[Json]:
        return list(map(self.search, bodies))

    def count(self, query: Json) -> int:
        return Search(self._searcher(), self.documents, self._now()).count(query)

    def get(self, ids: Sequence[str]) -> list[Json]:
        return self.documents.get(ids)

    def scan(self, query: Json, *, batch: int = 1000) -> Iterator[list[Json]]:
        """One state of the view from beginning to end, whatever is written meanwhile."""
        searcher, now = self._searcher(), self._now()
        search = Search(searcher, self.documents, now)
        wanted = Translator(now).query(query)
        last: int | None = None
        seen: set[tuple[int, int]] = set()  # the hits with the sort key `last`: two mentions can share one
        while True:
            narrow = wanted if last is None else all_of([wanted, between("sort_key", {"lte": last}, now)])
            page = search.top(narrow, Order(), batch + len(seen))
            fresh = [found for found in page if _place(found) not in seen]
            if not fresh:
                return
            last = page[-1].sort[0]
            seen = {_place(found) for found in page if found.sort[0] == last}
            bodies = [msgspec.json.decode(body) for _, _, body in search.sources(fresh)]
            if bodies:
                yield bodies

    def recent(self, limit: int) -> Iterator[Json]:
        return self.documents.recent(limit)

    def books(self) -> Mapping[str, Tally]:
        return self.documents.books()

    def positions(self) -> Sequence[Position]:
        return self.documents.positions()

    def fresh(self) -> Json:
        """With "refused": mentions the view cannot take, named in the indexer's log."""
        searcher = self._reader.searcher() or self._empty()
        applied = progress(searcher)
        with self.documents.pool.connection() as connection:
            total, refused = tables.total(connection), tables.refused(connection)
            behind = tables.changed_after(connection, applied, BEHIND_COUNTED)
            gone = tables.gone_after(connection, applied, BEHIND_COUNTED)
        if behind >= BEHIND_COUNTED:
            behind = max(behind, total - searcher.num_docs)
        # Deletions leave no number in the view: those are behind whose mentions are still there.
        behind += int(searcher.search(tantivy.Query.term_set_query(SCHEMA, "id", gone), 1).count)
        return {"documents": total, "searchable": searcher.num_docs, "behind": behind, "refused": refused}

    # -- upkeep -------------------------------------------------------------------------------------------------------
    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Raises StoreFull."""
        try:
            return rebuild(self.documents, self._generations, progress)
        except NoRoom as error:
            raise StoreFull(str(error)) from error

    def close(self) -> None:
        self.documents.close()
        self._records.close()

    def _searcher(self) -> Any:
        """Over the last commit; over nothing in a new store. Where there are documents and no view, "nothing" would be untrue:
        raises StoreUnavailable. Raises ViewLost."""
        searcher = self._reader.searcher()
        if searcher is not None:
            return searcher
        with self.documents.pool.connection() as connection:
            there = tables.total(connection)
        if there:
            searcher = self._reader.searcher()  # the indexer may have made it in between
            if searcher is None:
                raise StoreUnavailable(
                    "there is no searchable view of the mentions; a running indexer makes it anew from them by itself, "
                    '"ronzio rebuild" does without one'
                )
        return searcher or self._empty()

    def _empty(self) -> Any:
        if self._nothing is None:
            self._nothing = open_index(None, create=True).searcher()
        return self._nothing


def _place(found: Found) -> tuple[int, int]:
    return found.address.segment_ord, found.address.doc
