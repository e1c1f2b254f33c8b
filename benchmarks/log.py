"""How fast the log takes and hands out records, beside the plain way: a row for each record in one SQLite table.

    python benchmarks/log.py [RECORDS]

Prints rates and, what compares across machines, their ratio within this run. Both sides are durable on return
(synchronous=FULL); records are of 900 bytes over 1,000 keys.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from stream import RAW, Record, open_log

VALUE = bytes(range(256)) * 3 + bytes(132)
BATCHES = (100, 500, 1000)


def rate(count: int, work: Callable[[], None]) -> float:
    """Records a second."""
    begin = time.perf_counter()
    work()
    return count / (time.perf_counter() - begin)


def log_rates(directory: Path, records: Sequence[Record], size: int) -> tuple[float, float]:
    """Append in batches of `size`; poll all, a thousand at a time, committing each batch."""
    with closing(open_log(directory)) as log:

        def append() -> None:
            for start in range(0, len(records), size):
                log.append(RAW, records[start : start + size], account="bench")

        def poll() -> None:
            with log.consumer("bench", [RAW]) as consumer:
                left = len(records)
                while left:
                    for batch in consumer.poll():
                        left -= len(batch.records)
                        consumer.commit(batch)

        return rate(len(records), append), rate(len(records), poll)


def plain_rates(directory: Path, records: Sequence[Record], size: int) -> tuple[float, float]:
    """The same with a row a record, and one query that reads a thousand at a time."""
    with closing(sqlite3.connect(directory / "plain.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE record(id INTEGER PRIMARY KEY, taken INTEGER, key BLOB, value BLOB)")

        def append() -> None:
            for start in range(0, len(records), size):
                db.execute("BEGIN IMMEDIATE")
                rows = [(time.time_ns(), *record) for record in records[start : start + size]]
                db.executemany("INSERT INTO record(taken, key, value) VALUES(?, ?, ?)", rows)
                db.execute("COMMIT")

        def read() -> None:
            last = 0
            query = "SELECT id, taken, key, value FROM record WHERE id > ? ORDER BY id LIMIT 1000"
            while rows := db.execute(query, (last,)).fetchall():
                last = rows[-1][0]

        return rate(len(records), append), rate(len(records), read)


def main(count: int) -> None:
    records = [Record(b"%d" % (i % 1000), VALUE) for i in range(count)]
    print(f"{count:,} records of {len(VALUE)} bytes; records a second, and the ratio to a row a record")
    for size in BATCHES:
        with tempfile.TemporaryDirectory() as place:
            append, poll = log_rates(Path(place) / "log", records, size)
            plain_append, plain_read = plain_rates(Path(place), records, size)
        print(
            f"batch {size:>5}: append {append:>9,.0f} ({append / plain_append:.2f}x of {plain_append:,.0f})"
            f"   poll {poll:>9,.0f} ({poll / plain_read:.2f}x of {plain_read:,.0f})"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
