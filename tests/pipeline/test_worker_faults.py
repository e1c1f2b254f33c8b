"""The worker killed (-9) at random moments: nothing lost, nothing twice, nothing erased comes back, the books balance."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from enrichment import GROUP
from index import open_index
from infra.testbed.waiting import PATIENCE, until
from stream import EDITS, RAW, Edit, Item, Log, Record, mention_id, open_log

KILLS = 60
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
CHILD = Path(__file__).with_name("worker_faults_child.py")


class Workers:
    """Starts workers from one process that has the models loaded."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, str(CHILD), str(directory / "log"), str(directory / "index")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    workers.close()


class Sent:
    """What went into the log, and what must have come of it."""

    def __init__(self, log: Log, chance: random.Random) -> None:
        self._log, self._chance = log, chance
        self.there: set[str] = set()
        self.erased: set[str] = set()
        self.edited: set[str] = set()
        self.broken = self.records = self._number = 0

    def wave(self) -> None:
        values: list[Record] = []
        for _ in range(self._chance.randrange(20, 120)):
            self._number += 1
            kind = self._chance.random()
            if kind < 0.05:
                self.broken += 1
                values.append(Record(str(self._number).encode(), b'{"broken": %d' % self._number))
            elif kind < 0.1:
                values.append(self._item(self._number, "nessuna marca"))
            elif kind < 0.2 and self._number > 10:
                again = self._chance.randrange(1, self._number)
                values.append(self._item(again, f"Aurora ancora {again}"))
            else:
                values.append(
                    self._item(self._number, f"Aurora apre il bar numero {self._number} nella città {self._number % 7}")
                )
        self.records += len(values)
        self._log.append(RAW, values, account="feed:prova")
        self._edits()

    def _item(self, number: int, text: str) -> Record:
        id = mention_id(f"item:{number}")
        if "Aurora" in text and id not in self.erased:
            self.there.add(id)
        at = NOW + timedelta(seconds=number)
        one = Item(id=id, source="feed:prova", channel="feed", fetched_at=at, published_at=at, text=text)
        return Record(id.encode(), msgspec.json.encode(one))

    def _edits(self) -> None:
        edits = []
        for id in self._chance.sample(sorted(self.there), min(4, len(self.there))):
            if self._chance.random() < 0.5:
                self.there.discard(id)
                self.edited.discard(id)
                self.erased.add(id)
                edits.append(Edit(id=f"erase-{id}", at=NOW, by="anna", kind="erase", mention=id))
            else:
                self.edited.add(id)
                edits.append(Edit(id=f"edit-{id}", at=NOW, by="anna", mention=id, changes={"status": "open"}))
        self._log.append(EDITS, [Record(edit.mention.encode(), msgspec.json.encode(edit)) for edit in edits])


@pytest.mark.faults
def test_killed_at_random_moments(tmp_path: Path, workers: Workers) -> None:
    chance = random.Random(11)
    log, index = open_log(tmp_path / "log"), open_index(tmp_path / "index")
    sent = Sent(log, chance)
    killed = 0
    while killed < KILLS:
        sent.wave()
        worker = workers.start()
        time.sleep(chance.uniform(0.0, 0.35))  # the moment of the kill, not a wait
        try:
            os.kill(worker, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            continue  # it had handled everything
    workers.start()
    until(lambda: not any(sum(log.lag(GROUP, topic).values()) for topic in (RAW, EDITS)), "the last worker")

    stored = {one["id"]: one for one in index.recent(1_000_000)}
    assert set(stored) == sent.there
    assert not set(stored) & sent.erased
    assert all(stored[id]["status"] == "open" for id in sent.edited)
    assert all(mention["story"] for mention in stored.values())
    assert len(log.dead(RAW)) == sent.broken
    assert not log.dead(EDITS)
    books = index.books()
    assert sum(tally.received for tally in books.values()) == sent.records
    assert sum(tally.dead for tally in books.values()) == sent.broken
    log.close()
    index.close()
