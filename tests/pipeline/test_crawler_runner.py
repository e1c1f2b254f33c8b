"""The crawler's process: what it stores and when, what survives a restart, a stop, a kill -9 at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psutil
import pytest
from aiohttp import web
from loopback import serving

from crawlers import (
    Budget,
    Coverage,
    CrawlerSettings,
    FeedSettings,
    Page,
    RateLimited,
    Source,
    Unreachable,
    run_crawler,
)
from crawlers import runner as runner_module
from crawlers.feeds.feed import FeedSource, FeedState, FeedTools
from crawlers.source import AnySourceError, BadPayload
from index import Index, open_index
from infra.testbed.waiting import PATIENCE, until
from stream import RAW, Item, Log, LogError, LogFull, Record, SourceStatus, mention_id, open_log

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = CrawlerSettings(parsers=1, host_delay=0.01)
KILLS = 40


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


def an_item(source: str, number: int) -> Item:
    return Item(
        id=mention_id(f"{source}:{number}"),
        source=source,
        channel="test",
        fetched_at=NOW,
        published_at=NOW,
        text=str(number),
    )


class Counting:
    """A source whose state is a number: each visit brings so many items more, or the error it is told to bring."""

    channel = "test"

    def __init__(self, name: str = "zahl", *, each: int = 10, interval: float = 0.01, url: str = "") -> None:
        self.id, self.name, self.url, self.interval = f"test:{name}", name, url, interval
        self.each = each
        self.visits = 0
        self.errors: list[AnySourceError] = []
        self.visited = asyncio.Event()
        self.at = lambda visits: True  # sets `visited`

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        self.visits += 1
        if self.at(self.visits):
            self.visited.set()
        if self.errors:
            note = Coverage(state="not-measured", note="told so")
            return Page(items=(), next_state=state or b"0", coverage=note, errors=(self.errors.pop(0),))
        start = int(state or b"0")
        items = tuple(an_item(self.id, number) for number in range(start, start + self.each))
        return Page(items=items, next_state=b"%d" % (start + self.each), coverage=Coverage(state="covered"))


def crawl(
    log: Log,
    index: Index,
    sources: Sequence[Source],
    until: Callable[[], Awaitable[object]],
    *,
    clock: Callable[[], datetime] | None = None,
    settings: CrawlerSettings = SETTINGS,
) -> None:
    """Until `until()` returns, or the crawler ends by itself."""

    async def main() -> None:
        stop = asyncio.Event()
        more = {"clock": clock} if clock else {}
        running = asyncio.create_task(run_crawler(sources, log, index.records, settings, stop, **more))
        waiting = asyncio.ensure_future(until())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            waiting.cancel()
            await running

    asyncio.run(main())


def status(index: Index, source: Source) -> SourceStatus:
    found = index.records.get("source", source.id)
    assert found is not None
    return msgspec.json.decode(found.body, type=SourceStatus)


def ids(log: Log) -> list[str]:
    return [
        msgspec.json.decode(one.value, type=Item).id
        for partition, (first, _) in log.ends(RAW).items()
        for one in log.read(RAW, partition, first, 1_000_000)
    ]


class Watched:
    """A log that notes which state was stored when it was given items, and may refuse them."""

    def __init__(self, log: Log, index: Index, source: Source, *refusals: Exception) -> None:
        self._log, self._index, self._source = log, index, source
        self._refusals = list(refusals)
        self.noted: list[tuple[int, int]] = []  # (state stored, number of the first item)
        self.lag, self.bury = log.lag, log.bury

    def append(self, topic: str, records: Sequence[Record], *, account: str = "") -> None:
        if records:
            first = int(msgspec.json.decode(records[0].value, type=Item).text)
            self.noted.append((int(status(self._index, self._source).state or b"0"), first))
        if self._refusals:
            raise self._refusals.pop(0)
        self._log.append(topic, records, account=account)


def test_the_state_is_stored_only_when_the_log_has_the_items(log: Log, index: Index) -> None:
    source = Counting()
    watched = Watched(log, index, source)
    source.at = lambda visits: visits == 8
    crawl(watched, index, [source], source.visited.wait)  # type: ignore[arg-type]
    assert len(watched.noted) >= 7
    assert all(stored == first for stored, first in watched.noted)
    assert len(ids(log)) == int(status(index, source).state) == log.accounts(RAW)[source.id]


def test_a_log_that_fails_ends_the_crawler_and_keeps_the_state(log: Log, index: Index) -> None:
    source = Counting()
    with pytest.raises(LogError, match="broken"):
        crawl(Watched(log, index, source, LogError("broken")), index, [source], asyncio.Event().wait)  # type: ignore[arg-type]
    assert not status(index, source).state
    assert not ids(log)


def test_a_full_disk_is_waited_out(log: Log, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawlers.store.Store.__init__.__kwdefaults__", {"full_wait": 0.01})
    source = Counting(interval=3600)
    watched = Watched(log, index, source, *(LogFull("no space") for _ in range(3)))

    async def stored() -> None:
        while not ids(log):
            await asyncio.sleep(0.01)

    crawl(watched, index, [source], stored)  # type: ignore[arg-type]
    assert (source.visits, len(ids(log))) == (1, 10)
    assert status(index, source).state == b"10"


def test_a_stop_on_a_full_disk_stores_nothing(log: Log, index: Index) -> None:
    source = Counting(interval=3600)
    watched = Watched(log, index, source, *(LogFull("no space") for _ in range(1000)))
    crawl(watched, index, [source], source.visited.wait)  # type: ignore[arg-type]
    assert not status(index, source).state


class Hanging(Counting):
    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        self.visited.set()
        return await asyncio.Event().wait()  # type: ignore[return-value]


def test_a_stop_waits_for_nobody_for_long(log: Log, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grace is 2.5 s in the product; here the wait would else be the source's own, which is for ever."""
    assert runner_module.GRACE <= 2.5
    monkeypatch.setattr(runner_module, "GRACE", 0.05)
    hanging, counting = Hanging("fest"), Counting()
    crawl(log, index, [hanging, counting], hanging.visited.wait)
    assert status(index, hanging).fail_streak == 0
    assert len(ids(log)) == int(status(index, counting).state or b"0")


