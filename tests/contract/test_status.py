"""What `ronzio status` says of the books and of what waits, on both logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from log_backends import BACKENDS, opened, readable

from index import Index, Tally, open_index
from infra.testbed.waiting import until
from ronzio import status
from stream import EDITS, RAW, Batch, Log, Record

COUNT = 5  # records, of an append each: each a transaction on Kafka


@pytest.fixture(params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    with opened(request.param, tmp_path) as factory:
        yield factory()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = open_index(tmp_path / "index")
    yield index
    index.close()


def fetch(log: Log, number: int) -> None:
    log.append(RAW, [Record(b"%d" % number, b"{}")], account="feed:prova")


def test_what_waits_is_counted_by_records(log: Log, index: Index, tmp_path: Path) -> None:
    for number in range(COUNT):
        fetch(log, number)
    answer = status.status(readable(log), index, tmp_path)
    assert answer["waiting"] == {RAW: COUNT, EDITS: 0}
    assert [entry["waiting"] for entry in answer["books"]] == [COUNT]
    assert answer["balanced"]


class Meanwhile:
    """A log, or a store, that others work on: when `what` was read for the first time, `work` is done."""

    def __init__(self, real: Any, what: str, work: Callable[[], object]) -> None:
        self._real, self._what, self._work = real, what, work

    def __getattr__(self, name: str) -> Any:
        if name != self._what:
            return getattr(self._real, name)

        def read(*given: Any) -> Any:
            found = getattr(self._real, name)(*given)
            work, self._work = self._work, lambda: None
            work()
            return found

        return read


def test_books_are_not_called_wrong_because_work_goes_on(log: Log, index: Index) -> None:
    fetch(log, 0)
    crawled: Any = Meanwhile(log, "accounts", lambda: fetch(log, 1))
    assert status.balanced(crawled, index)
    with log.consumer(status.GROUP, (RAW,)) as consumer:

        def handle() -> None:
            batches: list[Batch] = []
            until(lambda: batches.extend(consumer.poll()) or batches)
            for batch in batches:
                index.write([], tallies={"feed:prova": Tally(dead=len(batch.records))})
                consumer.commit(batch)

        worked: Any = Meanwhile(index, "books", handle)
        assert status.balanced(readable(log), worked)


def test_books_that_do_not_balance_are_seen(log: Log, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "PAUSE", 0.0)
    fetch(log, 0)
    log.credit(RAW, "feed:prova", 1)  # said to be fetched, and not there
    assert not status.balanced(readable(log), index)
    index.write([], tallies={"feed:prova": Tally(dead=1)})
    assert status.balanced(log, index)
    index.write([], tallies={"feed:prova": Tally(dead=1)})  # handled twice
    assert not status.balanced(log, index)
