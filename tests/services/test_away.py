"""Kafka and Elasticsearch are away for a minute in mid-stream: killed and started again on their data, or hanging (SIGSTOP),
which is worse: connections stay open and answers stay out. Everything waits, nobody drops or ends anything, everything goes on.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import streamlit
from index_backends import ELASTICSEARCH, elastic_settings
from log_backends import KAFKA, kafka_settings
from streamlit.testing.v1 import AppTest
from test_worker_kills import Workers
from test_worker_kills import prefix as prefix

from crawlers import Budget, Coverage, CrawlerSettings, Page, run_crawler
from dashboard import DashboardSettings, context
from enrichment import GROUP, STORIES_GROUP
from index import open_index
from infra.testbed.stand import Stand
from infra.testbed.waiting import PATIENCE, until
from ronzio.status import books
from stream import EDITS, RAW, SIGNATURES, Brand, Item, mention_id, open_log, utc_now

PAGES = Path(__file__).parents[2] / "dashboard" / "main.py"
AWAY = 60.0  # seconds
BY_FETCH = 40  # items

pytestmark = [
    pytest.mark.services,
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # the service started again
    pytest.mark.skipif(not (KAFKA and ELASTICSEARCH), reason="make test-services sets the addresses"),
]


@pytest.fixture
def stand() -> Stand:
    found = Stand.saved(Path(os.environ.get("RONZIO_TEST_STAND", "/nowhere")))
    if found is None:
        pytest.skip("the services are not processes that infra/services.py started: they cannot be stopped from here")
    return found


class OnceOnly:
    """A source that gives every item once, whatever state it is asked with: what the crawler drops is gone."""

    id, name, channel, url, interval = "feed:once", "Once", "feed", "", 0.3

    def __init__(self) -> None:
        self.given = 0
        self.ended = threading.Event()

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        numbers = range(0) if self.ended.is_set() else range(self.given, self.given + BY_FETCH)
        self.given += len(numbers)
        items = tuple(item(number) for number in numbers)
        return Page(items=items, next_state=b"%d" % self.given, coverage=Coverage(state="covered"))


def item(number: int) -> Item:
    named = "Aurora" if number % 13 else "Nessuno"
    now = utc_now()
    return Item(
        id=mention_id(f"item:{number}"), source="feed:once", channel="feed", fetched_at=now,
        published_at=now - timedelta(seconds=number % 600), text=f"{named} parola{number} seconda{number * 7}",
    )  # fmt: skip


@contextmanager
def crawling(source: OnceOnly, prefix: str) -> Iterator[None]:
    """A crawler with one source; fails if it ended by itself."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def crawl() -> None:
        log, index = open_log(kafka_settings(prefix)), open_index(elastic_settings(prefix))
        loop.run_until_complete(run_crawler([source], log, index.records, CrawlerSettings(), stop))
        log.close()
        index.close()

    thread = threading.Thread(target=crawl)
    thread.start()
    try:
        yield
        assert thread.is_alive(), "the crawler gave up"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def pages(prefix: str, tmp_path: Path) -> Iterator[None]:
    main = sys.modules["__main__"]
    brands = (Brand(name="Aurora"),)
    log, index = kafka_settings(prefix), elastic_settings(prefix)
    context.install(tmp_path, brands, DashboardSettings(), log=log, index=index)
    yield
    sys.modules["__main__"] = main  # AppTest puts the page there
    context.close()


def page(view: str, language: str) -> str:
    """All that a page says, figures too."""
    streamlit.cache_data.clear()
    app = AppTest.from_file(str(PAGES), default_timeout=PATIENCE)
    app.query_params["lang"] = language
    app.run()
    if view != "live":
        app.switch_page(f"views/{view}.py").run()
    assert not app.exception, app.exception
    kinds = ("title", "markdown", "caption", "text", "info", "warning", "error", "success")
    told = [str(one.value) for kind in kinds for one in app.get(kind)]
    return "\n".join(told + [f"{one.label}: {one.value}" for one in app.metric])


def the_store_is_away() -> None:
    assert "le menzioni non si possono leggere" in page("live", "it")
    assert "The mentions cannot be read right now" in page("mentions", "en")
    assert "Everything that came in could be handled" in page("sources", "en"), "the dead letters are in the log"


def the_log_is_away() -> None:
    figures = page("live", "it")
    assert "Menzioni: " in figures and "Menzioni: 0" not in figures, "the store can be asked"
    assert "non si possono leggere" not in figures
    told = page("sources", "it")
    assert "Quello che arriva non si può leggere" in told
    assert "Tutte le fonti" in told, "how the sources are lies in the store"
    assert "What comes in cannot be read right now" in page("sources", "en")


@pytest.mark.usefixtures("pages")
def test_a_minute_without_each_of_them_loses_nothing(prefix: str, stand: Stand, tmp_path: Path) -> None:
    log, index = open_log(kafka_settings(prefix)), open_index(elastic_settings(prefix))
    source, workers = OnceOnly(), Workers(prefix, tmp_path / "workers.log")
    try:
        with crawling(source, prefix), ExitStack() as kafka, ExitStack() as elastic:
            until(lambda: index.count({"match_all": {}}) > 5 * BY_FETCH, "the first mentions")
            begun = time.monotonic()
            elastic.enter_context(stand.without("elasticsearch"))
            the_store_is_away()
            wait_for(begun + AWAY / 2)
            kafka.enter_context(stand.daemon("kafka").frozen())
            frozen = time.monotonic()
            wait_for(begun + AWAY)
            elastic.close()  # returns when it answers again
            the_log_is_away()
            wait_for(frozen + AWAY)
            kafka.close()
            before = source.given
            until(lambda: source.given > before, "the crawler to go on after Kafka hung")
            with stand.daemon("elasticsearch").frozen(), stand.without("kafka"):
                wait_for(time.monotonic() + 8)  # the other way round
            before = source.given
            until(lambda: source.given > before + 5 * BY_FETCH, "the crawler to go on after Kafka was killed")
            source.ended.set()
            until(lambda: log.accounts(RAW).get(source.id) == source.given, "what was fetched to be in the log")
            lags = [(GROUP, RAW), (GROUP, EDITS), (STORIES_GROUP, SIGNATURES)]
            until(lambda: not any(any(log.lag(*lag).values()) for lag in lags), "the workers to have handled it")
        assert all(Path(f"/proc/{pid}").exists() for pid in workers.pids), "a worker gave up"
    finally:
        workers.close()
    taken = {
        msgspec.json.decode(record.value, type=Item).id for p in log.ends(RAW) for record in log.read(RAW, p, 0, 10**6)
    }
    assert taken == {mention_id(f"item:{number}") for number in range(source.given)}, "what was fetched is in the log"
    wanted = {mention_id(f"item:{number}") for number in range(source.given) if number % 13}
    until(lambda: index.fresh()["behind"] == 0)
    found = [body["id"] for batch in index.scan({"match_all": {}}) for body in batch]
    assert len(found) == len(set(found))
    assert set(found) == wanted, f"{len(wanted - set(found))} are missing"
    (account,) = books(log, index)
    assert (account.fetched, account.waiting) == (source.given, 0)
    assert account.tally.indexed == len(wanted) == index.count({"match_all": {}})
    assert account.tally.indexed + account.tally.not_a_mention == source.given
    log.close()
    index.close()


def wait_for(moment: float) -> None:
    """How long it is away is what is tried here."""
    time.sleep(max(0.0, moment - time.monotonic()))
