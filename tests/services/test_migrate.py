"""Moving house: from one machine to Kafka and Elasticsearch, on from there, and back; cut off at any step."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from index_backends import ELASTICSEARCH, drop_indices, elastic_settings
from log_backends import KAFKA, drop_topics, kafka_settings

from enrichment import GROUP, STORIES_GROUP, Enricher, EnrichmentSettings, run_stories, run_worker
from index import open_index
from ronzio.moving import Installation, Memory, MoveFailed, move
from ronzio.status import books
from stream import EDITS, RAW, SIGNATURES, Brand, Edit, Item, Record, mention_id, open_log

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not (KAFKA and ELASTICSEARCH), reason="make test-services sets the addresses"),
]
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
COUNT, WAITING = 1200, 130


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher((Brand(name="Aurora"),), EnrichmentSettings(story_window=2048, batch=200))


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = f"t{uuid.uuid4().hex[:12]}."
    yield prefix
    drop_topics(prefix)
    drop_indices(prefix)


def here(folder: Path) -> Installation:
    return Installation(str(folder), open_log(folder / "log"), open_index(folder / "index"))


def there(prefix: str) -> Installation:
    return Installation("services", open_log(kafka_settings(prefix)), open_index(elastic_settings(prefix)))


def close(*sides: Installation) -> None:
    for side in sides:
        side.log.close()
        side.index.close()


def items(start: int, count: int) -> list[Record]:
    made = []
    for number in range(start, start + count):
        text = f"Aurora consegna in ritardo il pacco numero {number % 700} di questa settimana a Torino"
        one = Item(
            id=mention_id(f"item:{number}"), source="feed:prova", channel="feed", fetched_at=NOW, text=text,
            published_at=NOW - timedelta(hours=number), author=f"autore {number % 40}",
        )  # fmt: skip
        made.append(Record(one.id.encode(), msgspec.json.encode(one)))
    return made


def work(side: Installation, enricher: Enricher) -> None:
    def nothing_left() -> bool:
        return not any(sum(side.log.lag(GROUP, topic).values()) for topic in (RAW, EDITS))

    run_worker(side.log, side.index, enricher, nothing_left)
    run_stories(
        side.log, side.index, enricher.settings, lambda: not sum(side.log.lag(STORIES_GROUP, SIGNATURES).values())
    )


def lived_in(folder: Path, enricher: Enricher) -> Installation:
    """An installation with everything in it, and some of it still to handle."""
    side = here(folder)
    side.log.append(RAW, items(0, COUNT), account="feed:prova")
    side.log.append(RAW, [Record(b"k", b"{broken")], account="feed:prova")
    edits = [
        Edit(id=f"e{n}", at=NOW, by="anna", mention=mention_id(f"item:{n}"), changes={"status": "open", "note": f"{n}"})
        for n in range(0, 60, 3)
    ]
    edits.append(Edit(id="before", at=NOW, by="anna", mention=mention_id("item:5000"), changes={"note": "waits"}))
    edits.append(Edit(id="gone", at=NOW, by="anna", kind="erase", mention=mention_id("item:7")))
    edits.append(Edit(id="author", at=NOW, by="anna", kind="erase-author", author="Autore 13"))
    side.log.append(EDITS, [Record(b"k", msgspec.json.encode(edit)) for edit in edits])
    work(side, enricher)
    incident = {"id": "acme-1", "state": "open"}
    side.index.records.put("incident", "acme-1", msgspec.json.encode(incident))
    side.index.records.put("mail", "acme-1/start", b'{"sent": true}')
    side.index.records.put("source", "feed:prova", b'{"cursor": "x"}')
    side.index.records.put("lease", "crawler", b'{"host": "old"}')
    side.log.append(RAW, items(COUNT, WAITING), account="feed:prova")
    late = Edit(id="late", at=NOW, by="anna", mention=mention_id("item:1"), changes={"note": "late"})
    side.log.append(EDITS, [Record(b"k", msgspec.json.encode(late))])
    return side


def told(_what: str, _done: int, _total: int) -> None:
    pass


def everything(side: Installation) -> dict[str, Any]:
    return {body["id"]: body for batch in side.index.scan({"match_all": {}}) for body in batch}


def test_there_and_back_nothing_is_lost_and_nothing_twice(tmp_path: Path, prefix: str, enricher: Enricher) -> None:
    old, new = lived_in(tmp_path / "old", enricher), there(prefix)
    with pytest.raises(MoveFailed, match="holds an installation already"):
        move(new, old, Memory(tmp_path / "wrong.json"), told)
    figures = move(old, new, Memory(tmp_path / "memory.json"), told)
    assert figures["mentions"] == sum(1 for _ in old.index.get([mention_id(f"item:{n}") for n in range(COUNT)])) > 1100
    assert sum(new.log.lag(GROUP, RAW).values()) in range(WAITING, WAITING + 20)
    assert new.index.records.get("lease", "crawler") is None
    work(new, enricher)
    account = {entry.source: entry for entry in books(new.log, new.index)}
    assert sum(entry.waiting for entry in account.values()) == 0
    assert account["feed:prova"].fetched == COUNT + 1 + WAITING
    late = new.index.get([mention_id("item:1"), mention_id("item:3"), mention_id(f"item:{COUNT + 1}")])
    assert [one.get("note") for one in late] == ["late", "3", None]
    (copy,) = new.index.get([mention_id(f"item:{COUNT + 50}")])
    assert copy["story"] != copy["id"], "copies of mentions from before the move are known"
    assert new.index.get([mention_id("item:7"), mention_id("item:13")]) == []
    back = here(tmp_path / "back")
    move(new, back, Memory(tmp_path / "memory.json"), told)
    assert len(back.log.dead(RAW)) == 1
    bodies = {body["id"]: body for body in back.index.get(list(everything(new)))}
    assert bodies == everything(new)
    work(back, enricher)
    assert sum(entry.waiting for entry in books(back.log, back.index)) == 0
    close(old, new, back)


class CutOff(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 5, 8, 12])
def test_a_move_that_was_cut_off_goes_on(tmp_path: Path, prefix: str, enricher: Enricher, after: int) -> None:
    old = lived_in(tmp_path / "old", enricher)
    calls = 0

    def cut(_what: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise CutOff

    first = there(prefix)
    with pytest.raises(CutOff):
        move(old, first, Memory(tmp_path / "memory.json"), cut)
    close(first)
    second = there(prefix)
    move(old, second, Memory(tmp_path / "memory.json"), told)
    assert sum(second.log.lag(GROUP, RAW).values()) in range(WAITING, WAITING + 30)
    close(old, second)


def test_what_differs_is_named(
    tmp_path: Path, prefix: str, enricher: Enricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = lived_in(tmp_path / "old", enricher), there(prefix)
    put = new.index.records.put
    monkeypatch.setattr(new.index.records, "put", lambda kind, id, body: put(kind, id, body + b" "))
    with pytest.raises(MoveFailed, match="source records"):
        move(old, new, Memory(tmp_path / "memory.json"), told)
    close(old, new)