def test_a_stop_leaves_slow_servers_and_slow_readings(log: Log, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of an hour, so that only the stop can end them."""
    monkeypatch.setattr(runner_module, "GRACE", 0.3)
    patient = SETTINGS.model_copy(update={"fetch_seconds": 3600.0, "read_seconds": 3600.0, "parse_seconds": 3600.0})
    # a pattern for mail addresses takes a minute of 100 kB of these
    hostile = b"<rss><channel><item><title>T</title><author>a@%s</author></item></channel></rss>" % (b"a." * 50_000)

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.add(request.path)
        if len(asked) == 2:
            both.set()
        if request.path == "/hostile":
            return web.Response(body=hostile, content_type="application/rss+xml")
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async def main() -> None:
        async with serving(answer) as one, serving(answer) as other:  # a host gets one request at a time
            tools = FeedTools(patient)
            places = (f"{one}/hostile", f"{other}/silent")
            sources = [FeedSource(FeedSettings(url=url, local=True), tools) for url in places]
            stop = asyncio.Event()
            running = asyncio.create_task(run_crawler(sources, log, index.records, patient, stop))
            async with asyncio.timeout(PATIENCE):
                await both.wait()
                stop.set()
                await running
            assert not any(status(index, source).last_try_at for source in sources)

    asked: set[str] = set()
    both = asyncio.Event()
    asyncio.run(main())


class Breaking(Counting):
    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        self.visited.set()
        raise KeyError("oops")


def test_a_mistake_in_a_source_costs_that_source_only(log: Log, index: Index) -> None:
    breaking, counting = Breaking("kaputt"), Counting()
    counting.at = lambda visits: visits == 5
    crawl(log, index, [breaking, counting], counting.visited.wait)
    assert "KeyError" in status(index, breaking).error
    assert len(ids(log)) >= 40


def test_what_cannot_be_read_is_kept_once(log: Log, index: Index) -> None:
    source = Counting()
    source.errors = [BadPayload(what="no feed", url="http://x", raw="<html>") for _ in range(3)]
    source.at = lambda visits: visits == 5
    crawl(log, index, [source], source.visited.wait, clock=jumping())
    (letter,) = log.dead(RAW)
    assert (letter.value, letter.reason, letter.source) == (b"<html>", "no feed (http://x)", source.id)


def jumping() -> Callable[[], datetime]:
    """A clock that leaps a day at each look, so that every source is always due."""
    present = [NOW]

    def clock() -> datetime:
        present[0] += timedelta(days=1)
        return present[0]

    return clock


def visit(log: Log, index: Index, source: Counting, now: datetime) -> SourceStatus:
    """One run in which the time stands still; ends when the source has been visited and that is stored."""

    async def tried() -> None:
        while status(index, source).last_try_at != now:
            await asyncio.sleep(0.005)

    crawl(log, index, [source], tried, clock=lambda: now)
    return status(index, source)


def test_failures_wait_longer_each_time_also_over_restarts(log: Log, index: Index) -> None:
    source = Counting(interval=900)
    source.errors = [Unreachable(what="status 500", status=500) for _ in range(4)]
    index.records.put(
        "source", source.id, msgspec.json.encode(SourceStatus(id=source.id, name="x", channel="x", due_at=NOW))
    )
    waits, now = [], NOW
    for streak in range(1, 5):
        after = visit(log, index, source, now)
        assert (after.fail_streak, after.health) == (streak, "failing")
        assert after.due_at is not None
        waits.append((after.due_at - now) / timedelta(minutes=15))
        now = after.due_at
    assert [int(wait) for wait in waits] == [1, 2, 4, 8]
    good = visit(log, index, source, now)
    assert (good.fail_streak, good.health, good.error, good.last_ok_at) == (0, "ok", "", now)
    assert good.due_at is not None
    assert good.due_at - now < timedelta(minutes=17)


def test_a_host_that_wants_quiet_gets_it_from_all_its_sources(log: Log, index: Index) -> None:
    url = "http://host.example/"
    limited, other, elsewhere = Counting("a", url=url), Counting("b", url=f"{url}b"), Counting("c", interval=60)
    limited.errors = [RateLimited(what="later", until=NOW + timedelta(hours=1))]
    for source, wait in ((other, 0.2), (elsewhere, 0.5)):
        due = SourceStatus(id=source.id, name="x", channel="x", due_at=NOW + timedelta(seconds=wait))
        index.records.put("source", source.id, msgspec.json.encode(due))
    crawl(log, index, [limited, other, elsewhere], elsewhere.visited.wait, clock=lambda: NOW)
    assert (limited.visits, other.visits, elsewhere.visits) == (1, 0, 1)
    assert status(index, limited).due_at == NOW + timedelta(hours=1)


def rss(numbers: Sequence[int]) -> bytes:
    items = [
        {"id": str(number), "title": f"Numero {number}", "url": f"https://esempio.example/{number}"}
        for number in numbers
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": items}).encode()


def tried(index: Index, source: str, now: datetime) -> bool:
    found = index.records.get("source", source)
    return found is not None and msgspec.json.decode(found.body, type=SourceStatus).last_try_at == now


def test_due_times_validators_and_health_survive_a_restart(log: Log, index: Index) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("If-None-Match", ""))
        return web.Response(status=304) if asked[-1] else web.Response(body=rss(range(5)), headers={"ETag": '"a"'})

    async def run(place: FeedSettings, now: datetime, wait_for: str) -> SourceStatus:
        """One run of the feed and of a source that is always due, until the named one has been visited."""
        feed, other, stop = (
            FeedSource(place, FeedTools(SETTINGS)),
            Counting("other", each=0, interval=1),
            asyncio.Event(),
        )
        running = asyncio.create_task(run_crawler([feed, other], log, index.records, SETTINGS, stop, clock=lambda: now))
        async with asyncio.timeout(PATIENCE):
            while not tried(index, wait_for, now):
                await asyncio.sleep(0.01)
            stop.set()
            await running
        return status(index, feed)

    async def main() -> None:
        async with serving(answer) as base:
            place = FeedSettings(url=f"{base}/feed", local=True, interval="1h")
            first = await run(place, NOW, place.id)
            assert (first.health, len(first.arrivals), len(ids(log))) == ("ok", 1, 5)
            second = await run(place, NOW + timedelta(minutes=30), "test:other")
            assert second == first, "it was not due"
            assert asked == [""]
            assert first.due_at is not None
            third = await run(place, first.due_at, place.id)
            assert asked == ["", '"a"']
            assert (third.health, third.last_new_at, third.last_ok_at) == ("ok", NOW, first.due_at)
            assert (third.state, len(ids(log))) == (first.state, 5)

    asyncio.run(main())


class GrowingFeed:
    """A feed over loopback, in a thread of its own, that grows while it is asked. Its window is longer than it gets."""

    def __init__(self) -> None:
        self.entries = 20
        self.grows = True
        self._chance = random.Random(5)
        self._stop: Callable[[], object] = lambda: None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _answer(self, request: web.Request) -> web.Response:
        if self.grows and self._chance.random() < 0.7:
            self.entries += self._chance.randrange(1, 9)
        tag = f'"{self.entries}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        return web.Response(body=rss(range(self.entries)), headers={"ETag": tag})

    async def _serve(self) -> None:
        async with serving(self._answer) as base:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            self.url, self._stop = f"{base}/feed", lambda: loop.call_soon_threadsafe(stop.set)
            self._ready.set()
            await stop.wait()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        try:
            yield
        finally:
            self._stop()
            self._thread.join(PATIENCE)


class Crawlers:
    """Starts crawlers from one process that has everything imported."""

    def __init__(self, directory: Path, url: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("crawler_faults_child.py")), str(directory), url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self) -> psutil.Process:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return psutil.Process(int(self._line()))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


def kill(process: psutil.Process) -> list[psutil.Process]:
    """-9, and whatever processes it had."""
    children: list[psutil.Process] = process.children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    return children


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.faults
def test_killed_at_random_moments(tmp_path: Path, log: Log, index: Index) -> None:
    chance, feed = random.Random(3), GrowingFeed()
    with feed.running():
        crawlers = Crawlers(tmp_path, feed.url)
        left: list[psutil.Process] = []
        try:
            begun, process = time.monotonic(), crawlers.start()
            until(lambda: len(ids(log)) > 0, "what the first crawler brings")
            usual = time.monotonic() - begun  # how long a machine as busy as this one takes to bring something
            left += kill(process)
            for _ in range(KILLS):
                process = crawlers.start()
                time.sleep(chance.uniform(0.0, 2.5 * usual))  # the moment of the kill, not a wait
                left += kill(process)
                there = set(ids(log))
                for record in index.records.scan("source"):
                    state = msgspec.json.decode(record.body, type=SourceStatus).state
                    seen = msgspec.json.decode(state, type=FeedState).seen if state else {}
                    assert set(seen) <= there, "the state speaks of items that the log has not"
            feed.grows = False
            process = crawlers.start()
            until(lambda: len(set(ids(log))) == feed.entries, "the last crawler to bring everything")
            left += kill(process)
            until(lambda: not any(map(alive, left)), "what the killed crawlers started to end")
        finally:
            crawlers.close()
    assert feed.entries > 100
    wanted = {mention_id(f"//esempio.example/{number}") for number in range(feed.entries)}
    assert set(ids(log)) == wanted
    assert sum(log.accounts(RAW).values()) == len(ids(log))
