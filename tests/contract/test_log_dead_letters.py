"""Dead letters: buried once, shown newest first, replayed once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from log_backends import BACKENDS, LogFactory, opened

from stream import EDITS, RAW, DeadLetter, Log, LogError, Record, Stored

NOON = datetime(2026, 3, 3, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture(params=BACKENDS)
def log_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogFactory]:
    with opened(request.param, tmp_path) as factory:
        yield factory


@pytest.fixture
def log(log_factory: LogFactory) -> Log:
    return log_factory()


def letter(offset: int, *, topic: str = RAW, partition: int = 0, source: str = "feed:a") -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        key=b"key-%d" % offset,
        value=b'{"cut off \xff%d' % offset,
        source=source,
        reason=f"Il JSON finisce a metà ({offset})",
        consumer="enrichment",
        at=NOON + timedelta(seconds=offset),
    )


def stored(log: Log, topic: str = RAW) -> list[Stored]:
    return [record for p, (first, _) in log.ends(topic).items() for record in log.read(topic, p, first)]


def test_nothing_is_dead_at_first(log: Log) -> None:
    assert list(log.dead(RAW)) == []


def test_letters_come_back_as_they_were_newest_first(log: Log) -> None:
    log.bury([letter(1), letter(2)])
    log.bury([letter(3)])
    assert list(log.dead(RAW)) == [letter(3), letter(2), letter(1)]
    assert list(log.dead(RAW, limit=2)) == [letter(3), letter(2)]


def test_the_same_record_buried_twice_is_one_letter(log_factory: LogFactory) -> None:
    log_factory().bury([letter(1), letter(1)])
    log_factory().bury([letter(1), letter(2)])
    assert list(log_factory().dead(RAW)) == [letter(2), letter(1)]


def test_the_same_offset_of_another_partition_or_topic_is_another_record(log: Log) -> None:
    log.bury([letter(1), letter(1, partition=1), letter(1, topic=EDITS)])
    assert list(log.dead(RAW)) == [letter(1, partition=1), letter(1)]
    assert list(log.dead(EDITS)) == [letter(1, topic=EDITS)]


def test_a_replayed_letter_is_in_the_topic_again_and_off_the_list(log: Log) -> None:
    log.bury([letter(1), letter(2), letter(3, topic=EDITS)])
    assert log.replay_dead([letter(1), letter(3, topic=EDITS)]) == 2
    assert [(record.key, record.value) for record in stored(log)] == [(letter(1).key, letter(1).value)]
    assert [(record.key, record.value) for record in stored(log, EDITS)] == [(letter(3).key, letter(3).value)]
    assert list(log.dead(RAW)) == [letter(2)]


def test_a_letter_is_replayed_once_however_often_one_asks(log_factory: LogFactory) -> None:
    one, two = log_factory(), log_factory()
    one.bury([letter(1)])
    assert one.replay_dead([letter(1), letter(1)]) == 1
    assert two.replay_dead([letter(1)]) == 0
    assert len(stored(one)) == 1


def test_a_record_nobody_buried_is_not_replayed(log: Log) -> None:
    assert log.replay_dead([letter(1)]) == 0
    assert stored(log) == []


def test_a_consumer_that_starts_again_does_not_bury_what_was_replayed_meanwhile(log: Log) -> None:
    log.bury([letter(1)])
    log.replay_dead([letter(1)])
    log.bury([letter(1)])
    assert list(log.dead(RAW)) == []


def test_a_replay_goes_to_the_partition_of_its_key_behind_what_is_there(log: Log) -> None:
    log.append(RAW, [Record(b"key-1", b"before")])
    log.bury([letter(1, partition=3)])
    log.replay_dead([letter(1, partition=3)])
    assert [record.value for record in stored(log)] == [b"before", letter(1).value]
    assert len({record.key for record in stored(log)}) == 1


def test_a_replayed_letter_is_credited_to_its_source_again(log: Log) -> None:
    """It is counted as dead already; handled again it is counted a second time, so the books need a second credit."""
    log.append(RAW, [Record(b"key-1", b"x")], account="feed:a")
    log.bury([letter(1), letter(2, source="")])
    log.replay_dead([letter(1), letter(2, source="")])
    assert dict(log.accounts(RAW)) == {"feed:a": 2}


def test_old_letters_go_with_their_retention(log: Log) -> None:
    log.bury([letter(1), letter(2), letter(3)])
    log.replay_dead([letter(1)])
    assert log.retain(f"{RAW}.dead", letter(3).at) == 2
    assert list(log.dead(RAW)) == [letter(3)]


def test_a_letter_of_no_topic_is_refused_and_none_of_them_buried(log: Log) -> None:
    with pytest.raises(LogError, match=r"mentions\.cooked"):
        log.bury([letter(1), letter(2, topic="mentions.cooked")])
    assert list(log.dead(RAW)) == []
