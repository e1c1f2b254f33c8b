"""Many workers on Kafka and Elasticsearch, killed at random moments while others join and leave: counted by id afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from index_backends import ELASTICSEARCH, drop_indices, elastic_settings
from log_backends import KAFKA, drop_topics, kafka_settings

from enrichment import GROUP, STORIES_GROUP
from index import open_index
from infra.testbed.waiting import until
from ronzio.status import books
from stream import EDITS, RAW, SIGNATURES, Edit, Item, Log, Record, Signatures, mention_id, open_log

pytestmark = [
    pytest.mark.services,
    pytest.mark.faults,
    pytest.mark.skipif(not (KAFKA and ELASTICSEARCH), reason="make test-services sets the addresses"),
]
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
KILLS, WORKERS, BATCHES, EACH = 40, 3, 120, 50
FEWEST, MOST = 2, 4  # workers at a time


class Workers:
    """Running workers, replaced when they are killed. What they said last is printed at the end, for a test that fails."""

    def __init__(self, prefix: str, said: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("worker_kills_child.py")), prefix, prefix, str(said)]
        self._said = said
        self._starter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"
        self._leaving: list[int] = []
        self.pids = [self.start() for _ in range(WORKERS)]

    def start(self) -> int:
        assert self._starter.stdin is not None
        self._starter.stdin.write("\n")
        self._starter.stdin.flush()
        return int(self._line())

    def kill_one(self, chance: random.Random) -> None:
        place = chance.randrange(len(self.pids))
        os.kill(self.pids[place], signal.SIGKILL)
        self.pids[place] = self.start()

    def join_or_leave(self, chance: random.Random) -> None:
        """Perhaps one more, perhaps one less, which leaves in good order."""
        wanted = chance.randint(FEWEST, MOST)
        if wanted > len(self.pids):
            self.pids.append(self.start())
        elif wanted < len(self.pids):
            self._leaving.append(self.pids.pop(chance.randrange(len(self.pids))))
            os.kill(self._leaving[-1], signal.SIGTERM)

    def close(self) -> None:
        for pid in (*self.pids, *self._leaving):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._starter.kill()
        self._starter.wait()
        for pipe in (self._starter.stdin, self._starter.stdout):
            assert pipe is not None
            pipe.close()
        with self._said.open(encoding="utf-8") as lines:
            sys.stdout.writelines(deque(lines, 200))

    def _line(self) -> str:
        assert self._starter.stdout is not None
        return self._starter.stdout.readline().strip()


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = f"t{uuid.uuid4().hex[:12]}."
    yield prefix
    drop_topics(prefix)
    drop_indices(prefix)


def item(number: int) -> Item:
    """Every tenth repeats the text of one long before; every thirteenth names no brand."""
    named = "Aurora" if number % 13 else "Nessuno"
    told = number // 10 * 10 % 1000 if number % 10 == 0 else number
    return Item(
        id=mention_id(f"item:{number}"), source=f"feed:{number % 3}", channel="feed", fetched_at=NOW,
        published_at=NOW - timedelta(hours=number),
        text=f"{named} parola{told} seconda{told * 7} terza{told * 13} quarta{told * 17} quinta{told * 23}",
    )  # fmt: skip


def told(log: Log) -> dict[str, str]:
    """The story of every mention, by all that was ever said: the last word holds, and what is not spoken of is its own."""
    (first, end) = log.ends(SIGNATURES)[0]
    stories: dict[str, str] = {}
    for record in log.read(SIGNATURES, 0, first, end - first):
        said = msgspec.json.decode(record.value, type=Signatures)
        stories |= {id: id for id in said.signatures if id not in stories} | said.stories
    return stories


def test_nothing_is_lost_nothing_twice_and_the_books_balance(prefix: str, tmp_path: Path) -> None:
    chance = random.Random(4)
    log, index = open_log(kafka_settings(prefix)), open_index(elastic_settings(prefix))
    workers = Workers(prefix, tmp_path / "workers.log")
    feeding = threading.Event()

    def feed() -> None:
        mine = open_log(kafka_settings(prefix))
        for batch in range(BATCHES):
            some = [item(number) for number in range(batch * EACH, (batch + 1) * EACH)]
            some += [item(chance.randrange(batch * EACH + 1)) for _ in range(5)]  # fetched once more
            for source in ("feed:0", "feed:1", "feed:2"):
                records = [Record(one.id.encode(), msgspec.json.encode(one)) for one in some if one.source == source]
                mine.append(RAW, records, account=source)
            edits = [
                Edit(id=f"{batch}-{n}", at=NOW + timedelta(minutes=batch), by="anna", changes={"note": f"{batch}"},
                     mention=mention_id(f"item:{(batch * 37 + n) % 500 + 1}"))
                for n in range(2)
            ]  # fmt: skip
            mine.append(EDITS, [Record(edit.mention.encode(), msgspec.json.encode(edit)) for edit in edits])
            time.sleep(0.3)
        mine.append(RAW, [Record(b"poison", b"{no json")])
        mine.close()
        feeding.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 2.0))
            workers.kill_one(chance)
            workers.join_or_leave(chance)
        feeder.join()

        def all_done() -> bool:
            lags = [log.lag(GROUP, RAW), log.lag(GROUP, EDITS), log.lag(STORIES_GROUP, SIGNATURES)]
            return not any(any(lag.values()) for lag in lags)

        until(all_done, "everything to be handled")
    finally:
        workers.close()
        feeder.join()
    wanted = {mention_id(f"item:{number}") for number in range(BATCHES * EACH) if number % 13}
    assert index.fresh()["behind"] == 0
    found = {body["id"]: body for batch in index.scan({"match_all": {}}) for body in batch}
    assert found.keys() == wanted
    assert index.count({"match_all": {}}) == len(wanted)
    account = {entry.source: entry for entry in books(log, index)}
    assert sum(entry.tally.indexed for entry in account.values()) == len(wanted)
    for source in ("feed:0", "feed:1", "feed:2"):
        assert account[source].waiting == 0, account[source]
        assert account[source].fetched == account[source].tally.received
    assert [letter.value for letter in log.dead(RAW)] == [b"{no json"]
    notes = {(batch * 37 + n) % 500 + 1: batch for batch in range(BATCHES) for n in range(2)}
    for number, batch in notes.items():
        if number % 13:
            assert found[mention_id(f"item:{number}")]["note"] == f"{batch}", "the last edit counts"
    telling = told(log)
    assert wanted <= telling.keys(), "every signature reaches who tells the stories"
    assert {id: body["story"] for id, body in found.items()} == {id: telling[id] for id in found}
    groups: dict[int, set[str]] = {}
    for number in range(BATCHES * EACH):
        if number % 13 and number % 10 == 0:
            groups.setdefault(number // 10 * 10 % 1000, set()).add(found[mention_id(f"item:{number}")]["story"])
    apart = {told: stories for told, stories in groups.items() if len(stories) > 1}
    assert not apart, f"{len(apart)} of {len(groups)} texts are in several stories: {apart}"
    log.close()
    index.close()
