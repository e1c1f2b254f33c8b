"""Consumer groups: sharing, joining, leaving, dying; who may commit; where a group goes on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from log_backends import BACKENDS, PARTITIONS, Child, LogFactory, at_most, opened, quiet, readable, records

from infra.testbed.waiting import until
from stream import EDITS, RAW, Batch, Consumer, Fenced, Log, LogError, Position, Record, utc_now


@pytest.fixture(params=BACKENDS)
def log_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogFactory]:
    with opened(request.param, tmp_path) as factory:
        yield factory


@pytest.fixture
def log(log_factory: LogFactory) -> Log:
    return log_factory()


def drain(consumer: Consumer, *, commit: bool = True) -> list[bytes]:
    """What there is for this member now; committed."""
    found: list[bytes] = []
    while batches := consumer.poll(timeout=quiet(consumer)):
        for batch in batches:
            found += [record.value for record in batch.records]
            if commit:
                consumer.commit(batch)
    return found


def owned(log: Log, consumers: Sequence[Consumer]) -> list[set[int]]:
    """Appends to every partition until fair shares of all of it are handed out; which partitions each member got."""
    shares: list[set[int]] = []

    def settled() -> bool:
        shares[:] = [set() for _ in consumers]
        log.append(RAW, records(200, "probe", keys=200))
        while any(polled := polls(consumers)):
            for share, consumer, batches in zip(shares, consumers, polled, strict=True):
                for batch in batches:
                    share.add(batch.partition)
                    with contextlib.suppress(Fenced):  # given up in the same moment
                        consumer.commit(batch)
        sizes = [len(share) for share in shares]
        return sum(sizes) == PARTITIONS == len(set().union(*shares)) and max(sizes) - min(sizes) <= 1

    until(settled, "the partitions to be shared out")
    return shares


def polls(consumers: Sequence[Consumer]) -> list[list[Batch]]:
    """What each has now. Members on Kafka poll at the same time: a group is shared out by all of them together."""
    if not quiet(consumers[0]):
        return [consumer.poll(timeout=0) for consumer in consumers]
    with ThreadPoolExecutor(len(consumers)) as pool:
        return list(pool.map(lambda consumer: consumer.poll(timeout=0.5), consumers))


def take_all(consumer: Consumer, partitions: int = PARTITIONS) -> list[Batch]:
    """Polls until batches of `partitions` partitions have come."""
    batches: list[Batch] = []

    def enough() -> bool:
        batches.extend(consumer.poll(timeout=0.1))
        return len({batch.partition for batch in batches}) == partitions

    until(enough)
    return batches


def test_a_new_group_starts_at_the_beginning(log: Log) -> None:
    log.append(RAW, records(300))
    with log.consumer("g", [RAW]) as consumer:
        assert sorted(drain(consumer)) == sorted(record.value for record in records(300))


def test_a_poll_hands_out_a_few_more_than_asked_at_most_and_leaves_no_partition_behind(log: Log) -> None:
    log.append(RAW, records(2000, keys=2000))
    with log.consumer("g", [RAW]) as consumer:
        seen: set[int] = set()
        for _ in range(2 * PARTITIONS):
            batches = consumer.poll(max_records=100, timeout=4 * quiet(consumer))
            assert 0 < sum(len(batch.records) for batch in batches) <= 200
            seen |= {batch.partition for batch in batches}
        assert len(seen) == PARTITIONS


def test_a_batch_says_where_it_is_from_and_where_to_go_on(log: Log) -> None:
    log.append(RAW, records(100))
    with log.consumer("g", [RAW, EDITS]) as consumer:
        for batch in take_all(consumer):
            assert batch.topic == RAW
            assert batch.next_offset - len(batch.records) in at_most(log, 0, 1)
            assert list(batch.records) == list(log.read(RAW, batch.partition, 0))


def test_several_topics_come_through_one_consumer(log: Log) -> None:
    log.append(RAW, records(60, "raw"))
    log.append(EDITS, records(20, "edit"))
    with log.consumer("g", [RAW, EDITS]) as consumer:
        found = Counter(value.split(b"-")[0] for value in drain(consumer))
    assert found == {b"raw": 60, b"edit": 20}


def test_a_poll_without_records_ends_empty(log: Log) -> None:
    with log.consumer("g", [RAW]) as consumer:
        assert consumer.poll(timeout=0) == []
        assert consumer.poll(timeout=0.05) == []


def test_a_waiting_poll_wakes_up_when_another_process_appends(log_factory: LogFactory) -> None:
    with log_factory().consumer("g", [RAW]) as consumer:
        assert consumer.poll(timeout=0) == []
        log_factory.child("append", "late", "10", "10")
        assert consumer.poll(timeout=30)


def test_the_group_goes_on_behind_what_was_committed(log: Log) -> None:
    log.append(RAW, records(100, "first"))
    with log.consumer("g", [RAW]) as consumer:
        drain(consumer)
    log.append(RAW, records(50, "second"))
    with log.consumer("g", [RAW]) as consumer:
        assert sorted(drain(consumer)) == sorted(record.value for record in records(50, "second"))


def test_what_was_not_committed_comes_again(log: Log) -> None:
    log.append(RAW, records(100))
    with log.consumer("g", [RAW]) as consumer:
        once = drain(consumer, commit=False)
        assert drain(consumer) == []
    with log.consumer("g", [RAW]) as consumer:
        assert sorted(drain(consumer)) == sorted(once)


def test_groups_do_not_know_of_each_other(log: Log) -> None:
    log.append(RAW, records(100))
    with log.consumer("one", [RAW]) as one, log.consumer("two", [RAW]) as two:
        assert sorted(drain(one)) == sorted(drain(two))


def test_lag_counts_what_is_still_to_handle(log: Log) -> None:
    log.append(RAW, records(100))
    assert sum(readable(log).lag("g", RAW).values()) in at_most(log, 100, 1)
    assert dict(log.committed("g", RAW)) == {}
    with log.consumer("g", [RAW]) as consumer:
        for batch in consumer.poll(max_records=30, timeout=10):
            consumer.commit(batch)
            assert log.committed("g", RAW)[batch.partition] == batch.next_offset
        handled = sum(log.committed("g", RAW).values())
        assert 0 < handled < 100
        assert sum(readable(log).lag("g", RAW).values()) in at_most(log, 100 - handled, 1)
        drain(consumer)
    assert log.lag("g", RAW) == dict.fromkeys(range(PARTITIONS), 0)


def test_two_members_share_and_hand_out_nothing_twice(log_factory: LogFactory) -> None:
    log = log_factory()
    with log.consumer("g", [RAW]) as one, log_factory().consumer("g", [RAW]) as two:
        shares = owned(log, [one, two])
        assert [len(share) for share in shares] == [PARTITIONS // 2, PARTITIONS // 2]
        log.append(RAW, records(500, "settled", keys=500))
        found = drain(one) + drain(two)
        assert sorted(found) == sorted(record.value for record in records(500, "settled"))


def test_a_member_more_than_partitions_waits_its_turn(log_factory: LogFactory) -> None:
    log = log_factory()
    consumers = [log.consumer("g", [RAW]) for _ in range(PARTITIONS + 1)]
    shares = owned(log, consumers)
    assert sorted(map(len, shares)) == [0] + [1] * PARTITIONS
    idle = consumers[shares.index(set())]
    busy = next(consumer for consumer in consumers if consumer is not idle)
    busy.close()
    assert all(owned(log, [consumer for consumer in consumers if consumer is not busy]))


def test_who_joins_takes_a_share_and_who_leaves_gives_it_back(log: Log) -> None:
    with log.consumer("g", [RAW]) as one:
        assert owned(log, [one]) == [set(range(PARTITIONS))]
        with log.consumer("g", [RAW]) as two:
            first, second = owned(log, [one, two])
            assert len(first) == len(second) == PARTITIONS // 2
        assert owned(log, [one]) == [set(range(PARTITIONS))]


def test_who_stays_keeps_its_partitions_when_another_leaves(log: Log) -> None:
    with log.consumer("g", [RAW]) as one, log.consumer("g", [RAW]) as two:
        with log.consumer("g", [RAW]) as three:
            before = owned(log, [one, two, three])
        after = owned(log, [one, two])
    assert before[0] <= after[0]
    assert before[1] <= after[1]


def test_the_former_owner_may_not_commit(log: Log) -> None:
    log.append(RAW, records(200, keys=200))
    with log.consumer("g", [RAW]) as one:
        batches = take_all(one)
        with log.consumer("g", [RAW]) as two:
            lost = owned(log, [one, two])[1]
            committed = dict(log.committed("g", RAW))
            for batch in batches:
                if batch.partition in lost:
                    with pytest.raises(Fenced):
                        one.commit(batch)
            assert dict(log.committed("g", RAW)) == committed


def test_every_owner_has_a_higher_epoch_than_the_one_before(log: Log) -> None:
    epochs: list[dict[int, int]] = []
    for round in range(3):
        log.append(RAW, records(200, f"{round}", keys=200))
        with log.consumer("g", [RAW]) as consumer:
            batches = take_all(consumer)
            epochs.append({batch.partition: batch.epoch for batch in batches})
            for batch in batches:
                consumer.commit(batch)
    for before, after in pairwise(epochs):
        assert all(before[partition] < after[partition] for partition in before)


def test_a_closed_member_neither_polls_nor_commits(log: Log) -> None:
    log.append(RAW, records(10))
    consumer = log.consumer("g", [RAW])
    batches = consumer.poll(timeout=10)
    consumer.close()
    consumer.close()
    with pytest.raises(LogError):
        consumer.poll()
    with pytest.raises(LogError):
        consumer.commit(batches[0])


# -- processes ---------------------------------------------------------------------------------------------------------


def owning_child(log_factory: LogFactory) -> tuple[Child, int]:
    """Another process that has a batch in its hands, uncommitted, and the partition of that."""
    child = log_factory.child("own", "g")
    told = child.line()
    assert isinstance(told, dict)
    return child, told["partition"]


def test_a_killed_member_is_replaced_and_its_records_come_again(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    child, _ = owning_child(log_factory)
    child.kill()
    with log.consumer("g", [RAW]) as consumer:
        found = [record.value for batch in take_all(consumer) for record in batch.records]
    assert sorted(found) == sorted(record.value for record in records(200))


def test_a_member_that_hangs_is_replaced_and_fenced_when_it_wakes(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    child, _ = owning_child(log_factory)
    os.kill(child.pid, signal.SIGSTOP)
    with log.consumer("g", [RAW]) as consumer:
        found = [record.value for batch in take_all(consumer) for record in batch.records]
        assert sorted(found) == sorted(record.value for record in records(200))
        os.kill(child.pid, signal.SIGCONT)
        child.go_on()
        assert child.line() == "fenced"


def test_a_member_taken_for_dead_comes_back(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    child, _ = owning_child(log_factory)
    os.kill(child.pid, signal.SIGSTOP)
    with log.consumer("g", [RAW]) as consumer:
        take_all(consumer)
        os.kill(child.pid, signal.SIGCONT)
        child.go_on(1000)
        before = log.committed("g", RAW)

        def shared() -> bool:
            log.append(RAW, records(200, "more", keys=200))
            mine = set()
            for batch in consumer.poll(timeout=quiet(consumer) / 5):
                consumer.commit(batch)
                mine.add(batch.partition)
            theirs = set(range(PARTITIONS)) - mine
            now = log.committed("g", RAW)
            return len(mine) == len(theirs) and all(now[partition] > before[partition] for partition in theirs)

        until(shared)


# -- where a group goes on ---------------------------------------------------------------------------------------------


class Sink:
    """A sink that keeps positions: what it was asked, and what it answers (None: the log's own)."""

    def __init__(self, offsets: dict[int, int] | None = None) -> None:
        self.asked: list[Position] = []
        self.offsets = offsets

    def resume(self, position: Position) -> int | None:
        self.asked.append(position)
        return None if self.offsets is None else self.offsets[position.partition]


def test_the_sink_is_asked_once_for_every_partition_taken_over(log: Log) -> None:
    log.append(RAW, records(200, keys=200))
    with log.consumer("g", [RAW]) as consumer:
        drain(consumer)
    committed = log.committed("g", RAW)
    log.append(RAW, records(200, keys=200))
    sink = Sink()
    with log.consumer("g", [RAW], resume=sink.resume) as consumer:
        batches = take_all(consumer)
        drain(consumer)
    assert sorted(sink.asked) == sorted(
        Position("g", RAW, batch.partition, batch.epoch, committed[batch.partition]) for batch in batches
    )
    for batch in batches:
        assert batch.records[0].offset == committed[batch.partition]


@pytest.mark.parametrize("ahead", [5, -5])
def test_the_sinks_answer_counts_and_the_logs_own_offset_follows(log: Log, ahead: int) -> None:
    log.append(RAW, records(400, keys=400))
    with log.consumer("g", [RAW]) as consumer:
        for batch in take_all(consumer):
            consumer.commit(batch._replace(next_offset=20))
    sink = Sink(dict.fromkeys(range(PARTITIONS), 20 + ahead))
    with log.consumer("g", [RAW], resume=sink.resume) as consumer:
        first = {batch.partition: batch.records[0].offset for batch in take_all(consumer)}
    assert first == sink.offsets == log.committed("g", RAW)


def test_a_sink_asked_again_after_each_change_of_owner(log_factory: LogFactory) -> None:
    log, sinks = log_factory(), (Sink(), Sink())
    with log.consumer("g", [RAW], resume=sinks[0].resume) as one:
        owned(log, [one])
        with log.consumer("g", [RAW], resume=sinks[1].resume) as two:
            moved = owned(log, [one, two])[1]
        owned(log, [one])
    assert {position.partition for position in sinks[1].asked} == moved
    assert Counter(position.partition for position in sinks[0].asked) == {
        partition: 1 + (partition in moved) for partition in range(PARTITIONS)
    }


def test_a_replay_from_an_offset(log: Log) -> None:
    log.append(RAW, records(200, keys=200))
    with log.consumer("g", [RAW]) as consumer:
        drain(consumer)
    log.reset("g", RAW, {0: 7})
    with log.consumer("g", [RAW]) as consumer:
        (batch,) = consumer.poll(timeout=10)
        assert (batch.partition, batch.records[0].offset) == (0, 7)


def test_a_replay_from_a_time(log: Log) -> None:
    log.append(RAW, records(100, "old"))
    since = utc_now() + timedelta(milliseconds=2)
    until(lambda: utc_now() > since)
    log.append(RAW, records(100, "new"))
    with log.consumer("g", [RAW]) as consumer:
        drain(consumer)
    log.reset("g", RAW, {partition: log.offset_at(RAW, partition, since) for partition in range(PARTITIONS)})
    assert sum(readable(log).lag("g", RAW).values()) in at_most(log, 100, 1)
    with log.consumer("g", [RAW]) as consumer:
        assert sorted(drain(consumer)) == sorted(record.value for record in records(100, "new"))


def test_a_replay_holds_for_a_sink_that_remembers_more(log: Log) -> None:
    log.append(RAW, records(200, keys=200))
    with log.consumer("g", [RAW]) as consumer:
        drain(consumer)
    sink = Sink({partition: end for partition, (_, end) in log.ends(RAW).items()})
    log.reset("g", RAW, dict.fromkeys(range(PARTITIONS), 3))
    for _ in range(2):  # until somebody commits
        with log.consumer("g", [RAW], resume=sink.resume) as consumer:
            batches = take_all(consumer)
            assert {batch.records[0].offset for batch in batches} == {3}
    with log.consumer("g", [RAW], resume=sink.resume) as consumer:
        drain(consumer)
    with log.consumer("g", [RAW], resume=sink.resume) as consumer:
        assert consumer.poll(timeout=quiet(consumer)) == []
    assert len(sink.asked) == 4 * PARTITIONS  # asked all the same: it must learn the epoch


def test_a_group_with_a_running_member_is_not_reset(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    with log_factory().consumer("g", [RAW]) as running:
        running.poll(timeout=2 * quiet(running))
        with pytest.raises(LogError, match="g"):
            log.reset("g", RAW, {0: 0})
        log.reset("another", RAW, {0: 5})
        assert (log.members("g", RAW), log.members("another", RAW)) == (1, 0)
    log.reset("g", RAW, {0: 5})
    assert log.members("g", RAW) == 0
    assert log.committed("g", RAW)[0] == 5


def test_a_killed_member_does_not_stand_in_the_way_of_a_reset(log_factory: LogFactory) -> None:
    log = log_factory()
    log.append(RAW, records(200, keys=200))
    child, _ = owning_child(log_factory)
    child.kill()

    def reset() -> bool:
        try:
            log.reset("g", RAW, {0: 5})
        except LogError:  # on Kafka it counts as running until its session is over
            return False
        return True

    until(reset)
    assert log.committed("g", RAW)[0] == 5


@pytest.mark.parametrize("offsets", [{0: -1}, {0: 1_000_000}, {PARTITIONS: 0}])
def test_a_reset_to_where_there_is_nothing_is_refused(log: Log, offsets: dict[int, int]) -> None:
    log.append(RAW, records(10))
    with pytest.raises(LogError):
        log.reset("g", RAW, offsets)


def test_seeking_goes_on_from_there(log: Log) -> None:
    log.append(RAW, [Record(b"one key", b"%d" % i) for i in range(50)])
    with log.consumer("g", [RAW]) as consumer:
        (batch,) = consumer.poll(timeout=10)
        consumer.seek(RAW, batch.partition, 30)
        (again,) = consumer.poll(timeout=10)
        assert [int(record.value) for record in again.records] == list(range(30, 50))


def test_seeking_in_a_partition_of_somebody_else_is_refused(log: Log) -> None:
    with log.consumer("g", [RAW]) as one, log.consumer("g", [RAW]) as two:
        for partition in owned(log, [one, two])[1]:
            with pytest.raises(LogError, match=str(partition)):
                one.seek(RAW, partition, 0)
