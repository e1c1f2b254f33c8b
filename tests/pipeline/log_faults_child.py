"""The processes that test_log_faults.py kills: an appender, and a consumer with a sink that keeps positions."""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from stream import RAW, Batch, Fenced, Position, Record, connect, open_log, transaction

BATCH = 5  # small: a process is nearly always in a transaction when it is killed


class Sink:
    """What was handled and how far, in one transaction; a former owner is fenced off by the epoch."""

    def __init__(self, path: Path) -> None:
        self.db = connect(path)
        with transaction(self.db) as db:
            db.execute("CREATE TABLE IF NOT EXISTS handled(row INTEGER PRIMARY KEY, part INT, offset INT, value BLOB)")
            db.execute("CREATE TABLE IF NOT EXISTS position(part INTEGER PRIMARY KEY, epoch INT, offset INT)")

    def resume(self, position: Position) -> int | None:
        with transaction(self.db) as db:
            db.execute(
                "INSERT INTO position VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET epoch = excluded.epoch",
                (position.partition, position.epoch, position.offset),
            )
            query = "SELECT offset FROM position WHERE part = ?"
            return int(db.execute(query, (position.partition,)).fetchone()[0])

    def write(self, batch: Batch) -> None:
        with transaction(self.db) as db:
            changed = db.execute(
                "UPDATE position SET offset = ? WHERE part = ? AND epoch = ?",
                (batch.next_offset, batch.partition, batch.epoch),
            ).rowcount
            if not changed:
                raise Fenced(f"partition {batch.partition}")
            db.executemany(
                "INSERT INTO handled(part, offset, value) VALUES(?, ?, ?)",
                [(batch.partition, record.offset, record.value) for record in batch.records],
            )


def append(directory: Path, name: str) -> None:
    """Goes on behind what the log holds of its own; notes in a file what was acknowledged; ends when told to."""
    log = open_log(directory / "log")
    noted = os.open(directory / f"{name}.acknowledged", os.O_RDWR | os.O_CREAT)
    durable = log.accounts(RAW).get(name, 0)
    assert durable >= int.from_bytes(os.pread(noted, 8, 0), "big"), "an acknowledged record was lost"
    print("ready", flush=True)
    for start in count(durable, BATCH):
        if (directory / "stop").exists():
            break
        batch = [Record(b"%d" % (i % 97), f"{name}-{i}".encode()) for i in range(start, start + BATCH)]
        log.append(RAW, batch, account=name)
        os.pwrite(noted, (start + BATCH).to_bytes(8, "big"), 0)
    log.close()


def consume(directory: Path) -> None:
    """Until it is killed."""
    log, sink = open_log(directory / "log"), Sink(directory / "sink.db")
    consumer = log.consumer("g", [RAW], resume=sink.resume)
    print("ready", flush=True)
    while True:
        for batch in consumer.poll(max_records=200):
            try:
                sink.write(batch)
                consumer.commit(batch)
            except Fenced:
                continue


if __name__ == "__main__":
    if sys.argv[2] == "consume":
        consume(Path(sys.argv[1]))
    else:
        append(Path(sys.argv[1]), sys.argv[2])
