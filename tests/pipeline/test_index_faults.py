"""The store when processes are killed, when the view is damaged and when the disk is full: nothing lost, nothing twice,
nothing erased comes back."""

from __future__ import annotations

import gc
import json
import logging
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tantivy
from index_faults_child import AUTHORS, SEGMENT, SEGMENTS, mention

from index import Index, IndexFailure, StoreFull, StoreUnavailable, Upkeep, open_index, open_upkeep
from index.layout import SCHEMA
from index.view import Change, Writer
from index.view import open_index as open_view
from infra.testbed.waiting import PATIENCE, until
from stream import Edit, connect, mention_id, transaction

CHILD = Path(__file__).with_name("index_faults_child.py")
ALL = {"match_all": {}}
KILLS = 60
TRIES = 10
MENTIONS = 24_000
SEED = 20260302


def start(directory: Path, *task: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, CHILD, directory, *task], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.kill()
    process.stdout.close()
    process.wait()


@contextmanager
def following(directory: Path) -> Iterator[Upkeep]:
    """Upkeep in a thread."""
    stop = threading.Event()
    upkeep = open_upkeep(directory)
    thread = threading.Thread(target=upkeep.run, args=(stop.is_set,))
    thread.start()
    try:
        yield upkeep
    finally:
        stop.set()
        thread.join()


def view(index: Index) -> Counter[str]:
    """id -> how often it is in the searchable view itself."""
    searcher = index._searcher()  # type: ignore[attr-defined]
    hits = searcher.search(tantivy.Query.all_query(), 1_000_000, count=False).hits
    return Counter(searcher.doc(address)["id"][0] for _, address in hits)


