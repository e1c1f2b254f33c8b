"""Topics taught by example, in the records of the real store: the same for all, switched at once, undone at once."""

from __future__ import annotations

import json
import random
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from index_backends import ELASTICSEARCH, START, Stores, ids, mention, settled

from enrichment import (
    CannotTeach,
    Enricher,
    EnrichmentSettings,
    Lesson,
    Models,
    NoSuchModel,
    TooFewExamples,
    run_worker,
    teach,
)
from index import Index, Json
from infra.testbed.waiting import until
from ronzio.cli import root
from stream import RAW, Brand, Item, Record, mention_id, open_log

BAGS = ["valigia", "bagaglio", "smarrita", "nastro", "stiva", "etichetta"]
TALK = ["prezzo", "colore", "bella", "negozio", "oggi", "domani", "sempre", "amici", "festa", "musica", "sole", "mare"]
LESSON = Lesson("lost-luggage", "ground-staff", "Bagagli smarriti", mentions=ids(range(12)))


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher([Brand(name="Acme")], EnrichmentSettings(story_window=1024))


@pytest.fixture
def index(stores: Stores) -> Index:
    """Twelve mentions of lost bags and a hundred others."""
    index = stores()
    chance = random.Random(5)
    texts = [chance.sample(BAGS, 2) + chance.sample(TALK, 4) for _ in range(12)]
    texts += [chance.sample(TALK, 6) for _ in range(100)]
    written = [mention(number, title="", text=f"Acme {' '.join(words)}") for number, words in enumerate(texts)]
    index.write([msgspec.structs.replace(one, story=one.id) for one in written])
    return settled(index)


def taught(index: Index, enricher: Enricher, lesson: Lesson = LESSON) -> str:
    return teach(index, enricher, lesson, by="anna", at=START).key


def switch(index: Index, **versions: int) -> None:
    changes = {f"topic/{name.replace('_', '-')}": version for name, version in versions.items()}
    Models(index.records).switch(changes, by="anna", at=START, what="switched")


def test_what_was_taught_is_there_for_another_process_and_holds_no_text(
    stores: Stores, index: Index, enricher: Enricher
) -> None:
    key = taught(index, enricher)
    other = Models(stores().records)
    (topic,) = other.topics()
    assert (topic.key, topic.name, topic.department) == (key, "Bagagli smarriti", "ground-staff")
    assert topic.quality.examples == 12 and topic.quality.others == 100
    assert topic.quality.f1.value > 0.8
    assert topic.looked_at == 112 and 10 <= topic.would_tag <= 14
    assert other.switched_on() == []
    (stored,) = index.records.scan("model")
    assert not any(word.encode() in stored.body for word in [*BAGS, *TALK] if word not in ("mare", "sole"))
    assert len(stored.body) < 70_000


def test_what_the_query_finds_beyond_the_examples_is_nothing_else(index: Index, enricher: Enricher) -> None:
    lesson = LESSON._replace(mentions=ids(range(6)))
    for query, others in (("", 106), (" OR ".join(BAGS), 100)):
        taught(index, enricher, lesson._replace(query=query))
        topic = Models(index.records).latest("lost-luggage")
        assert (topic.query, topic.quality.examples, topic.quality.others) == (query, 6, others)
        assert topic.looked_at == 112


def test_undoing_never_switches_on_what_was_forgotten(index: Index, enricher: Enricher) -> None:
    taught(index, enricher)
    switch(index, lost_luggage=1)
    switch(index, lost_luggage=0)
    models = Models(index.records)
    models.forget("lost-luggage")
    taught(index, enricher)  # anew, and by the same key; nobody has switched it on
    assert models.undo(by="anna", at=START).models == {}
    assert models.switched_on() == []


def test_try_gives_what_is_switched_on(stores: Stores, index: Index, enricher: Enricher, tmp_path: Path) -> None:
    file = tmp_path / "ronzio.toml"
    elastic = f'[elasticsearch]\nhosts = {json.dumps(ELASTICSEARCH.split(","))}\nprefix = "{stores.where}"\n'
    brand = '[[brands]]\nname = "Acme"\n'
    file.write_text(f'data_dir = "."\n{brand}{elastic if stores.name == "elastic" else ""}')

    def topics() -> list[str]:
        text = "Acme, la valigia smarrita non era sul nastro"
        tried = CliRunner().invoke(root, ["try", "-", "--config", str(file)], input=text, catch_exceptions=False)
        found: list[str] = json.loads(tried.stdout)["mention"]["topic"]
        return found

    taught(index, enricher)
    assert "lost-luggage" not in topics()
    switch(index, lost_luggage=1)
    assert "lost-luggage" in topics()


