"""What only the log on SQLite promises: its directory, its number of partitions, what a backup put back does."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from log_backends import records

from stream import RAW, LogError, Position, open_log


def test_a_log_keeps_its_own_number_of_partitions(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "log", partitions=3)) as log:
        log.append(RAW, records(30))
    with closing(open_log(tmp_path / "log", partitions=8)) as log:
        assert len(log.ends(RAW)) == 3
        assert len({p for p, (_, end) in log.ends(RAW).items() if end}) == 3


def test_a_log_without_partitions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="partitions: 0"):
        open_log(tmp_path / "log", partitions=0)


def test_a_log_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    open_log(tmp_path / "log").close()
    with closing(sqlite3.connect(tmp_path / "log" / f"{RAW}.db")) as file:
        file.execute("PRAGMA user_version=99")
    with pytest.raises(LogError, match=rf"{RAW}\.db: format 99"):
        open_log(tmp_path / "log")


def test_the_directory_is_left_tidy(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "log")) as log, log.consumer("g", [RAW]) as consumer:
        consumer.poll(timeout=0)
    assert list((tmp_path / "log" / "members").iterdir()) == []
    assert not list((tmp_path / "log").glob("*-wal"))


def test_a_log_put_back_from_a_backup_gives_no_number_out_that_was_handled(tmp_path: Path) -> None:
    """Only the topic's file is put back; the group knows how far it was."""
    where, backup = tmp_path / "log" / f"{RAW}.db", tmp_path / "backup.db"
    with closing(open_log(tmp_path / "log", partitions=1)) as log:
        log.append(RAW, records(100))
    shutil.copy(where, backup)
    with closing(open_log(tmp_path / "log")) as log, log.consumer("g", [RAW]) as consumer:
        log.append(RAW, records(100, "lost"))
        for batch in consumer.poll():
            consumer.commit(batch)
    shutil.copy(backup, where)
    with closing(open_log(tmp_path / "log")) as log:
        log.append(RAW, records(10, "new"))
        assert log.ends(RAW) == {0: (0, 210)}
        with log.consumer("g", [RAW]) as consumer:
            (batch,) = consumer.poll()
            assert [record.value for record in batch.records] == [record.value for record in records(10, "new")]


def test_a_whole_log_put_back_hands_out_again_what_a_sink_might_have_missed(tmp_path: Path) -> None:
    """The sink knows more than the log and its groups; numbers may have been given out anew before it was asked."""
    sink: dict[int, int] = {}

    def resume(position: Position) -> int | None:
        return sink.get(position.partition)

    with closing(open_log(tmp_path / "log", partitions=1)) as log, log.consumer("g", [RAW]) as consumer:
        log.append(RAW, records(50))
        (batch,) = consumer.poll()
        consumer.commit(batch)
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    with closing(open_log(tmp_path / "log")) as log, log.consumer("g", [RAW]) as consumer:
        log.append(RAW, records(100, "lost"))
        (batch,) = consumer.poll()
        consumer.commit(batch)
        sink[0] = batch.next_offset
    shutil.rmtree(tmp_path / "log")
    shutil.copytree(tmp_path / "backup", tmp_path / "log")

    with closing(open_log(tmp_path / "log")) as log:
        log.append(RAW, records(20, "new"))  # under numbers that the sink has seen
        for _ in range(2):  # also when the first to take over dies before it has committed
            with log.consumer("g", [RAW], resume=resume) as consumer:
                (batch,) = consumer.poll()
                assert [record.value for record in batch.records] == [record.value for record in records(20, "new")]
        with log.consumer("g", [RAW], resume=resume) as consumer:
            (batch,) = consumer.poll()
            consumer.commit(batch)
            sink[0] = batch.next_offset
            assert consumer.poll(timeout=0) == []
            log.append(RAW, records(5, "newer"))
            (batch,) = consumer.poll()
            assert batch.records[0].offset >= 150
            consumer.commit(batch)
        assert log.lag("g", RAW) == {0: 0}


def test_numbers_never_given_out_do_not_count_as_lag_for_ever(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "log", partitions=1)) as log:
        with log.consumer("g", [RAW], resume=lambda position: 500) as consumer:
            consumer.poll(timeout=0)
            consumer.poll(timeout=0)
        assert log.ends(RAW) == {0: (0, 500)}
        assert log.lag("g", RAW) == {0: 0}
