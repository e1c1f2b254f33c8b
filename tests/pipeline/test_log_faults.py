"""The log when processes are killed and when the disk is full: nothing lost, nothing twice, clear errors."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.testbed.waiting import PATIENCE, until
from stream import RAW, Log, LogFull, Record, connect, open_log
from stream.embedded import EmbeddedLog

CHILD = Path(__file__).with_name("log_faults_child.py")
KILLS = 40
APPENDERS = ("ada", "bice")
SEED = 20260303


def start(directory: Path, task: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, CHILD, directory, task], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    process.kill()
    process.stdout.close()
    return process.wait()


def kill_at_random(directory: Path) -> Counter[str]:
    """Kills and restarts appenders and consumers; then lets the appenders finish and the consumers catch up."""
    chance = random.Random(SEED)
    tasks = {"one": "consume", "two": "consume"} | {name: name for name in APPENDERS}
    running = {name: start(directory, task) for name, task in tasks.items()}
    killed: Counter[str] = Counter()
    try:
        while killed.total() < KILLS:
            time.sleep(chance.random() * 0.2)  # a random point of its work
            name = chance.choice(list(running))
            assert running[name].poll() is None, f"{name} ended by itself"
            end(running[name])
            killed[tasks[name]] += 1
            running[name] = start(directory, tasks[name])
        (directory / "stop").touch()
        assert [running[name].wait(PATIENCE) for name in APPENDERS] == [0, 0]
        with closing(open_log(directory / "log")) as log:
            until(lambda: not any(log.lag("g", RAW).values()), "everything to be handled")
    finally:
        for process in running.values():
            end(process)
    return killed


@pytest.mark.faults
def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    killed = kill_at_random(tmp_path)
    assert set(killed) == {"consume", *APPENDERS}
    with closing(open_log(tmp_path / "log")) as log:
        accounts = log.accounts(RAW)
        for name in APPENDERS:
            acknowledged = int.from_bytes((tmp_path / f"{name}.acknowledged").read_bytes(), "big")
            assert 0 < acknowledged <= accounts[name]
        expected = Counter(f"{name}-{i}".encode() for name in APPENDERS for i in range(accounts[name]))
        stored: Counter[bytes] = Counter()
        for partition, (first, last) in log.ends(RAW).items():
            records = log.read(RAW, partition, first, last)
            assert [record.offset for record in records] == list(range(last))
            stored.update(record.value for record in records)
    assert stored == expected
    with closing(connect(tmp_path / "sink.db")) as sink:
        handled = sink.execute("SELECT part, offset, value FROM handled ORDER BY row").fetchall()
    assert Counter(value for _, _, value in handled) == expected
    for partition in {part for part, _, _ in handled}:
        offsets = [offset for part, offset, _ in handled if part == partition]
        assert offsets == list(range(len(offsets)))
    for file in (tmp_path / "log").glob("*.db"):
        with closing(connect(file)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield disk
    gc.collect()  # what a traceback still holds open keeps the disk busy
    subprocess.run(["umount", disk], check=True)


def batch(number: int) -> list[Record]:
    return [Record(b"%d" % i, b"%d-%d " % (number, i) + b"x" * 900) for i in range(50)]


def fill(log: Log) -> int:
    """Appends until the disk is full; how many batches were acknowledged."""
    for number in range(1000):
        try:
            log.append(RAW, batch(number), account="feed:a")
        except LogFull:
            return number
    raise AssertionError("the disk never filled")


def stuff(disk: Path) -> None:
    """Takes what room is left."""
    with (disk / "stuffing").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def check(log: Log, batches: int) -> None:
    """All records of that many batches are there, once."""
    found = [r for p, (first, last) in log.ends(RAW).items() for r in log.read(RAW, p, first, last)]
    expected = [record for number in range(batches) for record in batch(number)]
    assert sorted((record.key, record.value) for record in found) == sorted(expected)
    assert dict(log.accounts(RAW)) == {"feed:a": len(expected)}


def test_a_full_disk_takes_nothing_loses_nothing_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(2 << 20))
    with closing(EmbeddedLog(small_disk / "log")) as log:
        acknowledged = fill(log)
        assert acknowledged > 10
        with pytest.raises(LogFull, match=str(small_disk)):
            log.append(RAW, batch(acknowledged), account="feed:a")
        check(log, acknowledged)
        (small_disk / "ballast").unlink()
        log.append(RAW, batch(acknowledged), account="feed:a")
        check(log, acknowledged + 1)
    with closing(EmbeddedLog(small_disk / "log")) as log:
        check(log, acknowledged + 1)


def test_a_consumer_reads_on_while_the_disk_is_full_and_may_leave(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20))
    with closing(EmbeddedLog(small_disk / "log")) as log:
        with log.consumer("g", [RAW]) as consumer:
            consumer.poll(timeout=0)  # has its partitions
            acknowledged = fill(log)
            handled = 0
            while batches := consumer.poll(timeout=0):
                handled += sum(len(some.records) for some in batches)
            assert handled == acknowledged * len(batch(0))
            stuff(small_disk)
        (small_disk / "ballast").unlink()
        with log.consumer("g", [RAW]) as consumer:  # the one before had no room to write that it left
            assert sum(len(some.records) for some in consumer.poll(max_records=10_000, timeout=5)) == handled


def test_opening_where_there_is_no_room_says_so(small_disk: Path) -> None:
    stuff(small_disk)
    with pytest.raises(LogFull, match=str(small_disk)):
        EmbeddedLog(small_disk / "log")
    (small_disk / "stuffing").unlink()
    with closing(EmbeddedLog(small_disk / "log")) as log:
        log.append(RAW, batch(0), account="feed:a")
        check(log, 1)
