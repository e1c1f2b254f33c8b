"""Deleting what was published before a day.

Slices that lie wholly before it are dropped at once, which costs nothing. In the slice that the day falls into, and in the
directory, the mentions go by `_delete_by_query`: Elasticsearch finds and deletes millions of them where they are, where paging
their ids through this process and sending them back would take as long as indexing them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from index.elastic.client import Client
from index.elastic.layout import Layout
from index.store import IndexFailure, Json
from stream import sort_key


def retain(client: Client, layout: Layout, before: datetime) -> int:
    """See `Index.retain`. Raises StoreUnavailable."""
    layout.ready()
    limit = sort_key(before, "0" * 20)
    client.call("POST", f"/{layout.directory},{layout.mentions}/_refresh", ignore_unavailable="true")
    for slice, index in layout.slices().items():
        newest = client.call("POST", f"/{index}/_search", {"size": 1, "sort": [{"sort_key": "desc"}], "_source": False})
        hits = newest["hits"]["hits"]
        if hits and hits[0]["sort"][0] < limit and not _may_still_grow(layout, slice, before):
            client.call("DELETE", f"/{index}")
    layout.forget_slices()
    old: Json = {"range": {"sort_key": {"lt": limit}}}
    if layout.slices():
        _delete(client, layout.mentions, old)
    return _delete(client, layout.directory, {"range": {"at": {"lt": limit}}})


def _may_still_grow(layout: Layout, slice: str, before: datetime) -> bool:
    """The slice the day itself falls into takes new mentions."""
    return slice >= layout.slice_of(int(before.timestamp() * 1000))


def _delete(client: Client, index: str, query: Json) -> int:
    deleted: int = 0
    while True:
        answer: Any = client.call(
            "POST", f"/{index}/_delete_by_query", {"query": query}, conflicts="proceed", refresh="true",
            ignore_unavailable="true", timeout="5m",
        )  # fmt: skip
        deleted += int(answer["deleted"])
        if answer.get("failures"):
            raise IndexFailure(f"not everything old could be deleted: {answer['failures'][0]}")
        if not answer["version_conflicts"]:
            return deleted
