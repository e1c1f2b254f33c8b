"""Workers on real services that misbehave: turned away, refused in part, cut off, a full disk, a mapping that does not fit,
records that cannot be used, a topic made anew. Counted by id afterwards, and the books balance.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from elastic_proxy import Answer, Cut, Fault, Proxy, Refusal, Request, busy
from index_backends import ELASTICSEARCH, elastic_settings
from kafka.admin import KafkaAdminClient
from log_backends import KAFKA, kafka_settings
from test_worker_kills import prefix as prefix

from enrichment import GROUP, STORIES_GROUP, Enricher, EnrichmentSettings, run_stories, run_worker
from index import Index, open_index
from index.elastic.index import ElasticIndex
from infra.testbed.waiting import until
from ronzio.status import Books, books
from stream import EDITS, RAW, SIGNATURES, Brand, Item, Log, Record, mention_id, metrics, open_log

pytestmark = [
    pytest.mark.services,
    pytest.mark.faults,
    pytest.mark.skipif(not (KAFKA and ELASTICSEARCH), reason="make test-services sets the addresses"),
]
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
SOURCE = "feed:prova"
ALL = {"match_all": {}}


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher([Brand(name="Aurora")], EnrichmentSettings(story_window=1024, batch=50))


@pytest.fixture
def log(prefix: str) -> Iterator[Log]:
    with closing(open_log(kafka_settings(prefix))) as log:
        yield log


@pytest.fixture
def index(prefix: str) -> Iterator[ElasticIndex]:
    with closing(ElasticIndex(elastic_settings(prefix))) as index:
        index.layout.ready()
        yield index


@contextmanager
def working(prefix: str, enricher: Enricher, address: str = "", count: int = 2) -> Iterator[None]:
    """Workers and a teller of stories; fails if one ended by itself."""
    stop = threading.Event()
    settings = elastic_settings(prefix)
    if address:
        settings = settings.model_copy(update={"hosts": (address,)})

    def run(work: Callable[[Log, Index], None]) -> None:
        with closing(open_log(kafka_settings(prefix))) as log, closing(open_index(settings)) as index:
            work(log, index)

    def worker(log: Log, index: Index) -> None:
        run_worker(log, index, enricher, stop.is_set)

    def teller(log: Log, index: Index) -> None:
        run_stories(log, index, enricher.settings, stop.is_set)

    threads = [threading.Thread(target=run, args=(work,)) for work in (*[worker] * count, teller)]
    for thread in threads:
        thread.start()
    try:
        yield
        assert all(thread.is_alive() for thread in threads), "somebody gave up"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def item(number: int, **more: object) -> Item:
    fields = {
        "id": mention_id(f"item:{number}"), "source": SOURCE, "channel": "feed", "fetched_at": NOW,
        "published_at": NOW - timedelta(minutes=number), "text": f"Aurora parola{number} seconda{number * 7}",
    }  # fmt: skip
    return Item(**(fields | more))  # type: ignore[arg-type]


def append(log: Log, items: Sequence[Item | bytes]) -> None:
    records = [
        Record(b"poison", one) if isinstance(one, bytes) else Record(one.id.encode(), msgspec.json.encode(one))
        for one in items
    ]
    log.append(RAW, records, account=SOURCE)


def all_handled(log: Log) -> None:
    lags = [(GROUP, RAW), (GROUP, EDITS), (STORIES_GROUP, SIGNATURES)]
    until(lambda: not any(any(log.lag(*lag).values()) for lag in lags), "everything to be handled")


def counted(log: Log, index: Index) -> tuple[list[str], Books]:
    """All ids that are there, and the account of the source."""
    until(lambda: index.fresh()["behind"] == 0)
    found = sorted(body["id"] for batch in index.scan(ALL) for body in batch)
    assert len(found) == len(set(found)) == index.count(ALL)
    (account,) = [account for account in books(log, index) if account.source == SOURCE]
    return found, account


def ids(numbers: Sequence[int]) -> list[str]:
    return sorted(mention_id(f"item:{number}") for number in numbers)


def trouble(chance: random.Random, away_until: float) -> Fault:
    """First everything is turned away, then every third request meets something."""

    def fault(request: Request) -> Answer | Refusal | Cut | None:
        if time.monotonic() < away_until:
            return Answer(429, busy())
        match chance.randrange(18):
            case 0:
                return Answer(429, busy())
            case 1:
                return Answer(503, busy("unavailable_shards_exception"))
            case 2:
                return Cut(done=False)
            case 3:
                return Cut(done=True)
            case 4 | 5 if request.is_bulk:
                return Refusal(chance.choice((429, 503)), range(0, 1000, chance.randrange(1, 4)))
        return None

    return fault


def test_busy_for_a_while_then_refusing_in_part_and_cutting_off(
    prefix: str, log: Log, index: ElasticIndex, enricher: Enricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enrichment.worker.RETRY", 0.5)
    monkeypatch.setattr("enrichment.telling.RETRY", 0.5)
    chance = random.Random(5)
    with Proxy(ELASTICSEARCH) as proxy, working(prefix, enricher, proxy.address):
        proxy.fault = trouble(chance, time.monotonic() + 8)
        for start in range(0, 1200, 100):
            again = [item(chance.randrange(start + 1)) for _ in range(5)]
            append(log, [*map(item, range(start, start + 100)), *again])
        all_handled(log)
    found, account = counted(log, index)
    assert found == ids(range(1200))
    assert (account.fetched, account.waiting) == (1260, 0)
    assert (account.tally.indexed, account.tally.duplicate) == (1200, 60)


def test_a_disk_that_fills_up_and_a_mapping_that_does_not_fit(
    prefix: str, log: Log, index: ElasticIndex, enricher: Enricher
) -> None:
    narrow = index.layout.mapping()
    narrow["properties"]["author"] = {"type": "integer"}  # somebody meant well
    slice, write = index.layout.slice_of(int(NOW.timestamp() * 1000)), index.layout.write_alias
    made = {"settings": index.layout.settings(), "mappings": narrow,
            "aliases": {index.layout.mentions: {}, write(slice): {}}}  # fmt: skip
    index.client.call("PUT", f"/{index.layout.mentions}-{slice}-g1", made)
    block = "index.blocks.read_only_allow_delete"
    with working(prefix, enricher):
        append(log, [item(number) for number in range(100)])
        all_handled(log)
        index.client.call("PUT", f"/{prefix}*/_settings", {block: True})
        append(log, [item(number, author="Maria" if number % 10 == 0 else "") for number in range(100, 200)])
        append(log, [b"{no json", msgspec.json.encode(item(1000))[:-20]])
        until(lambda: metrics.HELD_UP._value.get() == 1)
        until(lambda: index.count(ALL) == 100, "what is there can be asked for")
        index.client.call("PUT", f"/{prefix}*/_settings", {block: None})
        all_handled(log)
    found, account = counted(log, index)
    refused = range(100, 200, 10)
    assert found == ids([number for number in range(200) if number not in refused])
    letters = log.dead(RAW)
    assert len(letters) == len(refused) + 2
    assert sum("author" in letter.reason for letter in letters) == len(refused)
    assert (account.fetched, account.waiting) == (202, 2), "who sent what cannot be read is not known"
    assert (account.tally.indexed, account.tally.dead) == (190, 10)


def test_a_topic_made_anew_under_workers(prefix: str, log: Log, index: ElasticIndex, enricher: Enricher) -> None:
    with working(prefix, enricher):
        append(log, [item(number) for number in range(300)])
        append(log, [b"{no json"])
        all_handled(log)
        with closing(KafkaAdminClient(bootstrap_servers=KAFKA.split(","))) as admin:
            admin.delete_topics([prefix + RAW])
            until(lambda: prefix + RAW not in admin.list_topics())
        with closing(open_log(kafka_settings(prefix))) as anew:  # makes the topic
            append(anew, [item(number) for number in range(200, 1000)])  # more than before, some of it known
            append(anew, [b"{no json either"])
            until(lambda: anew.ends(RAW) and index.count(ALL) == 1000)
            all_handled(anew)
            found, account = counted(anew, index)
            assert found == ids(range(1000))
            assert (account.tally.indexed, account.tally.duplicate) == (1000, 100)
            assert account.fetched == 1102 and account.tally.received == 1100
            assert sorted(letter.value for letter in anew.dead(RAW)) == [b"{no json", b"{no json either"]


def test_a_replay_counts_nothing_twice(prefix: str, log: Log, index: ElasticIndex, enricher: Enricher) -> None:
    append(log, [item(number) for number in range(400)])
    with working(prefix, enricher):
        all_handled(log)
    before = books(log, index)[0].tally
    log.reset(GROUP, RAW, {partition: first for partition, (first, _) in log.ends(RAW).items()})
    with working(prefix, enricher):
        all_handled(log)
    found, account = counted(log, index)
    assert found == ids(range(400))
    assert (before.indexed, account.tally.indexed, account.tally.duplicate) == (400, 400, 400)
