"""What only the log on Kafka promises: its topics' settings, its limits, what killed writers and topics made anew do to it."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from log_backends import KAFKA, PARTITIONS, SESSION, LogFactory, at_rest, kafka_settings, opened, records

from infra.testbed.waiting import PATIENCE, until
from stream import RAW, Batch, Consumer, Fenced, KafkaSettings, Log, LogError, LogUnavailable, Record, TooLarge, utc_now
from stream.kafka.log import KafkaLog

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not KAFKA, reason="RONZIO_TEST_KAFKA is not set (make test-services sets it)"),
]

SERVERS = KAFKA.split(",")


@pytest.fixture
def log_factory(tmp_path: Path) -> Iterator[LogFactory]:
    with opened("kafka", tmp_path) as factory:
        yield factory


@pytest.fixture
def admin() -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=SERVERS)) as client:
        yield client


def values(log: Log) -> list[bytes]:
    return sorted(
        record.value for p, (first, _) in log.ends(RAW).items() for record in log.read(RAW, p, first, 1_000_000)
    )


def polled(consumer: Consumer, count: int) -> list[Batch]:
    """Polls until so many records have come."""
    batches: list[Batch] = []

    def enough() -> bool:
        batches.extend(consumer.poll(timeout=0.2))
        return sum(len(batch.records) for batch in batches) >= count

    until(enough, f"{count} records")
    return batches


def made_anew(admin: KafkaAdminClient, prefix: str) -> None:
    """The topic is deleted, and made again by the next who opens the log."""
    admin.delete_topics([prefix + RAW])
    until(lambda: prefix + RAW not in admin.list_topics())
    time.sleep(0.5)


# -- topics ------------------------------------------------------------------------------------------------------------


def test_a_topic_made_otherwise_is_reported_and_left_as_it_is(
    log_factory: LogFactory, admin: KafkaAdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    name = log_factory.where + RAW
    admin.create_topics(
        [NewTopic(name, 2, 1, topic_configs={"retention.ms": "3600000", "max.message.bytes": "1000012"})]
    )
    with caplog.at_level(logging.WARNING):
        log = log_factory()
    said = {(r.topic, r.setting): r.getMessage() for r in caplog.records if getattr(r, "action", "") == "topic-differs"}  # type: ignore[attr-defined]
    assert {key for topic, key in said if topic == name} >= {
        "partitions", "retention.ms", "max.message.bytes", "message.timestamp.type"
    }  # fmt: skip
    assert "3600000" in said[name, "retention.ms"]
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    found = admin.describe_configs([resource], config_filter="all")["topic"][name]
    assert (found["retention.ms"]["value"], found["max.message.bytes"]["value"]) == ("3600000", "1000012")
    log.append(RAW, records(20))
    until(lambda: len(values(log)) == 20)
    assert len(log.ends(RAW)) == 2


def test_a_topic_that_kafka_does_not_make_is_told_in_a_line(log_factory: LogFactory) -> None:
    with pytest.raises(LogError) as caught:
        KafkaLog(kafka_settings(log_factory.where).model_copy(update={"replication": 9}))
    assert "replication factor of 9" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "Request" not in str(caught.value)


def test_topics_are_made_by_several_at_once(log_factory: LogFactory) -> None:
    others = [log_factory.child("append", f"p{i}", "20", "20") for i in range(3)]
    assert [other.line() for other in others] == ["done"] * 3
    log = log_factory()
    until(lambda: len(values(log)) == 60)


# -- appending ---------------------------------------------------------------------------------------------------------


def test_a_record_too_large_is_refused_by_its_size_and_nothing_is_appended(log_factory: LogFactory) -> None:
    log = log_factory()
    with pytest.raises(TooLarge, match=r"9,000,003 bytes.*8,388,608"):
        log.append(RAW, [*records(10), Record(b"key", bytes(9_000_000))], account="feed:a")
    assert values(log) == []
    assert dict(log.accounts(RAW)) == {}


@pytest.mark.faults
def test_of_an_append_that_was_killed_readers_see_all_or_none(log_factory: LogFactory) -> None:
    size, log, chance = 500, log_factory(), random.Random(1)
    children = [log_factory.child("append", f"k{number}", "1000000", str(size)) for number in range(3)]
    until(lambda: len(log.accounts(RAW)) == len(children))
    for child in children:
        time.sleep(chance.uniform(0, 0.3))
        child.kill()
    until(lambda: at_rest(log_factory.where + RAW, PARTITIONS))
    found = Counter((value.split(b"-")[0], int(value.split(b"-")[1]) // size) for value in values(log))
    assert set(found.values()) <= {size}
    by_child = Counter(prefix.decode() for prefix, _ in found.elements())
    assert dict(log.accounts(RAW)) == dict(by_child)


def test_a_kafka_that_is_not_there_is_said_to_be_unavailable_soon() -> None:
    begin = time.monotonic()
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1\b"):
        KafkaLog(KafkaSettings(servers=("127.0.0.1:1",)))
    assert time.monotonic() - begin < PATIENCE / 4


# -- groups ------------------------------------------------------------------------------------------------------------


def test_a_member_put_out_of_its_group_gets_again_what_it_could_not_commit(
    log_factory: LogFactory, admin: KafkaAdminClient
) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    with log.consumer("g", [RAW]) as consumer:
        batches = polled(consumer, 200)
        for group in [one["group_id"] for one in admin.list_groups()]:
            if group.startswith(log_factory.where):
                for member in admin.describe_groups([group])[group]["members"]:
                    admin.remove_group_members(group, [_leaving(member["member_id"])])
        refused = 0
        for batch in batches:
            try:
                consumer.commit(batch)
            except Fenced:
                refused += 1
        assert refused == len(batches)
        again = polled(consumer, 200)
    assert sorted(record.value for batch in again for record in batch.records) == sorted(
        record.value for record in records(200, keys=200)
    )
    assert {(b.partition, b.epoch) for b in again}.isdisjoint((b.partition, b.epoch) for b in batches)


def test_a_member_slower_than_the_interval_of_polls_is_replaced_and_loses_nothing(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    impatient = kafka_settings(log_factory.where).model_copy(update={"poll_s": SESSION + 1})
    with closing(KafkaLog(impatient)) as slow, slow.consumer("g", [RAW]) as late:
        batches = polled(late, 200)
        with log.consumer("g", [RAW]) as quick:
            for batch in polled(quick, 200):
                quick.commit(batch)
            for batch in batches:
                with pytest.raises(Fenced):
                    late.commit(batch)
        log.append(RAW, records(100, "more", keys=100))
        more = {record.value for batch in polled(late, 100) for record in batch.records}
    assert more == {record.value for record in records(100, "more", keys=100)}


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(days=400)], ids=["behind", "ahead"])
def test_the_clock_of_a_writer_does_not_count(
    log_factory: LogFactory, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    log, begun, clock = log_factory(), utc_now(), time.time
    log.append(RAW, records(100, "right"), account="feed:a")
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: clock() + skew.total_seconds())
        log.append(RAW, records(100, "wrong"), account="feed:b")
    stored = [record for p in log.ends(RAW) for record in log.read(RAW, p, 0)]
    assert len(stored) == 200
    assert all(abs(record.timestamp / 1000 - begun.timestamp()) < 600 for record in stored), "the broker's clock counts"
    assert log.retain(RAW, begun - timedelta(days=30)) == 0
    assert all(log.offset_at(RAW, p, begun + timedelta(days=1)) == end for p, (_, end) in log.ends(RAW).items())


@pytest.mark.parametrize("anew", [100, 600], ids=["shorter", "longer"])
def test_a_topic_made_anew_under_a_running_group_loses_nothing(
    log_factory: LogFactory, admin: KafkaAdminClient, anew: int
) -> None:
    log = log_factory()
    log.append(RAW, records(300, "old", keys=300))
    found: set[bytes] = set()
    with log.consumer("g", [RAW]) as consumer:
        for batch in polled(consumer, 300):
            consumer.commit(batch)
        made_anew(admin, log_factory.where)
        log_factory().append(RAW, records(anew, "new", keys=anew))

        def everything() -> bool:
            for batch in consumer.poll(timeout=0.2):
                found.update(record.value for record in batch.records)
                try:
                    consumer.commit(batch)
                except Fenced:
                    continue
            return len(found) == anew

        until(everything, f"the {anew} records of the topic made anew")


@pytest.mark.parametrize("anew", [100, 600], ids=["shorter", "longer"])
def test_a_topic_made_anew_while_nobody_was_there_loses_nothing(
    log_factory: LogFactory, admin: KafkaAdminClient, anew: int
) -> None:
    log = log_factory()
    log.append(RAW, records(300, "old", keys=300))
    with log.consumer("g", [RAW]) as consumer:
        for batch in polled(consumer, 300):
            consumer.commit(batch)
    made_anew(admin, log_factory.where)
    again = log_factory()
    again.append(RAW, records(anew, "new", keys=anew))
    with again.consumer("g", [RAW]) as consumer:
        found = {record.value for batch in polled(consumer, anew) for record in batch.records}
    assert len(found) == anew


def _leaving(member: str) -> object:
    from kafka.admin import MemberToRemove

    return MemberToRemove(member_id=member)


def test_a_group_that_stands_still_is_joined_anew(log_factory: LogFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is that keeps a member from getting what lies in its partitions."""
    monkeypatch.setattr("stream.kafka.member.STUCK", 0.5)
    log = log_factory()
    with log.consumer("g", [RAW]) as consumer:
        log.append(RAW, [Record(b"k", b"%d" % number) for number in range(5)])
        for batch in polled(consumer, 5):
            consumer.commit(batch)
        member = consumer._members[RAW]  # type: ignore[attr-defined]  # of Kafka's, behind the interface
        deaf = member._consumer
        deaf.poll = lambda **_: {}
        log.append(RAW, [Record(b"k", b"%d" % number) for number in range(5, 9)])
        found = sorted(record.value for batch in polled(consumer, 4) for record in batch.records)
        assert found == [b"%d" % number for number in range(5, 9)]
        assert member._consumer is not deaf
