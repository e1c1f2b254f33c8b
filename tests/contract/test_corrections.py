"""What people corrected holds for ever: over tagging history anew, over the log read again from its beginning, into the store
that is there or into an empty one, and over a rebuild of what is searched. Each field that can be corrected, by a value and by
nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from index_backends import START, Stores, found, settled

from enrichment import GROUP, Enricher, EnrichmentSettings, retag, run_worker
from index import Index
from stream import EDITS, RAW, Brand, Edit, Item, Log, Record, mention_id, open_log

SETTINGS: Final = EnrichmentSettings(engine="lexicon", story_window=1024)
OLD, NEW = (Brand(name="Acme"),), (Brand(name="Acme"), Brand(name="Velox"))
TEXT: Final = "La consegna di Acme e Velox era in ritardo, il corriere pessimo, e costa troppo"
CORRECTIONS: Final[tuple[dict[str, str | list[str]], ...]] = (
    {"sentiment": "positive"},
    {"language": "en"},
    {"language": "und"},
    {"brand": ["beta"]},
    {"brand": ["beta", "acme"]},
    {"product": ["phone"]},
    {"topic": ["staff"]},
    {"topic": []},
    {"department": ["press"]},
    {"department": []},
    {
        "sentiment": "neutral",
        "language": "fr",
        "brand": ["velox"],
        "topic": ["a-word-of-ours"],
        "department": ["shops"],
    },
    {"status": "closed", "assignee": "ugo", "note": "fatto"},
    {},
)
FIELDS: Final = sorted({field for changes in CORRECTIONS for field in changes})
IDS: Final = [mention_id(f"item:{number}") for number in range(len(CORRECTIONS))]


@pytest.fixture(scope="module")
def enrichers() -> tuple[Enricher, Enricher]:
    return Enricher(OLD, SETTINGS), Enricher(NEW, SETTINGS)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """With everything in it: what was fetched, and what people said of it."""
    log = open_log(tmp_path / "log")
    for number, id in enumerate(IDS):
        at = START + timedelta(minutes=number)
        one = Item(
            id=id, source="feed:one", channel="feed", fetched_at=at, published_at=at, text=f"{TEXT}, volta {number}",
            language="it",
        )  # fmt: skip
        log.append(RAW, [Record(id.encode(), msgspec.json.encode(one))], account="feed:one")
    for number, changes in enumerate(CORRECTIONS):
        if changes:
            edit = Edit(id=f"e{number}", at=START + timedelta(hours=1), by="anna", mention=IDS[number], changes=changes)
            log.append(EDITS, [Record(edit.mention.encode(), msgspec.json.encode(edit))])
    yield log
    log.close()


def work(log: Log, index: Index, enricher: Enricher) -> None:
    """A worker, until nothing is left to handle."""
    run_worker(log, index, enricher, lambda: not any(any(log.lag(GROUP, topic).values()) for topic in (RAW, EDITS)))
    settled(index)


def again(log: Log, index: Index, enricher: Enricher) -> None:
    """The log from its beginning."""
    for topic in (RAW, EDITS):
        log.reset(GROUP, topic, {partition: first for partition, (first, _) in log.ends(topic).items()})
    work(log, index, enricher)


def check(index: Index, engine: str | None = None) -> None:
    """Every correction stands, and is found; what nobody corrected is the machine's."""
    bodies = {body["id"]: body for body in index.get(IDS)}
    assert list(bodies) == IDS
    plain = bodies[IDS[-1]]
    assert plain.get("edited", {}) == {} and plain["sentiment"] == "negative" and plain["topic"]
    for id, changes in zip(IDS, CORRECTIONS, strict=True):
        body = bodies[id]
        assert {field: body.get(field, []) for field in changes} == changes
        assert sorted(body.get("edited", {})) == sorted(changes)
        for field in {"sentiment", "language", "topic", "department", "brand"} - set(changes):
            assert body.get(field) == plain.get(field), f"{field} beside {changes}"
        if engine is not None:
            assert body["engine"] == engine
        for field, value in changes.items():
            for each in [value] if isinstance(value, str) else value:
                if field != "note":
                    assert id in found(index, {"term": {field: each}})
    assert index.count({"match_all": {}}) == len(IDS)


def retagged(log: Log, index: Index, new: Enricher) -> None:
    told = retag(log, index, new, lambda: False)
    assert (told.retagged, told.by_hand) == (len(IDS), len(IDS) - 1)


def rebuilt(log: Log, index: Index, new: Enricher) -> None:
    index.rebuild()


@pytest.mark.parametrize("way", [retagged, again, rebuilt])
def test_corrections_hold_in_the_store_that_is_there(
    log: Log, stores: Stores, enrichers: tuple[Enricher, Enricher], way: Callable[[Log, Index, Enricher], None]
) -> None:
    old, new = enrichers
    index = stores()
    work(log, index, old)
    check(index, old.engine)
    books = index.books()["feed:one"].indexed
    way(log, index, new)
    check(settled(index), new.engine if way is retagged else None)
    assert index.books()["feed:one"].indexed == books == len(IDS)


def test_corrections_hold_in_an_empty_store(log: Log, stores: Stores, enrichers: tuple[Enricher, Enricher]) -> None:
    """As after the store was lost: the log tells everything again, and then history is tagged anew."""
    index = stores()
    again(log, index, enrichers[0])
    check(index, enrichers[0].engine)
    retagged(log, index, enrichers[1])
    again(log, index, enrichers[1])
    index.rebuild()
    check(settled(index), enrichers[1].engine)
