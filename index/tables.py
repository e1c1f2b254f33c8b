"""The tables of the documents' file and the statements on them. Every function runs inside the caller's transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from index.store import Tally
from stream import Connection, Edit, Fenced, Position

_TABLES = """
CREATE TABLE IF NOT EXISTS docs(
    seq INTEGER PRIMARY KEY,    -- number of the last change
    id TEXT NOT NULL UNIQUE,
    born INTEGER NOT NULL,      -- number of the first change: not in a view that has not come so far
    author INTEGER,             -- see people.author_key
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,        -- sort_key
    body BLOB NOT NULL,         -- as shown
    machine BLOB                -- as tagged, where humans changed it
);
CREATE INDEX IF NOT EXISTS docs_author ON docs(author) WHERE author IS NOT NULL;
CREATE TABLE IF NOT EXISTS gone(seq INTEGER PRIMARY KEY, id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS edits(id TEXT PRIMARY KEY, mention TEXT NOT NULL, edit BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS edits_mention ON edits(mention);
CREATE TABLE IF NOT EXISTS erased(id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased_authors(author INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS positions(
    consumers TEXT, topic TEXT, part INTEGER, epoch INTEGER NOT NULL, next INTEGER, PRIMARY KEY(consumers, topic, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS books(source TEXT, what TEXT, count INTEGER NOT NULL, PRIMARY KEY(source, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO state VALUES('seq', 0), ('documents', 0);
"""


class Known(NamedTuple):
    """A document that is there: who brought it, its digest and the machine's body."""

    source: str
    digest: str
    machine: bytes


def prepare(connection: Connection) -> None:
    """What every connection needs."""
    connection.execute("PRAGMA secure_delete=ON")  # what is erased does not stay in free pages


def create(connection: Connection) -> None:
    """Makes the tables if they are not there."""
    with connection.alone():
        connection.executescript(_TABLES)


# -- change numbers -----------------------------------------------------------------------------------------------------
def allocate(connection: Connection, count: int) -> int:
    """Reserves `count` change numbers; answers the one before the first."""
    row = connection.execute("UPDATE state SET value = value + ? WHERE name='seq' RETURNING value", (count,)).fetchone()
    return int(row[0]) - count


def head(connection: Connection) -> int:
    """The highest change number given out."""
    return int(connection.execute("SELECT value FROM state WHERE name='seq'").fetchone()[0])


def total(connection: Connection) -> int:
    """How many documents there are."""
    return int(connection.execute("SELECT value FROM state WHERE name='documents'").fetchone()[0])


def _add_total(connection: Connection, count: int) -> None:
    connection.execute("UPDATE state SET value = value + ? WHERE name='documents'", (count,))


# -- documents ----------------------------------------------------------------------------------------------------------
def among(connection: Connection, statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """The rows of a statement that ends in "... IN", for any number of values."""
    if values:
        yield from connection.execute(f"{statement} (SELECT value FROM json_each(?))", (json.dumps(values),))


def known(connection: Connection, ids: Sequence[str]) -> dict[str, Known]:
    """Those of `ids` that are there."""
    statement = "SELECT id, source, digest, coalesce(machine, body) FROM docs WHERE id IN"
    return {row[0]: Known(*row[1:]) for row in among(connection, statement, ids)}


def insert(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows of (seq, id, born, author, source, digest, at, body, machine)."""
    if rows:
        connection.executemany("INSERT INTO docs VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        _add_total(connection, len(rows))


def update(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows of (seq, author, source, digest, at, body, machine, id): moves each document to its new number."""
    if rows:
        connection.executemany(
            "UPDATE docs SET seq=?, author=?, source=?, digest=?, at=?, body=?, machine=? WHERE id=?", rows
        )


def remove(connection: Connection, ids: Sequence[str]) -> int:
    """Deletes documents and leaves word of it for the view. Answers how many were there."""
    there = [id for (id,) in among(connection, "SELECT id FROM docs WHERE id IN", ids)]
    if there:
        first = allocate(connection, len(there)) + 1
        connection.executemany("INSERT INTO gone VALUES(?, ?)", list(enumerate(there, first)))
        connection.executemany("DELETE FROM docs WHERE id=?", [(id,) for id in there])
        edits = edits_of(connection, there)
        opinions = {edit.id for some in edits.values() for edit in some if edit.kind == "opinion"}
        drop_edits(connection, opinions)
        _add_total(connection, -len(there))
    return len(there)


def pending(connection: Connection, applied: int) -> bool:
    """Are there changes after this one?"""
    statement = "SELECT EXISTS(SELECT 1 FROM docs WHERE seq>?) OR EXISTS(SELECT 1 FROM gone WHERE seq>?)"
    return bool(connection.execute(statement, (applied, applied)).fetchone()[0])


def changed_after(connection: Connection, applied: int, most: int) -> int:
    """How many documents have changed after this number; counts up to `most`."""
    statement = "SELECT count(*) FROM (SELECT 1 FROM docs WHERE seq>? LIMIT ?)"
    return int(connection.execute(statement, (applied, most)).fetchone()[0])


def gone_after(connection: Connection, applied: int, most: int) -> list[str]:
    """The first `most` documents deleted after this number."""
    statement = "SELECT id FROM gone WHERE seq>? ORDER BY seq LIMIT ?"
    return [id for (id,) in connection.execute(statement, (applied, most))]


def refused(connection: Connection) -> int:
    """How many documents the view cannot take as they are now."""
    return int(connection.execute("SELECT count(*) FROM refused JOIN docs USING(seq)").fetchone()[0])


# -- edits --------------------------------------------------------------------------------------------------------------
def keep_edit(connection: Connection, edit: Edit) -> bool:
    """Stores an edit for ever; False where it has been stored before."""
    row = (edit.id, edit.mention, msgspec.json.encode(edit))
    return connection.execute("INSERT OR IGNORE INTO edits VALUES(?, ?, ?)", row).rowcount > 0


def drop_edits(connection: Connection, ids: Iterable[str]) -> None:
    """Forgets edits: opinions that a newer one has replaced, or whose mention has gone."""
    connection.executemany("DELETE FROM edits WHERE id=?", [(id,) for id in ids])


def edits_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Edit]]:
    """The edits of each of `ids` that has any."""
    found: dict[str, list[Edit]] = {}
    if connection.execute("SELECT EXISTS(SELECT 1 FROM edits)").fetchone()[0]:
        for mention, edit in among(connection, "SELECT mention, edit FROM edits WHERE mention IN", ids):
            found.setdefault(mention, []).append(msgspec.json.decode(edit, type=Edit))
    return found


# -- positions and books ------------------------------------------------------------------------------------------------
def take_over(connection: Connection, position: Position) -> int | None:
    """Stores the epoch; answers the offset stored, None where there is none. Raises Fenced for an epoch of the past."""
    group, topic, part, epoch, _ = position
    key = (group, topic, part)
    row = connection.execute(
        "SELECT epoch, next FROM positions WHERE consumers=? AND topic=? AND part=?", key
    ).fetchone()
    if row is None:
        connection.execute("INSERT INTO positions VALUES(?, ?, ?, ?, NULL)", (*key, epoch))
        return None
    if row[0] > epoch:
        raise Fenced(f"{group}: partition {part} of {topic} was taken over under epoch {row[0]}; this one's is {epoch}")
    connection.execute("UPDATE positions SET epoch=? WHERE consumers=? AND topic=? AND part=?", (epoch, *key))
    return None if row[1] is None else int(row[1])


def advance(connection: Connection, position: Position) -> None:
    """Stores how far a group has come. Raises Fenced."""
    take_over(connection, position)
    connection.execute(
        "UPDATE positions SET next=? WHERE consumers=? AND topic=? AND part=?",
        (position.offset, position.group, position.topic, position.partition),
    )


def positions(connection: Connection) -> list[Position]:
    """Those with an offset."""
    statement = "SELECT consumers, topic, part, epoch, next FROM positions WHERE next IS NOT NULL"
    return [Position(*row) for row in connection.execute(statement)]


def count(connection: Connection, counts: Counter[tuple[str, str]], tallies: Mapping[str, Tally]) -> None:
    """Adds to the books: what was done with mentions, and what the caller says of the other records."""
    total = Counter(counts)
    for source, tally in tallies.items():
        total.update({(source, what): number for what, number in msgspec.structs.asdict(tally).items()})
    connection.executemany(
        "INSERT INTO books VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(source, what, number) for (source, what), number in total.items() if number],
    )


def books(connection: Connection) -> dict[str, Tally]:
    """The tallies by source."""
    found: dict[str, dict[str, int]] = {}
    for source, what, number in connection.execute("SELECT source, what, count FROM books"):
        found.setdefault(source, {})[what] = number
    return {source: Tally(**counts) for source, counts in found.items()}
