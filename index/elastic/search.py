"""A search body answered by Elasticsearch, in the store's shape."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import elasticsearch

from index.aggregations import Node, parse
from index.arguments import options_of
from index.elastic.aggregations import TOP_HITS, Aggregations
from index.elastic.client import Client, reason_of
from index.elastic.layout import Layout
from index.elastic.queries import Rewriter
from index.highlight import highlight
from index.search import MOST_HITS, Order, check_after, filtered, order_of, page_of, refuse_unknown, source_filter
from index.store import BadQuery, IndexFailure, Json, StoreUnavailable

KEEP_ALIVE = "5m"  # of the state a scan goes through
_NO_HITS: Json = {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []}


class _Asked(NamedTuple):
    """A search as asked of us (`own`) and of Elasticsearch (`body`); `empty`: its aggregations are none."""

    own: Json
    query: Json
    body: Json
    tree: Aggregations | None
    empty: bool


class Search:
    """Answers bodies as of `now`; safe in several threads."""

    def __init__(self, client: Client, layout: Layout, now: datetime) -> None:
        self._client = client
        self._layout = layout
        self._rewriter = Rewriter(now)

    def answer(self, body: Json) -> Json:
        """Raises BadQuery, StoreUnavailable."""
        asked = self._asked(body)
        return self._shaped(asked, self.ask(asked.body))

    def answers(self, bodies: Sequence[Json]) -> list[Json]:
        """In one request, which Elasticsearch works on side by side. Raises BadQuery, StoreUnavailable."""
        asked = list(map(self._asked, bodies))
        if not asked:
            return []
        found = self._client.msearch(f"/{self._layout.mentions}", [one.body for one in asked])
        whole = [
            self.ask(one.body)
            if "error" in answer or _in_part(answer)
            else answer  # which tries again, or says why not
            for one, answer in zip(asked, found, strict=True)
        ]
        return list(map(self._shaped, asked, whole))

    def _asked(self, body: Json) -> _Asked:
        refuse_unknown(body)
        query = body.get("query", {"match_all": {}})
        asked: Json = {"query": {"bool": {"filter": [self._rewriter.query(query)]}}}
        aggs = body.get("aggs", body.get("aggregations"))
        nodes = parse(aggs) if aggs is not None else None
        asked |= self._hits(body, MOST_HITS)
        asked["track_total_hits"] = body.get("track_total_hits", True) is not False or bool(nodes)
        tree = self._tree(nodes) if nodes is not None else None
        if tree is not None and nodes:
            asked["aggs"] = tree.body()
        return _Asked(body, query, asked, tree, empty=not nodes)

    def _shaped(self, asked: _Asked, found: Json) -> Json:
        hits = self._dressed(found["hits"], asked.own, asked.query)
        if asked.own.get("track_total_hits", True) is False:
            hits.pop("total", None)
        answer: Json = {"timed_out": False, "hits": hits}
        if asked.tree is not None:
            total = found["hits"].get("total", {"value": 0})["value"]
            answer["aggregations"] = {} if asked.empty else asked.tree.shaped(found.get("aggregations", {}), total)
            asked.tree.backgrounds(self.ask)
        return answer

    def count(self, query: Json) -> int:
        """How many mentions a query finds. Raises BadQuery, StoreUnavailable."""
        asked = {"query": {"bool": {"filter": [self._rewriter.query(query)]}}, "size": 0, "track_total_hits": True}
        return int(self.ask(asked)["hits"]["total"]["value"])

    def scan(self, query: Json, batch: int) -> Iterator[list[Json]]:
        """One state of the store from beginning to end, whatever is written meanwhile: a point in time."""
        asked: Json = {
            "query": {"bool": {"filter": [self._rewriter.query(query)]}},
            "size": batch, "sort": [{"sort_key": "desc"}], "track_total_hits": False,
        }  # fmt: skip
        try:
            point = self._client.call("POST", f"/{self._layout.mentions}/_pit", keep_alive=KEEP_ALIVE)["id"]
        except elasticsearch.NotFoundError:
            return
        try:
            while True:
                asked["pit"] = {"id": point, "keep_alive": KEEP_ALIVE}
                answer = self._run("/_search", asked)
                point = answer.get("pit_id", point)
                hits = answer["hits"]["hits"]
                if not hits:
                    return
                yield [hit["_source"] for hit in hits]
                asked["search_after"] = hits[-1]["sort"]
        finally:
            self._client.call("DELETE", "/_pit", {"id": point})

    def ask(self, asked: Json) -> Json:
        """Runs a body of Elasticsearch's over all mentions."""
        return self._run(f"/{self._layout.mentions}/_search", asked)

    def _run(self, path: str, asked: Json) -> Json:
        try:  # half an answer would be a wrong one
            answer: Json = self._client.call("POST", path, asked, allow_partial_search_results="false")
        except elasticsearch.NotFoundError:
            return self._nothing(asked)
        except elasticsearch.BadRequestError as error:
            reason = reason_of(error)
            if "too_many_buckets" in reason or "too many buckets" in reason.lower():
                raise BadQuery(
                    "the aggregation makes too many buckets: take a longer interval or a smaller size"
                ) from error
            raise BadQuery(f"Elasticsearch cannot answer this: {reason}") from error
        except IndexFailure as error:
            if "too_many_buckets" in str(error):
                raise BadQuery(
                    "the aggregation makes too many buckets: take a longer interval or a smaller size"
                ) from error
            raise
        if _in_part(answer):
            raise StoreUnavailable("Elasticsearch answered only in part")
        return answer

    def _nothing(self, asked: Json) -> Json:
        """The answer of a store that has never been written to: as Elasticsearch gives it over an empty index."""
        if not asked.get("aggs"):
            return {"hits": dict(_NO_HITS)}
        self._layout.ensure_slice(self._layout.slice_of(int(time.time() * 1000)))
        return self.ask(asked)

    # -- parts --------------------------------------------------------------------------------------------------------
    def _hits(self, body: Json, most: int) -> Json:
        size, start = page_of(body, most)
        order = order_of(body.get("sort"))
        source_filter(body.get("_source", True))
        asked: Json = {"size": size, "from": start, "sort": _sort(order)}
        wanted = body.get("_source", True)
        asked["_source"] = True if body.get("highlight") is not None else wanted
        if "search_after" in body:
            check_after(order, body["search_after"])
            asked["search_after"] = body["search_after"]
        return asked

    def _dressed(self, hits: Json, body: Json, query: Json) -> Json:
        keep, leave = source_filter(body.get("_source", True)) or (None, None)
        marks = body.get("highlight")
        dressed = []
        for found in hits["hits"]:
            hit: Json = {"_id": found["_id"], "_score": None, "sort": found["sort"]}
            source = found.get("_source", {})
            if keep is not None:
                hit["_source"] = (
                    source if marks is None or (keep, leave) == ([], []) else filtered(source, keep, leave or [])
                )
            if marks is not None:
                hit |= highlight(source, query, marks)
            dressed.append(hit)
        total = {"total": hits["total"]} if "total" in hits else {}
        return {**total, "max_score": None, "hits": dressed}

    def _tree(self, nodes: dict[str, Node]) -> Aggregations:
        return Aggregations(nodes, self._rewriter, self._top_hits, self._top_hits_dressed)

    def _top_hits(self, body: Json) -> Json:
        options_of("top_hits", body, "size", "from", "sort", "_source", "highlight")
        return self._hits({"size": 3, **body}, TOP_HITS)

    def _top_hits_dressed(self, part: Json, body: Json) -> Json:
        return {"hits": self._dressed(part["hits"], body, {"match_all": {}})}


def _in_part(answer: Json) -> bool:
    return bool(answer.get("timed_out") or answer.get("_shards", {}).get("failed"))


def _sort(order: Order) -> list[Any]:
    """The field, then the newest first; a hit's `sort` has a value for each."""
    way = "desc" if order.descending else "asc"
    if order.field == "sort_key":
        return [{"sort_key": way}]
    return [{order.field: way}, {"sort_key": "desc"}]
