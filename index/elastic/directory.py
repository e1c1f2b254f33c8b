"""The directory: one small document a mention, the place where writers agree.

Elasticsearch has no transactions over several documents. So everything that decides lies in one document of the directory: is
the mention there, whose is it, what did humans say, was it erased. It is changed only under the sequence number it was read
with. The mention as shown is derived from it and written under the entry's `stamp` as an external version: of two writers the
one with the newer entry wins, in whatever order they arrive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from index.elastic.client import Client, Operation, Outcome, action
from index.elastic.layout import Layout
from index.store import IndexFailure
from stream import Edit, Mention

GET_AT_ONCE: Final = 2000
TRIES: Final = 50  # of a change that others keep getting before


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the directory knows of a mention. `live`: it is there. Neither live nor erased: edits wait for it, or it has gone
    and may come back."""

    live: bool = False
    erased: bool = False
    stamp: int = 0  # version of the mention as shown; microseconds since 1970, rising
    slice: str = ""
    source: str = ""
    digest: str = ""
    author: int | None = None
    at: int = 0
    born: str = ""  # "topic/partition" of the batch that brought it
    born_offset: int = 0  # and where that batch ended
    machine: Mention | None = None  # as tagged, once humans have changed it
    edits: list[Edit] = []


class Read(NamedTuple):
    """An entry with the place it was read at; (-1, 0) and an empty entry where there is none."""

    entry: Entry
    place: tuple[int, int]

    @property
    def there(self) -> bool:
        return self.place[0] >= 0


class _Document(msgspec.Struct):
    body: Entry


_decode = msgspec.json.Decoder(_Document, strict=False).decode
_NONE = (-1, 0)


class Directory:
    """Reads and changes entries; every change is conditional."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._index = layout.directory
        self._last_stamp = 0

    def read(self, ids: Sequence[str]) -> dict[str, Read]:
        """The entries of all `ids`, absent ones too, as of now."""
        found: dict[str, Read] = {}
        for start in range(0, len(ids), GET_AT_ONCE):
            part = list(ids[start : start + GET_AT_ONCE])
            for document in self._client.mget(f"/{self._index}", {"ids": part}):
                found[document["_id"]] = _read(document)
        return found

    def create(self, entries: Mapping[str, Entry]) -> dict[str, Outcome]:
        """Adds those that are not there; status 409 for those that are."""
        operations = [
            Operation(action("create", self._index, id), _encoded(id, entry)) for id, entry in entries.items()
        ]
        return dict(zip(entries, self._client.bulk(operations), strict=True))

    def change(self, changes: Mapping[str, tuple[Entry, tuple[int, int]]]) -> dict[str, Outcome]:
        """Puts each entry where it was read; status 409 where somebody was faster."""
        operations = []
        for id, (entry, (number, term)) in changes.items():
            if number < 0:
                line = action("create", self._index, id)
            else:
                line = action("index", self._index, id, if_seq_no=number, if_primary_term=term)
            operations.append(Operation(line, _encoded(id, entry)))
        return dict(zip(changes, self._client.bulk(operations), strict=True))

    def decide(self, ids: Sequence[str], meets: Callable[[str, Read], Entry | None]) -> dict[str, Entry]:
        """Reads entries, asks `meets` what each becomes (None: stays) and puts it; again where somebody was faster.
        Answers the entries put."""
        put: dict[str, Entry] = {}
        left = list(ids)
        for _ in range(TRIES):
            if not left:
                return put
            reads = self.read(left)
            wanted = {id: entry for id in left if (entry := meets(id, reads[id])) is not None}
            outcomes = self.change({id: (entry, reads[id].place) for id, entry in wanted.items()})
            left = []
            for id, outcome in outcomes.items():
                if outcome.done:
                    put[id] = wanted[id]
                elif outcome.status == 409:
                    left.append(id)
                else:
                    raise IndexFailure(f"the directory refuses mention {id}: {outcome.reason}")
        raise IndexFailure(f"{len(left)} mentions are being changed by others all the time, such as {left[0]}")

    def put(self, entries: Mapping[str, Entry]) -> None:
        """Puts entries over what is there, whatever it is: for moving house only. Raises StoreUnavailable, IndexFailure."""
        operations = [Operation(action("index", self._index, id), _encoded(id, entry)) for id, entry in entries.items()]
        for id, outcome in zip(entries, self._client.bulk(operations), strict=True):
            if not outcome.done:
                raise IndexFailure(f"the directory refuses mention {id}: {outcome.reason}")

    def stamp(self, before: int = 0) -> int:
        """A version above `before` and above all given out here."""
        self._last_stamp = max(stamp_after(before), self._last_stamp + 1)
        return self._last_stamp

    def ids_after(self, after: str, most: int) -> list[str]:
        """The next ids in order, as of the last refresh."""
        body: dict[str, Any] = {"size": most, "sort": [{"id": "asc"}], "_source": False, "query": {"match_all": {}}}
        if after:
            body["search_after"] = [after]
        return [hit["_id"] for hit in self.search(body)["hits"]["hits"]]

    def refresh(self) -> None:
        """Makes everything written so far searchable."""
        self._client.call("POST", f"/{self._index}/_refresh")

    def search(self, body: Any, **params: Any) -> Any:
        """A search of the directory, for what has to be found by something else than its id."""
        return self._client.call("POST", f"/{self._index}/_search", body, **params)


def stamp_after(before: int) -> int:
    """A version above `before` and above all given out long ago by anybody: the clock, unless that stands behind."""
    return max(before + 1, time.time_ns() // 1000)


def _read(document: dict[str, Any]) -> Read:
    if not document.get("found"):
        return Read(Entry(), _NONE)
    entry = _decode(msgspec.json.encode(document["_source"])).body
    return Read(entry, (document["_seq_no"], document["_primary_term"]))


def _encoded(id: str, entry: Entry) -> bytes:
    document: dict[str, Any] = {"id": id, "live": entry.live, "written": entry.stamp, "body": entry}
    if entry.at:
        document["at"] = entry.at
    if entry.author is not None:
        document["author"] = entry.author
    return msgspec.json.encode(document)
