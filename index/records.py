"""The application's small records in a SQLite file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from index.pool import Pool
from index.store import Conflict, Stored, StoreFull
from stream import Connection, DiskFull, transaction

_TABLES = """
CREATE TABLE IF NOT EXISTS records(
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO state VALUES('version', 0);
"""
_PAGE = 500


class SqliteRecords:
    """`Records` in one file. Versions rise over the whole file, so one is never given out twice."""

    def __init__(self, path: Path) -> None:
        self._pool = Pool(path)
        with self._pool.connection() as connection, connection.alone():
            connection.executescript(_TABLES)

    def get(self, kind: str, id: str) -> Stored | None:
        """The record, or None."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT id, version, body FROM records WHERE kind=? AND id=?", (kind, id)
            ).fetchone()
        return None if row is None else Stored(*row)

    def put(self, kind: str, id: str, body: bytes, *, expect: int | None = None) -> int:
        """Durable on return; answers the new version. Raises Conflict where `expect` is not the present one, StoreFull."""
        try:
            with self._pool.connection() as connection, transaction(connection):
                if expect is not None:
                    row = connection.execute("SELECT version FROM records WHERE kind=? AND id=?", (kind, id)).fetchone()
                    if (row[0] if row else 0) != expect:
                        raise Conflict(f"{kind} {id}: changed by somebody else since it was read")
                version = _next_version(connection)
                connection.execute("INSERT OR REPLACE INTO records VALUES(?, ?, ?, ?)", (kind, id, version, body))
                return version
        except DiskFull as error:
            raise StoreFull(str(error)) from error

    def delete(self, kind: str, id: str) -> None:
        """Removes the record if it is there. Raises StoreFull."""
        try:
            with self._pool.connection() as connection, transaction(connection):
                if connection.execute("DELETE FROM records WHERE kind=? AND id=?", (kind, id)).rowcount:
                    _next_version(connection)
        except DiskFull as error:
            raise StoreFull(str(error)) from error

    def scan(self, kind: str) -> Iterator[Stored]:
        """All of a kind, by id. Pages are read one by one, so what changes meanwhile may be seen or not."""
        last = ""
        first = True
        while True:
            with self._pool.connection() as connection:
                rows = connection.execute(
                    f"SELECT id, version, body FROM records WHERE kind=? AND id{'>=' if first else '>'}? ORDER BY id LIMIT ?",
                    (kind, last, _PAGE),
                ).fetchall()
            yield from (Stored(*row) for row in rows)
            if len(rows) < _PAGE:
                return
            last, first = rows[-1][0], False

    def kinds(self) -> list[str]:
        """All there are, in order."""
        with self._pool.connection() as connection:
            return [kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM records ORDER BY kind")]

    def version(self) -> int:
        """Rises with every change, made here or by another process."""
        with self._pool.connection() as connection:
            return int(connection.execute("SELECT value FROM state WHERE name='version'").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        self._pool.close()


def _next_version(connection: Connection) -> int:
    row = connection.execute("UPDATE state SET value = value + 1 WHERE name='version' RETURNING value").fetchone()
    return int(row[0])
