"""Training on people's corrections in the real store: measured, switched on for all, undone, refused where too few."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest
from index_backends import START, Stores, edit, mention, settled

from enrichment import (
    SENTIMENT,
    CannotTrain,
    Enricher,
    EnrichmentSettings,
    Lesson,
    Models,
    teach,
    train_sentiment,
    train_topics,
)
from index import Index
from stream import Brand, Item, Mention

TALK = ["oggi", "domani", "sempre", "amici", "festa", "musica", "sole", "mare", "strada", "tavolo", "libro", "sera"]


@pytest.fixture
def enricher() -> Enricher:
    return Enricher([Brand(name="Acme")], EnrichmentSettings(story_window=1024, engine="compact"))


@pytest.fixture
def index(stores: Stores) -> Index:
    """In this company, people have said of 80 mentions, "zolfo" is bad and "brillo" is good: the model cannot know."""
    index = stores()
    chance = random.Random(1)
    words = ["zolfo" if number % 2 else "brillo" for number in range(80)]
    written = [
        mention(number, title="", text=f"Acme {word} {' '.join(chance.sample(TALK, 5))}")
        for number, word in enumerate(words)
    ]
    index.write([msgspec.structs.replace(one, story=one.id) for one in written])
    labels = {"zolfo": "negative", "brillo": "positive"}
    index.edit([edit(number, {"sentiment": labels[word]}, minute=number) for number, word in enumerate(words)])
    return settled(index)


def judged(enricher: Enricher, text: str) -> Mention:
    item = Item(id="0" * 20, source="s", channel="feed", fetched_at=START, published_at=START, text=text, language="it")
    (found,) = enricher.tag([msgspec.json.encode(item)])
    assert isinstance(found, Mention)
    return found


def test_corrections_teach_all_and_can_be_undone(index: Index, enricher: Enricher) -> None:
    model = train_sentiment(index, enricher, by="anna", at=START)
    assert model.examples == 80
    for before, after in (model.crossed, model.later):
        assert after > 90 > before
    models = Models(index.records)
    assert models.switched().sentiment is None
    plain, text = enricher.engine, "Acme zolfo oggi al mare"
    assert judged(enricher, text).sentiment != "negative"
    models.switch({SENTIMENT: model.version}, by="anna", at=START + timedelta(days=1), what="trained", trained=True)
    enricher.adopt(models.switched())
    found = judged(enricher, text)
    assert found.sentiment == "negative"
    assert found.engine == enricher.engine != plain and "+" in found.judged_by
    tagging = models.tagging()
    assert tagging and tagging.trained_at == START + timedelta(days=1)
    assert models.undo(by="anna", at=START).trained_at is None
    enricher.adopt(models.switched())
    assert enricher.engine == plain and judged(enricher, text).sentiment != "negative"


def test_too_few_are_refused_with_their_number_and_copies_count_once(stores: Stores, enricher: Enricher) -> None:
    index = stores()
    with pytest.raises(CannotTrain, match="0 mentions"):
        train_sentiment(index, enricher, by="anna", at=START)
    index.write([mention(number, text="Acme oggi", story="one") for number in range(60)])
    index.edit([edit(number, {"sentiment": "negative"}) for number in range(60)])
    with pytest.raises(CannotTrain, match=r"1 mentions .* at least 50"):
        train_sentiment(settled(index), enricher, by="anna", at=START)
    assert Models(index.records).sentiments() == []


def test_another_engine_does_not_learn(index: Index) -> None:
    lexicon = Enricher([Brand(name="Acme")], EnrichmentSettings(story_window=1024, engine="lexicon"))
    with pytest.raises(CannotTrain, match='only engine = "compact"'):
        train_sentiment(index, lexicon, by="anna", at=START)


def test_a_taught_topic_learns_from_what_was_added_and_taken_away(index: Index, enricher: Enricher) -> None:
    examples = [mention(number).id for number in range(1, 21, 2)]
    first = teach(index, enricher, Lesson("sulphur", "product", mentions=examples), by="anna", at=START)
    assert train_topics(index, enricher, by="anna", at=START) == []
    index.edit(
        [
            edit(31, {"topic": ["sulphur"]}, minute=100),  # was missed
            edit(1, {"topic": []}, minute=100),  # never had it: nothing is said of the topic
        ]
    )
    (again,) = train_topics(settled(index), enricher, by="anna", at=START + timedelta(hours=3))
    assert again.before.key == first.key and again.topic.version == 2
    assert again.topic.mentions == (*examples, mention(31).id)


def test_what_was_no_example_stays_none_when_it_is_taught_again(index: Index, enricher: Enricher) -> None:
    examples = [mention(number).id for number in range(1, 21, 2)]
    teach(index, enricher, Lesson("sulphur", "product", mentions=examples), by="anna", at=START)
    taken_for_it = mention(40, text="Acme zolfo di sera", topic=("sulphur",), digest="two")
    index.write([taken_for_it])
    index.edit([edit(40, {"topic": []}, minute=100)])
    (second,) = train_topics(settled(index), enricher, by="anna", at=START + timedelta(hours=3))
    assert second.topic.not_mentions == (taken_for_it.id,)
    index.write([msgspec.structs.replace(taken_for_it, topic=(), digest="three")])  # tagged anew by what has learnt it
    index.edit([edit(31, {"topic": ["sulphur"]}, minute=400)])
    (third,) = train_topics(settled(index), enricher, by="anna", at=START + timedelta(hours=8))
    assert third.topic.not_mentions == (taken_for_it.id,)
    assert third.topic.mentions == (*examples, mention(31).id)
    index.edit([edit(40, {"topic": ["sulphur"]}, minute=600)])  # somebody thinks better of it
    (last,) = train_topics(settled(index), enricher, by="anna", at=START + timedelta(hours=12))
    assert last.topic.not_mentions == () and last.topic.mentions[-1] == taken_for_it.id
