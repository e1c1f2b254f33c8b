"""The taught topics that are switched on, at work: tokens of texts in, topics out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from enrichment.logistic import Weights
from enrichment.models import TaughtTopic
from enrichment.topic_features import Features
from enrichment.topics import Topic, TopicRule


class _AtWork(NamedTuple):
    weights: Weights
    threshold: float
    topic: Topic


class TaughtTopics:
    """Decides for batches. `version` names the topics and their versions; "" for none."""

    def __init__(self, topics: Sequence[TaughtTopic] = ()) -> None:
        self.version = ",".join(topic.key for topic in topics)
        self._features = Features()
        self._topics = [_AtWork(topic.weights(), topic.threshold, _found(topic)) for topic in topics]

    def decide(self, texts: Sequence[Sequence[str]]) -> list[list[Topic]]:
        """The topics of each text, given as tokens."""
        found: list[list[Topic]] = [[] for _ in texts]
        if not self._topics:
            return found
        rows = self._features.rows(texts)
        for one in self._topics:
            for number in (one.weights.logits(rows) >= one.threshold).nonzero()[0]:
                found[number].append(one.topic)
        return found


def _found(topic: TaughtTopic) -> Topic:
    """How sure: the share of mentions that it was right about when cross-validation asked it."""
    rule = TopicRule(id=topic.id, department=topic.department)
    by = f"taught by {topic.quality.examples} examples"
    return Topic(rule, round(topic.quality.precision.value, 2), (), by)
