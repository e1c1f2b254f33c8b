"""The log: what is appended is there once, in order, all or none; where it ends, when it was taken, what may go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_backends import BACKENDS, KAFKA, PARTITIONS, LogFactory, at_most, opened, quiet, readable, records

from infra.testbed.waiting import until
from stream import EDITS, RAW, Batch, Log, Record, Stored, UnknownTopic, utc_now


@pytest.fixture(params=BACKENDS)
def log_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogFactory]:
    with opened(request.param, tmp_path) as factory:
        yield factory


@pytest.fixture
def log(log_factory: LogFactory) -> Log:
    return log_factory()


def everything(log: Log, topic: str = RAW) -> dict[int, list[Stored]]:
    ends = readable(log, topic).ends(topic)
    return {p: list(log.read(topic, p, first, 1_000_000)) for p, (first, _) in ends.items()}


def values(log: Log, topic: str = RAW) -> list[bytes]:
    return sorted(record.value for some in everything(log, topic).values() for record in some)


def moment(log: Log) -> datetime:
    """A time after everything taken so far and before everything to come."""
    last = max((record.timestamp for some in everything(log).values() for record in some), default=0)
    between = datetime.fromtimestamp((last + 1) / 1000, UTC)
    until(lambda: utc_now() > between)
    return between


def test_it_has_the_partitions_asked_for_and_starts_at_zero(log: Log) -> None:
    assert log.ends(RAW) == log.ends(EDITS) == dict.fromkeys(range(PARTITIONS), (0, 0))


def test_records_of_one_key_keep_their_order_in_one_partition(log: Log) -> None:
    sent = [records(70, f"{round}", keys=9) for round in range(5)]
    for batch in sent:
        log.append(RAW, batch)
    by_key: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    for partition, some in everything(log).items():
        for record in some:
            by_key[record.key].append((partition, record.value))
    for key, found in by_key.items():
        assert len({partition for partition, _ in found}) == 1
        assert [value for _, value in found] == [r.value for batch in sent for r in batch if r.key == key]
    assert len({found[0][0] for found in by_key.values()}) > 1


def test_offsets_rise_and_end_where_the_log_says(log: Log) -> None:
    for round in range(3):
        log.append(RAW, records(100, f"{round}"))
    for partition, (first, end) in log.ends(RAW).items():
        offsets = [record.offset for record in everything(log)[partition]]
        assert offsets == sorted(set(offsets)) and offsets[0] == first and offsets[-1] < end
        assert end - first in at_most(log, len(offsets), 3)


def test_topics_are_apart(log: Log) -> None:
    log.append(RAW, records(10))
    log.append(EDITS, records(5, "e"))
    assert (len(values(log)), len(values(log, EDITS))) == (10, 5)


def test_a_record_says_when_it_was_taken(log: Log) -> None:
    before = utc_now() - timedelta(milliseconds=1)
    log.append(RAW, records(3))
    for some in everything(log).values():
        for record in some:
            assert before <= datetime.fromtimestamp(record.timestamp / 1000, UTC) <= utc_now()


def test_a_batch_is_taken_whole_or_not_at_all(log: Log) -> None:
    bad = [*records(30), Record(b"key", "text, not bytes"), *records(30)]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        log.append(RAW, bad, account="feed:x")
    assert values(log) == []
    assert dict(log.accounts(RAW)) == {}


def test_nothing_appended_changes_nothing(log: Log) -> None:
    log.append(RAW, [], account="feed:x")
    assert values(log) == []


def test_any_bytes_come_back(log: Log) -> None:
    sent = [Record(b"", b""), Record(b"\x00\xff", bytes(range(256))), Record("è".encode(), b"x" * 3_000_000)]
    log.append(RAW, sent)
    assert sorted((r.key, r.value) for some in everything(log).values() for r in some) == sorted(sent)


def test_reading_starts_anywhere_and_stops_at_the_limit(log: Log) -> None:
    log.append(RAW, [Record(b"one key", b"%d" % i) for i in range(50)])
    log.append(RAW, [Record(b"one key", b"%d" % i) for i in range(50, 90)])
    (partition,) = (p for p, (_, end) in log.ends(RAW).items() if end)
    every = list(log.read(RAW, partition, 0))
    assert [int(record.value) for record in every] == list(range(90))
    for start in (0, 1, 49, 50, 51, 89):
        assert list(log.read(RAW, partition, every[start].offset, 30)) == every[start : start + 30]
    assert list(log.read(RAW, partition, every[-1].offset + 1)) == []
    assert list(log.read(RAW, partition, 5000)) == []


def test_an_account_is_credited_with_what_was_appended_for_it(log: Log) -> None:
    log.append(RAW, records(10), account="feed:a")
    log.append(RAW, records(7), account="feed:b")
    log.append(RAW, records(5), account="feed:a")
    log.append(RAW, records(3))
    log.append(EDITS, records(1), account="feed:a")
    assert dict(log.accounts(RAW)) == {"feed:a": 15, "feed:b": 7}


def test_an_offset_is_found_by_time(log: Log) -> None:
    log.append(RAW, records(40, "old"))
    between = moment(log)
    ends = log.ends(RAW)
    log.append(RAW, records(40, "new"))
    for partition, (_, end) in ends.items():
        found = log.read(RAW, partition, log.offset_at(RAW, partition, between))
        assert found and all(record.value.startswith(b"new") for record in found)
        assert log.offset_at(RAW, partition, between) in range(end - 1, end + 1)
        assert log.offset_at(RAW, partition, between - timedelta(days=365)) == 0
        assert log.offset_at(RAW, partition, utc_now() + timedelta(hours=1)) == log.ends(RAW)[partition][1]


def test_retention_drops_what_is_old_and_keeps_the_numbers(log: Log) -> None:
    log.append(RAW, records(40, "old"))
    between = moment(log)
    log.append(RAW, records(30, "new"))
    ends = readable(log).ends(RAW)
    assert log.retain(RAW, between) in at_most(log, 40, 1)
    assert {value.split(b"-")[0] for value in values(log)} == {b"new"}
    assert len(values(log)) == 30
    assert {p: end for p, (_, end) in log.ends(RAW).items()} == {p: end for p, (_, end) in ends.items()}
    for partition, (first, _) in log.ends(RAW).items():
        assert next(iter(log.read(RAW, partition, 0))).offset in at_most(log, first, 1)
    assert log.retain(RAW, between) == 0


def test_retention_of_everything_goes_on_where_it_was(log: Log) -> None:
    log.append(RAW, records(40))
    ends = readable(log).ends(RAW)
    assert log.retain(RAW, utc_now() + timedelta(hours=1)) in at_most(log, 40, 1)
    assert log.ends(RAW) == {p: (end, end) for p, (_, end) in ends.items()}
    log.append(RAW, records(40, "after"))
    assert sorted(values(log)) == sorted(r.value for r in records(40, "after"))


def test_retention_never_passes_a_group_that_is_behind(log: Log) -> None:
    for round in range(4):
        log.append(RAW, records(40, f"{round}"))
    with log.consumer("slow", [RAW]) as slow, log.consumer("fast", [RAW]) as fast:
        while any(log.lag("fast", RAW).values()):
            for batch in fast.poll():
                fast.commit(batch)
        handled = 0
        while handled < 60:
            for batch in slow.poll(max_records=60 - handled):
                slow.commit(batch)
                handled += len(batch.records)
    committed = dict.fromkeys(range(PARTITIONS), 0) | dict(log.committed("slow", RAW))
    log.retain(RAW, utc_now() + timedelta(hours=1))
    for partition, (first, end) in log.ends(RAW).items():
        assert first <= committed[partition]
        kept = [record.offset for record in log.read(RAW, partition, committed[partition])]
        assert len(kept) in range(end - committed[partition] - 4, end - committed[partition] + 1)
    assert sum(readable(log).lag("slow", RAW).values()) in at_most(log, 100, 4)


def test_another_process_sees_what_this_one_appends_and_the_other_way_round(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(100, "here"), account="here")
    others = [log_factory.child("append", f"there{i}", "400", "7") for i in range(2)]
    for i in range(20):
        log.append(RAW, records(10, f"meanwhile{i}"), account="here")
    for other in others:
        assert other.line() == "done"
    sent = [r.value for batch in (records(100, "here"), records(400, "there0"), records(400, "there1")) for r in batch]
    sent += [r.value for i in range(20) for r in records(10, f"meanwhile{i}")]
    assert values(log) == sorted(sent)
    assert dict(log.accounts(RAW)) == {"here": 300, "there0": 400, "there1": 400}
    for partition, (_, end) in log.ends(RAW).items():
        offsets = [record.offset for record in everything(log)[partition]]
        assert offsets == sorted(set(offsets)) and offsets[-1] < end


def test_what_was_appended_is_there_after_reopening(log_factory: LogFactory) -> None:
    first = log_factory()
    first.append(RAW, records(100), account="feed:a")
    ends = first.ends(RAW)
    first.close()
    again = log_factory()
    assert again.ends(RAW) == ends
    assert dict(again.accounts(RAW)) == {"feed:a": 100}
    assert values(again) == sorted(record.value for record in records(100))


@pytest.mark.parametrize(
    "use",
    [
        lambda log: log.append("mentions.cooked", records(1)),
        lambda log: log.accounts("mentions.cooked"),
        lambda log: log.consumer("g", [RAW, "mentions.cooked"]),
        lambda log: log.ends("mentions.cooked"),
        lambda log: log.committed("g", "mentions.cooked"),
        lambda log: log.lag("g", "mentions.cooked"),
        lambda log: log.read("mentions.cooked", 0, 0),
        lambda log: log.offset_at("mentions.cooked", 0, utc_now()),
        lambda log: log.reset("g", "mentions.cooked", {0: 0}),
        lambda log: log.retain("mentions.cooked", utc_now()),
        lambda log: log.dead("mentions.cooked"),
    ],
)
def test_a_topic_that_is_not_there_is_named(log: Log, use: Callable[[Log], object]) -> None:
    with pytest.raises(UnknownTopic, match=r"mentions\.cooked"):
        use(log)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("append"), st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), min_size=1, max_size=30)
        ),
        st.tuples(st.just("poll"), st.integers(1, 12)),
        st.tuples(st.sampled_from(["commit", "restart"]), st.none()),
    ),
    max_size=25,
)


@pytest.mark.parametrize("backend", BACKENDS)
@given(steps=STEPS)
@settings(max_examples=3 if KAFKA else 25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_appends_polls_and_restarts_hand_out_every_record_once_in_order(
    backend: str, steps: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What counts as handed out is what was committed; a restart loses the rest, which must come again."""
    sent: dict[bytes, list[bytes]] = defaultdict(list)
    handled: dict[bytes, list[bytes]] = defaultdict(list)
    pending: list[Batch] = []
    with opened(backend, tmp_path_factory.mktemp("log")) as factory:
        log = factory()
        consumer = log.consumer("g", [RAW])
        end = [("commit", None), *[("poll", 10_000), ("commit", None)] * (1 if not quiet(consumer) else 10)]
        for step, what in [*steps, *end]:
            if step == "append":
                batch = [Record(key, b"%d" % i) for i, key in enumerate(what, sum(map(len, sent.values())))]
                log.append(RAW, batch)
                for record in batch:
                    sent[record.key].append(record.value)
            elif step == "poll":
                pending += consumer.poll(max_records=what, timeout=quiet(consumer) / 5)
            elif step == "commit":
                for one in pending:
                    consumer.commit(one)
                    for record in one.records:
                        handled[record.key].append(record.value)
                pending.clear()
            else:
                consumer.close()
                pending.clear()
                consumer = log.consumer("g", [RAW])
        assert handled == sent
        assert set(log.lag("g", RAW).values()) == {0}
