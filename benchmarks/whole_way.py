"""The whole way, log to searchable, beside tantivy alone.

    python -m benchmarks.whole_way [MENTIONS] [WORKERS]

Appends airline tweets (repeated with new ids and words) to a log; worker processes tag and store them; the indexer makes them
searchable. Then the same bodies go into tantivy alone: one thread, same fields, same tokenizer, one commit. Prints both rates,
their ratio, and the peak memory of each process by quarter of the run. RONZIO_DATA names the data (default ../shared/data).
"""

from __future__ import annotations

import csv
import gzip
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec
import psutil

from enrichment import Enricher, EnrichmentSettings, run_worker
from index import Index, open_index, open_upkeep
from index.layout import SEQUENCE
from index.view import HEAP
from index.view import open_index as open_view
from stream import RAW, Brand, Item, Record, connect, mention_id, open_log

AIRLINES = ("United", "Delta", "Southwest", "JetBlue", "USAirways", "AmericanAir", "VirginAmerica")
BATCH = 1000
START = datetime(2026, 1, 1, tzinfo=UTC)


def airline_texts(data: Path) -> list[str]:
    with gzip.open(data / "airline" / "tweets_16-22feb.csv.gz", "rt", encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file)]


def items(texts: list[str], count: int) -> Iterator[Item]:
    for number in range(count):
        at = START + timedelta(seconds=number * 5)
        author = f"user{number * 7919 % 20_011}"
        yield Item(
            id=mention_id(f"tweet:{number}"),
            source="import:airline",
            channel="import",
            fetched_at=at,
            published_at=at,
            url=f"https://social.example/{author}/status/{number}",
            site="social.example",
            text=f"{texts[number % len(texts)]} ref{number % 70_001} gate{number % 977}",
            author=author,
            reach=number % 5000,
        )


def enricher() -> Enricher:
    brands = [Brand(id=name.lower(), name=name, keywords=(name, f"@{name}")) for name in AIRLINES]
    return Enricher(brands, EnrichmentSettings())


def work(directory: Path, ready: Any, stop: Any) -> None:
    with closing(open_log(directory / "log")) as log, closing(open_index(directory / "index")) as index:
        tagger = enricher()
        ready.release()
        run_worker(log, index, tagger, stop.is_set)


def follow(directory: Path, ready: Any, stop: Any) -> None:
    upkeep = open_upkeep(directory / "index")
    ready.release()
    upkeep.run(stop.is_set)


class Memory:
    """Peak memory (USS) of each process, given by its id, by quarter of the work, and its processor time."""

    def __init__(self, processes: Mapping[str, int | None]) -> None:
        self._processes = {name: psutil.Process(id) for name, id in processes.items()}
        self.peaks = {name: [0.0] * 4 for name in processes}
        self._before = self._seconds()
        self.spent: dict[str, float] = {}

    def _seconds(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: each.user + each.system for name, each in times.items()}

    def busy(self) -> dict[str, float]:
        """Seconds of processor time since the beginning."""
        return {name: seconds - self._before[name] for name, seconds in self._seconds().items()}

    def look(self, share: float) -> None:
        quarter = min(3, int(share * 4))
        for name, process in self._processes.items():
            peaks = self.peaks[name]
            peaks[quarter] = max(peaks[quarter], process.memory_full_info().uss / 1e6)


def append(directory: Path, texts: list[str], count: int, ready: Any, start: Any) -> None:
    ready.release()
    start.wait()
    with closing(open_log(directory / "log")) as log:
        batch: list[Record] = []
        for item in items(texts, count):
            batch.append(Record(item.id.encode(), msgspec.json.encode(item)))
            if len(batch) == BATCH:
                log.append(RAW, batch, account=item.source)
                batch = []
        if batch:
            log.append(RAW, batch, account="import:airline")


def whole(directory: Path, texts: list[str], count: int, workers: int) -> tuple[float, int, Memory]:
    """Seconds from the first append to the last mention searchable, mentions, memory."""
    context = multiprocessing.get_context("spawn")
    ready, start, stop = context.Semaphore(0), context.Event(), context.Event()
    open_log(directory / "log").close()
    with closing(open_index(directory / "index")) as index:
        targets = {f"worker {n + 1}": work for n in range(workers)} | {"indexer": follow}
        processes: dict[str, BaseProcess] = {
            name: context.Process(target=target, args=(directory, ready, stop)) for name, target in targets.items()
        }
        appender = context.Process(target=append, args=(directory, texts, count, ready, start))
        try:
            for process in (*processes.values(), appender):
                process.start()
            for _ in (*processes, appender):
                ready.acquire()
            memory = Memory({name: process.pid for name, process in processes.items()})
            begin = time.perf_counter()
            start.set()
            wait(index, processes, memory, count)
            took = time.perf_counter() - begin
            memory.spent = memory.busy()
        finally:
            stop.set()
            for process in (*processes.values(), appender):
                process.join()
        return took, int(index.fresh()["searchable"]), memory


def wait(index: Index, processes: dict[str, BaseProcess], memory: Memory, count: int) -> None:
    while True:
        handled = sum(tally.received for tally in index.books().values())
        memory.look(handled / count)
        if not all(process.is_alive() for process in processes.values()):
            raise SystemExit("a process has ended by itself")
        if handled >= count and index.fresh()["behind"] == 0:
            return
        time.sleep(0.1)


def alone(directory: Path) -> tuple[float, int]:
    """Seconds tantivy takes for the same bodies, and how many; reading them is not counted."""
    (directory / "alone").mkdir()
    writer = open_view(directory / "alone", create=True).writer(HEAP, 1)
    took, count = 0.0, 0
    with closing(connect(directory / "index" / "documents.db")) as connection:
        rows = connection.execute("SELECT seq, body FROM docs ORDER BY seq")
        while chunk := rows.fetchmany(5000):
            bodies = [f'{body[:-1].decode()},"{SEQUENCE}":{seq}}}' for seq, body in chunk]
            begin = time.perf_counter()
            for body in bodies:
                writer.add_json(body)
            took += time.perf_counter() - begin
            count += len(bodies)
        begin = time.perf_counter()
        writer.commit()
        took += time.perf_counter() - begin
    return took, count


def main(count: int = 100_000, workers: int = 2) -> None:
    texts = airline_texts(Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        took, mentions, memory = whole(directory, texts, count, workers)
        bare, bodies = alone(directory)
        sizes = {
            part: sum(f.stat().st_size for f in (directory / part).rglob("*") if f.is_file())
            for part in ("log", "index")
        }
    rate, floor = count / took, bodies / bare
    print(f"{count:,} records, {mentions:,} mentions, {workers} worker(s) and the indexer on {os.cpu_count()} cores")
    print(f"  the whole way      {rate:9,.0f} a second ({took:.1f} s)")
    print(f"  tantivy alone      {floor:9,.0f} a second, one thread")
    print(f"  ratio              {rate / floor:9.2f}")
    print(
        f"  on disk            log {sizes['log'] / count:,.0f} B, documents and view {sizes['index'] / count:,.0f} B a mention"
    )
    for process, peaks in memory.peaks.items():
        spent = memory.spent[process] / count * 1e6
        print(f"  {process:<18} {' / '.join(f'{peak:.0f}' for peak in peaks)} MB by quarter, {spent:.0f} us a record")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
