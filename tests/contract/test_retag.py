"""History tagged anew on the real log and the real store, also beside a worker and under kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from index_backends import START, Stores, opened, settled

from enrichment import GROUP, Enricher, EnrichmentSettings, bring_in, retag, run_worker
from index import Index, Tally
from infra.testbed.waiting import PATIENCE, until
from stream import RAW, Brand, Edit, Item, Log, Record, TaggingEngine, mention_id, open_log

SETTINGS = EnrichmentSettings(story_window=1024)
OLD = (Brand(name="Acme"),)
NEW = (Brand(name="Acme", exclude=("cartoon",)), Brand(name="Velox"))
CHILD = """
import sys
from pathlib import Path
from enrichment import Enricher, EnrichmentSettings, retag
from index import open_index
from stream import Brand, open_log
where = Path(sys.argv[1])
new = Enricher([Brand(name="Acme", exclude=("cartoon",)), Brand(name="Velox")], EnrichmentSettings(story_window=1024))
def progress(done, total):
    print(done, total, flush=True)
retag(open_log(where / "log"), open_index(where / "index"), new, lambda: False, progress=progress)
"""


@pytest.fixture(scope="module")
def enrichers() -> tuple[Enricher, Enricher]:
    return Enricher(OLD, SETTINGS), Enricher(NEW, SETTINGS)


@pytest.fixture
def index(stores: Stores) -> Index:
    return stores()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "log")
    yield log
    log.close()


def fetch(log: Log, number: int, text: str, kind: str = "upsert", author: str = "") -> str:
    at = START + timedelta(minutes=number)
    one = Item(
        id=mention_id(f"item:{number}"), source="feed:one", channel="feed", fetched_at=at, published_at=at,
        text=text, kind=kind, author=author, language="it",
    )  # type: ignore[arg-type]  # fmt: skip
    log.append(RAW, [Record(one.id.encode(), msgspec.json.encode(one))], account="feed:one")
    return one.id


def work(log: Log, index: Index, enricher: Enricher) -> None:
    """A worker, until nothing is left to handle."""
    end = sum(end for _, end in log.ends(RAW).values())
    run_worker(log, index, enricher, lambda: sum(log.committed(GROUP, RAW).values()) >= end)
    settled(index)


def balanced(log: Log, index: Index) -> bool:
    return log.accounts(RAW)["feed:one"] == index.books()["feed:one"].received


def test_tags_are_new_humans_and_books_stay(log: Log, index: Index, enrichers: tuple[Enricher, Enricher]) -> None:
    old, new = enrichers
    both, cartoon, corrected, kept = (
        fetch(log, number, text)
        for number, text in enumerate(["Acme e Velox oggi", "Acme cartoon", "Acme è pessima", "Acme cartoon, a mano"])
    )
    work(log, index, old)
    index.edit([_edit(corrected, {"sentiment": "positive", "topic": ["price"]}), _edit(kept, {"brand": ["acme"]})])
    books = index.books()
    seen: list[tuple[int, int]] = []
    told = retag(log, settled(index), new, lambda: False, progress=lambda *step: seen.append(step))
    assert (told.retagged, told.by_hand, told.unnamed, told.dropped) == (2, 1, 2, 0)
    assert told.finished and seen[0] == (0, 4) and seen[-1] == (4, 4)
    found = {one["id"]: one for one in settled(index).get([both, cartoon, corrected, kept])}
    assert found[both]["brand"] == ["acme", "velox"] and found[both]["engine"] == new.engine
    assert (found[corrected]["sentiment"], found[corrected]["topic"]) == ("positive", ["price"])
    assert found[corrected]["engine"] == new.engine
    assert found[cartoon]["engine"] == found[kept]["engine"] == old.engine
    assert index.books() == books and balanced(log, index)
    again = retag(log, index, new, lambda: False, drop=True)
    assert (again.retagged, again.dropped, again.unnamed) == (0, 1, 1)  # the brand that a human gave it holds
    assert [one["id"] for one in index.get([cartoon, kept])] == [kept]


def test_what_names_a_brand_only_now_comes_in_from_the_log(
    log: Log, index: Index, enrichers: tuple[Enricher, Enricher]
) -> None:
    old, new = enrichers
    late = fetch(log, 1, "Velox arriva tardi")
    fetch(log, 2, "niente di noi")
    gone = fetch(log, 3, "Velox, poi tolto")
    fetch(log, 3, "", kind="tombstone")
    erased = fetch(log, 4, "Velox ha scritto Ugo", author="Ugo")
    ancient = fetch(log, -60 * 24 * 900, "Velox anni fa")
    index.edit([Edit(id="e", at=START, by="anna", kind="erase-author", author="Ugo")])
    work(log, index, old)
    assert index.books()["feed:one"] == Tally(not_a_mention=5, erased=1)
    assert bring_in(log, index, new, lambda: False, since=START - timedelta(days=730)) == 1
    work(log, index, new)
    (found,) = index.get([late, gone, erased, ancient])
    assert (found["id"], found["brand"], found["backfill"]) == (late, ["velox"], True)
    assert balanced(log, index)
    assert bring_in(log, index, new, lambda: False, since=START - timedelta(days=730)) == 0


def test_it_waits_for_live_work_and_workers_say_what_they_tag_with(
    log: Log, index: Index, stores: Stores, enrichers: tuple[Enricher, Enricher], tmp_path: Path
) -> None:
    old, new = enrichers
    fetch(log, 0, "Acme uno")
    work(log, index, old)
    said = index.records.get(TaggingEngine.KIND, TaggingEngine.ID)
    assert said and msgspec.json.decode(said.body, type=TaggingEngine).engine == old.engine
    for number in range(1, 400):
        fetch(log, number, f"Acme numero {number}")
    stop = threading.Event()

    def run() -> None:
        other = open_log(tmp_path / "log")
        retag(other, stores(), new, stop.is_set)
        other.close()

    retagging = threading.Thread(target=run)
    retagging.start()
    assert index.get([mention_id("item:0")])[0]["engine"] == old.engine
    assert retagging.is_alive()  # 399 records wait
    worker = Enricher(NEW, SETTINGS)
    work(log, index, worker)
    until(lambda: index.get([mention_id("item:0")])[0]["engine"] == new.engine)
    retagging.join(timeout=PATIENCE)
    assert not retagging.is_alive()


@pytest.mark.faults
def test_killed_again_and_again_it_finishes_and_loses_nothing(
    tmp_path: Path, enrichers: tuple[Enricher, Enricher]
) -> None:
    """Beside an indexer; each run is killed after a page, the last one may end."""
    old, new = enrichers
    with opened("embedded", tmp_path) as stores:
        log, index = open_log(tmp_path / "log"), stores()
        ids = [fetch(log, number, f"Acme numero {number}") for number in range(1200)]
        work(log, index, old)
        index.edit([_edit(id, {"sentiment": "positive"}) for id in ids[::100]])
        books = index.books()
        for pages in (1, 2, 0):
            child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            for _ in range(pages + 1):
                child.stdout.readline()
            if pages:
                os.kill(child.pid, signal.SIGKILL)
            child.stdout.read()
            child.wait()
            child.stdout.close()
            settled(index)
        found = index.get(ids)
        assert {one["engine"] for one in found} == {new.engine} and len(found) == 1200
        assert [one["id"] for one in found if one["sentiment"] == "positive" and one.get("edited")] == ids[::100]
        assert index.books() == books
        log.close()


def _edit(id: str, changes: dict[str, str | list[str]]) -> Edit:
    return Edit(id=f"edit-{id}", at=START, by="anna", mention=id, changes=changes)
