"""Which generation a topic is (see offsets.py): written among its accounts, by the id Kafka gives each making of a topic."""

from __future__ import annotations

from stream.kafka.ledger import Ledger
from stream.kafka.producing import Producing


class Generations:
    """Of one topic. `current` is the latest that any client of this log has seen."""

    def __init__(self, ledger: Ledger, producing: Producing) -> None:
        self.current = 0
        self._ledger = ledger
        self._producing = producing
        self._known: dict[str, int] = {}

    def of(self, topic_id: str) -> int:
        """The generation of a topic that Kafka calls so; writes it down where it is new. Raises LogUnavailable."""
        if topic_id not in self._known:
            known = self._ledger.generations()
            if topic_id not in known:
                known[topic_id] = max(known.values(), default=-1) + 1
                self._producing.lone(self._ledger.made(topic_id, known[topic_id]))
            self._known = known
            self.current = max(self.current, known[topic_id])
        return self._known[topic_id]
