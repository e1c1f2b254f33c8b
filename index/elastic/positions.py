"""Positions with their books, and the list of erased authors: the documents of the state index.

A partition's position and what was counted on the way there are one document, so they change together. It is changed only by
the owner with the latest epoch, under the sequence number it was read with. The books of all partitions added up are the books.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import elasticsearch
import msgspec

from index.elastic.client import Client, Operation, action
from index.elastic.layout import Layout, patiently_missing
from index.store import Json, Tally
from stream import Fenced, Position

Books = dict[str, dict[str, int]]
_AUTHORS = "erased-authors"
_PLAIN = "books"  # counted without a position


class Progress(msgspec.Struct, omit_defaults=True):
    """How far a group is in a partition (None: nowhere yet), under which epoch, and what it counted there. `furthest`: before
    a replay set it back."""

    group: str = ""
    topic: str = ""
    partition: int = 0
    epoch: int = 0
    next: int | None = None
    books: Books = {}
    furthest: int = 0

    @property
    def counted(self) -> int:
        """What lies before this offset is in the books."""
        return max(self.furthest, self.next or 0)

    def has(self, position: Position) -> bool:
        """Is this position stored, by its own owner? Then the answer to that was lost."""
        return (self.epoch, self.next) == (position.epoch, position.offset)


class ReadProgress(NamedTuple):
    """A position with the place it was read at; (-1, 0) where there is none."""

    progress: Progress
    place: tuple[int, int]


class Authors(msgspec.Struct, omit_defaults=True):
    """Keys of erased authors (see people.author_key)."""

    keys: list[int] = []


class Positions:
    """Reads and changes the documents of the state index."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._index = layout.state
        self._banned: frozenset[int] = frozenset()
        self._banned_at = (-1, 0)

    # -- positions ----------------------------------------------------------------------------------------------------
    def before(self, position: Position | None) -> ReadProgress | None:
        """Reads the position and, in the same request, whether authors were erased since. Raises Fenced."""
        ids = [_AUTHORS] + ([_id(position)] if position is not None else [_PLAIN])
        authors, document = self._client.mget(f"/{self._index}", {"ids": ids})
        self._take_authors(authors)
        read = _progress(document, position)
        if position is not None:
            check(read.progress, position)
        return read

    def advance(self, position: Position | None, read: ReadProgress, counts: Mapping[tuple[str, str], int]) -> None:
        """Stores position and counts, once however often it is called. Raises Fenced."""
        while True:
            progress = read.progress
            if position is not None:
                check(progress, position)
                if progress.has(position):
                    return
                progress.furthest = progress.counted
                progress.epoch, progress.next = position.epoch, position.offset
            for (source, what), number in counts.items():
                book = progress.books.setdefault(source, {})
                book[what] = book.get(what, 0) + number
            if self._put(_id(position) if position else _PLAIN, progress, read.place):
                return
            # Somebody else has written: a new owner, or another process that keeps books without a position.
            read = self._read(position)

    def resume(self, position: Position) -> int | None:
        """See `Index.resume`. Raises Fenced."""
        while True:
            read = self._read(position)
            check(read.progress, position)
            read.progress.epoch = position.epoch
            if self._put(_id(position), read.progress, read.place):
                return read.progress.next

    def all(self) -> list[Position]:
        """Those with an offset."""
        found = self._everything()
        return [Position(p.group, p.topic, p.partition, p.epoch, p.next) for p in found if p.next is not None]

    def books(self) -> dict[str, Tally]:
        """The tallies by source, all partitions together."""
        total: Books = {}
        for progress in self._everything():
            for source, book in progress.books.items():
                into = total.setdefault(source, {})
                for what, number in book.items():
                    into[what] = into.get(what, 0) + number
        return {source: Tally(**book) for source, book in total.items()}

    def restore(self, position: Position | None, books: Books) -> None:
        """Puts a position or books as another store had them, over what is here: for moving house."""
        progress = Progress(books=books)
        if position is not None:
            progress = Progress(*position[:4], position.offset, books)
        self._client.bulk([Operation(*_document(self._index, _id(position) if position else _PLAIN, progress, None))])

    def _everything(self) -> list[Progress]:
        def ask() -> Any:
            self._client.call("POST", f"/{self._index}/_refresh")
            query = {"size": 10_000, "query": {"term": {"kind": "position"}}}
            return self._client.call("POST", f"/{self._index}/_search", query)["hits"]["hits"]

        return [_decode(hit["_source"], Progress) for hit in patiently_missing(ask, [])]

    def _read(self, position: Position | None) -> ReadProgress:
        id = _id(position) if position is not None else _PLAIN
        return _progress(self._get(id), position)

    def _get(self, id: str) -> Json:
        try:
            document: Json = self._client.call("GET", f"/{self._index}/_doc/{id}")
        except elasticsearch.NotFoundError:
            return {"found": False}
        return document

    def _put(self, id: str, body: Progress | Authors, place: tuple[int, int]) -> bool:
        (outcome,) = self._client.bulk([Operation(*_document(self._index, id, body, place))])
        if outcome.status not in (200, 201, 409):
            raise RuntimeError(f"{self._index} refuses {id}: {outcome.reason}")
        return outcome.done

    # -- erased authors -----------------------------------------------------------------------------------------------
    @property
    def banned(self) -> frozenset[int]:
        """Erased authors, as of the last `before` or `authors_changed`."""
        return self._banned

    def authors_changed(self) -> bool:
        """Looks again; True where authors were erased since the last look."""
        before = self._banned_at
        self._take_authors(self._get(_AUTHORS))
        return self._banned_at != before

    def erase_author(self, key: int) -> None:
        """Adds to the list; durable on return."""
        self.change_authors(lambda keys: keys | {key})

    def change_authors(self, change: Callable[[frozenset[int]], frozenset[int]]) -> None:
        while True:
            document = self._get(_AUTHORS)
            self._take_authors(document)
            wanted = change(self._banned)
            if wanted == self._banned or self._put(_AUTHORS, Authors(sorted(wanted)), _place(document)):
                self._take_authors(self._get(_AUTHORS))
                return

    def _take_authors(self, document: Json) -> None:
        place = _place(document)
        if place != self._banned_at:
            found = document.get("found")
            self._banned = frozenset(_decode(document["_source"], Authors).keys) if found else frozenset()
            self._banned_at = place


