"""Erasure: mentions and authors that went because somebody asked for it, and that must never come back.

What is kept of them is a hash: enough to refuse them, not enough to name them.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from index import tables
from stream import Connection


def author_key(author: str) -> int | None:
    """A number that stands for an author's name, whatever the channel, case or width of letters; None for no name."""
    if not author:
        return None
    name = author.casefold() if author.isascii() else unicodedata.normalize("NFKC", author).casefold()
    name = name.strip()
    if not name:
        return None
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def erased(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that were erased."""
    return {id for (id,) in tables.among(connection, "SELECT id FROM erased WHERE id IN", ids)}


def erased_authors(connection: Connection, keys: Sequence[int]) -> set[int]:
    """Those of the authors that were erased."""
    if not connection.execute("SELECT EXISTS(SELECT 1 FROM erased_authors)").fetchone()[0]:
        return set()
    return {key for (key,) in tables.among(connection, "SELECT author FROM erased_authors WHERE author IN", keys)}


def erase(connection: Connection, ids: Sequence[str]) -> None:
    """The mentions go with what humans said of them, and are refused from now on."""
    connection.executemany("INSERT OR IGNORE INTO erased VALUES(?)", [(id,) for id in ids])
    connection.executemany("DELETE FROM edits WHERE mention=?", [(id,) for id in ids])
    tables.remove(connection, ids)


def erase_author(connection: Connection, author: str) -> None:
    """All mentions by the author go, and the author is refused from now on."""
    key = author_key(author)
    if key is None:
        return
    connection.execute("INSERT OR IGNORE INTO erased_authors VALUES(?)", (key,))
    erase(connection, [id for (id,) in connection.execute("SELECT id FROM docs WHERE author=?", (key,))])
