"""Moving house: from one machine to Kafka and Elasticsearch, on from there, and back; cut off at any step."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from index_backends import ELASTICSEARCH, drop_indices, elastic_settings
from log_backends import KAFKA, PARTITIONS, drop_topics, kafka_settings

from alerts import MailSettings
from alerts.outbox import Outbox
from alerts.smtp import Outcome
from enrichment import GROUP, STORIES_GROUP, Enricher, EnrichmentSettings, run_stories, run_worker
from index import Index, open_index
from infra.testbed.waiting import PATIENCE, until
from ronzio.lease import run_alone
from ronzio.moving import Installation, Memory, MoveFailed, move
from ronzio.process import Stop
from ronzio.status import books, to_handle
from stream import EDITS, RAW, SIGNATURES, Brand, Edit, Item, Log, Mail, Record, mention_id, open_log

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not (KAFKA and ELASTICSEARCH), reason="make test-services sets the addresses"),
]
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
COUNT, WAITING = 1200, 130


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher((Brand(name="Aurora"),), EnrichmentSettings(story_window=2048, batch=200))


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = f"t{uuid.uuid4().hex[:12]}."
    yield prefix
    drop_topics(prefix)
    drop_indices(prefix)


def here(folder: Path) -> Installation:
    return Installation(str(folder), open_log(folder / "log"), open_index(folder / "index"))


def open_there(prefix: str) -> tuple[Log, Index]:
    return open_log(kafka_settings(prefix)), open_index(elastic_settings(prefix))


def there(prefix: str) -> Installation:
    return Installation("services", *open_there(prefix))


def close(*sides: Installation) -> None:
    for side in sides:
        side.log.close()
        side.index.close()


def items(start: int, count: int) -> list[Record]:
    made = []
    for number in range(start, start + count):
        text = f"Aurora consegna in ritardo il pacco numero {number % 700} di questa settimana a Torino"
        one = Item(
            id=mention_id(f"item:{number}"), source="feed:prova", channel="feed", fetched_at=NOW, text=text,
            published_at=NOW - timedelta(hours=number), author=f"autore {number % 40}",
        )  # fmt: skip
        made.append(Record(one.id.encode(), msgspec.json.encode(one)))
    return made


def work(side: Installation, enricher: Enricher) -> None:
    def nothing_left() -> bool:
        return not any(sum(side.log.lag(GROUP, topic).values()) for topic in (RAW, EDITS))

    run_worker(side.log, side.index, enricher, nothing_left)
    run_stories(
        side.log, side.index, enricher.settings, lambda: not sum(side.log.lag(STORIES_GROUP, SIGNATURES).values())
    )


def lived_in(folder: Path, enricher: Enricher) -> Installation:
    """An installation with everything in it, and some of it still to handle."""
    side = here(folder)
    side.log.append(RAW, items(0, COUNT), account="feed:prova")
    side.log.append(RAW, [Record(b"k", b"{broken")], account="feed:prova")
    edits = [
        Edit(id=f"e{n}", at=NOW, by="anna", mention=mention_id(f"item:{n}"), changes={"status": "open", "note": f"{n}"})
        for n in range(0, 60, 3)
    ]
    edits.append(Edit(id="before", at=NOW, by="anna", mention=mention_id("item:5000"), changes={"note": "waits"}))
    edits.append(Edit(id="gone", at=NOW, by="anna", kind="erase", mention=mention_id("item:7")))
    edits.append(Edit(id="author", at=NOW, by="anna", kind="erase-author", author="Autore 13"))
    side.log.append(EDITS, [Record(b"k", msgspec.json.encode(edit)) for edit in edits])
    work(side, enricher)
    incident = {"id": "acme-1", "state": "open"}
    side.index.records.put("incident", "acme-1", msgspec.json.encode(incident))
    for name, sent in (("start", NOW), ("end", None)):
        mail = Mail(
            id=f"acme-1/{name}", to=("maria@example.com",), subject=name, text="t", html="h", language="it",
            created_at=NOW, due_at=NOW, sent_at=sent,
        )  # fmt: skip
        side.index.records.put("mail", mail.id, msgspec.json.encode(mail))
    side.index.records.put("source", "feed:prova", b'{"cursor": "x"}')
    side.index.records.put("lease", "crawler", b'{"host": "old"}')
    side.log.append(RAW, items(COUNT, WAITING), account="feed:prova")
    late = Edit(id="late", at=NOW, by="anna", mention=mention_id("item:1"), changes={"note": "late"})
    side.log.append(EDITS, [Record(b"k", msgspec.json.encode(late))])
    return side


def sent_by(side: Installation) -> list[str]:
    """Which mails this side sends now."""
    sent = []

    def deliver(mail: Mail, _settings: MailSettings) -> Outcome:
        sent.append(mail.id)
        return Outcome(accepted=mail.to)

    Outbox(side.index, MailSettings(host="mail.example.org"), deliver).send_due(NOW + timedelta(minutes=1))
    return sent


def told(_what: str, _done: int, _total: int) -> None:
    pass


def everything(side: Installation) -> dict[str, Any]:
    return {body["id"]: body for batch in side.index.scan({"match_all": {}}) for body in batch}


def test_there_and_back_nothing_is_lost_and_nothing_twice(tmp_path: Path, prefix: str, enricher: Enricher) -> None:
    old, new = lived_in(tmp_path / "old", enricher), there(prefix)
    with pytest.raises(MoveFailed, match="holds an installation already"):
        move(new, old, Memory(tmp_path / "wrong.json"), told)
    figures = move(old, new, Memory(tmp_path / "memory.json"), told)
    assert figures["mentions"] == sum(1 for _ in old.index.get([mention_id(f"item:{n}") for n in range(COUNT)])) > 1100
    assert sum(new.log.lag(GROUP, RAW).values()) in range(WAITING, WAITING + 20)
    assert new.index.records.get("lease", "crawler") is None
    assert sent_by(new) == ["acme-1/end"], "what was sent before the move is not sent again"
    work(new, enricher)
    account = {entry.source: entry for entry in books(new.log, new.index)}
    assert sum(entry.waiting for entry in account.values()) == 0
    assert account["feed:prova"].fetched == COUNT + 1 + WAITING
    late = new.index.get([mention_id("item:1"), mention_id("item:3"), mention_id(f"item:{COUNT + 1}")])
    assert [one.get("note") for one in late] == ["late", "3", None]
    (copy,) = new.index.get([mention_id(f"item:{COUNT + 50}")])
    assert copy["story"] != copy["id"], "copies of mentions from before the move are known"
    assert new.index.get([mention_id("item:7"), mention_id("item:13")]) == []
    back = here(tmp_path / "back")
    move(new, back, Memory(tmp_path / "memory.json"), told)
    assert len(back.log.dead(RAW)) == 1
    assert sent_by(back) == []
    source = back.index.records.get("source", "feed:prova")
    assert source is not None
    assert source.body == b'{"cursor": "x"}', "it goes on where it stopped"
    bodies = {body["id"]: body for body in back.index.get(list(everything(new)))}
    assert bodies == everything(new)
    work(back, enricher)
    assert sum(entry.waiting for entry in books(back.log, back.index)) == 0
    close(old, new, back)


class CutOff(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 5, 8, 12])
def test_a_move_that_was_cut_off_goes_on(tmp_path: Path, prefix: str, enricher: Enricher, after: int) -> None:
    old = lived_in(tmp_path / "old", enricher)
    calls = 0

    def cut(_what: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise CutOff

    first = there(prefix)
    with pytest.raises(CutOff):
        move(old, first, Memory(tmp_path / "memory.json"), cut)
    close(first)
    second = there(prefix)
    move(old, second, Memory(tmp_path / "memory.json"), told)
    assert sum(second.log.lag(GROUP, RAW).values()) in range(WAITING, WAITING + 30)
    assert to_handle(second.log, RAW) == WAITING
    close(old, second)


def test_a_move_that_can_no_longer_end_begins_anew_elsewhere(tmp_path: Path, prefix: str, enricher: Enricher) -> None:
    old, memory = lived_in(tmp_path / "old", enricher), Memory(tmp_path / "memory.json")

    def cut(_what: str, _done: int, _total: int) -> None:
        raise CutOff

    first = there(prefix)
    with pytest.raises(CutOff):
        move(old, first, memory, cut)
    work(old, enricher)  # somebody has started it once more
    with pytest.raises(MoveFailed, match="another prefix or data_dir"):
        move(old, first, memory, told)
    close(first)
    second = Installation("elsewhere", *open_there(f"{prefix}2."))
    assert move(old, second, memory, told)["mentions"] == int(old.index.fresh()["documents"])
    close(old, second)


def test_nothing_moves_while_something_runs(tmp_path: Path, prefix: str, enricher: Enricher) -> None:
    old, new = here(tmp_path / "old"), there(prefix)
    old.log.append(RAW, items(0, 1))
    new.index.fresh()
    with new.log.consumer(GROUP, [RAW]) as worker:
        worker.poll(timeout=5)
        with pytest.raises(MoveFailed, match="worker of services is running"):
            move(old, new, Memory(tmp_path / "memory.json"), told)
    stop = Stop()
    crawling = threading.Thread(
        target=run_alone, args=(old.index.records, "crawler", stop, lambda inner: inner.wait(PATIENCE))
    )
    crawling.start()
    until(lambda: old.busy())
    with pytest.raises(MoveFailed, match=r"crawler on .* is running"):
        move(old, new, Memory(tmp_path / "memory.json"), told)
    stop.set()
    crawling.join(PATIENCE)
    close(old, new)


CUTS = ('"after"', '"mentions.signatures handled"', '"mentions.raw waiting"')  # in the file that tells how far it came


def test_the_command_goes_on_after_each_kill(tmp_path: Path, prefix: str, enricher: Enricher) -> None:
    old = lived_in(tmp_path / "data", enricher)
    kinds = old.index.records.kinds()
    close(old)
    config = tmp_path / "ronzio.toml"
    config.write_text(
        f'data_dir = "data"\n[[brands]]\nname = "Aurora"\n[kafka]\nservers = ["{KAFKA}"]\nprefix = "{prefix}"\n'
        f'partitions = {PARTITIONS}\ntransaction_s = 5\n[elasticsearch]\nhosts = ["{ELASTICSEARCH}"]\nprefix = "{prefix}"\n'
    )
    command = [sys.executable, "-m", "ronzio", "migrate", "--to", "elasticsearch/kafka", "--config", str(config)]
    memory = tmp_path / "data" / "run" / "migration-elasticsearch-kafka.json"
    for cut in CUTS:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda cut=cut: memory.exists() and cut in memory.read_text())  # type: ignore[misc]
            process.kill()
        assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Going on with a move that was cut off." in done.stdout
    assert "both sides are equal" in done.stdout
    assert "Start the processes with [kafka] and [elasticsearch] in the configuration." in done.stdout
    assert not memory.exists()
    new = there(prefix)
    assert new.index.records.kinds() == [kind for kind in kinds if kind != "lease"]
    assert sent_by(new) == ["acme-1/end"]
    work(new, enricher)
    assert sum(entry.waiting for entry in books(new.log, new.index)) == 0
    close(new)


def test_what_differs_is_named(
    tmp_path: Path, prefix: str, enricher: Enricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = lived_in(tmp_path / "old", enricher), there(prefix)
    put = new.index.records.put
    monkeypatch.setattr(new.index.records, "put", lambda kind, id, body: put(kind, id, body + b" "))
    with pytest.raises(MoveFailed, match="incident records"):
        move(old, new, Memory(tmp_path / "memory.json"), told)
    close(old, new)
