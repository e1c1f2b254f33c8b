"""The backends of the store that the contract runs on. A new one is one more entry of BACKENDS."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from index import Index, Upkeep, open_index, open_upkeep
from index.elastic.client import Client
from index.elastic.index import ElasticIndex, ElasticUpkeep
from index.elastic.settings import ElasticSettings
from infra.testbed.waiting import until
from stream import Edit, Mention, Position, mention_id, sort_key

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


class Backend(NamedTuple):
    """`prepare` makes an empty store and says where; `open` and `upkeep` open it, as often as wanted."""

    prepare: Callable[[Path], str]
    open: Callable[[str], Index]
    upkeep: Callable[[str], Upkeep]
    clear: Callable[[str], None]


ELASTICSEARCH = os.environ.get("RONZIO_TEST_ELASTICSEARCH", "")


def elastic_settings(prefix: str) -> ElasticSettings:
    return ElasticSettings(hosts=tuple(ELASTICSEARCH.split(",")), prefix=prefix)


def drop_indices(prefix: str) -> None:
    """Everything a test has made in Elasticsearch goes."""
    client = Client(elastic_settings(prefix))
    for index in client.call("GET", f"/{prefix}*", filter_path="*.settings.index.uuid"):
        client.call("DELETE", f"/{index}")
    client.call("DELETE", f"/_index_template/{prefix}mentions")
    client.close()


KINDS = {
    "embedded": Backend(
        prepare=lambda tmp_path: str(tmp_path / "index"),
        open=lambda where: open_index(Path(where)),
        upkeep=lambda where: open_upkeep(Path(where)),
        clear=lambda where: None,
    ),
    "elastic": Backend(
        prepare=lambda tmp_path: f"t{uuid.uuid4().hex[:12]}-",
        open=lambda where: ElasticIndex(elastic_settings(where)),
        upkeep=lambda where: ElasticUpkeep(elastic_settings(where)),
        clear=drop_indices,
    ),
}
BACKENDS = ["embedded"]
if ELASTICSEARCH:
    BACKENDS.append(pytest.param("elastic", marks=pytest.mark.services))  # type: ignore[arg-type]


class Stores:
    """Opens one store as often as wanted, with its upkeep running; closes what it opened."""

    def __init__(self, name: str, tmp_path: Path) -> None:
        self.name = name
        self._backend = KINDS[name]
        self.where = self._backend.prepare(tmp_path)
        self._open: list[Index] = []
        self._stop = threading.Event()
        self._upkeep = self._backend.upkeep(self.where)
        self._thread = threading.Thread(target=self._upkeep.run, args=(self._stop.is_set,))
        self._thread.start()

    def __call__(self) -> Index:
        index = self._backend.open(self.where)
        self._open.append(index)
        return index

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for index in self._open:
            index.close()
        self._backend.clear(self.where)


@contextmanager
def opened(name: str, tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(name, tmp_path)
    try:
        yield stores
    finally:
        stores.close()


def settled(index: Index) -> Index:
    """Waits until everything written is searchable."""
    until(lambda: index.fresh()["behind"] == 0)
    return index


def mention(number: int, **changes: Any) -> Mention:
    """The mention `number`: one a minute from START on, all of one source unless changed."""
    at = changes.pop("published_at", START + timedelta(minutes=number))
    id = changes.pop("id", mention_id(f"https://example.org/{number}"))
    plain = Mention(
        id=id,
        source="feed:one",
        channel="feed",
        fetched_at=START + timedelta(minutes=number, seconds=30),
        published_at=at,
        date_origin="stated",
        sort_key=sort_key(at, id),
        language="it",
        brand=("acme",),
        sentiment="neutral",
        score=0.0,
        confidence=0.5,
        status="new",
        reach=0,
        backfill=False,
        engine="1",
        digest=f"digest-{number}",
        url=f"https://example.org/{number}",
        site="example.org",
        title=f"Titolo {number}",
        text=f"Il testo numero {number}",
        author="Maria Rossi",
    )
    return msgspec.structs.replace(plain, **changes)


def edit(
    number: int, changes: dict[str, str | list[str]], *, minute: int = 0, name: str = "", by: str = "anna"
) -> Edit:
    """A human's edit of the mention `number`, `minute` minutes after START."""
    at = START + timedelta(minutes=minute)
    id = mention(number).id
    return Edit(id=name or f"{id}-{minute}", at=at, by=by, mention=id, changes=changes)


def erase(number: int) -> Edit:
    id = mention(number).id
    return Edit(id=f"erase-{id}", at=START, by="anna", kind="erase", mention=id)


def erase_author(author: str) -> Edit:
    return Edit(id=f"erase-{author}", at=START, by="anna", kind="erase-author", author=author)


def at(offset: int, epoch: int = 1, partition: int = 0) -> Position:
    return Position("workers", "mentions.raw", partition, epoch, offset)


def found(index: Index, query: dict[str, Any], size: int = 1000) -> list[str]:
    """Ids of what a query finds, as they come."""
    return [hit["_id"] for hit in index.search({"query": query, "size": size})["hits"]["hits"]]


def ids(numbers: Sequence[int]) -> list[str]:
    return [mention(number).id for number in numbers]
