"""The application's small records in two indices of their own.

What people decide on the pages lies apart, in an index that the pages' process may write: it may not touch what the others keep,
such as incidents, mails to send and leases. A record's version is its place in its index, primary term and sequence number: both
only rise, over all records there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

import elasticsearch
import msgspec

from index.elastic.client import Client, Operation, action
from index.elastic.layout import Layout, patiently_missing
from index.store import Conflict, IndexFailure, Stored

_TERM: Final = 1 << 42  # sequence numbers below, the primary term above
_PAGE: Final = 500
DECISIONS: Final = frozenset(
    {"model", "tagging", "retag"}
)  # kinds: what was taught, what is switched on, a wish to retag


class ElasticRecords:
    """`Records` in Elasticsearch; safe in several threads."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._layout = layout
        self._both = f"{layout.records},{layout.decisions}"

    def _index(self, kind: str) -> str:
        return self._layout.decisions if kind in DECISIONS else self._layout.records

    def get(self, kind: str, id: str) -> Stored | None:
        """The record, or None."""
        try:
            (document,) = self._client.mget(f"/{self._index(kind)}", {"ids": [_key(kind, id)]})
        except elasticsearch.NotFoundError:
            return None
        return _stored(document) if document.get("found") else None

    def put(self, kind: str, id: str, body: bytes, *, expect: int | None = None) -> int:
        """Durable on return; answers the new version. Raises Conflict where `expect` is not the present one, StoreFull."""
        self._layout.ready()
        index, key = self._index(kind), _key(kind, id)
        if expect is None:
            line = action("index", index, key)
        elif expect == 0:
            line = action("create", index, key)
        else:
            term, number = divmod(expect, _TERM)
            line = action("index", index, key, if_seq_no=number, if_primary_term=term)
        document = {"kind": kind, "id": id, "body": base64.b64encode(body).decode()}
        (outcome,) = self._client.bulk([Operation(line, msgspec.json.encode(document))], places=True)
        if outcome.status == 409:
            raise Conflict(f"{kind} {id}: changed by somebody else since it was read")
        if not outcome.done:
            raise IndexFailure(f"{kind} {id} cannot be stored: {outcome.reason}")
        return _version(*outcome.place)

    def delete(self, kind: str, id: str) -> None:
        """Removes the record if it is there. Raises StoreFull."""
        self._layout.ready()
        (outcome,) = self._client.bulk([Operation(action("delete", self._index(kind), _key(kind, id)))])
        if not outcome.done and outcome.status != 404:
            raise IndexFailure(f"{kind} {id} cannot be deleted: {outcome.reason}")

    def scan(self, kind: str) -> Iterator[Stored]:
        """All of a kind, by id. Pages are read one by one, so what changes meanwhile may be seen or not."""
        body: dict[str, Any] = {
            "size": _PAGE, "query": {"term": {"kind": kind}}, "sort": [{"id": "asc"}], "seq_no_primary_term": True,
        }  # fmt: skip
        index = self._index(kind)
        patiently_missing(lambda: self._client.call("POST", f"/{index}/_refresh"), None)
        while True:
            hits = patiently_missing(lambda: self._client.call("POST", f"/{index}/_search", body), None)
            hits = hits["hits"]["hits"] if hits else []
            yield from map(_stored, hits)
            if len(hits) < _PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def kinds(self) -> list[str]:
        """All there are, in order."""
        body = {"size": 0, "aggs": {"kinds": {"terms": {"field": "kind", "size": _PAGE}}}}
        patiently_missing(lambda: self._client.call("POST", f"/{self._both}/_refresh", ignore_unavailable="true"), None)
        answer = patiently_missing(
            lambda: self._client.call("POST", f"/{self._both}/_search", body, ignore_unavailable="true"), {}
        )
        return sorted(bucket["key"] for bucket in answer.get("aggregations", {}).get("kinds", {}).get("buckets", ()))

    def version(self) -> int:
        """Rises with every change, made here or by another process."""
        path = "indices.*.shards.*.seq_no.max_seq_no"
        asked = {"level": "shards", "filter_path": path, "ignore_unavailable": "true"}
        answer = patiently_missing(lambda: self._client.call("GET", f"/{self._both}/_stats/docs", **asked), {})
        return sum(
            max((copy["seq_no"]["max_seq_no"] for copies in one["shards"].values() for copy in copies), default=-1) + 1
            for one in answer.get("indices", {}).values()
        )


def _key(kind: str, id: str) -> str:
    key = f"{kind}/{id}"
    # Ids may be 512 bytes; whatever is longer is told apart by its own hash
    if len(key.encode("utf-8", "replace")) <= 480:
        return key
    return f"{kind}/#{hashlib.blake2b(key.encode('utf-8', 'replace'), digest_size=32).hexdigest()}"


def _version(number: int, term: int) -> int:
    return term * _TERM + number


def _stored(document: dict[str, Any]) -> Stored:
    source = document["_source"]
    return Stored(
        source["id"], _version(document["_seq_no"], document["_primary_term"]), base64.b64decode(source["body"])
    )