def check(progress: Progress, position: Position) -> None:
    """Raises Fenced where a later owner has been here."""
    if progress.epoch > position.epoch:
        group, topic, partition, epoch, _ = position
        raise Fenced(
            f"{group}: partition {partition} of {topic} was taken over under epoch {progress.epoch}; this one's is {epoch}"
        )


def _id(position: Position) -> str:
    return f"position:{position.group}:{position.topic}:{position.partition}"


def _place(document: Json) -> tuple[int, int]:
    return (document["_seq_no"], document["_primary_term"]) if document.get("found") else (-1, 0)


def _progress(document: Json, position: Position | None) -> ReadProgress:
    if document.get("found"):
        return ReadProgress(_decode(document["_source"], Progress), _place(document))
    return ReadProgress(Progress(*position[:3]) if position is not None else Progress(), (-1, 0))


def _decode(source: Json, kind: type[Any]) -> Any:
    return msgspec.convert(source["body"], kind)


def _document(index: str, id: str, body: Progress | Authors, place: tuple[int, int] | None) -> tuple[bytes, bytes]:
    kind = "position" if isinstance(body, Progress) else "authors"
    if place is None:
        line = action("index", index, id)
    elif place[0] < 0:
        line = action("create", index, id)
    else:
        line = action("index", index, id, if_seq_no=place[0], if_primary_term=place[1])
    return line, msgspec.json.encode({"kind": kind, "body": body})
