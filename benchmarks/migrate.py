"""How fast an installation moves to Kafka and Elasticsearch, and back.

    python infra/services.py run -- .venv/bin/python -m benchmarks.migrate [MENTIONS]

Needs RONZIO_TEST_KAFKA and RONZIO_TEST_ELASTICSEARCH, which `infra/services.py run` sets. Moves the invented mentions of
benchmarks/queries.py, one in a hundred of them edited, and a tenth as many records that are still to be handled. Prints seconds
and mentions a second, each way, with the comparison of both sides at the end, and this process's processor time a mention.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.queries import fill, mentions
from benchmarks.scaled import installation, places
from benchmarks.whole_way import items
from index import open_index
from ronzio.moving import Installation, Memory, move
from stream import RAW, Edit, Record, open_log

EDITED = 100  # one mention in so many
WAITING = 10
PAGE = 1000


@contextmanager
def here(folder: Path) -> Iterator[Installation]:
    with closing(open_log(folder / "log")) as log, closing(open_index(folder / "index")) as index:
        yield Installation(str(folder), log, index)


def furnish(side: Installation, count: int) -> None:
    """Edits of mentions, and records that nobody has handled yet."""
    now = datetime.now(UTC)
    ids = [one.id for one in islice(mentions(count, now), 0, None, EDITED)]
    side.index.edit([Edit(id=f"e{id}", at=now, by="bench", mention=id, changes={"status": "answered"}) for id in ids])
    waiting = [Record(item.id.encode(), msgspec.json.encode(item)) for item in items(["in coda"], count // WAITING)]
    for start in range(0, len(waiting), PAGE):
        side.log.append(RAW, waiting[start : start + PAGE], account="bench")


def timed(source: Installation, target: Installation, folder: Path, count: int) -> str:
    begin, before = time.perf_counter(), time.process_time()
    done = move(source, target, Memory(folder / "memory.json"), lambda *_: None)
    took, spent = time.perf_counter() - begin, time.process_time() - before
    assert done["mentions"] == count
    return f"{count / took:8,.0f} mentions a second ({took:.1f} s), {spent / count * 1e6:.0f} us of this process each"


def main(count: int = 20_000) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fill(folder / "one" / "index", count)
        one = stack.enter_context(here(folder / "one"))
        furnish(one, count)
        kafka, elastic = places(stack.enter_context(installation()))
        log, index = (stack.enter_context(closing(each)) for each in (open_log(kafka), open_index(elastic)))
        services = Installation("services", log, index)
        print(f"{count:,} mentions, {count // EDITED:,} edits, {count // WAITING:,} records still to handle")
        print(f"  to Kafka and Elasticsearch  {timed(one, services, folder, count)}")
        back = stack.enter_context(here(folder / "two"))
        print(f"  and back                    {timed(services, back, folder, count)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
