"""Training on people's own corrections: what they said of sentiment and of taught topics in; new versions, measured and kept, not
yet switched on, out.

What training gains is told twice: by cross-validation, and by learning from the older corrections and judging the newest, which
is nearer to what will happen. Copies of one story count once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from enrichment.compact import CompactEngine, Example, cross_validated, fit
from enrichment.compact.corrections import macro_f1
from enrichment.models import Models, SentimentModel, TaughtTopic
from enrichment.stored import item_of, mention_of
from enrichment.tagger import Enricher
from enrichment.teacher import CannotTeach, Lesson, teach
from enrichment.teaching import TooFewExamples
from index import Index, Json
from stream import SENTIMENTS

logger = logging.getLogger(__name__)

FEWEST: Final = 50  # corrections and confirmations of sentiment; with fewer the gain cannot be told from chance
OLDER: Final = 0.7  # share of them, the oldest, that the second measure learns from


class CannotTrain(ValueError):
    """Nothing can be learnt; the message says why."""


class Retaught(NamedTuple):
    """A taught topic with what people said since."""

    topic: TaughtTopic
    before: TaughtTopic


def train_sentiment(index: Index, enricher: Enricher, *, by: str, at: datetime) -> SentimentModel:
    """Learns from what people said of sentiment, measures, keeps a new version. Raises CannotTrain."""
    engine = enricher.sentiment
    if not isinstance(engine, CompactEngine):
        raise CannotTrain(f'only engine = "compact" learns from corrections, and this is {engine.version}')
    examples = _examples(index, enricher, engine)
    if len(examples) < FEWEST:
        raise CannotTrain(
            f"people have corrected or confirmed the sentiment of {len(examples)} mentions (copies counted once); "
            f"at least {FEWEST} are needed"
        )
    if len({example.label for example in examples}) < 2:
        raise CannotTrain(f'all {len(examples)} are "{examples[0].label}": there is nothing to tell apart')
    models = Models(index.records)
    model = SentimentModel(
        version=1 + max((one.version for one in models.sentiments()), default=0),
        at=at,
        by=by,
        examples=len(examples),
        crossed=cross_validated(engine, examples),
        later=_later(engine, examples),
        content=fit(engine, examples).dumps(),
    )
    models.keep(model)
    return model


def _examples(index: Index, enricher: Enricher, engine: CompactEngine) -> list[Example]:
    """Oldest word first; of copies of one story the last word."""
    bodies = _said(index, "sentiment:")
    mentions = {body.get("story") or body["id"]: mention_of(body) for body in bodies}
    texts = enricher.judged([msgspec.json.encode(item_of(mention)) for mention in mentions.values()])
    return [
        Example(text.passage, mention.sentiment)
        for text, mention in zip(texts, mentions.values(), strict=True)
        if text is not None and text.passage.language in engine.languages
    ]


def _said(index: Index, beginning: str) -> list[Json]:
    """Mentions of which people said something that begins so, in the order in which they said it."""
    found = [body for page in index.scan({"prefix": {"checked": beginning}}) for body in page]
    return sorted(found, key=lambda body: (body["checked_at"], body["id"]))


def _later(engine: CompactEngine, examples: Sequence[Example]) -> tuple[float, float]:
    """Macro-F1 in per cent on the newest: without, and with what the older ones teach."""
    cut = int(len(examples) * OLDER)
    told = [SENTIMENTS.index(example.label) for example in examples[cut:]]

    def judged(by: CompactEngine) -> float:
        answers = by.judge([example.passage for example in examples[cut:]])
        return macro_f1(told, [SENTIMENTS.index(one.label) for one in answers])

    return judged(engine.with_corrections(None)), judged(engine.with_corrections(fit(engine, examples[:cut])))


def train_topics(index: Index, enricher: Enricher, *, by: str, at: datetime) -> list[Retaught]:
    """Teaches again every topic of which people gave or took away the tag since. Topics taught from a file only are left: their
    examples are not kept. New versions are kept, not switched on."""
    found = []
    newest = {topic.id: topic for topic in Models(index.records).topics()}
    for topic in newest.values():
        verdicts = {verdict: _with(index, topic, verdict) for verdict in ("missed", "right", "wrong")}
        if not topic.mentions or not any(verdicts.values()):
            continue
        wrong, given = verdicts["wrong"], [*verdicts["missed"], *verdicts["right"]]
        examples = list(dict.fromkeys(id for id in (*topic.mentions, *given) if id not in wrong))
        against = list(dict.fromkeys(id for id in (*topic.not_mentions, *wrong) if id not in given))
        there = {body["id"] for body in index.get([*examples, *against])}
        examples, against = [[id for id in ids if id in there] for ids in (examples, against)]
        lesson = Lesson(topic.id, topic.department, topic.name, examples, (), against, topic.query)
        try:
            found.append(Retaught(teach(index, enricher, lesson, by=by, at=at), topic))
        except (CannotTeach, TooFewExamples) as error:  # too many of its examples are gone: the version there is stays
            extra = {"action": "not-learnt-anew", "topic": topic.id}
            logger.warning("the topic %s is not learnt anew: %s", topic.id, error, extra=extra)
    return found


def _with(index: Index, topic: TaughtTopic, verdict: str) -> list[str]:
    query: Json = {
        "bool": {
            "filter": [
                {"term": {"checked": f"topic:{verdict}:{topic.id}"}},
                {"range": {"checked_at": {"gt": topic.at.isoformat()}}},
            ]
        }
    }
    return [body["id"] for page in index.scan(query) for body in page]
