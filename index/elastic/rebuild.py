"""Making the slices anew under the mapping of this version, while readers and writers go on.

For each slice: an index behind no alias is filled with `_reindex`, which copies inside the cluster and keeps versions, so no
mention passes through this process. Then what changed meanwhile is copied, both aliases move in one step, and what reached the
old index in the last moment is copied once more. Last, what went from the directory meanwhile goes from the copy. Versions
decide: a copy never replaces anything newer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from index.elastic.client import Client, Operation, action
from index.elastic.directory import Directory
from index.elastic.layout import Layout
from index.store import IndexFailure, Json

logger = logging.getLogger(__name__)

PAGE: Final = 1000
LOOK: Final = 0.2  # seconds between two looks at a copy under way
SKEW_US: Final = 120_000_000  # by how much the clocks of two machines may differ


def rebuild(
    client: Client, layout: Layout, directory: Directory, progress: Callable[[int, int], None] | None = None
) -> int:
    """See `Index.rebuild`. Raises IndexFailure, StoreUnavailable; what was not finished is cleared away by the next one."""
    layout.ready()
    told = progress or (lambda done, total: None)
    began = time.time_ns() // 1000 - SKEW_US
    slices = layout.slices()
    client.call("POST", f"/{layout.mentions}/_refresh", ignore_unavailable="true")
    sizes = {slice: _count(client, index) for slice, index in slices.items()}
    total, done = sum(sizes.values()), 0
    for slice, old in sorted(slices.items()):
        new = _next(old)
        client.call("DELETE", f"/{new}", ignore_unavailable="true")  # left by a rebuild that was cut off
        layout.create(new)
        for copied in _copy(client, old, new):
            told(min(done + copied, total), total)
        _copy_all(client, old, new)
        _move_aliases(client, layout, slice, old, new)
        _copy_all(client, old, new)
        _drop_gone(client, layout, directory, slice, new, began)
        client.call("DELETE", f"/{old}")
        done += sizes[slice]
        extra = {"action": "slice-rebuilt", "slice": slice, "index": new}
        logger.info("made %s anew with %d mentions", slice, sizes[slice], extra=extra)
    client.call("POST", f"/{layout.mentions}/_refresh", ignore_unavailable="true")
    count = _count(client, layout.mentions) if slices else 0
    told(count, count)
    return count


def _next(index: str) -> str:
    """...-g1 -> ...-g2"""
    name, _, generation = index.rpartition("-g")
    return f"{name}-g{int(generation) + 1}"


def _count(client: Client, index: str) -> int:
    return int(client.call("GET", f"/{index}/_count")["count"])


def _copy(client: Client, old: str, new: str) -> Iterator[int]:
    """Copies what is missing or newer; yields how many it has come past."""
    client.call("POST", f"/{old}/_refresh")
    body = {
        "conflicts": "proceed",
        "source": {"index": old, "size": PAGE},
        "dest": {"index": new, "version_type": "external"},
    }
    task = client.call("POST", "/_reindex", body, wait_for_completion="false")["task"]
    while True:
        said: Any = client.call("GET", f"/_tasks/{task}")
        status: Json = said["task"]["status"]
        yield status["created"] + status["updated"] + status["version_conflicts"]
        if said["completed"]:
            failures = said.get("error") or said.get("response", {}).get("failures")
            if failures:
                raise IndexFailure(f"{old} cannot be copied into {new}: {failures}")
            return
        time.sleep(LOOK)


def _copy_all(client: Client, old: str, new: str) -> None:
    for _ in _copy(client, old, new):
        pass


def _move_aliases(client: Client, layout: Layout, slice: str, old: str, new: str) -> None:
    client.call("POST", f"/{new}/_refresh")
    aliases = (layout.mentions, layout.write_alias(slice))
    actions: list[Json] = [{"remove": {"index": old, "alias": alias}} for alias in aliases]
    actions += [{"add": {"index": new, "alias": alias}} for alias in aliases]
    client.call("POST", "/_aliases", {"actions": actions})


def _drop_gone(client: Client, layout: Layout, directory: Directory, slice: str, new: str, began: int) -> None:
    """What was erased or deleted while the copy was made may have been copied before: it goes again."""
    directory.refresh()
    query = {"bool": {"filter": [{"term": {"live": False}}, {"range": {"written": {"gte": began}}}]}}
    body: Json = {"query": query, "size": PAGE, "sort": [{"written": "asc"}], "_source": ["written"]}
    while True:
        hits = directory.search(body)["hits"]["hits"]
        if not hits:
            return
        client.bulk(
            [
                Operation(
                    action("delete", new, hit["_id"], version=hit["_source"]["written"], version_type="external_gte")
                )
                for hit in hits
            ]
        )
        body["search_after"] = hits[-1]["sort"]
