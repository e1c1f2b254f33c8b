"""The documents: the truth about mentions, in SQLite. The searchable view follows them and can be lost.

`docs.seq` is the row's id and the number of its last change: every change moves the row to a new, higher number. So "what
changed since n" is one range scan that meets each document once, at its last state. Writers queue, so numbers rise in the
order of the commits and a follower misses none. `gone` has the numbers of deletions.

Documents, positions and books change in one transaction: what a position stands for is there exactly when it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from index import people, tables
from index.bodies import decode, encode, grouped, kept, normal
from index.overlay import checked, overlaid, worth_keeping
from index.pool import Pool
from index.store import Json, Retagged, StoreFull, Tally
from stream import Connection, DiskFull, Edit, Mention, Position, sort_key, transaction

RETAIN_CHUNK: Final = 2000  # documents a transaction of `retain` and `delete`: some 20 ms


class _New(NamedTuple):
    """A mention made ready before the lock is taken."""

    mention: Mention
    body: bytes
    author: int | None


class Documents:
    """Any number of processes and threads may have their own on one file."""

    def __init__(self, path: Path) -> None:
        self.pool = Pool(path, tables.prepare)
        with self.pool.connection() as connection:
            tables.create(connection)

    def close(self) -> None:
        """Closes the file."""
        self.pool.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction. Raises StoreFull."""
        try:
            with self.pool.connection() as connection, transaction(connection):
                yield connection
        except DiskFull as error:
            raise StoreFull(str(error)) from error

    # -- positions ----------------------------------------------------------------------------------------------------
    def resume(self, position: Position) -> int | None:
        """See `Index.resume`. Raises Fenced, StoreFull."""
        with self.writing() as connection:
            return tables.take_over(connection, position)

    def positions(self) -> Sequence[Position]:
        """Every position stored."""
        with self.pool.connection() as connection:
            return tables.positions(connection)

    def books(self) -> Mapping[str, Tally]:
        """The tallies by source."""
        with self.pool.connection() as connection:
            return tables.books(connection)

    # -- mentions -----------------------------------------------------------------------------------------------------
    def write(
        self, mentions: Sequence[Mention], tallies: Mapping[str, Tally] | None = None, position: Position | None = None
    ) -> list[str]:
        """See `Index.write`. Answers an outcome for each mention. Raises Fenced, StoreFull, ValueError."""
        ready = []
        for mention in map(normal, mentions):
            ready.append(_New(mention, encode(mention), people.author_key(mention.author)))
        with self.writing() as connection:
            if position is not None:
                tables.advance(connection, position)
            outcomes = self._store(connection, ready)
            counts = Counter((new.mention.source, outcome) for new, outcome in zip(ready, outcomes, strict=True))
            tables.count(connection, counts, tallies or {})
        return outcomes

    def _store(self, connection: Connection, ready: Sequence[_New]) -> list[str]:
        ids = [new.mention.id for new in ready]
        known = tables.known(connection, ids)
        refused = people.erased(connection, ids)
        banned = people.erased_authors(connection, [new.author for new in ready if new.author is not None])
        edits = tables.edits_of(connection, ids)
        outcomes: list[str] = []
        inserts: dict[str, tuple[Any, ...]] = {}
        updates: dict[str, tuple[Any, ...]] = {}
        head = tables.allocate(connection, len(ready))
        for number, new in enumerate(ready, head + 1):
            mention = new.mention
            before = known.get(mention.id)
            if mention.id in refused or new.author in banned:
                outcomes.append("erased")
                continue
            outcomes.append("indexed" if before is None else "duplicate")
            if before is not None:
                if before.source != mention.source or before.digest == mention.digest:
                    continue
                new = _dated_as_before(new, before)
            body, machine = _shown(new, edits.get(mention.id, ()))
            shown_at = new.mention.sort_key
            row = (new.author, mention.source, mention.digest, shown_at, body, machine)
            if before is None or mention.id in inserts:
                inserts[mention.id] = (number, mention.id, number, *row)
            else:
                updates[mention.id] = (number, *row, mention.id)
            known[mention.id] = tables.Known(mention.source, mention.digest, new.body)
        tables.insert(connection, list(inserts.values()))
        tables.update(connection, list(updates.values()))
        return outcomes

    def retag(self, mentions: Sequence[Retagged]) -> int:
        """See `Index.retag`. All or nothing. Raises StoreFull."""
        ready = {one.mention.id: Retagged(one.digest, normal(one.mention)) for one in mentions}
        with self.writing() as connection:
            known = tables.known(connection, list(ready))
            ready = {id: one for id, one in ready.items() if id in known and known[id].digest == one.digest}
            edits = tables.edits_of(connection, list(ready))
            rows = []
            for number, (id, one) in enumerate(ready.items(), tables.allocate(connection, len(ready)) + 1):
                mention = kept(one.mention, decode(known[id].machine))
                new = _New(mention, encode(mention), people.author_key(mention.author))
                body, machine = _shown(new, edits.get(id, ()))
                rows.append((number, new.author, mention.source, mention.digest, mention.sort_key, body, machine, id))
            tables.update(connection, rows)
        return len(rows)

    def delete(self, ids: Sequence[str]) -> int:
        """See `Index.delete`. All or nothing. Raises StoreFull."""
        with self.writing() as connection:
            return tables.remove(connection, ids)

    def retain(self, before: datetime) -> int:
        """See `Index.retain`. In chunks, so that writers get in between. Raises StoreFull."""
        limit = sort_key(before, "0" * 20)
        total, last = 0, 0
        while True:
            with self.writing() as connection:
                rows = connection.execute(
                    "SELECT seq, id, at FROM docs WHERE seq>? ORDER BY seq LIMIT ?", (last, RETAIN_CHUNK)
                ).fetchall()
                total += tables.remove(connection, [id for _, id, at in rows if at < limit])
            if len(rows) < RETAIN_CHUNK:
                return total
            last = rows[-1][0]

    # -- humans -------------------------------------------------------------------------------------------------------
    def edit(self, edits: Sequence[Edit], position: Position | None = None) -> None:
        """See `Index.edit`. Raises BadEdit, Fenced, StoreFull; then nothing of the call is stored."""
        for edit in edits:
            checked(edit)
        with self.writing() as connection:
            if position is not None:
                tables.advance(connection, position)
            for edit in edits:
                if edit.kind == "erase":
                    people.erase(connection, [edit.mention])
                elif edit.kind == "erase-author":
                    people.erase_author(connection, edit.author)
                elif edit.mention not in people.erased(connection, [edit.mention]):
                    self._lay_over(connection, edit)

    def _lay_over(self, connection: Connection, edit: Edit) -> None:
        if not tables.keep_edit(connection, edit):
            return  # seen before
        edits = tables.edits_of(connection, [edit.mention])[edit.mention]
        lasting = worth_keeping(edits)
        tables.drop_edits(connection, {one.id for one in edits} - {one.id for one in lasting})
        row = connection.execute("SELECT body, machine FROM docs WHERE id=?", (edit.mention,)).fetchone()
        if row is None:
            return  # waits for the mention
        machine = row[1] or row[0]
        shown = overlaid(decode(machine), lasting)
        number = tables.allocate(connection, 1) + 1
        connection.execute(
            "UPDATE docs SET seq=?, body=?, machine=? WHERE id=?", (number, encode(shown), machine, edit.mention)
        )

    def assign(self, stories: Mapping[str, str], events: Mapping[str, str] | None = None) -> None:
        """See `Index.assign`. All or nothing. Raises StoreFull."""
        groups = grouped(stories, events)
        with self.writing() as connection:
            rows = list(tables.among(connection, "SELECT id, body, machine FROM docs WHERE id IN", list(groups)))
            told = [(id, _told(body, groups[id]), machine and _told(machine, groups[id])) for id, body, machine in rows]
            changed = [row for row, old in zip(told, rows, strict=True) if row[1] != old[1]]
            number = tables.allocate(connection, len(changed))
            connection.executemany(
                "UPDATE docs SET seq=?, body=?, machine=? WHERE id=?",
                [(seq, body, machine, id) for seq, (id, body, machine) in enumerate(changed, number + 1)],
            )

    # -- reading ------------------------------------------------------------------------------------------------------
    def get(self, ids: Sequence[str]) -> list[Json]:
        """See `Index.get`."""
        bodies = self.bodies(ids)
        return [msgspec.json.decode(bodies[id]) for id in dict.fromkeys(ids) if id in bodies]

    def bodies(self, ids: Sequence[str]) -> dict[str, bytes]:
        """id -> stored body, for those that are there."""
        with self.pool.connection() as connection:
            return dict(tables.among(connection, "SELECT id, body FROM docs WHERE id IN", list(ids)))

    def at(self, numbers: Sequence[int]) -> dict[int, tuple[str, bytes]]:
        """Change number -> id and body, for documents not changed since."""
        with self.pool.connection() as connection:
            rows = tables.among(connection, "SELECT seq, id, body FROM docs WHERE seq IN", list(numbers))
            return {seq: (id, body) for seq, id, body in rows}

    def recent(self, limit: int) -> Iterator[Json]:
        """See `Index.recent`."""
        with self.pool.connection() as connection:
            rows = connection.execute("SELECT body FROM docs ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
        yield from (msgspec.json.decode(body) for (body,) in reversed(rows))


def _dated_as_before(new: _New, before: tables.Known) -> _New:
    """An update keeps the first `published_at` where its own is only the time of fetching."""
    if new.mention.date_origin != "fetched":
        return new
    first = decode(before.machine)
    mention = msgspec.structs.replace(
        new.mention, published_at=first.published_at, sort_key=first.sort_key, date_origin=first.date_origin
    )
    return _New(mention, encode(mention), new.author)


def _told(body: bytes, group: Mapping[str, str]) -> bytes:
    return encode(msgspec.structs.replace(decode(body), **group))


def _shown(new: _New, edits: Sequence[Edit]) -> tuple[bytes, bytes | None]:
    """Body as shown and, where humans changed it, the machine's own."""
    if not edits:
        return new.body, None
    return encode(overlaid(new.mention, edits)), new.body
