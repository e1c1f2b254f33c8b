"""The second opinion: what is asked first, under a budget; what it says holds under humans, and through replay and rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from index_backends import START, Stores, edit, found, ids, mention, settled

from enrichment import Enricher, EnrichmentSettings, Judgement, Passage
from enrichment.second_opinion import Asker
from enrichment.settings import SecondOpinionSettings
from index import BadEdit, Index, rows
from index.moving import entries
from stream import EDITS, Brand, Edit, Incident, Log, Mention, Opinion, SecondOpinions, open_log, words_digest

NOW = START + timedelta(hours=2)
BRANDS = (Brand(name="Acme"), Brand(name="Beta"))


class Grumpy:
    """Finds everything negative, and a text with a question mark not to be told."""

    version = "hf:grumpy@1"

    def judge(self, passages: Sequence[Passage]) -> list[Judgement]:
        return [
            Judgement("neutral", 0.0, 0.4, "model grumpy", unsure=True, version=self.version)
            if any("?" in token for token in passage.tokens)
            else Judgement("negative", -0.8, 0.9, "model grumpy", version=self.version)
            for passage in passages
        ]


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(BRANDS, EnrichmentSettings(), Grumpy())


@pytest.fixture
def index(stores: Stores) -> Index:
    return stores()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "log", partitions=1)
    yield log
    log.close()


def acme(number: int, **changes: Any) -> Mention:
    text = changes.pop("text", f"Acme numero {number}!")
    told = {"judged_by": "lexicon-1", "towards": ("acme:neutral",), "confidence": 0.9} | changes
    return mention(number, title="", text=text, **told)


def given(log: Log) -> list[Edit]:
    return [msgspec.json.decode(record.value, type=Edit) for record in log.read(EDITS, 0, 0, 1000)]


def asker(log: Log, index: Index, enricher: Enricher, **settings: Any) -> Asker:
    return Asker(log, index, enricher, SecondOpinionSettings(engine="hf:grumpy", **settings))


def opinion(number: int, **changes: Any) -> Edit:
    """Of the mention that `acme` makes."""
    one = acme(number)
    said: dict[str, Any] = {
        "words": words_digest(one.title, one.text), "sentiment": "negative", "score": -0.8, "confidence": 0.9,
        "judged_by": "hf:grumpy@1", "by": "model grumpy", "towards": ("acme:negative",),
    }  # fmt: skip
    minute = changes.pop("minute", 5)
    return Edit(
        id=f"opinion-{number}-{minute}", at=START + timedelta(minutes=minute), by="hf:grumpy@1", kind="opinion",
        mention=one.id, opinion=Opinion(**said | changes),
    )  # fmt: skip


def shown(index: Index, number: int) -> Mention:
    (body,) = index.get(ids([number]))
    return msgspec.convert(body, Mention)


def test_it_tells_how_many_wait_after_each_round(log: Log, index: Index, enricher: Enricher) -> None:
    def waiting() -> int:
        told = index.records.get(SecondOpinions.KIND, SecondOpinions.ID)
        assert told is not None
        return msgspec.json.decode(told.body, type=SecondOpinions).waiting

    index.write([acme(number, confidence=0.3) for number in range(1, 7)])
    settled(index)
    asking = asker(log, index, enricher, budget=0.8)  # four a round
    assert (asking.round(NOW), waiting()) == (4, 2)
    index.delete(ids([1]))
    settled(index)
    assert (asking.round(NOW), waiting()) == (1, 0)
    index.write([acme(number, confidence=0.3) for number in range(10, 16)])
    settled(index)
    assert (asking.round(NOW), waiting()) == (4, 2)
    index.delete(ids(range(10, 16)))
    settled(index)
    assert (asking.round(NOW), waiting()) == (0, 0)


def test_what_matters_most_is_asked_first_and_no_more_than_the_budget(
    log: Log, index: Index, enricher: Enricher
) -> None:
    index.write(
        [
            *(acme(number, confidence=0.3) for number in range(1, 9)),
            acme(20, reach=50_000),
            acme(21, brand=("beta",), towards=("beta:neutral",), text="Beta, che disastro!"),
            acme(22, confidence=0.95),  # sure, and nobody reads it
            acme(23, unsure=True),
            acme(24, confidence=0.1, published_at=START - timedelta(days=30)),
        ]
    )
    crisis = Incident(
        id="i1", brand="beta", started_at=START, peak_at=START, updated_at=START, bucket_seconds=300, observed=9,
        expected=1.0, mentions=9,
    )  # fmt: skip
    index.records.put("incident", "i1", msgspec.json.encode(crisis))
    settled(index)
    asking = asker(log, index, enricher, budget=0.8)  # four a round
    assert asking.round(NOW) == 4
    assert {edit.mention for edit in given(log)} == set(ids([20, 21, 23, 8]))
    while asking.round(NOW):  # the opinions are under way: none is asked twice
        pass
    assert sorted(edit.mention for edit in given(log)) == sorted(ids([20, 21, 23, *range(1, 9)]))
    stored = index.records.get(SecondOpinions.KIND, SecondOpinions.ID)
    assert stored is not None
    state = msgspec.json.decode(stored.body, type=SecondOpinions)
    assert (state.engine, state.asked, state.changed) == ("hf:grumpy@1", 11, 11)


def test_an_opinion_corrects_the_tag_with_its_version(log: Log, index: Index, enricher: Enricher) -> None:
    index.write([acme(1, confidence=0.2), acme(2, unsure=True, text="Acme numero 2?")])
    settled(index)
    asker(log, index, enricher).round(NOW)
    index.edit(given(log))
    one, two = shown(index, 1), shown(index, 2)
    assert (one.sentiment, one.score, one.confidence, one.judged_by) == ("negative", -0.8, 0.9, "hf:grumpy@1")
    assert (one.towards, one.edited) == (("acme:negative",), {})
    assert [why.by for why in one.why if why.tag == "sentiment:negative"] == ["model grumpy"]
    assert (two.sentiment, two.unsure, two.judged_by) == ("neutral", True, "hf:grumpy@1")
    settled(index)
    assert found(index, {"term": {"judged_by": "hf:grumpy@1"}}) == ids([2, 1])
    assert found(index, {"term": {"towards": "acme:negative"}}) == ids([1])
    exported = {row["id"]: (row["unsure"], row["judged_by"], row["towards"]) for row in rows(index, {"match_all": {}})}
    assert exported == {
        one.id: ("", "hf:grumpy@1", "acme:negative"),
        two.id: ("true", "hf:grumpy@1", two.towards[0]),
    }
    assert asker(log, index, enricher).round(NOW) == 0, "another process has nothing left to ask"


def test_it_survives_replay_and_another_first_engine_and_a_rebuild(index: Index) -> None:
    index.write([acme(1)])
    index.edit([opinion(1)])
    index.edit([opinion(1)])  # delivered again
    index.write([acme(1), acme(1, digest="tagged-anew", judged_by="lexicon-2", sentiment="positive")])
    one = shown(index, 1)
    assert (one.sentiment, one.judged_by, one.digest) == ("negative", "hf:grumpy@1", "tagged-anew")
    index.rebuild()
    assert found(settled(index), {"term": {"sentiment": "negative"}}) == ids([1])


def test_it_waits_for_a_mention_that_is_not_there_yet(index: Index) -> None:
    index.edit([opinion(1)])
    index.write([acme(1)])
    assert shown(index, 1).judged_by == "hf:grumpy@1"


def test_it_holds_only_for_the_words_it_judged(index: Index) -> None:
    index.write([acme(1)])
    index.edit([opinion(1)])
    index.write([acme(1, digest="rewritten", text="Acme si scusa")])
    assert (shown(index, 1).sentiment, shown(index, 1).judged_by) == ("neutral", "lexicon-1")
    index.edit([opinion(1, minute=6, words=words_digest("", "Acme si scusa"), sentiment="positive")])
    assert shown(index, 1).sentiment == "positive"


def test_the_last_opinion_counts(index: Index) -> None:
    index.write([acme(1)])
    index.edit([opinion(1, minute=9, sentiment="positive", judged_by="hf:better@1")])
    index.edit([opinion(1, minute=5)])
    assert (shown(index, 1).sentiment, shown(index, 1).judged_by) == ("positive", "hf:better@1")


def test_only_the_last_opinion_is_kept_and_goes_with_the_mention(index: Index) -> None:
    index.write([acme(1)])
    human = edit(1, {"note": "da richiamare"}, minute=7)
    index.edit([opinion(1, minute=5), human, opinion(1, minute=9), opinion(1, minute=6)])
    assert [[one.id for one in kept.edits] for page in entries(index) for kept in page] == [[human.id, "opinion-1-9"]]
    index.delete(ids([1]))
    assert [[one.id for one in kept.edits] for page in entries(index) for kept in page] == [[human.id]]
    index.write([acme(1)])
    assert (shown(index, 1).judged_by, shown(index, 1).note) == ("lexicon-1", "da richiamare")


@pytest.mark.parametrize("human", [1, 9], ids=["before the opinion", "after it"])
def test_humans_win(index: Index, human: int) -> None:
    index.write([acme(1)])
    edits = [opinion(1), edit(1, {"sentiment": "positive"}, minute=human)]
    for one in sorted(edits, key=lambda each: each.at):
        index.edit([one])
    one = shown(index, 1)
    assert (one.sentiment, one.confidence, one.towards) == ("positive", 1.0, ("acme:positive",))
    assert list(one.edited) == ["sentiment"]


@pytest.mark.parametrize("broken", [{"opinion": None}, {"changes": {"note": "x"}}, {"kind": "edit"}])
def test_an_opinion_changes_nothing_else(index: Index, broken: dict[str, Any]) -> None:
    index.write([acme(1)])
    with pytest.raises(BadEdit, match="opinion"):
        index.edit([msgspec.structs.replace(opinion(1), **broken)])
    assert shown(index, 1).judged_by == "lexicon-1"


def test_a_mention_that_names_no_brand_any_more_gets_none_and_is_not_asked_for_ever(
    log: Log, index: Index, enricher: Enricher
) -> None:
    index.write([acme(1, text="Gamma!", confidence=0.1), acme(2, confidence=0.1)])
    settled(index)
    asking = asker(log, index, enricher, budget=0.2)
    assert [asking.round(NOW) for _ in range(3)] == [1, 1, 0]
    assert [edit.mention for edit in given(log)] == ids([2])