def test_a_worker_gives_it_soon_after_it_is_switched_on(stores: Stores, index: Index, tmp_path: Path) -> None:
    own = Enricher([Brand(name="Acme")], EnrichmentSettings(story_window=1024))
    taught(index, own)
    before = own.engine
    log = open_log(tmp_path / "log")
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(log, stores(), own, stop.is_set))
    worker.start()
    other = open_log(tmp_path / "log")

    def tagged(number: int) -> Json:
        """A mention of a lost bag, fetched now, as the worker tags it."""
        at = START + timedelta(days=1, seconds=number)
        one = Item(
            id=mention_id(f"new:{number}"), source="feed:one", channel="feed", fetched_at=at, published_at=at,
            text=f"Acme, la valigia smarrita numero {number} non era sul nastro",
        )  # fmt: skip
        other.append(RAW, [Record(one.id.encode(), msgspec.json.encode(one))])
        until(lambda: index.get([one.id]))
        return index.get([one.id])[0]

    try:
        assert "lost-luggage" not in tagged(0)["topic"]
        switch(index, lost_luggage=1)
        until(lambda: own.engine != before)
        found = tagged(1)
        assert (found["topic"], found["department"]) == (["delivery", "lost-luggage"], ["logistics", "ground-staff"])
        assert found["engine"] == own.engine != before
        assert "taught by 12 examples" in str(found["why"])
        Models(index.records).undo(by="anna", at=START)
        until(lambda: own.engine == before)
        assert "lost-luggage" not in tagged(2)["topic"]
    finally:
        stop.set()
        worker.join()
        log.close()
        other.close()


def test_changes_are_undone_one_by_one(index: Index, enricher: Enricher) -> None:
    models = Models(index.records)
    assert models.tagging() is None
    with pytest.raises(NoSuchModel, match="nothing was ever switched on"):
        models.undo(by="anna", at=START)
    taught(index, enricher)
    taught(index, enricher)
    switch(index, lost_luggage=1)
    state = models.state()
    switch(index, lost_luggage=2)
    assert models.state() != state
    assert [topic.version for topic in models.switched_on()] == [2]
    assert models.undo(by="bea", at=START).what == "undone: switched"
    assert [topic.version for topic in models.switched_on()] == [1]
    assert models.undo(by="bea", at=START).models == {}
    with pytest.raises(NoSuchModel, match="nothing more"):
        models.undo(by="bea", at=START)


def test_forgetting_takes_every_version_but_not_what_is_switched_on(index: Index, enricher: Enricher) -> None:
    models = Models(index.records)
    taught(index, enricher)
    taught(index, enricher)
    switch(index, lost_luggage=2)
    with pytest.raises(ValueError, match="switch it off first"):
        models.forget("lost-luggage")
    switch(index, lost_luggage=0)
    models.forget("lost-luggage")
    assert models.topics() == []
    with pytest.raises(NoSuchModel, match="taught are: none"):
        models.latest("lost-luggage")


def test_what_cannot_be_taught_is_refused_with_the_reason(index: Index, enricher: Enricher) -> None:
    for lesson, error, words in (
        (LESSON._replace(mentions=ids([1, 2, 3])), TooFewExamples, "3 different examples"),
        (LESSON._replace(mentions=[*LESSON.mentions, "nobody"]), CannotTeach, "there is no mention nobody"),
        (LESSON._replace(id="Lost Luggage"), CannotTeach, "is no id"),
        (LESSON._replace(department=""), CannotTeach, "department"),
    ):
        with pytest.raises(error, match=words):
            taught(index, enricher, lesson)
    assert list(index.records.scan("model")) == []


def test_examples_of_a_file_teach_as_well(index: Index, enricher: Enricher) -> None:
    chance = random.Random(6)
    texts = [" ".join(chance.sample(BAGS, 3) + chance.sample(TALK, 3)) for _ in range(12)]
    key = taught(index, enricher, Lesson("lost-luggage", "ground-staff", texts=texts))
    topic = Models(index.records).latest("lost-luggage")
    assert topic.key == key and topic.mentions == () and topic.quality.examples == 12
    assert topic.quality.f1.value > 0.8
