"""How files are opened and written: all or nothing, one writer at a time, no room."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import randbytes

import pytest

from index import StoreDamaged
from index.records import SqliteRecords
from infra.testbed.waiting import PATIENCE
from stream import RAW, Connection, DiskFull, LogDamaged, Record, connect, data_version, open_log, transaction
from stream.sqlite import COMMITS_PER_CHECK, PAGE, WAL_TARGET


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "too" / "file.db"


@pytest.fixture
def db(path: Path) -> Iterator[Connection]:
    with closing(connect(path)) as connection:
        with transaction(connection):
            connection.execute("CREATE TABLE word(text TEXT)")
        yield connection


def words(connection: Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM word ORDER BY rowid")]


def pragma(connection: Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_commit_is_on_the_disk_before_it_returns(db: Connection) -> None:
    assert pragma(db, "journal_mode") == "wal"
    assert pragma(db, "synchronous") == 2  # FULL
    assert pragma(db, "page_size") == PAGE


def test_an_exception_undoes_everything(db: Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction(db):
        db.execute("INSERT INTO word VALUES('gone')")
        _ = 1 / 0
    assert words(db) == []
    with transaction(db):
        db.execute("INSERT INTO word VALUES('kept')")
    assert words(db) == ["kept"]


def test_a_transaction_inside_a_transaction_is_refused_and_the_outer_one_undone(db: Connection) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction(db):
        db.execute("INSERT INTO word VALUES('outer')")
        with transaction(db):
            pass
    assert words(db) == []


def test_the_second_writer_waits_for_the_first_and_a_reader_for_nobody(db: Connection, path: Path) -> None:
    opened, entered = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def write() -> None:
        with closing(connect(path)) as other:
            seen.append(words(other))
            opened.set()
            with transaction(other):
                entered.set()
                other.execute("INSERT INTO word VALUES('second')")

    thread = threading.Thread(target=write)
    with transaction(db):
        db.execute("INSERT INTO word VALUES('first')")
        thread.start()
        assert opened.wait(PATIENCE)
        assert not entered.wait(0.05)
    thread.join()
    assert seen == [[]]
    assert words(db) == ["first", "second"]


def test_the_version_changes_when_somebody_else_writes_and_only_then(db: Connection, path: Path) -> None:
    with closing(connect(path)) as other:
        before = data_version(other)
        assert data_version(other) == before
        with transaction(other):
            other.execute("INSERT INTO word VALUES('own')")
        assert data_version(other) == before
        with transaction(db):
            db.execute("INSERT INTO word VALUES('theirs')")
        assert data_version(other) != before


def test_the_write_ahead_log_is_copied_back_and_does_not_grow_for_ever(db: Connection, path: Path) -> None:
    for _ in range(COMMITS_PER_CHECK * 3):
        with transaction(db):
            db.execute("INSERT INTO word VALUES(?)", ("x" * (WAL_TARGET // COMMITS_PER_CHECK),))
    assert Path(f"{path}-wal").stat().st_size < 2.5 * WAL_TARGET
    assert path.stat().st_size > WAL_TARGET


def test_a_full_disk_has_a_name_and_leaves_what_was_there(db: Connection, path: Path) -> None:
    with transaction(db):
        db.execute("INSERT INTO word VALUES('before')")
    db.execute(f"PRAGMA max_page_count={pragma(db, 'page_count')}")  # SQLite's own limit: the same error as a full disk
    with pytest.raises(DiskFull, match=str(path)), transaction(db):
        db.executemany("INSERT INTO word VALUES(?)", [("x" * PAGE,)] * 50)
    assert words(db) == ["before"]
    db.execute("PRAGMA max_page_count=1000000")
    with transaction(db):
        db.execute("INSERT INTO word VALUES('after')")
    assert words(db) == ["before", "after"]


def test_another_error_keeps_its_own_name(db: Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(db):
        db.execute("INSERT INTO nowhere VALUES(1)")


@pytest.mark.parametrize("sound", [0, PAGE])  # bytes at the beginning that stay as they were; a page of them: it opens
def test_a_damaged_file_is_named_by_the_store_and_by_the_log(tmp_path: Path, sound: int) -> None:
    records, topic = tmp_path / "records.db", tmp_path / f"{RAW}.db"
    with closing(SqliteRecords(records)) as store, closing(open_log(tmp_path)) as log:
        for number in range(100):
            store.put("kind", str(number), b"x" * PAGE)
        log.append(RAW, [Record(str(number).encode(), randbytes(PAGE)) for number in range(100)])
    for file in (records, topic):
        whole = file.read_bytes()
        file.write_bytes(whole[:sound] + b"\xa5" * (len(whole) - sound))
    with pytest.raises(StoreDamaged, match=f"{records} cannot be used"), closing(SqliteRecords(records)) as store:
        list(store.scan("kind"))
    with pytest.raises(LogDamaged, match=f"{topic} cannot be used"), closing(open_log(tmp_path)) as log:
        log.append(RAW, [Record(b"key", b"value")])


def test_a_closed_connection_says_so(path: Path) -> None:
    connection = connect(path)
    connection.close()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError), transaction(connection):
        pass
