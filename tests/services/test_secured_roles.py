"""The least-privilege roles: with an API key of its own each kind of process does its whole work, and nothing else.
Kafka is entered with each of the ways to sign in that the settings know."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alerts_harness import NOW, brand, crisis, mention, usual_talk
from composed import AUTHORITY, ELASTICSEARCH, KAFKA, env_file, secrets, secured

from alerts.outbox import Outbox
from alerts.settings import AlertSettings, MailSettings
from alerts.smtp import Outcome
from alerts.watcher import Watcher
from dashboard import DashboardSettings, context, data
from enrichment import (
    GROUP,
    STORIES_GROUP,
    Enricher,
    EnrichmentSettings,
    RetagWish,
    ask_for_retag,
    retag_wish,
    run_stories,
    run_worker,
)  # fmt: skip
from index import ElasticSettings
from index.elastic.client import StoreRefused
from index.elastic.index import ElasticIndex
from index.elastic.records import DECISIONS
from infra.setup import roles
from ronzio.status import status
from stream import EDITS, RAW, SIGNATURES, Edit, Item, KafkaSettings, Log, Record, mention_id, open_log

pytestmark = secured
COUNT = 40


class Keys:
    """An installation whose processes sign in with API keys made by infra/setup.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"t{uuid.uuid4().hex[:12]}-"
        env = env_file()
        self.password = folder / "kafka.password"
        self.password.write_text(env["RONZIO_KAFKA_PASSWORD"])
        config = folder / "ronzio.toml"
        config.write_text(
            f'[[brands]]\nname = "Acme"\n[elasticsearch]\nhosts = ["{ELASTICSEARCH}"]\nprefix = "{self.prefix}"\n'
            f'ca_file = "{AUTHORITY}"\nusername = "elastic"\n'
        )
        command = [sys.executable, "-m", "infra.setup", "--config", str(config), "--api-keys", str(folder / "keys")]
        self.made = subprocess.run(
            command,
            env={"RONZIO_ELASTICSEARCH_PASSWORD": env["ELASTIC_PASSWORD"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert self.made.returncode == 0, self.made.stderr

    def index(self, process: str) -> ElasticIndex:
        file = self.folder / "keys" / f"ronzio-{process}.key"
        return ElasticIndex(self.elastic(api_key_file=file))

    def elastic(self, **who: Any) -> ElasticSettings:
        return ElasticSettings(hosts=(ELASTICSEARCH,), prefix=self.prefix, ca_file=AUTHORITY, **who)

    def kafka(self, mechanism: str = "SCRAM-SHA-512") -> KafkaSettings:
        return KafkaSettings(
            servers=(KAFKA,), prefix=self.prefix, partitions=2, protocol="SASL_SSL", mechanism=mechanism,  # type: ignore[arg-type]
            username="ronzio", password_file=self.password, ca_file=AUTHORITY,
        )  # fmt: skip


@pytest.fixture(scope="module")
def keys(secured_services: None, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def log(keys: Keys) -> Iterator[Log]:
    log = open_log(keys.kafka())
    yield log
    log.close()


def item(number: int) -> Record:
    one = Item(
        id=mention_id(f"item:{number}"), source="feed:x", channel="feed",
        fetched_at=NOW, published_at=NOW - timedelta(hours=20 + number),
        text=f"Acme consegna in ritardo il pacco numero {number} di questa settimana a Torino",
    )  # fmt: skip
    return Record(one.id.encode(), msgspec.json.encode(one))


def test_keys_are_for_their_owner_and_are_not_shown(keys: Keys) -> None:
    files = sorted((keys.folder / "keys").iterdir())
    assert [file.stem for file in files] == sorted(roles(keys.prefix))
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert not [file for file in files if file.read_text().strip() in keys.made.stdout + keys.made.stderr]
    assert not [secret for secret in secrets() if secret in keys.made.stdout + keys.made.stderr]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_every_way_to_sign_in_to_kafka(keys: Keys, log: Log, mechanism: str) -> None:
    mine = open_log(keys.kafka(mechanism).model_copy(update={"prefix": f"{keys.prefix}{mechanism}."}))
    mine.append(RAW, [Record(b"k", b"%d" % number) for number in range(10)], account="feed:x")
    with mine.consumer("readers", [RAW]) as consumer:
        found = 0
        while found < 10:
            for batch in consumer.poll(timeout=0.2):
                found += len(batch.records)
                consumer.commit(batch)
    assert sum(mine.lag("readers", RAW).values()) == 0
    mine.close()


def test_the_whole_way(keys: Keys, log: Log, tmp_path: Path) -> None:
    crawler, worker, alerts = keys.index("crawler"), keys.index("worker"), keys.index("alerts")
    log.append(RAW, [item(number) for number in range(COUNT)], account="feed:x")
    version = crawler.records.put("lease", "crawler", b"{}")
    crawler.records.put("lease", "crawler", b"{}", expect=version)
    enricher = Enricher((brand(),), EnrichmentSettings(story_window=1024))
    _work(log, worker, enricher)
    context.install(
        tmp_path, (brand(),), DashboardSettings(), log=keys.kafka(),
        index=keys.elastic(api_key_file=keys.folder / "keys" / "ronzio-dashboard.key"),
    )  # fmt: skip
    first = mention_id("item:0")
    (before,) = data.mentions_by_id((first,))
    assert before["brand"] == ["acme"]
    data.store_edit(
        Edit(id="e", at=NOW, by="anna", mention=first, changes={"sentiment": "positive", "note": "sentito"})
    )
    _work(log, worker, enricher)
    reader = context.index()
    ask_for_retag(reader.records, by="anna", at=NOW)
    assert retag_wish(worker.records) == RetagWish(asked_at=NOW, by="anna")
    for kind in DECISIONS:
        version = reader.records.put(kind, "a", b"1", expect=0)
        reader.records.put(kind, "a", b"2", expect=version)
        assert [one.body for one in worker.records.scan(kind) if one.id == "a"] == [b"2"]
        reader.records.delete(kind, "a")
    (after,) = reader.get([first])
    assert (after["sentiment"], after["note"]) == ("positive", "sentito")
    assert status(log, reader, tmp_path)["balanced"]
    assert sum(len(page) for page in reader.scan({"term": {"sentiment": "positive"}})) > 0
    worker.write([*usual_talk(), *crisis()])
    worker.fresh()

    watcher = Watcher(alerts, (brand(),), AlertSettings(), MailSettings())
    assert [event for minute in range(3) for _, event in watcher.look(NOW + timedelta(minutes=minute))] == ["started"]
    sent: list[str] = []

    def deliver(mail: Any, _settings: Any) -> Outcome:
        sent.append(mail.id)
        return Outcome(accepted=mail.to)

    Outbox(alerts, MailSettings(host="mail.example.org"), deliver).send_due(NOW + timedelta(minutes=5))
    assert len(sent) == 1
    assert data.incidents()[0].state == "open"
    assert data.mails()[0].sent_at

    indexer = keys.index("indexer")
    count = indexer.count({"match_all": {}})
    assert indexer.rebuild() == count
    assert indexer.retain(NOW - timedelta(days=2)) > 0
    context.close()
    for index in (crawler, worker, alerts, indexer):
        index.close()


def _work(log: Log, index: ElasticIndex, enricher: Enricher) -> None:
    run_worker(log, index, enricher, lambda: not any(sum(log.lag(GROUP, topic).values()) for topic in (RAW, EDITS)))
    run_stories(log, index, enricher.settings, lambda: not sum(log.lag(STORIES_GROUP, SIGNATURES).values()))


def _slice(index: ElasticIndex) -> str:
    return index.layout.slice_of(int(NOW.timestamp() * 1000))


def _change(index: ElasticIndex) -> object:
    """What the machine said, by a request that Ronzio itself never makes."""
    alias = index.layout.write_alias(_slice(index))
    return index.client.call("POST", f"/{alias}/_update/{mention_id('bad-1')}", {"doc": {"sentiment": "positive"}})


FORBIDDEN: dict[str, Callable[[ElasticIndex], object]] = {
    "read mentions": lambda index: index.search({"query": {"match_all": {}}}),
    "read a mention": lambda index: index.get([mention_id("bad-1")]),
    "change a mention": _change,
    "write mentions": lambda index: index.write([mention("bad-1", NOW, sentiment="positive")]),
    "write edits": lambda index: index.edit([Edit(id="x", at=NOW, by="x", mention=mention_id("bad-1"), changes={"note": "x"})]),
    "delete mentions": lambda index: index.delete([mention_id("bad-1")]),
    "erase authors": lambda index: index.kept.erase_author(7),
    "write records": lambda index: index.records.put("incident", "forged", b"{}"),
    "decide": lambda index: index.records.put("tagging", "current", b"{}"),
    "drop indices": lambda index: index.client.call("DELETE", f"/{index.layout.mentions}-{_slice(index)}-g1"),
    "change templates": lambda index: index.client.call("PUT", "/_index_template/x", {"index_patterns": ["x"]}),
    "read users": lambda index: index.client.call("GET", "/_security/user"),
    "make keys": lambda index: index.client.call("POST", "/_security/api_key", {"name": "mine"}),
    "make other indices": lambda index: index.client.call("PUT", "/another"),
    "read other indices": lambda index: index.client.call("GET", "/secret/_search"),
    "stop indexing": lambda index: index.client.call("PUT", f"/{index.layout.directory}/_settings", {"blocks.write": True}),
}  # fmt: skip
ALWAYS = ("change templates", "read users", "make keys", "make other indices", "read other indices", "stop indexing")
READERS = (
    "change a mention",
    "write mentions",
    "write edits",
    "delete mentions",
    "erase authors",
    "drop indices",
    *ALWAYS,
)
MAY_NOT = {
    "crawler": ("read mentions", "read a mention", "decide", *READERS),
    "dashboard": (*READERS, "write records"),
    "alerts": (*READERS, "decide"),
    "worker": ("drop indices", *ALWAYS),
    "indexer": ALWAYS,
}


@pytest.mark.parametrize("process", MAY_NOT)
def test_what_a_process_may_not_do_is_refused(keys: Keys, process: str) -> None:
    administrator = ElasticIndex(keys.elastic(username="elastic", password_file=_password(keys)))
    administrator.write([mention("bad-1", NOW)])
    index = keys.index(process)
    for what in MAY_NOT[process]:
        with pytest.raises(StoreRefused, match=r"does not allow this \(403\)"):
            FORBIDDEN[what](index)
            pytest.fail(f"{process} may {what}")
    (unchanged,) = administrator.get([mention_id("bad-1")])
    assert unchanged["sentiment"] == "negative"
    index.close()
    administrator.close()


def _password(keys: Keys) -> Path:
    file = keys.folder / "elastic.password"
    file.write_text(env_file()["ELASTIC_PASSWORD"])
    return file
