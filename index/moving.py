"""What a store has to hand over when an installation moves to the other backend, and to take.

In and out: `Kept` entries by id, erased authors, books. Both stores give the same entries for the same history, so counts and
checksums of the two can be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from index import people, tables
from index.bodies import decode, encode
from index.documents import Documents
from index.elastic.directory import Entry
from index.elastic.index import ElasticIndex
from index.elastic.stage import Show
from index.embedded import EmbeddedIndex
from index.overlay import overlaid
from index.store import Index, Tally
from stream import Edit, Mention

PAGE = 1000


class Kept(msgspec.Struct, frozen=True):
    """What a store knows under one id: the mention as tagged (None: only edits wait for it, or it was erased)."""

    id: str
    mention: Mention | None
    edits: tuple[Edit, ...]
    erased: bool


def entries(index: Index, after: str = "") -> Iterator[list[Kept]]:
    """Everything, by id, from behind `after` on, in pages."""
    while page := (_embedded_page(index, after) if isinstance(index, EmbeddedIndex) else _elastic_page(index, after)):
        yield page
        after = page[-1].id


def take(index: Index, page: Sequence[Kept]) -> None:
    """Stores entries as they are; again does no harm."""
    if isinstance(index, EmbeddedIndex):
        _embedded_take(index.documents, page)
    else:
        _elastic_take(_elastic(index), page)


def erased_authors(index: Index) -> list[int]:
    """Their keys, in order."""
    if isinstance(index, EmbeddedIndex):
        with index.documents.pool.connection() as connection:
            return sorted(key for (key,) in connection.execute("SELECT author FROM erased_authors"))
    elastic = _elastic(index)
    elastic.layout.ready()
    elastic.kept.authors_changed()
    return sorted(elastic.kept.banned)


def take_authors(index: Index, keys: Sequence[int]) -> None:
    """Adds to the erased authors."""
    if isinstance(index, EmbeddedIndex):
        with index.documents.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO erased_authors VALUES(?)", [(key,) for key in keys])
        return
    elastic = _elastic(index)
    elastic.layout.ready()
    elastic.kept.change_authors(lambda banned: banned | set(keys))


def take_books(index: Index, books: Mapping[str, Tally]) -> None:
    """Makes the books these: for a store that keeps none yet."""
    plain = {source: {k: n for k, n in msgspec.structs.asdict(tally).items() if n} for source, tally in books.items()}
    if isinstance(index, EmbeddedIndex):
        rows = [(source, what, number) for source, book in plain.items() for what, number in book.items()]
        with index.documents.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO books VALUES(?, ?, ?)", rows)
        return
    elastic = _elastic(index)
    elastic.layout.ready()
    elastic.kept.restore(None, plain)


def checksum(index: Index) -> tuple[int, int, str]:
    """(mentions, entries, a number that is equal where all entries are)."""
    mentions = count = 0
    total = 0
    for page in entries(index):
        for kept in page:
            mentions += kept.mention is not None
            count += 1
            digest = hashlib.blake2b(msgspec.json.encode(kept, order="deterministic"), digest_size=16).digest()
            total = (total + int.from_bytes(digest, "big")) % (1 << 128)
    return mentions, count, f"{total:032x}"


# -- one machine --------------------------------------------------------------------------------------------------------
def _embedded_page(index: EmbeddedIndex, after: str) -> list[Kept]:
    with index.documents.pool.connection() as connection:
        ids = [
            id
            for (id,) in connection.execute(
                "SELECT id FROM (SELECT id FROM docs WHERE id>?1 UNION SELECT mention FROM edits WHERE mention>?1"
                " UNION SELECT id FROM erased WHERE id>?1) ORDER BY id LIMIT ?2",
                (after, PAGE),
            )
        ]
        known = tables.known(connection, ids)
        edits = tables.edits_of(connection, ids)
        erased = people.erased(connection, ids)
    return [
        Kept(
            id,
            decode(known[id].machine) if id in known else None,
            tuple(sorted(edits.get(id, ()), key=lambda edit: edit.id)),
            id in erased,
        )
        for id in ids
    ]


def _embedded_take(documents: Documents, page: Sequence[Kept]) -> None:
    with documents.writing() as connection:
        tables.remove(connection, [kept.id for kept in page])
        rows = []
        head = tables.allocate(connection, len(page))
        for number, kept in enumerate(page, head + 1):
            if kept.erased:
                connection.execute("INSERT OR IGNORE INTO erased VALUES(?)", (kept.id,))
                continue
            for edit in kept.edits:
                tables.keep_edit(connection, edit)
            if kept.mention is not None:
                one = kept.mention
                machine = encode(one)
                shown = encode(overlaid(one, kept.edits)) if kept.edits else machine
                key = people.author_key(one.author)
                rows.append(
                    (number, one.id, number, key, one.source, one.digest, one.sort_key, shown,
                     machine if kept.edits else None)
                )  # fmt: skip
        tables.insert(connection, rows)


# -- Elasticsearch ------------------------------------------------------------------------------------------------------
def _elastic(index: Index) -> ElasticIndex:
    assert isinstance(index, ElasticIndex)
    return index


def _elastic_page(index: Index, after: str) -> list[Kept]:
    """By id: the ids of a page come from a sorted scan of the directory, the rest from reading them."""
    elastic = _elastic(index)
    elastic.layout.ready()
    if not after:
        elastic.directory.refresh()
    ids = elastic.directory.ids_after(after, PAGE)
    reads = elastic.directory.read(ids)
    plain = [id for id in ids if reads[id].entry.live and reads[id].entry.machine is None]
    shown = {body["id"]: msgspec.convert(body, Mention) for body in elastic.get(plain)}
    page = []
    for id in ids:
        entry = reads[id].entry
        mention = (entry.machine or shown.get(id)) if entry.live else None
        edits = tuple(sorted(entry.edits, key=lambda edit: edit.id))
        page.append(Kept(id, mention, edits, entry.erased))
    return page


def _elastic_take(elastic: ElasticIndex, page: Sequence[Kept]) -> None:
    elastic.layout.ready()
    entries, shows = {}, {}
    for kept in page:
        entry = Entry(erased=kept.erased, edits=[] if kept.erased else list(kept.edits), stamp=elastic.stamp())
        if kept.mention is not None and not kept.erased:
            one = kept.mention
            entry = msgspec.structs.replace(
                entry, live=True, slice=elastic.layout.slice_of(one.sort_key >> 20), source=one.source,
                digest=one.digest, author=people.author_key(one.author), at=one.sort_key,
                machine=one if kept.edits else None,
            )  # fmt: skip
            shows[kept.id] = Show(entry.slice, entry.stamp, overlaid(one, kept.edits) if kept.edits else one)
        entries[kept.id] = entry
    elastic.directory.put(entries)
    elastic.show(shows)