def documents(directory: Path) -> Counter[str]:
    with closing(connect(directory / "documents.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return Counter(id for (id,) in connection.execute("SELECT id FROM docs"))


class Humans:
    """Edits and erases at random while the others are killed, and knows what must be true afterwards."""

    def __init__(self, index: Index, chance: random.Random) -> None:
        self._index, self._chance = index, chance
        self.erased: set[str] = set()
        self.edited: set[str] = set()
        self.authors: set[str] = set()

    def act(self) -> None:
        id = mention_id(f"n{self._chance.randrange(MENTIONS)}")  # perhaps not there yet
        number = len(self.edited) + len(self.erased) + len(self.authors)
        event: dict[str, Any] = {"id": f"e{number}-{id}", "at": mention(0).published_at, "by": "anna", "mention": id}
        kind = self._chance.random()
        if kind < 0.5:
            self._index.edit([Edit(**event, changes={"assignee": "bruno"})])
            self.edited.add(id)
        elif kind < 0.97:
            self._index.edit([Edit(**event, kind="erase")])
            self.erased.add(id)
        elif len(self.authors) < 5:
            author = f"autore {self._chance.randrange(AUTHORS)}"
            self._index.edit(
                [Edit(id=f"a-{author}", at=event["at"], by="anna", kind="erase-author", author=author.upper())]
            )
            self.authors.add(author)

    def left(self) -> set[str]:
        """The mentions that must be there at the end."""
        every = map(mention, range(MENTIONS))
        return {each.id for each in every if each.id not in self.erased and each.author not in self.authors}


def kill_at_random(directory: Path, index: Index, chance: random.Random, humans: Humans) -> Counter[str]:
    tasks = {"upkeep": ("upkeep",), "writer": ("write", str(MENTIONS))}
    running = {name: start(directory, *task) for name, task in tasks.items()}
    killed: Counter[str] = Counter()
    try:
        while killed.total() < KILLS:
            moment = time.monotonic() + chance.random() * 0.5  # a random point of its work
            while time.monotonic() < moment:
                humans.act()
                time.sleep(0.005)
            name = chance.choice(list(tasks))
            assert running[name].poll() in (None, 0), f"{name} ended by itself"
            end(running[name])
            killed[name] += 1
            running[name] = start(directory, *tasks[name])
        assert running["writer"].wait(PATIENCE) == 0
        until(lambda: index.fresh()["behind"] == 0)
        (directory / "stop").touch()
        assert running["upkeep"].wait(PATIENCE) == 0
    finally:
        for process in running.values():
            end(process)
    return killed


@pytest.mark.faults
def test_kill_9_of_writer_and_indexer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with closing(open_index(tmp_path)) as index:
        humans = Humans(index, chance)
        killed = kill_at_random(tmp_path, index, chance, humans)
        assert killed.total() == KILLS and min(killed.values()) > KILLS // 4
        expected = Counter(humans.left())
        assert len(humans.erased) > 50 and len(humans.edited) > 50
        assert documents(tmp_path) == expected
        assert view(index) == expected
        edited = {
            hit["_id"]
            for page in [index.search({"query": {"term": {"assignee": "bruno"}}, "size": 10_000})]
            for hit in page["hits"]["hits"]
        }
        assert edited == humans.edited & set(expected)
        assert sum(tally.indexed + tally.erased for tally in index.books().values()) >= MENTIONS


# -- the view -----------------------------------------------------------------------------------------------------------
def segments(directory: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((directory / "meta.json").read_text())["segments"]
    return listed


def about_to_merge(directory: Path) -> Path:
    """A view that was killed before a merge. On a busy machine a merge may end before the process does: then another try."""
    for number in range(TRIES):
        place = directory / f"{number}"
        place.mkdir()
        process = start(place, "merge")
        assert process.wait() == 9
        end(process)
        if len(segments(place)) == SEGMENTS:
            return place
    raise AssertionError(f"the merge was to be caught before it ended, {TRIES} times")


def deleted_first(directory: Path, *, burn: bool) -> bool:
    """Reopens a view that was killed before a merge; deletes d2 first thing; adds until the merge runs; commits.
    Is d2 gone?"""
    place = about_to_merge(directory)
    index = open_view(place)
    writer = index.writer(15_000_000, 1)
    if burn:
        writer.delete_documents_by_term("id", "")
    writer.delete_documents_by_term("id", "d2")
    words = " ".join(f"w{k}" for k in range(40))
    for number in range(
        SEGMENTS * SEGMENT, SEGMENTS * SEGMENT + 60_000
    ):  # until its memory is full and a part is written
        writer.add_json(json.dumps({"id": f"d{number}", "text": f"{words} x{number % 5000}", "seq": number}))
    until(lambda: any(segment["max_doc"] > SEGMENT for segment in segments(place)))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    term = tantivy.Query.term_query(SCHEMA, "id", "d2", "basic")
    return int(index.searcher().search(term, 1).count) == 0


@pytest.mark.faults
def test_tantivy_loses_the_first_deletion_of_a_reopened_writer_when_a_merge_comes_before_the_commit(
    tmp_path: Path,
) -> None:
    """The reason for the first line of `Writer`: it gets the number of the last commit, and a part of the view that was
    last changed by that commit is taken as up to date. When this fails, tantivy has been mended and the line may go."""
    assert not deleted_first(tmp_path, burn=False)


@pytest.mark.faults
def test_a_deletion_that_is_not_the_first_is_not_lost(tmp_path: Path) -> None:
    assert deleted_first(tmp_path, burn=True)


def test_no_deletion_of_ours_is_a_writers_first_operation(tmp_path: Path) -> None:
    writer = Writer(tmp_path, create=True)
    writer.commit()
    writer.close()
    committed = json.loads((tmp_path / "meta.json").read_text())["opstamp"]
    writer = Writer(tmp_path)
    assert writer._writer.delete_documents_by_term("id", "d2") > committed
    writer.close()


def filled(directory: Path, count: int = 300) -> Index:
    index = open_index(directory)
    index.write([mention(number) for number in range(count)])
    with following(directory):
        until(lambda: index.fresh()["behind"] == 0 and index.fresh()["searchable"] == count)
    return index


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda view: flip(max(view.glob("*/*.term"))),
    "a file cut short": lambda view: (path := max(view.glob("*/*.idx"))).write_bytes(path.read_bytes()[:50]),
    "a missing file": lambda view: max(view.glob("*/*.fast")).unlink(),
    "an empty meta.json": lambda view: max(view.glob("*/meta.json")).write_bytes(b""),
    "no CURRENT": lambda view: (view / "CURRENT").unlink(),
    "CURRENT names nothing": lambda view: (view / "CURRENT").write_text("1-000099"),
    "another version": lambda view: renamed(view),
    "no directory": lambda view: [path.unlink() for path in view.glob("*/*")],
}


def renamed(view: Path) -> None:
    directory = view / (view / "CURRENT").read_text().strip()
    directory.rename(view / "00000000-000001")
    (view / "CURRENT").write_text("00000000-000001")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_view_is_made_anew_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    with closing(filled(tmp_path)):
        pass
    DAMAGES[damage](tmp_path / "view")
    with caplog.at_level(logging.WARNING), following(tmp_path):
        until(lambda: any(getattr(record, "action", "") == "rebuild_view" for record in caplog.records))
        with closing(open_index(tmp_path)) as index:
            until(lambda: searchable(index) == 300)
            assert view(index) == documents(tmp_path)


def searchable(index: Index) -> int:
    """-1 while the view cannot be opened."""
    try:
        return int(index.count(ALL))
    except IndexFailure:
        return -1


def test_a_view_lost_under_a_live_indexer_is_made_anew(tmp_path: Path) -> None:
    with closing(filled(tmp_path)) as index, following(tmp_path):
        for path in (tmp_path / "view").glob("*/*"):
            path.unlink()
        index.write([mention(1000)])
        until(lambda: searchable(index) == 301)


def lost(view: Path) -> None:
    view.rename(view.with_name("gone"))  # at once: a live indexer writes there


def emptied(view: Path) -> None:
    lost(view)
    view.mkdir(exist_ok=True)


@pytest.mark.parametrize("lose", [emptied, lost])
def test_without_a_view_searches_say_so_until_it_is_made_anew(tmp_path: Path, lose: Callable[[Path], object]) -> None:
    with closing(filled(tmp_path)) as index:
        lose(tmp_path / "view")
        for ask in (index.count, lambda query: index.search({"query": query}), lambda query: list(index.scan(query))):
            with pytest.raises(StoreUnavailable, match="ronzio rebuild"):
                ask(ALL)
        fresh = index.fresh()
        assert (fresh["documents"], fresh["searchable"], fresh["behind"]) == (300, 0, 300)
        with following(tmp_path):
            until(lambda: searchable(index) == 300)


@pytest.mark.parametrize("lose", [emptied, lost])
def test_a_whole_view_lost_under_a_live_indexer_is_made_anew(tmp_path: Path, lose: Callable[[Path], object]) -> None:
    with closing(filled(tmp_path)) as index, following(tmp_path):
        lose(tmp_path / "view")
        until(lambda: searchable(index) == 300)
        index.write([mention(1000)])
        until(lambda: searchable(index) == 301)


def test_a_new_store_answers_nothing(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index:
        assert index.count(ALL) == 0 and list(index.scan(ALL)) == []


def test_a_view_ahead_of_the_documents_is_made_anew(tmp_path: Path) -> None:
    """As after putting an older copy of the documents back."""
    with closing(filled(tmp_path)) as index:
        with closing(connect(tmp_path / "documents.db")) as connection, transaction(connection):
            connection.execute("DELETE FROM docs WHERE seq>100")
            connection.execute("UPDATE state SET value=100")
        with following(tmp_path):
            until(lambda: index.count(ALL) == 100)
            index.write([mention(2000)])
            until(lambda: index.count(ALL) == 101)


def test_a_view_that_holds_less_than_the_documents_is_made_anew(tmp_path: Path) -> None:
    with closing(filled(tmp_path)) as index:
        directory = tmp_path / "view" / (tmp_path / "view" / "CURRENT").read_text().strip()
        writer = Writer(directory)
        writer.delete([mention(5).id])
        writer.commit()
        writer.close()
        assert index.count(ALL) == 299
        with following(tmp_path):
            until(lambda: index.count(ALL) == 300)


def test_a_body_the_view_cannot_take_is_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_index(tmp_path)) as index:
        index.write([mention(number) for number in range(700)])
        poisoned = {mention(13).id: b'{"id":"%b","published_at":"never"}', mention(613).id: b'{"id":"%b","text":null}'}
        with closing(connect(tmp_path / "documents.db")) as connection, transaction(connection):
            for id, body in poisoned.items():
                connection.execute("UPDATE docs SET body=? WHERE id=?", (body.replace(b"%b", id.encode()), id))
        with caplog.at_level(logging.ERROR), following(tmp_path):
            until(lambda: index.fresh()["searchable"] == 698)
            until(lambda: index.fresh()["refused"] == 2)
            refused = [
                record.getMessage() for record in caplog.records if getattr(record, "action", "") == "refuse_mention"
            ]
            assert len(refused) == 2 and all(any(id in line for line in refused) for id in poisoned)
            index.write([mention(900), mention(13)])
            until(lambda: index.fresh()["searchable"] == 699)
        assert set(view(index)) == set(documents(tmp_path)) - set(poisoned)


class Fussy(Writer):
    """A writer whose commits are refused whole for one mention, as tantivy does for some mistakes in a document."""

    def add(self, change: Change) -> None:
        super().add(change)
        self.bad = getattr(self, "bad", False) or change.id == mention(437).id

    def commit(self) -> None:
        if getattr(self, "bad", False):
            raise ValueError("Schema error")
        super().commit()


def test_a_body_that_spoils_the_whole_commit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.follower.Writer", Fussy)
    with closing(open_index(tmp_path)) as index:
        index.write([mention(number) for number in range(1000)])
        with following(tmp_path):
            until(lambda: index.fresh()["refused"] == 1 and index.fresh()["searchable"] == 999)
            index.write([mention(number) for number in range(1000, 1100)])
            until(lambda: index.fresh()["searchable"] == 1099)
        assert set(documents(tmp_path)) - set(view(index)) == {mention(437).id}


def test_a_rebuild_beside_a_live_indexer_readers_and_a_writer(tmp_path: Path) -> None:
    with closing(filled(tmp_path, 3000)) as index, closing(open_index(tmp_path)) as other, following(tmp_path):
        wrong: list[int] = []
        queries = 0
        stop = threading.Event()

        def read() -> None:
            nonlocal queries
            while not stop.is_set():
                queries += 1
                if (
                    seen := other.count({"range": {"published_at": {"lt": mention(3000).published_at.isoformat()}}})
                ) != 3000:
                    wrong.append(seen)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(3):
                index.write([mention(3000 + number)])
                assert index.rebuild() == 3001 + number
                index.edit(
                    [
                        Edit(
                            id=f"r{number}",
                            at=mention(0).published_at,
                            by="anna",
                            kind="erase",
                            mention=mention(5000 + number).id,
                        )
                    ]
                )
            index.write([mention(4000)])
            until(lambda: index.count(ALL) == 3004)
        finally:
            stop.set()
            reader.join()
        assert queries > 20 and not wrong
        assert view(index) == documents(tmp_path)
        until(lambda: len([path for path in (tmp_path / "view").iterdir() if path.is_dir()]) == 1)


def test_a_second_indexer_waits_for_the_first(tmp_path: Path) -> None:
    with closing(filled(tmp_path)) as index, following(tmp_path):
        with following(tmp_path):
            index.write([mention(700)])
            until(lambda: index.count(ALL) == 301)
        index.write([mention(701)])
        until(lambda: index.count(ALL) == 302)


# -- a full disk --------------------------------------------------------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        gc.collect()  # what a traceback still holds open keeps the disk busy
        subprocess.run(["umount", disk], check=True)


@pytest.mark.faults
def test_a_full_disk_is_a_clear_error_and_loses_nothing(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_index(small_disk / "index")) as index:
        written = 0
        with caplog.at_level(logging.ERROR), following(small_disk / "index"):
            index.write([mention(number) for number in range(100)])
            until(lambda: searchable(index) == 100)
            with pytest.raises(StoreFull, match="no room left"):
                for written in range(100, 200_000, 100):
                    index.write([mention(number) for number in range(written, written + 100)])
            assert [body["id"] for body in index.get([mention(written - 1).id])] == [mention(written - 1).id]
            assert index.get([mention(written).id]) == []
            assert index.count(ALL) >= 100, "readers go on"
            subprocess.run(["mount", "-o", "remount,size=120m", small_disk], check=True)
            index.write([mention(number) for number in range(written, written + 100)])
            until(lambda: index.fresh()["behind"] == 0)
            assert view(index) == documents(small_disk / "index")
            assert index.fresh()["documents"] == written + 100
