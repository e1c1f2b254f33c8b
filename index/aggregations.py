"""Elasticsearch aggregations on tantivy.

In: a searcher, the query and the `aggs` part of a body. Out: the `aggregations` part of the answer. What tantivy knows goes
to it as one tree. The rest is made of several queries:

- `filter`, `filters`, `range` and `missing` are the same tree under a narrower query. Inside the buckets of another
  aggregation they are answered for all buckets at once, by the keys of the buckets.
- `top_hits` and `significant_terms` inside buckets are one query a bucket.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from index import agg_bodies
from index.agg_bodies import BUCKETS, METRICS, grouped
from index.agg_special import composite, significant_terms
from index.arguments import brief, options_of
from index.fields import kind_of
from index.layout import Query
from index.queries import Translator, all_of, any_of, without
from index.ranges import between
from index.store import BadQuery, Json

DEEPEST: Final = 8  # aggregations inside aggregations
MOST_QUERIES: Final = 1000  # one-query-a-bucket aggregations: buckets they may stand in

SLICES: Final = ("filter", "filters", "range", "missing")
OWN: Final = (*SLICES, "top_hits", "significant_terms", "composite")


class Node(NamedTuple):
    """One aggregation of the tree."""

    kind: str
    body: Json
    children: dict[str, Node]


class Slice(NamedTuple):
    """One bucket that is a query: what is said of it beside its counts, and the query."""

    said: Json
    query: Query


Path = tuple[str, ...]
Keys = tuple[Any, ...]


def parse(body: object, depth: int = 0) -> dict[str, Node]:
    """The tree of an `aggs` part. Raises BadQuery."""
    if not isinstance(body, dict) or depth > DEEPEST:
        raise BadQuery(f'"aggs" is an object of named aggregations, at most {DEEPEST} deep; got {brief(body)}')
    nodes = {}
    for name, given in body.items():
        kinds = [key for key in given if key not in ("aggs", "aggregations", "meta")] if isinstance(given, dict) else []
        if len(kinds) != 1 or not isinstance(given[kinds[0]], dict):
            raise BadQuery(f'aggregation "{name}" wants exactly one kind with an object; got {brief(given)}')
        kind = kinds[0]
        if kind not in METRICS + BUCKETS + OWN:
            raise BadQuery(f'aggregation "{kind}" is not supported; supported are {", ".join(METRICS + BUCKETS + OWN)}')
        inner = given.get("aggs", given.get("aggregations", {}))
        if inner and kind not in BUCKETS + SLICES:
            raise BadQuery(f'aggregation "{kind}" holds no others')
        if kind == "composite" and depth:
            raise BadQuery('aggregation "composite" stands inside no other')
        nodes[name] = Node(kind, given[kind], parse(inner, depth + 1))
    return nodes


class Aggregator:
    """Answers aggregations over one searcher. `hits` answers `top_hits`: (query, its body) -> its part of the answer."""

    def __init__(self, searcher: Any, translator: Translator, hits: Callable[[Query, Json], Json]) -> None:
        self._searcher = searcher
        self._translator = translator
        self._hits = hits

    def run(self, query: Query, nodes: dict[str, Node]) -> Json:
        """The answers of `nodes` over what `query` finds. Raises BadQuery."""
        answer = self._plain(query, nodes)
        for path, name, node in _own_nodes(nodes):
            if not path:
                answer[name] = self._own(query, node)
            elif node.kind in SLICES:
                self._slices_inside(query, nodes, path, name, node, answer)
            else:
                self._each_inside(query, nodes, path, name, node, answer)
        return answer

    # -- what tantivy knows -------------------------------------------------------------------------------------------
    def _plain(self, query: Query, nodes: dict[str, Node]) -> Json:
        body = {name: self._body(node) for name, node in nodes.items() if node.kind not in OWN}
        if not body:
            return {}
        try:
            answer = self._searcher.aggregate(query, body)
        except ValueError as error:
            if "limit was exceeded" in str(error):
                raise BadQuery(
                    "the aggregation makes too many buckets: take a longer interval or a smaller size"
                ) from error
            raise BadQuery(f"the aggregation cannot be answered: {error}") from error
        return {name: _shaped(nodes[name], part) for name, part in answer.items()}

    def _body(self, node: Node) -> Json:
        children = {name: child for name, child in node.children.items() if child.kind not in OWN}
        if node.kind in METRICS:
            return {node.kind: agg_bodies.metric_body(node.kind, node.body)}
        if node.kind == "terms":
            by = (
                next(iter(node.body.get("order") or {"_count": ""}))
                if isinstance(node.body.get("order"), dict)
                else "_count"
            )
            if by not in ("_count", "_key") and by.partition(".")[0] not in children:
                raise BadQuery(f'terms "order" names "{by}", which is no metric inside it')
            body = agg_bodies.terms_body(node.body, leaf=not children)
        elif node.kind == "date_histogram":
            body = agg_bodies.date_histogram_body(node.body, self._translator.now)
        else:
            body = agg_bodies.histogram_body(node.body)
        inner = {name: self._body(child) for name, child in children.items()}
        return {node.kind: body, **({"aggs": inner} if inner else {})}

    # -- what is made of several queries ------------------------------------------------------------------------------
    def _own(self, query: Query, node: Node) -> Json:
        if node.kind == "top_hits":
            return self._hits(query, node.body)
        if node.kind == "significant_terms":
            return significant_terms(self._searcher, query, node.body, self._translator)
        if node.kind == "composite":
            return composite(self._searcher, query, node.body, self._translator.now)
        slices = self._slices(node)
        answers = [
            {"doc_count": self._searcher.search(narrow, 1).count, **self.run(narrow, node.children)}
            for narrow in (all_of([query, each.query]) for each in slices)
        ]
        return _assembled(node, slices, answers)

    def _slices(self, node: Node) -> list[Slice]:
        """The buckets of `filter`, `filters`, `range`, `missing` as queries."""
        body, query = node.body, self._translator.query
        if node.kind == "filter":
            return [Slice({}, query(body))]
        if node.kind == "missing":
            options_of("missing", body, "field")
            return [Slice({}, without(query({"match_all": {}}), query({"exists": {"field": body.get("field")}})))]
        if node.kind == "filters":
            options_of("filters", body, "filters")
            filters = body.get("filters")
            if not isinstance(filters, dict | list):
                raise BadQuery('"filters" wants named filters or a list of them')
            return [Slice({}, query(each)) for each in (filters.values() if isinstance(filters, dict) else filters)]
        return self._ranges(body)

    def _ranges(self, body: Json) -> list[Slice]:
        said, field = range_keys(body), grouped(body.get("field"))
        bounds = ({"gte": each.get("from"), "lt": each.get("to")} for each in body["ranges"])
        return [
            Slice(*pair)
            for pair in zip(said, (between(field, each, self._translator.now) for each in bounds), strict=True)
        ]

    def _slices_inside(
        self, query: Query, nodes: dict[str, Node], path: Path, name: str, node: Node, answer: Json
    ) -> None:
        """Answers `node` for every bucket at `path` with one run a slice: the same buckets under the slice's query."""
        buckets = list(_buckets(nodes, path, answer))
        if not buckets:
            return
        slices = self._slices(node)
        chain = _chain(nodes, path, [keys for keys, _ in buckets], node.children)
        nothing = {"doc_count": 0, **self.run(self._translator.query({"match_none": {}}), node.children)}
        found = []
        for each in slices:
            inner = self.run(all_of([query, each.query]), chain)
            found.append(dict(_buckets(chain, path, inner)))
        kept = ("doc_count", *node.children)
        for keys, bucket in buckets:
            parts = [by_keys.get(keys) for by_keys in found]
            answers = [
                copy.deepcopy(nothing) if part is None else {key: part[key] for key in kept if key in part}
                for part in parts
            ]
            bucket[name] = _assembled(node, slices, answers)

    def _each_inside(
        self, query: Query, nodes: dict[str, Node], path: Path, name: str, node: Node, answer: Json
    ) -> None:
        """Answers `node` for every bucket at `path` with one query a bucket."""
        buckets = list(_buckets(nodes, path, answer))
        if len(buckets) > MOST_QUERIES:
            raise BadQuery(f'"{node.kind}" stands in {len(buckets)} buckets; at most {MOST_QUERIES} are answered')
        for keys, bucket in buckets:
            narrow, level = [query], nodes
            for step, key in zip(path, keys, strict=True):
                narrow.append(self._bucket_query(level[step], key))
                level = level[step].children
            bucket[name] = self._own(all_of(narrow), node)

    def _bucket_query(self, node: Node, key: Any) -> Query:
        field = str(node.body.get("field"))
        if node.kind == "date_histogram":
            body = agg_bodies.date_histogram_body(node.body, self._translator.now)
            end = key + agg_bodies.interval_ms(body["fixed_interval"])
            return between(field, {"gte": key, "lt": end}, self._translator.now)
        if node.kind == "histogram":
            return between(field, {"gte": key, "lt": key + node.body["interval"]}, self._translator.now)
        term = self._translator.query({"term": {field: bool(key) if kind_of(field) == "boolean" else key}})
        if key != node.body.get("missing"):
            return term
        present = self._translator.query({"exists": {"field": field}})
        every = self._translator.query({"match_all": {}})
        return any_of([term, without(every, present)])


