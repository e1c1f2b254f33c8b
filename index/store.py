"""The store: one interface, two backends (SQLite + tantivy on one machine, Elasticsearch scaled out).

Callers write Elasticsearch query and aggregation bodies (the subset of docs/query.md); what is outside the subset is
refused with `BadQuery`, never answered with something else. Responses have Elasticsearch's shape:
`{"hits": {"total": {"value": n, "relation": "eq"}, "hits": [{"_id", "_source", "sort"}]}, "aggregations": {...}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from stream import Edit, Mention, Position

Json = dict[str, Any]


class IndexFailure(Exception):
    """Base of the errors of the store."""


class BadQuery(IndexFailure):
    """The query cannot be answered: an unknown field, a construct outside the subset, or bad syntax.

    The message is for the user: it names the part and, for typed queries, the column (`column`, from 1; 0 = unknown) and
    what catalogues translate (`template` with `values` for its {names}; "" where there is only the message).
    """

    def __init__(self, message: str, column: int = 0, template: str = "", **values: object) -> None:
        super().__init__(message)
        self.column = column
        self.template = template
        self.values = values


class Conflict(IndexFailure):
    """The record was changed by somebody else since it was read."""


class StoreUnavailable(IndexFailure):
    """The store cannot take or give anything for now. What was acknowledged before is safe. Try again later."""


class StoreFull(StoreUnavailable):
    """The disk has no room. Nothing of the call was stored; what was acknowledged before is safe."""


class StoreDamaged(IndexFailure):
    """A file of the store cannot be opened, or is not what was written: the message names it. Trying again does not help."""


class Refused(IndexFailure):
    """Mentions the store cannot take as they are (`reasons` by id). The others of the call are stored; its position and books
    are not: write again without these."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        first = next(iter(reasons))
        super().__init__(f"{len(reasons)} mentions do not fit the store, such as {first}: {reasons[first]}")
        self.reasons = reasons


class Tally(msgspec.Struct, frozen=True):
    """The books of one source, counted where the records are handled. received = the sum of the others."""

    indexed: int = 0
    duplicate: int = 0
    not_a_mention: int = 0
    dead: int = 0
    erased: int = 0  # came again after their author or they themselves were erased; or were tombstones
    oversize: int = 0

    @property
    def received(self) -> int:
        return self.indexed + self.duplicate + self.not_a_mention + self.dead + self.erased + self.oversize


class Written(NamedTuple):
    """What `write` did with each mention, in order: "indexed" (new), "duplicate" (known; updated if the same source
    brings another digest) or "erased" (refused: it or its author was erased)."""

    outcomes: Sequence[str]


class Retagged(NamedTuple):
    """A stored mention tagged anew: the digest it was read with, and the mention as it is tagged now."""

    digest: str
    mention: Mention


class Stored(NamedTuple):
    """A small record with the version to pass as `expect` when writing it back."""

    id: str
    version: int
    body: bytes


@runtime_checkable
class Records(Protocol):
    """Small records of the application (source state, incidents, mails to send): by kind and id, JSON bytes, versioned."""

    def get(self, kind: str, id: str) -> Stored | None: ...
    def put(self, kind: str, id: str, body: bytes, *, expect: int | None = None) -> int:
        """Durable on return; answers the new version. `expect`: the version read (0 = must not exist), else Conflict."""
        ...

    def delete(self, kind: str, id: str) -> None: ...
    def scan(self, kind: str) -> Iterator[Stored]:
        """All of a kind, by id."""
        ...

    def kinds(self) -> list[str]:
        """All there are, in order."""
        ...

    def version(self) -> int:
        """Changes whenever another process has written; cheap, for waiting and for caches."""
        ...


@runtime_checkable
class Index(Protocol):
    """See the module's text. Several processes may write and read; one instance belongs to one thread,
    but `search`, `get`, `books` and `records` may be called from any thread."""

    records: Records

    # -- writing ------------------------------------------------------------------------------------------------
    def resume(self, position: Position) -> int | None:
        """Takes a partition over: stores the epoch, fences the former owner, answers where to go on (None = log's)."""
        ...

    def write(
        self,
        mentions: Sequence[Mention],
        *,
        tallies: Mapping[str, Tally] | None = None,
        position: Position | None = None,
    ) -> Written:
        """Upserts by id and counts the books (indexed/duplicate/erased are counted here, the rest comes in `tallies`),
        in one unit with `position`. Durable on return. Human edits stay. The first source keeps a mention.
        Raises Fenced (position's epoch is not the latest), Refused, StoreUnavailable."""
        ...

    def edit(self, edits: Sequence[Edit], *, position: Position | None = None) -> None:
        """Applies human edits and erasures (also for mentions not yet there), in one unit with `position`."""
        ...

    def assign(self, stories: Mapping[str, str], events: Mapping[str, str] | None = None) -> None:
        """Mention id -> story, and -> event: sets `Mention.story` and `event`, also under human edits. Mentions that are not
        there are passed over."""
        ...

    def retag(self, mentions: Sequence[Retagged]) -> int:
        """Puts new tags in the place of old ones, under what humans said; story and event stay, and so do the books. Passes
        over mentions that have gone or changed since their digest was read. Returns how many got new tags. Raises Refused."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Removes mentions that are gone at their source. They may come back. Returns how many were there."""
        ...

    def retain(self, before: datetime) -> int:
        """Deletes mentions published before `before`. Returns how many."""
        ...

    # -- reading ------------------------------------------------------------------------------------------------
    def search(self, body: Json) -> Json: ...
    def search_many(self, bodies: Sequence[Json]) -> list[Json]:
        """The answers of `search`, in order, in one round to the store where it is elsewhere. Raises BadQuery if one is bad."""
        ...

    def count(self, query: Json) -> int: ...
    def get(self, ids: Sequence[str]) -> list[Json]:
        """Mentions by id, human edits applied, straight from the documents (no delay). Missing ones are left out."""
        ...

    def scan(self, query: Json, *, batch: int = 1000) -> Iterator[list[Json]]:
        """Every mention the query matches, newest first, in batches: for exports."""
        ...

    def recent(self, limit: int) -> Iterator[Json]:
        """The mentions written last, oldest of them first: for rebuilding a worker's window."""
        ...

    def books(self) -> Mapping[str, Tally]: ...
    def positions(self) -> Sequence[Position]: ...
    def fresh(self) -> Json:
        """{"documents": n, "searchable": n, "behind": n}: how far the searchable view is behind the documents."""
        ...

    # -- upkeep -------------------------------------------------------------------------------------------------
    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Makes the searchable view anew while readers go on; `progress(done, total)`. Returns documents indexed."""
        ...

    def close(self) -> None: ...


class Upkeep(Protocol):
    """Background work a backend needs while the program runs (the embedded one: follow documents into the view)."""

    def run(self, stop: Callable[[], bool]) -> None:
        """Works until `stop()` is true; checks at least every 0.5 s."""
        ...
