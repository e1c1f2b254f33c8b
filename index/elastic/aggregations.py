"""The store's aggregations as Elasticsearch is to run them, and its answers in the store's shape.

In: the tree of `index.aggregations.parse`. Out: one `aggs` body, and a function's worth of shaping for the answer. Elasticsearch
knows them all, with two exceptions. Its `significant_terms` counts the background only in shards where a term is frequent in
front, so over time slices the counts come out too low: here front and back are counted with `terms`, the back in a second
search, and scored by the same formula. Its `range` and `missing` are put as `filters`, whose queries mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from index.agg_bodies import (
    MOST_BUCKETS,
    date_histogram_body,
    extended,
    grouped,
    histogram_body,
    iso,
    metric_body,
    terms_body,
)
from index.agg_special import CANDIDATES, jlh
from index.aggregations import Node, range_keys
from index.arguments import integer, options_of
from index.elastic.queries import Rewriter, exists, without
from index.fields import kind_of
from index.store import BadQuery, Json

TOP_HITS: Final = 100
_SHARD_SIZE: Final = 5000  # terms each shard answers at least: counts are exact where a field has no more values
_HISTOGRAM: Final = ("field", "interval", "offset", "min_doc_count", "extended_bounds", "hard_bounds")


class Aggregations:
    """One tree: `body` goes to Elasticsearch, `shaped` takes what comes back.

    `hits` makes a `top_hits` body (its own body -> Elasticsearch's) and `dressed` shapes its answer.
    """

    def __init__(
        self,
        nodes: dict[str, Node],
        rewriter: Rewriter,
        hits: Callable[[Json], Json],
        dressed: Callable[[Json, Json], Json],
    ) -> None:
        self._nodes = nodes
        self._rewriter = rewriter
        self._hits = hits
        self._dressed = dressed
        self._fronts: list[
            tuple[Node, Json, int]
        ] = []  # significant terms met in the answer: node, its part, front's size

    def body(self) -> Json:
        """Raises BadQuery."""
        return {name: self._body(node) for name, node in self._nodes.items()}

    def _body(self, node: Node) -> Json:
        inner = {name: self._body(child) for name, child in node.children.items()}
        return {**self._own(node), **({"aggs": inner} if inner else {})}

    def _own(self, node: Node) -> Json:
        body, query = node.body, self._rewriter.query
        match node.kind:
            case "terms":
                return {"terms": self._terms(node)}
            case "date_histogram":
                made = date_histogram_body(body, self._rewriter.now)
                for name in ("extended_bounds", "hard_bounds"):
                    if name in made:
                        made[name] = {key: int(value) for key, value in made[name].items()}
                return {"date_histogram": made}
            case "histogram":
                return {"histogram": {key: value for key, value in histogram_body(body).items() if key in _HISTOGRAM}}
            case "filter":
                return {"filter": query(body)}
            case "missing":
                options_of("missing", body, "field")
                kind_of(body.get("field"))
                return {"filter": without({"match_all": {}}, exists(str(body["field"])))}
            case "filters":
                options_of("filters", body, "filters")
                filters = body.get("filters")
                if isinstance(filters, dict):
                    return {"filters": {"filters": {name: query(each) for name, each in filters.items()}}}
                if isinstance(filters, list):
                    return {"filters": {"filters": [query(each) for each in filters]}}
                raise BadQuery('"filters" wants named filters or a list of them')
            case "range":
                said = range_keys(body)
                bounds = [{"gte": each.get("from"), "lt": each.get("to")} for each in body["ranges"]]
                field = grouped(body.get("field"))
                return {"filters": {"filters": [self._rewriter.between(field, each) for each in bounds[: len(said)]]}}
            case "top_hits":
                return {"top_hits": self._hits(body)}
            case "significant_terms":
                return {"terms": self._front(body)}
            case "composite":
                return {"composite": self._composite(body)}
            case kind:
                metric_body(kind, body)
                known = ("field", "missing", "percents", "keyed")
                return {kind: {key: body[key] for key in known if key in body}}

    def _terms(self, node: Node) -> Json:
        given = node.body.get("order")
        by = next(iter(given)) if isinstance(given, dict) and given else "_count"
        if by not in ("_count", "_key") and by.partition(".")[0] not in node.children:
            raise BadQuery(f'terms "order" names "{by}", which is no metric inside it')
        made = terms_body(node.body, leaf=False)
        del made["segment_size"]
        if made["field"] != "backfill" and not isinstance(made.get("include"), list):
            made["shard_size"] = min(MOST_BUCKETS, max(_SHARD_SIZE, 3 * int(made["size"])))
        if made["order"] == {"_count": "desc"}:
            del made["order"]  # Elasticsearch's own, which breaks ties by key
        return made

    def _front(self, body: Json) -> Json:
        options_of("significant_terms", body, "field", "size", "min_doc_count", "background_filter", "jlh")
        field = grouped(body.get("field"))
        if kind_of(field) != "keyword":
            raise BadQuery(f'"significant_terms" wants a keyword; "{field}" holds {kind_of(field)}s')
        integer("size", body.get("size", 10), 1, CANDIDATES)
        least = integer("min_doc_count", body.get("min_doc_count", 3), 1, 1 << 31)
        return {"field": field, "size": CANDIDATES, "shard_size": _SHARD_SIZE, "min_doc_count": least}

    def _composite(self, body: Json) -> Json:
        options_of("composite", body, "sources", "size", "after")
        size = integer("size", body.get("size", 10), 1, MOST_BUCKETS)
        sources = body.get("sources")
        if not isinstance(sources, list) or not sources:
            raise BadQuery('"composite" wants a list of "sources"')
        made = [self._source(each) for each in sources]
        names = {name for each in made for name in each}
        after = body.get("after")
        if "after" in body and (not isinstance(after, dict) or set(after) != names):
            raise BadQuery('composite "after" wants a value for every source')
        return {"size": size, "sources": made, **({"after": after} if after else {})}

    def _source(self, given: Any) -> Json:
        try:
            ((name, ((kind, inner),)),) = ((name, tuple(inner.items())) for name, inner in given.items())
        except (AttributeError, ValueError) as error:
            raise BadQuery('a source of "composite" is {name: {"terms": {...}}}') from error
        if kind == "terms":
            options_of("composite terms", inner, "field")
            if kind_of(grouped(inner.get("field"))) != "keyword":
                raise BadQuery('"terms" in "composite" wants a keyword')
            return {name: {"terms": inner}}
        if kind == "date_histogram":
            options_of("composite date_histogram", inner, "field", "fixed_interval", "calendar_interval")
            made = date_histogram_body(inner, self._rewriter.now)
            if "offset" in made:
                raise BadQuery('weeks in "composite" are not supported')
            return {name: {"date_histogram": {key: made[key] for key in ("field", "fixed_interval")}}}
        raise BadQuery(f'"{kind}" in "composite" is not supported; terms and date_histogram are')

    # -- answers ------------------------------------------------------------------------------------------------------
    def shaped(self, answer: Json, total: int) -> Json:
        """`answer`: the `aggregations` part; `total`: mentions the query found. Call `backgrounds` next."""
        return self._level(self._nodes, answer, total)

    def _level(self, nodes: dict[str, Node], answer: Json, total: int) -> Json:
        return {name: self._shaped(node, answer[name], total) for name, node in nodes.items()}

    def _shaped(self, node: Node, part: Json, total: int) -> Json:
        match node.kind:
            case "terms":
                return {
                    "doc_count_error_upper_bound": part["doc_count_error_upper_bound"],
                    "sum_other_doc_count": part["sum_other_doc_count"],
                    "buckets": [self._bucket(node, bucket) for bucket in part["buckets"]],
                }
            case "date_histogram" | "histogram":
                return {"buckets": [self._bucket(node, bucket) for bucket in part["buckets"]]}
            case "filter" | "missing":
                return self._bucket(node, part)
            case "filters" if isinstance(part["buckets"], dict):
                buckets = part["buckets"]
                return {"buckets": {name: self._bucket(node, buckets[name]) for name in node.body["filters"]}}
            case "filters":
                return {"buckets": [self._bucket(node, {**bucket, "key": None}) for bucket in part["buckets"]]}
            case "range":
                pairs = zip(range_keys(node.body), part["buckets"], strict=True)
                return {"buckets": [{**said, **self._bucket(node, {**bucket, "key": None})} for said, bucket in pairs]}
            case "top_hits":
                return self._dressed(part, node.body)
            case "significant_terms":
                found: Json = {"doc_count": total, "bg_count": 0, "buckets": part["buckets"]}
                self._fronts.append((node, found, total))
                return found
            case "composite":
                pages = [{"key": bucket["key"], "doc_count": bucket["doc_count"]} for bucket in part["buckets"]]
                return {"buckets": pages, **({"after_key": pages[-1]["key"]} if pages else {})}
            case kind:
                return _metric(kind, node.body, part)

    def _bucket(self, node: Node, bucket: Json) -> Json:
        count = bucket["doc_count"]
        out = {key: bucket[key] for key in ("key", "key_as_string") if bucket.get(key) is not None}
        return {**out, "doc_count": count, **self._level(node.children, bucket, count)}

    def backgrounds(self, search: Callable[[Json], Json]) -> None:
        """Finishes the significant terms of the answer shaped last: one more search for each of them in the tree."""
        by_node: dict[int, list[tuple[Node, Json, int]]] = {}
        for front in self._fronts:
            by_node.setdefault(id(front[0]), []).append(front)
        for fronts in by_node.values():
            node = fronts[0][0]
            field = str(node.body["field"])
            keys = sorted({bucket["key"] for _, part, _ in fronts for bucket in part["buckets"]})
            query = self._rewriter.query(node.body.get("background_filter", {"match_all": {}}))
            body: Json = {"query": {"bool": {"filter": [query]}}, "size": 0, "track_total_hits": True}
            if keys:
                body["aggs"] = {"x": {"terms": {"field": field, "include": keys, "size": len(keys)}}}
            answer = search(body)
            total = answer["hits"]["total"]["value"]
            found = answer["aggregations"]["x"]["buckets"] if keys else []
            back = {bucket["key"]: bucket["doc_count"] for bucket in found}
            for _, part, size in fronts:
                counted = {bucket["key"]: bucket["doc_count"] for bucket in part["buckets"]}
                part["bg_count"] = total
                part["buckets"] = jlh(counted, back, size, total)[: int(node.body.get("size", 10))]


def _metric(kind: str, body: Json, part: Json) -> Json:
    if kind in ("min", "max") and kind_of(body["field"]) == "date":
        if part["value"] is None:
            return {"value": None}
        seconds = int(part["value"]) // 1000 * 1000  # whole seconds, as on one machine
        return {"value": float(seconds), "value_as_string": iso(seconds)}
    if kind == "percentiles":
        values = part["values"]
        return {
            "values": values if isinstance(values, dict) else [{"key": v["key"], "value": v["value"]} for v in values]
        }
    if kind == "extended_stats":
        return extended(part)
    if kind == "stats":
        return {key: value for key, value in part.items() if not key.endswith("_as_string")}
    return {"value": part["value"]}
