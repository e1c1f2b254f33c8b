"""From mentions in a real store to incidents and the mails written for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import lxml.html
import msgspec
import pytest
from alerts_harness import NOW, Store, brand, crisis, mention, opened_store, usual_talk

from alerts.settings import AlertSettings, MailSettings
from alerts.watcher import Watcher
from index import Index
from stream import Brand, Incident, Mail, SourceStatus

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(minutes=3)
ALERT = AlertSettings()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened_store(tmp_path) as opened:
        yield opened


def watcher(index: Index, *brands: Brand, alert: AlertSettings = ALERT) -> Watcher:
    return Watcher(index, brands or (brand(),), alert, MailSettings())


def mails(index: Index) -> list[Mail]:
    return [msgspec.json.decode(stored.body, type=Mail) for stored in index.records.scan("mail")]


def incidents(index: Index) -> list[Incident]:
    return [msgspec.json.decode(stored.body, type=Incident) for stored in index.records.scan("incident")]


def run(watch: Watcher, since: datetime, minutes: int) -> list[str]:
    """Looks once a minute; returns what happened."""
    return [event for minute in range(minutes) for _, event in watch.look(since + minute * MINUTE)]


def test_only_mentions_in_which_the_alert_query_holds_count(store: Store) -> None:
    store.write(usual_talk(), crisis())
    limited = brand().model_copy(update={"alert_query": "reach:>=1000000 AND lingua:it"})
    assert run(watcher(store.index, limited), NOW, 5) == []
    limited = brand().model_copy(update={"alert_query": "NOT reach:>=1000000"})
    assert run(watcher(store.index, limited), NOW, 5) == ["started"]


def test_a_crisis_is_one_incident_with_one_mail(store: Store) -> None:
    store.write(usual_talk(), crisis())
    assert run(watcher(store.index), NOW, 5) == ["started"]
    (incident,) = incidents(store.index)
    assert (incident.brand, incident.product, incident.state) == ("acme", "uno", "open")
    assert NOW - timedelta(minutes=30) <= incident.started_at < NOW
    assert incident.mentions >= 20
    assert incident.topics == ("delivery",)
    assert len(incident.examples) == 5
    (mail,) = mails(store.index)
    assert mail.id == f"{incident.id}/start"
    assert mail.to == ("maria@example.com",)
    assert "menzioni negative" in mail.subject


def test_usual_talk_is_none(store: Store) -> None:
    store.write(usual_talk())
    assert run(watcher(store.index), NOW, 3) == []
    assert not mails(store.index)


def test_a_backfill_never_alerts(store: Store) -> None:
    store.write(usual_talk(), crisis(200, backfill=True))
    assert run(watcher(store.index), NOW, 3) == []


def test_a_competitor_never_alerts(store: Store) -> None:
    store.write(usual_talk(), crisis())
    rival = brand().model_copy(update={"role": "competitor"})
    assert run(watcher(store.index, rival), NOW, 3) == []


def test_copies_of_one_story_by_one_author_are_not_a_crowd(store: Store) -> None:
    store.write(usual_talk(), crisis(30, story="one", author="Agenzia"))
    assert run(watcher(store.index), NOW, 3) == []


def test_a_brand_wide_crisis_is_the_brand_s(store: Store) -> None:
    store.write(usual_talk(), crisis(product=()))
    assert run(watcher(store.index), NOW, 3) == ["started"]
    assert incidents(store.index)[0].product == ""


def test_the_end_is_told_once(store: Store) -> None:
    store.write(usual_talk(), crisis())
    events = run(watcher(store.index), NOW, 120)
    assert events == ["started", "ended"]
    (incident,) = incidents(store.index)
    assert incident.state == "ended" and incident.ended_at is not None
    assert incident.started_at < incident.ended_at <= NOW + timedelta(hours=1)
    assert sorted(mail.id.rpartition("/")[2] for mail in mails(store.index)) == ["end", "start"]


def test_worsening_is_told(store: Store) -> None:
    store.write(usual_talk(), crisis())
    watch = watcher(store.index)
    assert run(watch, NOW, 1) == ["started"]
    store.write(crisis(120, minutes=9, before=NOW + timedelta(minutes=30), name="more"))
    assert run(watch, NOW + timedelta(minutes=5), 30) == ["worsened"]
    assert sorted(mail.id.rpartition("/")[2] for mail in mails(store.index)) == ["start", "worse-2"]


def test_no_answer_from_any_source_ends_nothing(store: Store) -> None:
    """The crawler stops at NOW: no news is not good news."""
    status = SourceStatus(id="feed:x", name="x", channel="feed", last_ok_at=NOW + MINUTE)
    store.index.records.put("source", status.id, msgspec.json.encode(status))
    store.write(usual_talk(), crisis())
    assert run(watcher(store.index), NOW, 120) == ["started"]
    assert incidents(store.index)[0].state == "open"


@pytest.mark.parametrize("language", ["it", "en"])
def test_markup_from_outside_is_text(store: Store, language: str) -> None:
    title = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"
    store.write(usual_talk(), [*crisis(), mention("x", NOW - 4 * MINUTE, title=title, reach=10_000, confidence=1.0)])
    run(watcher(store.index, brand(language)), NOW, 1)
    (mail,) = mails(store.index)
    assert mail.language == language
    tree = lxml.html.fromstring(mail.html)
    assert not tree.xpath("//script|//img|//*[@onerror]")
    assert title in tree.text_content()


def test_settings_choose_the_mails(store: Store) -> None:
    store.write(usual_talk(), crisis())
    alert = AlertSettings(mail_on_start=False)
    assert run(watcher(store.index, alert=alert), NOW, 120) == ["started", "ended"]
    assert [mail.id.rpartition("/")[2] for mail in mails(store.index)] == ["end"]


class Killed(BaseException):
    """Stands for the end of the process."""


class DyingRecords:
    """Records that end the process before or behind the nth put."""

    def __init__(self, records: Any, puts: int, *, behind: bool) -> None:
        self._records, self._left, self._behind = records, puts, behind

    def put(self, *args: Any, **kwargs: Any) -> int:
        self._left -= 1
        if self._left == 0 and not self._behind:
            raise Killed
        version: int = self._records.put(*args, **kwargs)
        if self._left == 0:
            raise Killed
        return version

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("puts", range(1, 7))
def test_killed_at_any_write_incident_and_mails_agree(store: Store, puts: int, behind: bool) -> None:
    """Start and end are told exactly once, wherever the process ends between the writes."""
    store.write(usual_talk(), crisis())
    records = store.index.records
    store.index.records = DyingRecords(records, puts, behind=behind)
    killed_at = NOW
    try:
        watch = watcher(store.index)
        for minute in range(120):
            killed_at = NOW + minute * MINUTE
            watch.look(killed_at)
    except Killed:
        pass
    store.index.records = records
    again = watcher(store.index)
    again.reconcile(killed_at)
    run(again, killed_at, 120)
    (incident,) = incidents(store.index)
    assert incident.state == "ended"
    assert sorted(mail.id for mail in mails(store.index)) == [f"{incident.id}/end", f"{incident.id}/start"]


def test_reconciling_writes_nothing_twice_and_nothing_old(store: Store) -> None:
    store.write(usual_talk(), crisis())
    run(watcher(store.index), NOW, 2)
    assert watcher(store.index).reconcile(LATER) == 0
    for mail in mails(store.index):
        store.index.records.delete("mail", mail.id)
    assert watcher(store.index).reconcile(LATER + timedelta(days=2)) == 0
    assert watcher(store.index).reconcile(LATER) == 1