def range_keys(body: Json) -> list[Json]:
    """What is said of each bucket of a `range` beside its counts. Raises BadQuery."""
    options_of("range", body, "field", "ranges")
    field, ranges = grouped(body.get("field")), body.get("ranges")
    if not isinstance(ranges, list) or not all(isinstance(each, dict) for each in ranges):
        raise BadQuery('aggregation "range" wants "field" and a list of "ranges"')
    numbers = kind_of(field) != "date"
    keys = []
    for each in ranges:
        options_of("range", each, "key", "from", "to")
        ends = [each.get("from"), each.get("to")]
        named = ["*" if end is None else str(float(end) if numbers and isinstance(end, int) else end) for end in ends]
        said = {"key": each.get("key", "-".join(named))}
        keys.append(said | {name: end for name, end in zip(("from", "to"), ends, strict=True) if end is not None})
    return keys


def _own_nodes(nodes: dict[str, Node], path: Path = ()) -> Iterator[tuple[Path, str, Node]]:
    """The aggregations tantivy does not know, with the names of the ones they stand in; not those inside such."""
    for name, node in nodes.items():
        if node.kind in OWN:
            yield path, name, node
        else:
            yield from _own_nodes(node.children, (*path, name))


def _buckets(nodes: dict[str, Node], path: Path, answer: Json, keys: Keys = ()) -> Iterator[tuple[Keys, Json]]:
    """Every bucket at `path` in an answer, with the keys that lead to it."""
    for bucket in answer.get(path[0], {}).get("buckets", []):
        here = (*keys, bucket["key"])
        if len(path) == 1:
            yield here, bucket
        else:
            yield from _buckets(nodes[path[0]].children, path[1:], bucket, here)


