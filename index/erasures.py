"""Which things were erased, for whoever reads the log, where what was fetched stays until its days are over."""

from __future__ import annotations

from collections.abc import Mapping

from index import people
from index.store import Index


def erased_among(index: Index, authors: Mapping[str, str]) -> set[str]:
    """Those of the ids (id -> author) that were erased, themselves or with their author. Raises StoreUnavailable."""
    from index.embedded import EmbeddedIndex

    keys = {id: people.author_key(author) for id, author in authors.items()}
    if isinstance(index, EmbeddedIndex):
        with index.documents.pool.connection() as connection:
            banned = people.erased_authors(connection, [key for key in keys.values() if key is not None])
            return people.erased(connection, list(authors)) | {id for id, key in keys.items() if key in banned}
    return _elastic(index, keys)


def _elastic(index: Index, keys: Mapping[str, int | None]) -> set[str]:
    from index.elastic.index import ElasticIndex

    assert isinstance(index, ElasticIndex)
    index.layout.ready()
    index.kept.authors_changed()
    gone = {id for id, key in keys.items() if key in index.kept.banned}
    return gone | {id for id, read in index.directory.read(list(keys)).items() if read.entry.erased}
