"""What only the store on Elasticsearch promises: slices, writers that get in each other's way, cuts, refusals, blocks."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from index_backends import (
    ELASTICSEARCH,
    START,
    Stores,
    at,
    edit,
    elastic_settings,
    erase,
    erase_author,
    found,
    ids,
    mention,
    opened,
    settled,
)

from index import Refused, StoreFull, StoreUnavailable, Tally, open_index
from index.elastic.client import Client, Operation, Outcome
from index.elastic.directory import Directory
from index.elastic.index import ElasticIndex
from index.elastic.positions import Positions
from index.elastic.settings import ElasticSettings
from index.elastic.stage import Stage
from index.elastic.writing import Writer
from stream import Mention

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not ELASTICSEARCH, reason="RONZIO_TEST_ELASTICSEARCH is not set (make test-services sets it)"),
]
ALL = {"match_all": {}}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with opened("elastic", tmp_path) as factory:
        yield factory


@pytest.fixture
def index(stores: Stores) -> ElasticIndex:
    return elastic(stores)


def elastic(stores: Stores) -> ElasticIndex:
    index = stores()
    assert isinstance(index, ElasticIndex)
    return index


# -- slices -------------------------------------------------------------------------------------------------------------
def test_mentions_lie_in_slices_of_their_time_behind_one_alias(index: ElasticIndex) -> None:
    index.write([mention(n, published_at=START + timedelta(days=60 * n)) for n in range(5)])
    assert sorted(index.layout.slices()) == ["2026q1", "2026q2", "2026q3", "2026q4"]
    assert found(settled(index), ALL) == ids([4, 3, 2, 1, 0])
    (template,) = index.client.call("GET", f"/_index_template/{index.layout.mentions}")["index_templates"]
    assert template["index_template"]["template"]["mappings"]["dynamic"] == "strict"
    assert index.layout.outdated() == []


def test_a_mention_whose_date_changes_is_there_once(index: ElasticIndex) -> None:
    later = START + timedelta(days=300)
    index.write([mention(1)])
    assert index.write([mention(1, source="feed:two", published_at=later)]).outcomes == ["duplicate"]
    assert index.write([mention(1, digest="new", published_at=later)]).outcomes == ["duplicate"]
    assert found(settled(index), ALL) == ids([1])
    assert found(index, {"range": {"published_at": {"gte": later.isoformat()}}}) == ids([1])
    assert index.retain(later - timedelta(days=1)) == 0
    assert index.get(ids([1])) != []
    assert index.retain(later + timedelta(days=1)) == 1
    assert found(settled(index), ALL) == [] and index.get(ids([1])) == []


def test_retention_drops_whole_slices(index: ElasticIndex) -> None:
    index.write([mention(n, published_at=START + timedelta(days=10 * n)) for n in range(40)])
    assert index.retain(START + timedelta(days=200)) == 20
    assert "2026q1" not in index.layout.slices()
    assert len(found(settled(index), ALL)) == 20
    assert index.write([mention(1, published_at=START)]).outcomes == ["indexed"], "a slice is made again when needed"
    assert index.fresh()["behind"] == 0


# -- cuts ---------------------------------------------------------------------------------------------------------------
class Cut(Exception):
    """The process ends here."""


CUTS = {
    "before the entries": (Directory, "create"),
    "after the entries": (Stage, "show"),
    "before the position": (Positions, "advance"),
}


@pytest.mark.parametrize("where", CUTS)
def test_a_batch_that_was_cut_off_counts_once(stores: Stores, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = elastic(stores)
    one.resume(at(0))
    one.write([mention(n) for n in range(5)], position=at(5))
    batch = [mention(n) for n in (3, 5, 6, 7, 5, 8)]
    owner, name = CUTS[where]

    def cut(*_args: object, **_more: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, cut)
        with pytest.raises(Cut):
            one.write(batch, tallies={"feed:one": Tally(dead=1)}, position=at(12))
    two = elastic(stores)
    assert two.resume(at(0, epoch=2)) == 5
    # The successor's batches begin and end elsewhere
    assert two.write(batch[:3], position=at(8, epoch=2)).outcomes == ["duplicate", "indexed", "indexed"]
    outcomes = two.write(batch[3:], tallies={"feed:one": Tally(dead=1)}, position=at(12, epoch=2)).outcomes
    assert outcomes == ["indexed", "duplicate", "indexed"]
    assert two.write([mention(20), mention(20)], position=at(14, epoch=2)).outcomes == ["indexed", "duplicate"]
    assert two.books() == {"feed:one": Tally(indexed=10, duplicate=3, dead=1)}
    two.delete(ids([20]))
    assert sorted(found(settled(two), ALL)) == sorted(ids(range(9)))
    assert two.fresh()["behind"] == 0


def test_an_author_erased_in_the_middle_of_a_write_stays_away(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = elastic(stores), elastic(stores)
    show = Stage.show

    def erased_meanwhile(self: Stage, shows: Any) -> None:
        monkeypatch.undo()
        two.edit([erase_author("Maria Rossi")])
        show(self, shows)

    monkeypatch.setattr(Stage, "show", erased_meanwhile)
    assert one.write([mention(1), mention(2, author="Luigi")]).outcomes == ["erased", "indexed"]
    assert found(settled(one), ALL) == ids([2])
    assert one.books() == {"feed:one": Tally(indexed=1, erased=1)}


@pytest.mark.parametrize(
    ("outer", "moment"),
    [("edit", (Writer, "_machines")), ("edit", (Directory, "decide")), ("assign", (Directory, "decide"))],
)
def test_a_story_told_while_a_human_changes_the_mention_stays(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, outer: str, moment: tuple[type, str]
) -> None:
    one, two = elastic(stores), elastic(stores)
    one.write([mention(n) for n in range(3)])
    work: dict[str, Callable[[ElasticIndex], object]] = {
        "assign": lambda index: index.assign({mention(n).id: "told" for n in range(3)}),
        "edit": lambda index: index.edit([edit(n, {"note": "x"}, name=f"first-{n}") for n in range(3)]),
    }
    inner = {"assign": "edit", "edit": "assign"}[outer]
    plain = getattr(*moment)

    def and_meanwhile(self: object, *args: Any) -> Any:
        answer = plain(self, *args)
        monkeypatch.undo()
        work[inner](two)
        return answer

    monkeypatch.setattr(*moment, and_meanwhile)
    work[outer](one)
    monkeypatch.undo()
    assert {body["story"] for body in one.get(ids(range(3)))} == {"told"}
    two.edit([edit(n, {"note": "y"}, minute=1, name=f"second-{n}") for n in range(3)])
    assert {(body["story"], body["note"]) for body in one.get(ids(range(3)))} == {("told", "y")}


def test_many_at_once_agree(stores: Stores) -> None:
    """Writers, editors, erasers and a rebuild on the same few mentions: what is shown is what the directory says."""
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance, store = random.Random(seed), elastic(stores)
        try:
            for turn in range(25):
                numbers = [chance.randrange(30) for _ in range(8)]
                match chance.randrange(5):
                    case 0:
                        store.edit(
                            [edit(n, {"note": f"{seed}"}, minute=turn, name=f"{seed}-{turn}-{n}") for n in numbers]
                        )
                    case 1:
                        store.delete(ids(numbers[:2]))
                    case 2 if turn > 15:
                        store.edit([erase(numbers[0])])
                    case _:
                        store.write([mention(n, digest=f"d{chance.randrange(3)}") for n in numbers])
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    index = elastic(stores)
    index.layout.ready()
    index.rebuild()
    for thread in threads:
        thread.join()
    assert not failures
    reads = index.directory.read(ids(range(30)))
    live = {id for id, read in reads.items() if read.entry.live}
    assert set(found(settled(index), ALL)) == live == {body["id"] for body in index.get(ids(range(30)))}
    for body in index.get(sorted(live)):
        entry = reads[body["id"]].entry
        assert body["digest"] == entry.digest
        assert bool(entry.edits) == ("note" in body)


def test_a_rebuild_while_writing_loses_nothing(stores: Stores) -> None:
    index, writer = elastic(stores), elastic(stores)
    index.write([mention(n) for n in range(3000)])
    index.edit([erase(7)])
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        number = 3000
        while not stop.is_set():
            writer.write([mention(n) for n in range(number, number + 50)])
            writer.edit([edit(number, {"note": "x"})])
            writer.edit([erase(number + 1)])
            written.append(number)
            number += 50

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            index.rebuild()
    finally:
        stop.set()
        thread.join()
    expected = {mention(n).id for n in range(written[-1] + 50)} - {mention(n + 1).id for n in written} - {mention(7).id}
    settled(index)
    assert {body["id"] for batch in index.scan(ALL) for body in batch} == expected
    assert index.count({"exists": {"field": "status"}}) == len(expected)
    assert all(body["note"] == "x" for body in index.get([mention(n).id for n in written]))
    assert len(index.layout.slices()) == 1


# -- refusals and blocks ------------------------------------------------------------------------------------------------
def test_what_the_mapping_refuses_is_named_and_the_rest_is_stored(index: ElasticIndex) -> None:
    index.write([mention(1)])
    mapping = {"properties": {"reach": {"type": "integer"}}}  # made by somebody: too small for what comes
    (slice,) = index.layout.slices().values()
    index.client.call("DELETE", f"/{slice}")
    properties = index.layout.mapping()
    properties["properties"]["reach"] = mapping["properties"]["reach"]
    aliases = {index.layout.mentions: {}, index.layout.write_alias("2026q1"): {}}
    index.client.call(
        "PUT", f"/{slice}", {"settings": index.layout.settings(), "mappings": properties, "aliases": aliases}
    )
    index.resume(at(0))
    with pytest.raises(Refused, match="reach") as caught:
        index.write([mention(2), mention(3, reach=1 << 40)], position=at(2))
    assert set(caught.value.reasons) == {mention(3).id}
    assert index.positions() == []
    assert index.write([mention(2)], tallies={"feed:one": Tally(dead=1)}, position=at(2)).outcomes == ["indexed"]
    assert index.books()["feed:one"] == Tally(indexed=2, dead=1)
    index.delete(ids([1]))
    assert found(settled(index), ALL) == ids([2])
    assert index.layout.outdated() == []


def test_an_index_made_read_only_by_a_full_disk_is_waited_for(index: ElasticIndex) -> None:
    index.write([mention(1)])
    settled(index)
    (slice,) = index.layout.slices().values()
    block = {"index.blocks.read_only_allow_delete": True}
    index.client.call("PUT", f"/{slice}/_settings", block)
    with pytest.raises(StoreFull, match="full"):
        index.write([mention(2)], position=at(2))
    assert found(index, ALL) == ids([1]), "what is there can be asked for"
    index.client.call("PUT", f"/{slice}/_settings", {"index.blocks.read_only_allow_delete": None})
    assert index.write([mention(2)], position=at(2)).outcomes == ["indexed"]
    assert index.books() == {"feed:one": Tally(indexed=2)}


@pytest.mark.parametrize("status", [429, 503])
def test_items_turned_away_are_sent_again_alone(
    index: ElasticIndex, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = Client._send

    def every_other(self: Client, operations: Sequence[Operation], params: Any) -> list[Outcome]:
        outcomes = send(self, operations, params)
        sent.append(len(operations))
        if len(sent) > 6:
            return outcomes
        return [Outcome(status, reason="busy") if n % 2 else one for n, one in enumerate(outcomes)]

    monkeypatch.setattr(Client, "_send", every_other)
    assert index.write([mention(n) for n in range(100)], position=at(100)).outcomes == ["indexed"] * 100
    assert sent[:3] == [100, 50, 25]
    assert len(found(settled(index), ALL)) == 100


def test_one_that_stays_overloaded_is_given_up_and_named(index: ElasticIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.elastic.client.PATIENCE", 0.3)
    monkeypatch.setattr(
        Client, "_send", lambda self, operations, params: [Outcome(429, reason="busy")] * len(operations)
    )
    with pytest.raises(StoreUnavailable, match="overloaded"):
        index.write([mention(1)])


def test_nobody_there_is_said_at_once() -> None:
    index = open_index(ElasticSettings(hosts=("http://127.0.0.1:1",), prefix="t-"))
    uses: list[Callable[[], object]] = [
        lambda: index.search({}),
        lambda: index.write([mention(1)]),
        lambda: index.records.get("mail", "1"),
        index.books,
        index.fresh,
    ]
    for use in uses:
        with pytest.raises(StoreUnavailable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
            use()
    index.close()


def test_books_of_an_installation_are_its_own(stores: Stores, index: ElasticIndex) -> None:
    index.write([mention(1)])
    other = ElasticIndex(elastic_settings(f"{stores.where}other-"))
    try:
        assert other.books() == {} and other.count(ALL) == 0
    finally:
        other.close()


def test_a_mention_of_any_shape_survives(index: ElasticIndex) -> None:
    odd: list[Mention] = [
        mention(1, text="", title="", author="", url="", site=""),
        mention(2, text="parola " * 40_000),
        mention(3, text="x" * 200_000),
        mention(4, author="a" * 40_000),
        mention(5, extra={"a.b": "c", "": "d", "e": "\x00"}),
        mention(6, published_at=START.replace(year=1970)),
        mention(7, published_at=START.replace(year=2199)),
        mention(8, topic=tuple(f"t{n}" for n in range(500))),
    ]
    assert index.write(odd).outcomes == ["indexed"] * len(odd)
    assert [body["id"] for body in index.get([one.id for one in odd])] == [one.id for one in odd]
    assert len(found(settled(index), ALL)) == len(odd)
