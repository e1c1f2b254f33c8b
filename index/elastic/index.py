"""The scaled-out backend: mentions, directory and small records in Elasticsearch. `layout` tells what lies where.

Any number of processes may write and search. A mention is searchable within the second after it is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from index.elastic.client import Client
from index.elastic.directory import Directory
from index.elastic.layout import Layout, patiently_missing
from index.elastic.positions import Positions
from index.elastic.rebuild import rebuild
from index.elastic.records import ElasticRecords
from index.elastic.retention import retain
from index.elastic.search import Search
from index.elastic.settings import ElasticSettings
from index.elastic.stage import Show, Stage
from index.elastic.writing import Writer
from index.store import Json, Records, Retagged, Tally, Written
from stream import Edit, Mention, Position, utc_now

_PAGE: Final = 1000
_UPKEEP_EVERY: Final = 0.4  # seconds between two looks whether to stop


class ElasticIndex:
    """`Index` in Elasticsearch; see there for what each method guarantees."""

    records: Records

    def __init__(self, settings: ElasticSettings, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.client = Client(settings)
        self.layout = Layout(self.client, settings)
        self.directory = Directory(self.client, self.layout)
        self.kept = Positions(self.client, self.layout)
        self.records = ElasticRecords(self.client, self.layout)
        self._stage = Stage(self.client, self.layout, self.directory)
        self._writer = Writer(self.client, self.layout, self.directory, self._stage, self.kept)

    # -- writing ------------------------------------------------------------------------------------------------------
    def resume(self, position: Position) -> int | None:
        self.layout.ready()
        return self.kept.resume(position)

    def write(
        self,
        mentions: Sequence[Mention],
        *,
        tallies: Mapping[str, Tally] | None = None,
        position: Position | None = None,
    ) -> Written:
        return Written(self._writer.write(mentions, tallies, position))

    def edit(self, edits: Sequence[Edit], *, position: Position | None = None) -> None:
        self._writer.edit(edits, position)

    def assign(self, stories: Mapping[str, str], events: Mapping[str, str] | None = None) -> None:
        self._writer.assign(stories, events)

    def retag(self, mentions: Sequence[Retagged]) -> int:
        return self._writer.retag(mentions)

    def delete(self, ids: Sequence[str]) -> int:
        return self._writer.delete(ids)

    def retain(self, before: datetime) -> int:
        return retain(self.client, self.layout, before)

    # -- reading ------------------------------------------------------------------------------------------------------
    def search(self, body: Json) -> Json:
        return self._search().answer(body)

    def search_many(self, bodies: Sequence[Json]) -> list[Json]:
        return self._search().answers(bodies)

    def count(self, query: Json) -> int:
        return self._search().count(query)

    def get(self, ids: Sequence[str]) -> list[Json]:
        wanted = list(dict.fromkeys(ids))
        reads = patiently_missing(lambda: self.directory.read(wanted), {}) if wanted else {}
        places = [(id, reads[id].entry.slice) for id in wanted if id in reads and reads[id].entry.live]
        if not places:
            return []
        docs = [{"_index": self.layout.write_alias(slice), "_id": id} for id, slice in places]
        return [document["_source"] for document in self.client.mget("", {"docs": docs}) if document.get("found")]

    def scan(self, query: Json, *, batch: int = 1000) -> Iterator[list[Json]]:
        return self._search().scan(query, batch)

    def recent(self, limit: int) -> Iterator[Json]:
        ids = self._written_last(limit)
        for start in range(0, len(ids), _PAGE):
            yield from self.get(ids[start : start + _PAGE])

    def _written_last(self, limit: int) -> list[str]:
        """Oldest of them first."""
        self.layout.ready()
        self.directory.refresh()
        body: Json = {"query": {"term": {"live": True}}, "sort": [{"written": "desc"}], "_source": False}
        ids: list[str] = []
        while len(ids) < limit:
            hits = self.directory.search({**body, "size": min(10 * _PAGE, limit - len(ids))})["hits"]["hits"]
            if not hits:
                break
            ids += [hit["_id"] for hit in hits]
            body["search_after"] = hits[-1]["sort"]
        return ids[::-1]

    def books(self) -> Mapping[str, Tally]:
        return self.kept.books()

    def positions(self) -> Sequence[Position]:
        return self.kept.all()

    def fresh(self) -> Json:
        """Asks Elasticsearch to make searchable what it has, so that what it tells is exact. "behind": in the directory, but
        not on show yet; "outdated": slices whose mapping another version made."""
        self.layout.ready()
        indices = f"{self.layout.directory},{self.layout.mentions}"
        self.client.call("POST", f"/{indices}/_refresh", ignore_unavailable="true")
        live = {"query": {"term": {"live": True}}}
        documents = int(self.client.call("POST", f"/{self.layout.directory}/_count", live)["count"])
        searchable = self._search().count({"match_all": {}})
        behind, outdated = max(0, documents - searchable), len(self.layout.outdated())
        return {"documents": documents, "searchable": searchable, "behind": behind, "refused": 0, "outdated": outdated}

    # -- moving -------------------------------------------------------------------------------------------------------
    def stamp(self) -> int:
        """A version above all given out by this process."""
        return self.directory.stamp()

    def show(self, shows: Mapping[str, Show]) -> None:
        """Puts mentions on show, as `index.moving` brings them. Raises Refused."""
        self._stage.show(shows)

    # -- upkeep -------------------------------------------------------------------------------------------------------
    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        return rebuild(self.client, self.layout, self.directory, progress)

    def close(self) -> None:
        self.client.close()

    def _search(self) -> Search:
        return Search(self.client, self.layout, self._now())


class ElasticUpkeep:
    """Elasticsearch makes what is written searchable by itself: there is nothing to do but to be there."""

    def __init__(self, settings: ElasticSettings) -> None:
        self._settings = settings

    def run(self, stop: Callable[[], bool]) -> None:
        """Makes the indices if they are not there, then waits."""
        index = ElasticIndex(self._settings)
        try:
            index.layout.ready()
        finally:
            index.close()
        while not stop():
            time.sleep(_UPKEEP_EVERY)
