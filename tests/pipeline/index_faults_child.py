"""A process of the fault tests that is killed: `DIRECTORY TASK`. Says "ready" when it begins.

`upkeep` follows; `write N` writes mentions from where its position stands up to N, again and again, some of them twice;
`merge` leaves a view behind that is about to merge.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from index import open_index, open_upkeep
from index.view import Writer
from stream import Mention, Position, mention_id, sort_key

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BATCH = 40
SEGMENTS, SEGMENT = 8, 2000  # tantivy merges eight parts of like size
SMALLER = 50  # documents that the first part has less: tantivy merges the largest first, else in any order
AUTHORS = 200


def mention(number: int) -> Mention:
    at = START + timedelta(seconds=number)
    id = mention_id(f"n{number}")
    return Mention(
        id=id,
        source=f"feed:{number % 3}",
        channel="feed",
        fetched_at=at,
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
        digest="1",
        text=f"Il pacco numero {number} non arriva, parola{number % 977} e parola{number % 1013}",
        author=f"autore {number % AUTHORS}",
    )


def write(directory: Path, last: int) -> None:
    index = open_index(directory)
    epoch = max((position.epoch for position in index.positions()), default=0) + 1
    start = Position("workers", "mentions.raw", 0, epoch, 0)
    done = index.resume(start) or 0
    print("ready", flush=True)
    while done < last:
        end = min(last, done + BATCH)
        again = [mention(max(0, done - 60))]  # delivered again: changes nothing
        index.write([*again, *map(mention, range(done, end))], position=start._replace(offset=end))
        done = end
    index.close()


def upkeep(directory: Path) -> None:
    print("ready", flush=True)
    open_upkeep(directory).run((directory / "stop").exists)


def merge(directory: Path) -> None:
    """Eight commits, the last with a deletion in the first of the parts; then death, while the merge is still under way."""
    writer = Writer(directory, create=True)
    tantivy_writer = writer._writer
    last = SEGMENTS * SEGMENT - SMALLER - 1
    for number in range(last + 1):
        words = " ".join(f"w{(number * 7 + k) % 5000}" for k in range(40))
        tantivy_writer.add_json(json.dumps({"id": f"d{number}", "text": words, "seq": number}))
        if number == last:
            tantivy_writer.delete_documents_by_term("id", "d1")
        if (number + SMALLER) % SEGMENT == SEGMENT - 1:
            tantivy_writer.commit()
    os._exit(9)


def main(directory: Path, task: str, *arguments: str) -> None:
    if task == "write":
        write(directory, int(arguments[0]))
    elif task == "upkeep":
        upkeep(directory)
    else:
        merge(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
