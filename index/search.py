"""A search body answered from the searchable view, with bodies from the documents.

In: an Elasticsearch search body. Out: an answer of Elasticsearch's shape. Hits come newest first unless `sort` says otherwise;
`sort` values are made for `search_after`. Bodies are the documents' own, so an edit shows in a hit at once, even where the view
is still behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

import msgspec
import tantivy

from index.aggregations import Aggregator, parse
from index.arguments import brief, integer, options_of
from index.documents import Documents
from index.fields import kind_of
from index.highlight import highlight
from index.layout import SEQUENCE, Query
from index.queries import Translator, all_of, any_of
from index.ranges import between
from index.store import BadQuery, Json

MOST_HITS: Final = 10_000  # from + size; Elasticsearch's own limit
_SORTABLE: Final = ("sort_key", "reach", "score", "confidence")
KNOWN: Final = (
    *(
        "query",
        "size",
        "from",
        "sort",
        "search_after",
        "aggs",
        "aggregations",
        "_source",
        "track_total_hits",
        "highlight",
    ),
)


class Order(NamedTuple):
    """The field hits are sorted by; mentions with equal values come newest first."""

    field: str = "sort_key"
    descending: bool = True


class Found(NamedTuple):
    """A hit in the view: its sort values and where it is."""

    sort: list[Any]
    address: Any


class Search:
    """Answers bodies over one searcher, as of `now`."""

    def __init__(self, searcher: Any, documents: Documents, now: datetime) -> None:
        self._searcher = searcher
        self._documents = documents
        self._translator = Translator(now)
        self._aggregator = Aggregator(searcher, self._translator, self._top_hits)

    def count(self, query: Json) -> int:
        """How many mentions a query finds. Raises BadQuery."""
        return self._count(self._translator.query(query))

    def answer(self, body: Json) -> Json:
        """Raises BadQuery."""
        refuse_unknown(body)
        query = self._translator.query(body.get("query", {"match_all": {}}))
        aggs = body.get("aggs", body.get("aggregations"))
        nodes = parse(aggs) if aggs is not None else None
        hits = self._hits(query, body, most=MOST_HITS)
        answer: Json = {"timed_out": False, "hits": hits}
        if nodes is not None:
            answer["aggregations"] = self._aggregator.run(query, nodes)
        return answer

    def _top_hits(self, query: Query, body: Json) -> Json:
        options_of("top_hits", body, "size", "from", "sort", "_source", "highlight")
        return {"hits": self._hits(query, {"size": 3, **body, "query": {"match_all": {}}}, most=100)}

    def _hits(self, query: Query, body: Json, most: int) -> Json:
        size, start = page_of(body, most)
        order = order_of(body.get("sort"))
        hits: Json = {}
        if body.get("track_total_hits", True) is not False:
            hits["total"] = {"value": self._count(query), "relation": "eq"}
        hits["max_score"] = None
        narrow = query if "search_after" not in body else all_of([query, self._after(order, body["search_after"])])
        found = self.top(narrow, order, start + size)[start:] if size else []
        hits["hits"] = self._dressed(found, body)
        return hits

    def _count(self, query: Query) -> int:
        return int(self._searcher.search(query, 1).count)

    # -- order --------------------------------------------------------------------------------------------------------
    def top(self, query: Query, order: Order, size: int) -> list[Found]:
        """The first `size` in this order. Equal values are told apart by time, which costs a second query."""
        if not size:
            return []
        if order.field == "sort_key":
            return [Found([value], address) for value, address in self._ordered(query, order, size)]
        first = [hit for hit in self._ordered(query, order, size) if hit[0] is not None]
        if not first:
            return []
        last = first[-1][0]
        found = self._timed([hit for hit in first if hit[0] != last])
        found.sort(key=lambda each: (-each.sort[0] if order.descending else each.sort[0], -each.sort[1]))
        equal = all_of([query, between(order.field, {"gte": last, "lte": last}, self._translator.now)])
        rest = self._ordered(equal, Order(), size - len(found))
        return found + [Found([last, when], address) for when, address in rest]

    def _ordered(self, query: Query, order: Order, size: int) -> list[tuple[Any, Any]]:
        way = tantivy.Order.Desc if order.descending else tantivy.Order.Asc
        hits: list[tuple[Any, Any]] = self._searcher.search(
            query, size, count=False, order_by_field=order.field, order=way
        ).hits
        return hits

    def _timed(self, hits: Sequence[tuple[Any, Any]]) -> list[Found]:
        times = self._searcher.fast_field_values("sort_key", [address for _, address in hits]) if hits else []
        return [Found([value, when], address) for (value, address), when in zip(hits, times, strict=True)]

    def _after(self, order: Order, values: Any) -> Query:
        """What comes behind a hit with these sort values."""
        check_after(order, values)
        now, way = self._translator.now, "lt" if order.descending else "gt"
        behind = between(order.field, {way: values[0]}, now)
        if order.field == "sort_key":
            return behind
        equal = between(order.field, {"gte": values[0], "lte": values[0]}, now)
        return any_of([behind, all_of([equal, between("sort_key", {"lt": values[1]}, now)])])

    # -- bodies -------------------------------------------------------------------------------------------------------
    def sources(self, found: Sequence[Found]) -> list[tuple[Found, str, bytes]]:
        """The hits with id and stored body; one that has gone since the last commit is left out."""
        numbers = self._searcher.fast_field_values(SEQUENCE, [each.address for each in found]) if found else []
        stored: dict[int, tuple[str, bytes]] = self._documents.at(numbers)
        # A document that has changed since has another number: it is looked up by its id.
        moved = {
            n: self._searcher.doc(each.address)["id"][0]
            for n, each in zip(numbers, found, strict=True)
            if n not in stored
        }
        bodies = self._documents.bodies(list(moved.values())) if moved else {}
        stored |= {number: (id, bodies[id]) for number, id in moved.items() if id in bodies}
        pairs = zip(numbers, found, strict=True)
        return [(each, *stored[number]) for number, each in pairs if number in stored]

    def _dressed(self, found: Sequence[Found], body: Json) -> list[Json]:
        wanted = source_filter(body.get("_source", True))
        marks = body.get("highlight")
        hits = []
        for each, id, stored in self.sources(found):
            hit: Json = {"_id": id, "_score": None, "sort": each.sort}
            source = msgspec.json.decode(stored) if wanted is not None or marks is not None else {}
            if wanted is not None:
                hit["_source"] = source if wanted == ([], []) else filtered(source, *wanted)
            if marks is not None:
                hit |= highlight(source, body.get("query", {}), marks)
            hits.append(hit)
        return hits


def refuse_unknown(body: Json) -> None:
    """Raises BadQuery for a part of a search that is outside the subset."""
    for key in body:
        if key not in KNOWN:
            raise BadQuery(f'"{key}" in a search is not supported')


def page_of(body: Json, most: int) -> tuple[int, int]:
    """`size` and `from`, together `most` at most. Raises BadQuery."""
    size = integer("size", body.get("size", 10), 0, most)
    start = integer("from", body.get("from", 0), 0, most)
    if size + start > most:
        raise BadQuery(f'"from" + "size" may be {most} at most; page on with "search_after"')
    return size, start


def check_after(order: Order, values: Any) -> None:
    """Raises BadQuery where `search_after` is not the `sort` of a hit in this order."""
    wanted = 1 if order.field == "sort_key" else 2
    numbers = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
    if not numbers or len(values) != wanted:
        raise BadQuery(f'"search_after" wants the "sort" of the last hit: {wanted} numbers; got {brief(values)}')


def order_of(sort: Any) -> Order:
    parts = sort if isinstance(sort, list) else [] if sort is None else [sort]
    orders = [_one_order(part) for part in parts]
    if len(orders) == 2 and orders[1] == Order():
        orders.pop()
    if len(orders) > 1:
        raise BadQuery('"sort" takes one field; mentions with equal values come newest first')
    return orders[0] if orders else Order()


def _one_order(part: Any) -> Order:
    if isinstance(part, str):
        part = {part: "asc"}
    if not isinstance(part, dict) or len(part) != 1:
        raise BadQuery(f'"sort" is a list of {{field: "asc" or "desc"}}; got {brief(part)}')
    ((field, way),) = part.items()
    if isinstance(way, dict):
        options_of("sort", way, "order")
        way = way.get("order", "asc")
    if way not in ("asc", "desc"):
        raise BadQuery(f'"sort" goes "asc" or "desc"; got {brief(way)}')
    kind_of(field)
    field = "sort_key" if field == "published_at" else field
    if field not in _SORTABLE:
        raise BadQuery(f'mentions cannot be sorted by "{field}"; by published_at, {", ".join(_SORTABLE)} they can')
    return Order(field, way == "desc")


def source_filter(given: Any) -> tuple[list[str], list[str]] | None:
    """(patterns to keep, patterns to leave out); None for no source at all."""
    if isinstance(given, bool):
        return ([], []) if given else None
    if isinstance(given, dict):
        options_of("_source", given, "includes", "excludes")
        return _names(given.get("includes", [])), _names(given.get("excludes", []))
    return _names(given), []


def _names(given: Any) -> list[str]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadQuery(f'"_source" is true, false, or names of fields; got {brief(given)}')
    return names


def filtered(source: Json, keep: list[str], leave: list[str]) -> Json:
    def fits(name: str, patterns: list[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    return {name: value for name, value in source.items() if (not keep or fits(name, keep)) and not fits(name, leave)}
