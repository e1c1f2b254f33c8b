"""What the worker guarantees, on the real log and the real store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import msgspec
import pytest

from enrichment import (
    GROUP,
    STORIES_GROUP,
    Enricher,
    EnrichmentSettings,
    TooManyDead,
    run_stories,
    run_worker,
    worker,
)
from index import Index, StoreFull, Tally, open_index
from stream import (
    EDITS,
    RAW,
    SIGNATURES,
    Brand,
    DeadLetter,
    Edit,
    Item,
    Log,
    Product,
    Record,
    examples,
    mention_id,
    open_log,
)

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
BRANDS = (
    Brand(name="Caffè Aurora", keywords=("aurora",), products=(Product(name="Mini"),)),
    Brand(name="Velox", keywords=("velox", "veloxair")),
)


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(BRANDS, EnrichmentSettings(story_window=1024, max_dead_in_a_row=5))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "log")
    yield log
    log.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = open_index(tmp_path / "index")
    yield index
    index.close()


def item(number: int, text: str = "Aurora numero {}", **more: object) -> Item:
    fields = {
        "id": mention_id(f"item:{number}"),
        "source": "feed:prova",
        "channel": "feed",
        "fetched_at": NOW,
        "published_at": NOW + timedelta(seconds=number),
        "text": text.format(number),
    }
    return Item(**(fields | more))  # type: ignore[arg-type]


def append(log: Log, items: Sequence[Item | bytes]) -> None:
    records = [
        Record(one.id.encode(), msgspec.json.encode(one)) if isinstance(one, Item) else Record(b"k", one)
        for one in items
    ]
    log.append(RAW, records, account="feed:prova")


def append_edits(log: Log, edits: Sequence[Edit | bytes]) -> None:
    log.append(EDITS, [Record(b"k", one if isinstance(one, bytes) else msgspec.json.encode(one)) for one in edits])


def work(log: Log, index: Index, enricher: Enricher, **more: int) -> None:
    """Until nothing is left to handle."""
    run_worker(log, index, enricher, nothing_left(log), **more)
    tell(log, index, enricher)


def tell(log: Log, index: Index, enricher: Enricher) -> None:
    """Until every signature is told of."""
    (end,) = [end for _, end in log.ends(SIGNATURES).values()]
    run_stories(log, index, enricher.settings, lambda: log.committed(STORIES_GROUP, SIGNATURES).get(0, 0) >= end)


def nothing_left(log: Log) -> Callable[[], bool]:
    def stop() -> bool:
        return not any(sum(log.lag(GROUP, topic).values()) for topic in (RAW, EDITS)) and taken()

    def taken() -> bool:
        return all(
            log.committed(GROUP, topic) or not sum(end for _, end in log.ends(topic).values()) for topic in (RAW, EDITS)
        )

    return stop


def stored(index: Index, numbers: Sequence[int]) -> list[str]:
    return [one["id"] for one in index.get([mention_id(f"item:{number}") for number in numbers])]


def test_every_example_of_both_topics_goes_through(log: Log, index: Index, enricher: Enricher) -> None:
    for topic in (RAW, EDITS):
        log.append(topic, [Record(b"k", value) for value in examples(topic)])
    work(log, index, enricher)
    assert not log.dead(RAW)
    assert not log.dead(EDITS)
    assert sum(tally.received for tally in index.books().values()) == len(examples(RAW))
    ids = [json.loads(value)["id"] for value in examples(RAW)]
    for mention in index.get(ids):
        assert mention["brand"]
        assert mention["story"]
        assert {reason["tag"].partition(":")[0] for reason in mention["why"]} >= {"brand", "language", "sentiment"}


def test_books_balance_and_dead_letters_are_kept(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [item(1), item(2, "nessuna marca"), b"{broken", item(1), item(3)])
    work(log, index, enricher)
    assert index.books() == {
        "feed:prova": Tally(indexed=2, duplicate=1, not_a_mention=1),
        "": Tally(dead=1),
    }
    [letter] = log.dead(RAW)
    assert letter.value == b"{broken"
    assert "not the JSON" in letter.reason
    assert letter.consumer == GROUP


def test_copies_are_one_story_also_after_a_restart(log: Log, index: Index, enricher: Enricher) -> None:
    text = "Aurora ritira dal mercato mille macchine difettose dopo le proteste dei clienti di Torino"
    append(log, [item(1, text), item(2, "Tutt'altro: Aurora apre un bar nuovo in piazza Castello a Milano")])
    work(log, index, enricher)
    append(log, [item(3, text + " e Novara"), item(4, text)])
    work(log, index, enricher)
    first = mention_id("item:1")
    stories = {one["id"]: one["story"] for one in index.get([mention_id(f"item:{number}") for number in range(1, 5)])}
    assert [stories[mention_id(f"item:{number}")] for number in (1, 3, 4)] == [first] * 3
    assert stories[mention_id("item:2")] == mention_id("item:2")


def test_stories_are_the_same_whoever_tells_them_and_however_often(log: Log, index: Index, enricher: Enricher) -> None:
    """A successor makes its window from the log; a batch told of twice changes nothing; an edit keeps the story."""
    text = "Aurora ritira dal mercato mille macchine difettose dopo le proteste dei clienti di "
    for number, place in enumerate(("Torino", "Novara", "Asti", "Cuneo", "Biella", "Alba")):
        append(log, [item(number, text + place), item(100 + number, f"Aurora apre il bar {number} a {place}")])
        run_worker(log, index, enricher, nothing_left(log))
        if number == 2:
            append_edits(log, [Edit(id="e", at=NOW, by="anna", mention=mention_id("item:2"), changes={"note": "x"})])
        tell(log, index, enricher)
    log.reset(STORIES_GROUP, SIGNATURES, {0: 3})
    tell(log, index, enricher)
    stories = {one["id"]: one["story"] for one in index.get([mention_id(f"item:{number}") for number in range(6)])}
    assert len(stories) == 6 and set(stories.values()) == {mention_id("item:0")}
    (edited,) = index.get([mention_id("item:2")])
    assert edited["note"] == "x"


def test_events_and_stories_brought_together_are_known_after_a_restart(
    log: Log, index: Index, enricher: Enricher
) -> None:
    """Each call of `work` is a new teller, which makes its window from the log."""

    def one(number: int, text: str) -> Item:
        return item(number, text, source=f"feed:{number}")

    whole = (
        "Aurora ritira dal mercato mille macchine difettose dopo le proteste dei clienti di Torino e le scosse".split()
    )
    append(log, [one(1, " ".join(whole[:11])), one(2, " ".join(["Aurora", *whole[6:]]))])
    work(log, index, enricher)
    other = (
        "Mille macchine difettose: Aurora le ritira, e dopo il mercato di Torino i clienti raccontano proteste e scosse"
    )
    append(log, [one(3, " ".join(whole)), one(4, other)])
    work(log, index, enricher)
    append(log, [one(5, " ".join(["Aurora", *whole[6:]])), one(6, other + " prese")])
    work(log, index, enricher)
    first, fourth = mention_id("item:1"), mention_id("item:4")
    found = index.get([mention_id(f"item:{number}") for number in range(1, 7)])
    assert [mention["story"] for mention in found] == [first, first, first, fourth, first, fourth]
    assert {mention["event"] for mention in found} == {first}


def test_what_a_killed_worker_stored_but_did_not_tell_is_told_by_the_next(
    log: Log, index: Index, enricher: Enricher
) -> None:
    text = "Aurora ritira dal mercato mille macchine difettose dopo le proteste dei clienti di Torino"
    append(log, [item(1, text), item(2, text)])

    class Killed(Exception):
        pass

    class Mute:
        """The log until the moment the signatures are to be told."""

        def __getattr__(self, name: str) -> object:
            return getattr(log, name)

        def append(self, topic: str, records: Sequence[Record], *, account: str = "") -> None:
            raise Killed

    with pytest.raises(Killed):
        run_worker(cast(Log, Mute()), index, enricher, nothing_left(log))
    assert len(stored(index, [1, 2])) > 0
    work(log, index, enricher)
    assert {one["story"] for one in index.get([mention_id("item:1"), mention_id("item:2")])} in (
        {mention_id("item:1")},
        {mention_id("item:2")},
    )


def test_a_signature_that_cannot_be_read_is_buried(log: Log, index: Index, enricher: Enricher) -> None:
    log.append(SIGNATURES, [Record(b"", b"{cut off")])
    tell(log, index, enricher)
    (letter,) = log.dead(SIGNATURES)
    assert letter.consumer == STORIES_GROUP and "not signatures" in letter.reason


def test_a_tombstone_takes_the_mention_away_and_it_may_come_back(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [item(1), item(2), item(3, kind="tombstone"), item(3)])
    work(log, index, enricher)
    assert len(stored(index, [1, 2, 3])) == 3
    append(log, [item(1, kind="tombstone"), item(2, kind="tombstone"), item(4), item(4, kind="tombstone")])
    work(log, index, enricher)
    assert stored(index, [1, 2, 3, 4]) == [mention_id("item:3")]
    append(log, [item(1)])
    work(log, index, enricher)
    assert len(stored(index, [1])) == 1
    assert index.books()["feed:prova"].received == 9


def test_what_humans_say_holds_when_everything_is_handled_again(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [item(1, "Aurora fa schifo"), item(2), item(3)])
    changes = {"sentiment": "positive", "topic": ["price"], "status": "answered"}
    append_edits(
        log,
        [
            Edit(id="e1", at=NOW, by="anna", mention=mention_id("item:1"), changes=changes),
            Edit(id="e2", at=NOW, by="anna", kind="erase", mention=mention_id("item:2")),
        ],
    )
    work(log, index, enricher)
    append(log, [item(number, "Aurora fa proprio schifo") for number in (1, 2, 3)])
    work(log, index, enricher)
    [mention] = index.get([mention_id("item:1")])
    assert (mention["sentiment"], mention["topic"], mention["status"]) == ("positive", ["price"], "answered")
    assert mention["text"] == "Aurora fa proprio schifo"
    assert stored(index, [2]) == []
    books = index.books()["feed:prova"]
    assert books.received == 6
    assert books.erased in (1, 2)  # the erasure came before its mention or after


def test_a_bad_edit_is_set_aside_and_the_others_count(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [item(1)])
    good = Edit(id="e1", at=NOW, by="anna", mention=mention_id("item:1"), changes={"status": "open"})
    bad = Edit(id="e2", at=NOW, by="anna", mention=mention_id("item:1"), changes={"colour": "red"})
    also = Edit(id="e3", at=NOW, by="anna", mention=mention_id("item:1"), changes={"note": "chiamato"})
    append_edits(log, [good, bad, b"[]", also])
    work(log, index, enricher)
    [mention] = index.get([mention_id("item:1")])
    assert (mention["status"], mention["note"]) == ("open", "chiamato")
    assert sorted(letter.reason.split(":")[0] for letter in log.dead(EDITS)) == [
        f"edit e2 of mention {mention_id('item:1')}",
        "not an edit",
    ]


def test_too_many_dead_in_a_row_stop_the_worker_and_lose_nothing(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [b"{broken"] * 5)
    with pytest.raises(TooManyDead, match=r"5 records in a row .*max_dead_in_a_row"):
        run_worker(log, index, enricher, lambda: False)
    assert not log.dead(RAW)
    assert sum(log.lag(GROUP, RAW).values()) == 5


def test_dead_letters_between_good_records_do_not_stop_it(log: Log, index: Index, enricher: Enricher) -> None:
    for number in range(8):
        log.append(RAW, [Record(b"k", b"{broken"), Record(b"k", msgspec.json.encode(item(number)))])
    work(log, index, enricher)
    assert len(log.dead(RAW)) == 8
    assert index.books()["feed:prova"].indexed == 8


def test_small_batches_give_the_same_as_large_ones(tmp_path: Path, enricher: Enricher) -> None:
    texts = ["Aurora apre un bar nuovo a Torino in piazza Castello", "Velox perde pacchi, che schifo", "niente"]
    items = [item(number, texts[number % 3] + " oggi" * (number % 2)) for number in range(60)]
    results = []
    for size in (1, 7, 512):
        log, index = open_log(tmp_path / f"log{size}", partitions=1), open_index(tmp_path / f"index{size}")
        append(log, items)
        work(log, index, enricher, batch=size)
        found = [
            (one["id"], one["story"], one["score"], one["language"], one["digest"])
            for one in index.get([one.id for one in items])
        ]
        results.append((found, index.books()))
        log.close()
        index.close()
    assert results[0] == results[1] == results[2]
    assert len(results[0][0]) == 40


class FullFor:
    """A store whose disk is full for the first `times` writes."""

    def __init__(self, index: Index, times: int) -> None:
        self._index, self._times = index, times

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def write(self, *args: object, **more: object) -> object:
        if self._times:
            self._times -= 1
            raise StoreFull("no room for documents.db")
        return self._index.write(*args, **more)  # type: ignore[arg-type]


def test_a_full_disk_is_waited_for(
    log: Log, index: Index, enricher: Enricher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "RETRY", 0.01)
    append(log, [item(1), b"{broken"])
    work(log, FullFor(index, 3), enricher)  # type: ignore[arg-type]
    assert len(stored(index, [1])) == 1
    assert len(log.dead(RAW)) == 1
    waits = [record.getMessage() for record in caplog.records if getattr(record, "action", "") == "waiting"]
    assert len(waits) == 3
    assert waits[0].startswith("no room")


def test_it_can_be_stopped_while_the_disk_is_full(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [item(1)])
    full = FullFor(index, 10**9)
    run_worker(log, full, enricher, lambda: full._times < 10**9)  # type: ignore[arg-type]
    assert stored(index, [1]) == []
    work(log, index, enricher)
    assert len(stored(index, [1])) == 1


def test_replayed_dead_letters_go_through_once_mended(log: Log, index: Index, enricher: Enricher) -> None:
    append(log, [b"{broken", item(1)])
    work(log, index, enricher)
    letters: Sequence[DeadLetter] = log.dead(RAW)
    mended = [msgspec.structs.replace(one, value=msgspec.json.encode(item(2))) for one in letters]
    assert log.replay_dead(mended) == 1
    work(log, index, enricher)
    assert not log.dead(RAW)
