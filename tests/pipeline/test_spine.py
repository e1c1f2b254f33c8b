"""The whole way on one machine, in real processes: the demo's web, crawler, log, worker, store, alerts, mail.

One run of a demo in quick motion; every test asks it something. Once the mail has come, the web publishes nothing more,
so that the books can be closed and counted to the last mention.
"""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomlkit

from index import Index, open_index, parse_query
from ronzio.demo import Clock, Plan, Post, Scenario, demo_config, running
from ronzio.demo.companies import COMPANIES, Company
from ronzio.demo.places import PLACES, TALK, base
from ronzio.process import STDIN_TIED
from ronzio.status import GROUP, Books, books
from stream import RAW, Incident, SourceStatus, open_log, slug, utc_now

PLAN = Plan(
    history=2400,
    quiet=1 / 10,
    settled=1200,
    crisis_after=20,
    pace=0.2,
    peak=4,
    news_every=20,
    news_every_before=240,
)
PROCESSES = ("indexer", "worker", "demo-mailbox", "alerts", "crawler")


def until(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)
    return found


class Demo:
    """The demo's web in a thread of this process, and Ronzio's processes around one data directory."""

    def __init__(self, folder: Path) -> None:
        self.web_port, mail_port = free_ports(2)
        self.data_dir = folder / "data"
        self.file = folder / "ronzio.toml"
        self.file.write_text(tomlkit.dumps(self._config(mail_port)), "utf-8")
        self.scenario = Scenario(PLAN, Clock.starting(utc_now().replace(microsecond=0)))
        self.silent_from: datetime | None = None  # from then on the web publishes nothing
        self._children: list[subprocess.Popen[bytes]] = []
        self._stop_web: Callable[[], object] = lambda: None

    def _config(self, mail_port: int) -> dict[str, Any]:
        config = demo_config(web_port=self.web_port, mail_port=mail_port)
        for source in config["sources"]:
            source["interval"] = "1h" if source["url"].endswith("archive.json") else "1s"
        config["alerts"] |= {"every": 1, "bucket_seconds": 5, "grace_seconds": 5, "history_days": 1}
        return {"data_dir": str(self.data_dir), **config}

    def now(self) -> datetime:
        return min(utc_now(), self.silent_from) if self.silent_from else utc_now()

    def posts(self) -> list[Post]:
        return self.scenario.posts(None, self.now())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        web = threading.Thread(target=lambda: asyncio.run(self._serve()), name="demo-web")
        web.start()
        try:
            for name in PROCESSES:
                self._start(name)
            yield
        finally:
            for child in self._children:
                child.terminate()
            for child in self._children:
                child.wait(20)
                assert child.stdin is not None
                child.stdin.close()
            self._stop_web()
            web.join(20)

    def _start(self, name: str) -> None:
        with (self.file.parent / f"{name}.err").open("wb") as errors:
            command = [sys.executable, "-m", "ronzio", name, "--config", str(self.file)]
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=errors, stderr=errors, env={**os.environ, STDIN_TIED: "1"}
            )
        self._children.append(child)

    async def _serve(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop_web = lambda: loop.call_soon_threadsafe(stop.set)
        async with running(self.scenario, self.web_port, self.now):
            await stop.wait()

    def check_alive(self) -> None:
        for name, child in zip(PROCESSES, self._children, strict=True):
            said = (self.file.parent / f"{name}.err").read_text("utf-8", "replace")
            assert child.poll() is None, f"{name} ended with {child.returncode}: {said[-3000:]}"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Outcome:
    """What there is to ask when the run is over: the store, the books, the mails, what the web had published."""

    def __init__(self, demo: Demo, index: Index, accounts: list[Books], mails: list[tuple[str, str]]) -> None:
        self.posts = demo.posts()
        self.index = index
        self.accounts = {entry.source: entry for entry in accounts}
        self.mails = mails
        self.sources = [msgspec.json.decode(one.body, type=SourceStatus) for one in index.records.scan("source")]
        self.incidents = [msgspec.json.decode(one.body, type=Incident) for one in index.records.scan("incident")]
        self.web_port = demo.web_port
        self.crisis_at = demo.scenario.clock.moment(PLAN.crisis_after)

    def account(self, url: str) -> Books:
        return self.accounts[next(source.id for source in self.sources if source.url == url)]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    demo = Demo(tmp_path_factory.mktemp("spine"))
    log, index = open_log(demo.data_dir / "log"), open_index(demo.data_dir / "index")
    try:
        with demo.running():

            def a_mail() -> bool:
                demo.check_alive()
                return bool(read_mails(demo.data_dir))

            def copied() -> bool:
                """Enough was said of the crisis for the tests below."""
                posts = demo.posts()
                return sum(post.story == "x0" for post in posts) >= 4 and any(map(names_a_rash, posts))

            until(a_mail, "the crisis' mail")
            until(copied, "the papers to copy the news")
            demo.silent_from = utc_now()
            published = len(demo.posts())

            def settled() -> bool:
                demo.check_alive()
                accounts = books(log, index)
                handled = sum(entry.tally.indexed + entry.tally.not_a_mention for entry in accounts)
                calm = not any(log.lag(GROUP, RAW).values()) and not any(entry.waiting for entry in accounts)
                return calm and handled >= published and not index.fresh()["behind"]

            until(settled, f"all {published} posts")
            yield Outcome(demo, index, books(log, index), read_mails(demo.data_dir))
    finally:
        index.close()
        log.close()


def names_a_rash(post: Post) -> bool:
    return post.product == "Lampo" and any("orticaria" in text for text in post.paragraphs)


def read_mails(data_dir: Path) -> list[tuple[str, str]]:
    """(To, Subject) of what lies in the mailbox."""
    folder = data_dir / "mailbox"
    if not (folder / "new").is_dir():
        return []
    box = mailbox.Maildir(folder, create=False)
    return [(str(mail["To"]), str(make_header(decode_header(str(mail["Subject"]))))) for mail in box]


def test_every_post_is_accounted_for_by_its_source(outcome: Outcome) -> None:
    for place in TALK:
        mine = [post for post in outcome.posts if post.place is place]
        feed = outcome.account(base(place, outcome.web_port) + place.feed_path).tally
        archive = outcome.account(base(place, outcome.web_port) + place.archive_path).tally
        handled = feed.indexed + feed.not_a_mention + archive.indexed + archive.not_a_mention
        assert handled == len(mine), place.name


def test_books_balance(outcome: Outcome) -> None:
    assert len(outcome.accounts) == len(PLACES) + len(TALK) + 1
    assert all(entry.fetched == entry.tally.received for entry in outcome.accounts.values())
    assert not any(entry.tally.dead for entry in outcome.accounts.values())


def test_an_article_found_twice_is_one_mention(outcome: Outcome) -> None:
    site = next(source for source in outcome.sources if source.channel == "site")
    assert outcome.accounts[site.id].tally.duplicate > 0


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
def test_mentions_are_found_by_brand(outcome: Outcome, company: Company) -> None:
    wanted = [post for post in outcome.posts if post.company == company.name]
    assert outcome.index.count({"term": {"brand": slug(company.name)}}) == len(wanted)


def test_mentions_are_found_by_product_and_words(outcome: Outcome) -> None:
    wanted = [post for post in outcome.posts if post.product == "Lampo"]
    assert outcome.index.count(parse_query("product:lampo")) == len(wanted)
    allergic = [post for post in wanted if names_a_rash(post)]
    assert allergic
    assert outcome.index.count(parse_query("brand:ondalba AND text:orticaria")) == len(allergic)


def test_copies_of_an_item_are_one_story(outcome: Outcome) -> None:
    copies = [post for post in outcome.posts if post.story == "x0"]
    urls = [base(post.place, outcome.web_port) + post.path for post in copies]
    found = outcome.index.search({"size": 50, "query": {"terms": {"url": urls}}})["hits"]["hits"]
    assert len(found) == len(copies) >= 4
    ((_, pickups),) = Counter(hit["_source"].get("story", hit["_id"]) for hit in found).most_common(1)
    assert pickups >= len(copies) - 1


def test_one_incident_and_one_mail_at_its_start(outcome: Outcome) -> None:
    (incident,) = outcome.incidents
    assert (incident.brand, incident.product) == ("ondalba", "lampo")
    assert incident.started_at >= outcome.crisis_at - timedelta(seconds=5)
    starts = [record.id for record in outcome.index.records.scan("mail") if record.id.endswith("/start")]
    assert starts == [f"{incident.id}/start"]
    assert outcome.mails
    assert all("Lampo" in subject for _, subject in outcome.mails)
    assert {to for to, _ in outcome.mails} == {"marketing@ondalba.example"}
