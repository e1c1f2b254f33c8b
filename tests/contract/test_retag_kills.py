"""`ronzio retag` killed again and again at random points, while workers go on, new mentions come in and people correct: counted
by id afterwards. The command itself, as a process of its own."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import tomlkit
from index_backends import ELASTICSEARCH, START, opened, settled
from log_backends import KAFKA, drop_topics

from enrichment import GROUP, STORIES_GROUP, Enricher, run_stories, run_worker
from index import Index
from infra.testbed.waiting import PATIENCE, until
from ronzio.context import load_settings, opened_index, opened_log
from ronzio.settings import RonzioSettings
from ronzio.status import books
from stream import EDITS, RAW, SIGNATURES, Edit, Item, Log, Mention, Record, mention_id

pytestmark = pytest.mark.faults
BEFORE, AFTER = 3000, 600  # mentions that are there, and that come in while history is tagged anew
TURNS: Final = 40
KILLS: Final = 4
SAID: Final[tuple[Mapping[str, str | list[str]], ...]] = (
    {"sentiment": "positive"}, {"language": "fr"}, {"brand": ["beta"]}, {"topic": ["staff"]}, {"department": []},
    {"sentiment": "neutral", "language": "und", "brand": ["beta", "acme"], "topic": [], "department": ["press"]},
)  # fmt: skip
EVERY: Final = 17  # of the mentions one is corrected


class Place(NamedTuple):
    """Where it all lives."""

    config: Path
    tables: dict[str, Any]

    def settings(self, *brands: str) -> RonzioSettings:
        """Those of these brands, which the file has from now on."""
        tables = self.tables | {
            "data_dir": ".",
            "keep_mentions_days": 36_500,
            "enrichment": {"engine": "lexicon", "story_window": 4096},
            "brands": [{"name": brand} for brand in brands],
        }
        self.config.write_text(tomlkit.dumps(tables), "utf-8")
        return load_settings(self.config, False, None)


@pytest.fixture(params=["embedded", pytest.param("scaled", marks=pytest.mark.services)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    config = tmp_path / "ronzio.toml"
    if request.param == "embedded":
        with opened("embedded", tmp_path):
            yield Place(config, {})
        return
    if not (KAFKA and ELASTICSEARCH):
        pytest.skip("make test-services sets the addresses")
    prefix = f"t{uuid.uuid4().hex[:12]}."
    with opened("elastic", tmp_path) as stores:
        yield Place(
            config,
            {
                "kafka": {"servers": KAFKA.split(","), "prefix": prefix},
                "elasticsearch": {"hosts": ELASTICSEARCH.split(","), "prefix": stores.where},
            },
        )
    drop_topics(prefix)


def named(number: int) -> str:
    """Every seventh names the other brand only; every tenth repeats the text of the one before."""
    return "Velox" if told(number) % 7 == 3 else "Acme"


def told(number: int) -> int:
    return number - (number % 10 == 9)


def item(number: int) -> Item:
    at = START + timedelta(minutes=number)
    words = " ".join(f"{word}{told(number) * factor}" for word, factor in (("uno", 1), ("due", 7), ("tre", 13)))
    return Item(
        id=mention_id(f"item:{number}"), source=f"feed:{number % 3}", channel="feed", fetched_at=at, published_at=at,
        text=f"{named(number)} {words}, consegna pessima e in ritardo", language="it",
    )  # fmt: skip


def ids(numbers: Iterable[int]) -> list[str]:
    return [mention_id(f"item:{number}") for number in numbers]


def fetch(log: Log, numbers: Sequence[int]) -> None:
    for source in range(3):
        some = [item(number) for number in numbers if number % 3 == source]
        log.append(RAW, [Record(one.id.encode(), msgspec.json.encode(one)) for one in some], account=f"feed:{source}")


def said(number: int) -> dict[str, str | list[str]]:
    return dict(SAID[number // EVERY % len(SAID)]) if number % EVERY == 0 else {}


def correct(log: Log, numbers: Iterable[int]) -> None:
    edits = [Edit(id=f"e{n}", at=START, by="anna", mention=ids([n])[0], changes=said(n)) for n in numbers if said(n)]
    log.append(EDITS, [Record(edit.mention.encode(), msgspec.json.encode(edit)) for edit in edits])


class Pipeline:
    """A worker and who tells the stories, until it is left; each with a log and a store of its own."""

    def __init__(self, settings: RonzioSettings, enricher: Enricher) -> None:
        self._settings, self._enricher = settings, enricher
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._worker, self._teller)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        alive = [thread.is_alive() for thread in self._threads]
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert all(alive), "somebody gave up"

    def _run(self, work: Callable[[Log, Index], None]) -> None:
        with opened_log(self._settings) as log, opened_index(self._settings) as index:
            work(log, index)

    def _worker(self, log: Log, index: Index) -> None:
        run_worker(log, index, self._enricher, self._stop.is_set)

    def _teller(self, log: Log, index: Index) -> None:
        run_stories(log, index, self._enricher.settings, self._stop.is_set)


def handled(log: Log, index: Index) -> None:
    lags = ((GROUP, RAW), (GROUP, EDITS), (STORIES_GROUP, SIGNATURES))
    until(lambda: not any(any(log.lag(*lag).values()) for lag in lags), "everything to be handled")
    settled(index)


def shown(index: Index) -> dict[str, dict[str, Any]]:
    """All that is there, by id."""
    every = [body for page in index.scan({"match_all": {}}) for body in page]
    found = {body["id"]: body for body in every}
    assert len(found) == len(every) == index.count({"match_all": {}})
    return found


class Command:
    """`ronzio retag`, with kill -9 at some point."""

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "ronzio", "retag", "--config", str(place.config)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def killed_when(self, what: str, so_far: Callable[[], bool]) -> bool:
        """Whether it was still at work then."""
        try:
            until(lambda: so_far() or self._child.poll() is not None, what)
            return self._child.poll() is None
        finally:
            self._child.kill()
            self._child.communicate()

    def ended(self) -> str:
        """What it said."""
        try:
            said, _ = self._child.communicate(timeout=PATIENCE)
        finally:
            self._child.kill()
        assert self._child.returncode == 0, said
        return said


def test_killed_at_any_point_it_loses_nothing_and_doubles_nothing(place: Place) -> None:
    chance = random.Random(3)
    old = place.settings("Acme")
    with opened_log(old) as log, opened_index(old) as index:
        fetch(log, range(BEFORE))
        correct(log, range(0, BEFORE, 2))
        with Pipeline(old, Enricher(old.brands, old.enrichment)):
            handled(log, index)
        assert shown(index).keys() == set(ids(n for n in range(BEFORE) if named(n) == "Acme"))
        new = place.settings("Acme", "Velox")
        enricher = Enricher(new.brands, new.enrichment)
        with Pipeline(new, enricher), feeding(new):
            _retag_under_kills(place, index, enricher.engine, chance)
        with Pipeline(new, enricher):  # the feeder has said its last
            handled(log, index)
        found = shown(index)
        assert found.keys() == set(ids(range(BEFORE + AFTER)))
        assert {body["engine"] for body in found.values()} == {enricher.engine}
        _tags_are_the_new_ones_and_peoples(found, enricher)
        _stories_are_whole(found)
        _books_balance(log, index)
        assert "\n0 mentions tagged anew" in Command(place).ended()


def _retag_under_kills(place: Place, index: Index, engine: str, chance: random.Random) -> None:
    """Killed after more and more of a sample is done, then as soon as something comes in from the log; the last may end."""
    sample = ids(n for n in range(0, BEFORE, 20) if named(n) == "Acme")
    late = ids(n for n in range(BEFORE) if named(n) == "Velox")

    def done(at_least: float) -> bool:
        return len([one for one in index.get(sample) if one["engine"] == engine]) > len(sample) * at_least

    for number in range(KILLS):
        some = partial(done, (number + chance.uniform(0.1, 0.9)) / (KILLS + 1))
        assert Command(place).killed_when("more to be tagged anew", some)
    assert not done(0.999)
    Command(place).killed_when("something to come in from the log", lambda: bool(index.get(late)))
    Command(place).ended()


@contextmanager
def feeding(settings: RonzioSettings) -> Iterator[None]:
    """New mentions meanwhile, and people who correct old and new ones; leaving it waits for the last of them."""
    numbers = [*range(BEFORE, BEFORE + AFTER)]
    late = [*range(1, BEFORE, 2), *numbers]
    leave = threading.Event()

    def feed() -> None:
        with opened_log(settings) as log:
            for turn in range(TURNS):
                fetch(log, numbers[turn::TURNS])
                correct(log, late[turn::TURNS])
                leave.wait(0.8)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        leave.set()
        feeder.join()


def _tags_are_the_new_ones_and_peoples(found: Mapping[str, dict[str, Any]], enricher: Enricher) -> None:
    numbers = range(BEFORE + AFTER)
    tagged = enricher.tag([msgspec.json.encode(item(number)) for number in numbers])
    for number, one in zip(numbers, tagged, strict=True):
        assert isinstance(one, Mention)
        body = found[one.id]
        told = {field: getattr(one, field) for field in ("brand", "language", "sentiment", "topic", "department")}
        wanted = {field: list(value) if isinstance(value, tuple) else value for field, value in told.items()}
        assert {field: body.get(field, []) for field in wanted} == wanted | said(number), number
        assert sorted(body.get("edited", {})) == sorted(said(number))


def _stories_are_whole(found: Mapping[str, dict[str, Any]]) -> None:
    for number in range(9, BEFORE + AFTER, 10):
        copy, first = ids([number, number - 1])
        assert found[copy]["story"] == found[first]["story"]


def _books_balance(log: Log, index: Index) -> None:
    accounts = {account.source: account for account in books(log, index)}
    for source in range(3):
        account = accounts[f"feed:{source}"]
        assert account.waiting == 0 and account.fetched == account.tally.received, account
        assert account.tally.indexed == len(range(source, BEFORE + AFTER, 3)), account
    assert log.dead(RAW) == [] and log.dead(EDITS) == []
