"""A file imported into a log, tagged by the worker, found in the store: every row is accounted for, and once only."""

from __future__ import annotations

import csv
import gzip
import html
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from crawlers import ImportFailed, import_file
from enrichment import GROUP, Enricher, EnrichmentSettings, run_worker
from index import Index, Tally, open_index, open_upkeep
from stream import RAW, Brand, Item, Log, LogFull, Record, open_log

DATA = Path(os.environ.get("RONZIO_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
AIRLINE = DATA / "airline" / "tweets_16-22feb.csv.gz"
HANDLES = ("virginamerica", "united", "southwestair", "jetblue", "usairways", "americanair")
SOURCE = "import:storia"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "log")
    yield log
    log.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = open_index(tmp_path / "index")
    yield index
    index.close()


def bring(path: Path, log: Log, **mapping: str) -> tuple[int, int, int]:
    result = import_file(path, log, mapping=mapping, source_name="Storia")
    return result.rows, result.appended, result.refused


def tag(log: Log, index: Index, *brands: Brand) -> None:
    """The worker, until it has handled all."""
    enricher = Enricher(brands, EnrichmentSettings(story_window=1024))

    def done() -> bool:
        at = log.committed(GROUP, RAW)
        return all(at.get(partition, 0) >= end for partition, (_, end) in log.ends(RAW).items())

    run_worker(log, index, enricher, done)


def index_all(index: Index, directory: Path) -> None:
    """The indexer, until everything can be searched."""
    upkeep = open_upkeep(directory)
    upkeep.run(lambda: not index.fresh()["behind"])


def items_in(log: Log) -> list[Item]:
    found = []
    for partition, (first, _) in log.ends(RAW).items():
        found += [msgspec.json.decode(one.value, type=Item) for one in log.read(RAW, partition, first, 100_000)]
    return found


def test_rows_become_mentions_once(tmp_path: Path, log: Log, index: Index) -> None:
    path = tmp_path / "storia.csv"
    lines = [f"Aurora numero {i},2026-03-0{1 + i % 9}" for i in range(2500)]
    path.write_text(
        "\n".join(["testo,data", *lines, "nessuna marca,2026-03-01", ",2026-03-02", "Aurora numero 1,2026-03-02"])
    )
    assert bring(path, log) == (2503, 2502, 1)
    tag(log, index, Brand(name="Aurora"))
    index_all(index, tmp_path / "index")
    assert index.count({"term": {"brand": "aurora"}}) == 2500
    assert index.count({"term": {"backfill": True}}) == 2500
    assert index.books()[SOURCE] == Tally(indexed=2500, duplicate=1, not_a_mention=1)
    before = {one["id"]: one for one in index.recent(10_000)}

    assert bring(path, log) == (2503, 2502, 1)
    tag(log, index, Brand(name="Aurora"))
    assert {one["id"]: one for one in index.recent(10_000)} == before
    assert log.accounts(RAW)[SOURCE] == index.books()[SOURCE].received == 5004
    (letter,) = log.dead(RAW)
    assert (letter.source, letter.reason) == (SOURCE, "no text: storia.csv, line 2503")
    assert json.loads(letter.value) == {"testo": "", "data": "2026-03-02"}


@pytest.mark.data
@pytest.mark.skipif(not AIRLINE.exists(), reason=f"there is no {AIRLINE}; RONZIO_DATA says where the data is")
def test_real_tweets_whose_ids_are_rounded(tmp_path: Path, log: Log, index: Index) -> None:
    with gzip.open(AIRLINE, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    distinct = {(row["name"], row["tweet_created"], " ".join(html.unescape(row["text"]).split())) for row in rows}
    assert 10_000 < len(distinct) < len(rows)
    assert bring(AIRLINE, log) == (len(rows), len(rows), 0)
    assert len({item.id for item in items_in(log)}) == len(distinct)
    assert {item.date_origin for item in items_in(log)} == {"stated"}

    tag(log, index, Brand(name="Airlines", keywords=HANDLES))
    index_all(index, tmp_path / "index")
    wanted = sum(any(handle in text.lower() for handle in HANDLES) for _, _, text in distinct)
    assert wanted > 10_000
    assert index.count({"term": {"brand": "airlines"}}) == wanted
    tally = index.books()[SOURCE]
    assert (tally.received, tally.dead) == (len(rows), 0)


def test_progress_reaches_the_end(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text\n" + "".join(f"riga {i}\n" for i in range(3500)))
    told: list[tuple[int, int]] = []
    import_file(path, log, mapping={}, source_name="x", progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


class FullLater:
    """A log whose disk is full after some batches."""

    def __init__(self, log: Log, batches: int) -> None:
        self._log, self._left = log, batches
        self.bury = log.bury

    def append(self, topic: str, records: list[Record], *, account: str = "") -> None:
        self._left -= 1
        if self._left < 0:
            raise LogFull("no space left")
        self._log.append(topic, records, account=account)


def test_a_full_disk_ends_the_import_and_it_can_be_done_again(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text\n" + "".join(f"riga {i}\n" for i in range(3500)))
    with pytest.raises(ImportFailed, match=r"x\.csv: the disk is full \(2000 rows before that were imported\)"):
        import_file(path, FullLater(log, 2), mapping={}, source_name="x")  # type: ignore[arg-type]
    import_file(path, log, mapping={}, source_name="x")
    assert len(items_in(log)) == 5500
    assert len({item.id for item in items_in(log)}) == 3500


def test_columns_that_are_wrong_fill_no_dead_letters(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,empty\n" + "riga,\n" * 1500)
    with pytest.raises(ImportFailed, match="none of the first 1000 rows can be used; line 2: no text"):
        import_file(path, log, mapping={"text": "empty"}, source_name="x")
    assert not log.dead(RAW)
    assert not items_in(log)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"")])
def test_what_cannot_be_read_is_named(tmp_path: Path, log: Log, make: Callable[[Path], object]) -> None:
    path = tmp_path / "x.csv"
    make(path)
    with pytest.raises(ImportFailed, match=r"x\.csv: "):
        import_file(path, log, mapping={}, source_name="x", now=datetime(2026, 3, 3, tzinfo=UTC))