def _chain(nodes: dict[str, Node], path: Path, keys: Sequence[Keys], leaves: dict[str, Node]) -> dict[str, Node]:
    """The aggregations along `path` alone, narrowed to the buckets with these keys, with `leaves` inside the last."""
    node = nodes[path[0]]
    heads = {each[0] for each in keys}
    body = dict(node.body)
    if node.kind == "terms":
        body = {key: body[key] for key in ("field", "missing") if key in body}
        by_name = kind_of(body["field"]) == "keyword"
        body |= {"size": max(1, len(heads)), "include": sorted(heads)} if by_name else {"size": agg_bodies.MOST_BUCKETS}
    else:
        body = {key: value for key, value in body.items() if key not in ("extended_bounds", "min_doc_count")}
        body["min_doc_count"] = 1
    inner = _chain(node.children, path[1:], [each[1:] for each in keys], leaves) if len(path) > 1 else leaves
    return {path[0]: Node(node.kind, body, inner)}


def _assembled(node: Node, slices: list[Slice], answers: list[Json]) -> Json:
    if node.kind in ("filter", "missing"):
        return answers[0]
    parts = [{**each.said, **answer} for each, answer in zip(slices, answers, strict=True)]
    if node.kind == "filters" and isinstance(node.body["filters"], dict):
        return {"buckets": dict(zip(node.body["filters"], parts, strict=True))}
    return {"buckets": parts}


def _shaped(node: Node, answer: Json) -> Json:
    if node.kind in METRICS:
        return agg_bodies.shape_metric(node.kind, node.body["field"], answer)
    shaped = agg_bodies.shape_buckets(node.kind, node.body, answer)
    for bucket in shaped["buckets"]:
        for name, child in node.children.items():
            if name in bucket:
                bucket[name] = _shaped(child, bucket[name])
    return shaped
