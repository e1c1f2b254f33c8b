"""Teaching a topic from mentions: ids (or texts of a file) in; a version of the topic, kept in the store and not yet switched
on, out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from pydantic import ValidationError

from enrichment.models import Models, TaughtTopic, packed
from enrichment.stored import item_of, mention_of
from enrichment.tagger import Enricher
from enrichment.teaching import learn
from enrichment.topic_features import Features
from enrichment.topics import TopicRule
from index import Index, Json, parse_query
from stream import Item

PAGE: Final = 1000
LOOKED_AT: Final = 4 * PAGE  # of the latest mentions: others are drawn from them, and a taught topic is tried on them
OTHERS: Final = 400  # drawn
SHOWN: Final = 20  # ids kept of what cross-validation got wrong, and of what it would tag


class CannotTeach(ValueError):
    """What was asked for cannot be done; the message says why."""


class Lesson(NamedTuple):
    """What to teach. `mentions`: ids of examples; `texts`: examples that are no mentions; `not_mentions`: ids of mentions that
    are not of the topic, beside those drawn; `query`: what found the examples, if something did: what else it finds is of
    the topic too, most likely, and never drawn as something else."""

    id: str
    department: str
    name: str = ""
    mentions: Sequence[str] = ()
    texts: Sequence[str] = ()
    not_mentions: Sequence[str] = ()
    query: str = ""


class _Text(NamedTuple):
    name: str  # id of the mention, or "example 3"
    group: str  # copies of one text have one
    tokens: list[str]


def teach(index: Index, enricher: Enricher, lesson: Lesson, *, by: str, at: datetime) -> TaughtTopic:
    """Learns, measures, keeps a new version. Raises CannotTeach, TooFewExamples, index.Conflict (somebody taught the same
    topic in the same moment), BadQuery."""
    _check(lesson)
    examples = _mentions(index, enricher, lesson.mentions) + _texts(enricher, lesson.texts, at)
    against = _mentions(index, enricher, lesson.not_mentions)
    drawn_from = _of_their_brands(index.get(list(lesson.mentions)))
    latest = [_text(enricher, body) for body in _latest(index, drawn_from)]
    known = {text.group for text in (*examples, *against)} | {text.name for text in (*examples, *against)}
    if lesson.query:
        both: Json = {"bool": {"filter": [drawn_from, parse_query(lesson.query)]}}
        known |= {body["id"] for body in _latest(index, both)}
    others = against + [text for text in latest if text.name not in known and text.group not in known][:OTHERS]
    features = Features()
    texts = examples + others
    labels = np.arange(len(texts)) < len(examples)
    learnt = learn(features.rows([text.tokens for text in texts]), labels, [text.group for text in texts])
    tagged = np.flatnonzero(learnt.weights.logits(features.rows([text.tokens for text in latest])) >= learnt.threshold)
    models = Models(index.records)
    step, weights = packed(learnt)
    topic = TaughtTopic(
        id=lesson.id,
        version=1 + max((one.version for one in models.topics() if one.id == lesson.id), default=0),
        department=lesson.department,
        name=lesson.name or lesson.id.replace("-", " "),
        at=at,
        by=by,
        mentions=tuple(dict.fromkeys(lesson.mentions)),
        not_mentions=tuple(dict.fromkeys(lesson.not_mentions)),
        query=lesson.query,
        quality=learnt.quality,
        missed=tuple(texts[number].name for number in learnt.missed[:SHOWN]),
        doubtful=tuple(texts[number].name for number in learnt.doubtful[:SHOWN]),
        looked_at=len(latest),
        would_tag=len(tagged),
        shown=tuple(latest[number].name for number in tagged[:SHOWN]),
        threshold=learnt.threshold,
        bias=learnt.weights.bias,
        step=step,
        packed=weights,
    )
    models.keep(topic)
    return topic


def _check(lesson: Lesson) -> None:
    try:
        TopicRule(id=lesson.id, department=lesson.department)
    except ValidationError as error:
        first = error.errors()[0]
        raise CannotTeach(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None


def _mentions(index: Index, enricher: Enricher, ids: Sequence[str]) -> list[_Text]:
    ids = list(dict.fromkeys(ids))
    found = {body["id"]: body for body in index.get(ids)}
    missing = [id for id in ids if id not in found]
    if missing:
        raise CannotTeach(f"there is no mention {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}")
    return [_text(enricher, found[id]) for id in ids]


def _text(enricher: Enricher, body: Json) -> _Text:
    mention = mention_of(body)
    return _Text(mention.id, mention.story or mention.id, enricher.words(item_of(mention)))


def _texts(enricher: Enricher, texts: Sequence[str], at: datetime) -> list[_Text]:
    found = []
    for number, text in enumerate(texts, 1):
        item = Item(id="", source="", channel="import", fetched_at=at, published_at=at, text=text)
        words = enricher.words(item)
        found.append(_Text(f"example {number}", " ".join(words).lower(), words))
    return found


def _of_their_brands(examples: Sequence[Json]) -> Json:
    """Mentions of the examples' brands; all, where the examples are no mentions."""
    brands = sorted({brand for body in examples for brand in body["brand"]})
    return {"terms": {"brand": brands}} if brands else {"match_all": {}}


def _latest(index: Index, query: Json) -> list[Json]:
    """The latest mentions that it finds, in an order of chance that is always the same."""
    pages = index.scan(query, batch=PAGE)
    bodies = [body for page in islice(pages, LOOKED_AT // PAGE) for body in page]
    bodies.sort(key=lambda body: hashlib.blake2b(body["id"].encode(), digest_size=8).digest())
    return bodies
