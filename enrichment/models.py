"""What a user has taught, kept in the store's records: the same for every worker on every machine.

A record of kind "model" is one version of one model, and never changes. The one record of kind "tagging" names the versions
that are switched on; replacing it is how all workers change at once, and going back to the one before is how that is undone.
No text is kept: of the examples only the ids of their mentions, of what was learnt only hashed weights.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import numpy as np

from enrichment.logistic import Weights
from enrichment.teaching import Learnt, Quality
from index import Conflict, Records

MODEL: Final = "model"
SENTIMENT: Final = "sentiment"  # the name of what corrections of sentiment taught
TAGGING: Final = "tagging"
LOOK: Final = 2.0
_CURRENT: Final = "current"
_STEPS_BACK: Final = 20  # that can be undone
_FINEST: Final = 127  # weights are kept in eight bits


class NoSuchModel(LookupError):
    """There is no model of that name, or nothing to undo; the message says what there is."""


class TaughtTopic(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a topic taught by example."""

    id: str  # of the topic: small letters, digits, hyphens
    version: int
    department: str
    name: str  # as people see it
    at: datetime
    by: str
    mentions: tuple[str, ...]  # ids of the examples that are mentions; others, from a file, are not kept
    not_mentions: tuple[str, ...] = ()  # ids of mentions that people said are not of it
    query: str = ""  # what found the examples, and whose other mentions are no counter-examples
    quality: Quality
    missed: tuple[str, ...] = ()  # examples not recognised: ids of mentions, or "example 3" of a file
    doubtful: tuple[str, ...] = ()  # ids of mentions that are no examples and were taken for the topic, surest first
    looked_at: int = 0  # of the latest mentions, and
    would_tag: int = 0  # how many of these it would tag
    shown: tuple[str, ...] = ()  # ids of some of them
    threshold: float
    bias: float
    step: float  # a weight = its byte times this
    packed: bytes  # SIZE signed bytes, zlib

    @property
    def key(self) -> str:
        return f"topic/{self.id}/{self.version}"

    def weights(self) -> Weights:
        values = np.frombuffer(zlib.decompress(self.packed), np.int8).astype(np.float64)
        return Weights(values * self.step, self.bias)


def packed(learnt: Learnt) -> tuple[float, bytes]:
    """(step, bytes) of the weights; rounding moves a logit by less than a hundredth."""
    values = learnt.weights.values
    step = float(np.abs(values).max()) / _FINEST or 1.0
    return step, zlib.compress(np.round(values / step).astype(np.int8).tobytes(), 9)


class SentimentModel(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what people's corrections taught about sentiment, on top of the compact engine."""

    version: int
    at: datetime
    by: str
    examples: int
    crossed: tuple[float, float]  # macro-F1, %, without and with it, by cross-validation
    later: tuple[float, float]  # the same on the newest corrections, learnt from the older ones
    content: bytes  # for Corrections.loads

    @property
    def key(self) -> str:
        return f"{SENTIMENT}/{self.version}"

    @property
    def gains(self) -> bool:
        """Is it better by both measures?"""
        return all(after > before for before, after in (self.crossed, self.later))


class Switched(NamedTuple):
    """What is switched on."""

    topics: Sequence[TaughtTopic] = ()
    sentiment: SentimentModel | None = None


class Tagging(msgspec.Struct, frozen=True, kw_only=True):
    """Which models are switched on: name ("topic/lost-luggage") -> version. `before`: what was so earlier, newest last."""

    models: dict[str, int] = {}
    at: datetime
    by: str
    what: str = ""  # what was done, for people
    trained_at: datetime | None = None  # when people's corrections were last learnt from: those before prove nothing
    before: tuple[Tagging, ...] = ()


def _without(now: Tagging, name: str) -> Tagging:
    """`now` without a model in what was on earlier, so that undoing switches on nothing that is gone, or was taught since."""
    before = tuple(
        msgspec.structs.replace(one, models={key: version for key, version in one.models.items() if key != name})
        for one in now.before
    )
    return msgspec.structs.replace(now, before=before)


class Switchboard:
    """Tells a worker what was switched, soon after it was. Looks at the store at most every `LOOK` seconds."""

    def __init__(self, records: Records) -> None:
        self._models = Models(records)
        self._state = -1  # so that the first look tells
        self._looked = -LOOK

    def changed(self) -> Switched | None:
        """What to work with from now on; None where nothing has changed."""
        if time.monotonic() - self._looked < LOOK:
            return None
        self._looked = time.monotonic()
        state = self._models.state()
        if state == self._state:
            return None
        self._state = state
        return self._models.switched()


class Models:
    """The models in a store's records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def tagging(self) -> Tagging | None:
        """What is switched on; None where nothing ever was."""
        return self._tagging()[0]

    def _tagging(self) -> tuple[Tagging | None, int]:
        stored = self._records.get(TAGGING, _CURRENT)
        return (msgspec.json.decode(stored.body, type=Tagging), stored.version) if stored else (None, 0)

    def state(self) -> int:
        """A number that changes with what is switched on; one small read."""
        return self._tagging()[1]

    # -- topics -------------------------------------------------------------------------------------------------------
    def keep(self, model: TaughtTopic | SentimentModel) -> None:
        """Stores a version; it is not switched on by that. Raises index.Conflict where the version is there."""
        self._records.put(MODEL, model.key, msgspec.json.encode(model), expect=0)

    def topics(self) -> list[TaughtTopic]:
        """All versions of all topics, by id and version."""
        found = [stored for stored in self._records.scan(MODEL) if stored.id.startswith("topic/")]
        return sorted((_topic(one.body) for one in found), key=lambda one: (one.id, one.version))

    def latest(self, id: str) -> TaughtTopic:
        """The newest version. Raises NoSuchModel."""
        topics = self.topics()
        for topic in reversed(topics):
            if topic.id == id:
                return topic
        known = ", ".join(dict.fromkeys(topic.id for topic in topics)) or "none"
        raise NoSuchModel(f'no topic "{id}" has been taught; taught are: {known}')

    def switched_on(self) -> list[TaughtTopic]:
        """The topics at work, by id."""
        tagging = self.tagging()
        names = [f"{name}/{version}" for name, version in sorted((tagging.models if tagging else {}).items())]
        stored = [self._records.get(MODEL, name) for name in names if name.startswith("topic/")]
        return [_topic(one.body) for one in stored if one is not None]

    def sentiments(self) -> list[SentimentModel]:
        """What corrections of sentiment taught, oldest first."""
        stored = [one for one in self._records.scan(MODEL) if one.id.startswith(f"{SENTIMENT}/")]
        return sorted((_sentiment(one.body) for one in stored), key=lambda one: one.version)

    def switched(self) -> Switched:
        """All that is at work."""
        tagging = self.tagging()
        version = tagging.models.get(SENTIMENT) if tagging else None
        stored = self._records.get(MODEL, f"{SENTIMENT}/{version}") if version else None
        return Switched(self.switched_on(), _sentiment(stored.body) if stored else None)

    def forget(self, id: str) -> None:
        """Deletes every version. Raises NoSuchModel; ValueError while it is switched on."""
        self.latest(id)
        tagging = self.tagging()
        if tagging and f"topic/{id}" in tagging.models:
            raise ValueError(f'the topic "{id}" is switched on; switch it off first')
        if tagging:
            self._change(lambda now: _without(now or tagging, f"topic/{id}"))
        for topic in self.topics():
            if topic.id == id:
                self._records.delete(MODEL, topic.key)

    # -- switching ----------------------------------------------------------------------------------------------------
    def switch(self, changes: Mapping[str, int], *, by: str, at: datetime, what: str, trained: bool = False) -> Tagging:
        """Names new versions; 0 switches off. All changes at once, and undone at once."""

        def change(now: Tagging | None) -> Tagging:
            models = {**(now.models if now else {}), **changes}
            before = (*now.before, msgspec.structs.replace(now, before=())) if now else ()
            models = {name: version for name, version in models.items() if version}
            trained_at = at if trained else now.trained_at if now else None
            return Tagging(models=models, at=at, by=by, what=what, trained_at=trained_at, before=before[-_STEPS_BACK:])

        return self._change(change)

    def undo(self, *, by: str, at: datetime) -> Tagging:
        """Goes back to what was switched on before the last change. Raises NoSuchModel where there was nothing."""

        def change(now: Tagging | None) -> Tagging:
            if now is None:
                raise NoSuchModel("nothing was ever switched on, so there is nothing to undo")
            last = now.before[-1] if now.before else Tagging(at=at, by=by)
            if not now.before and not now.models:
                raise NoSuchModel("there is nothing more to undo")
            what = f"undone: {now.what}"
            return Tagging(
                models=last.models, at=at, by=by, what=what, trained_at=last.trained_at, before=now.before[:-1]
            )

        return self._change(change)

    def _change(self, change: Callable[[Tagging | None], Tagging]) -> Tagging:
        while True:
            now, version = self._tagging()
            after = change(now)
            try:
                self._records.put(TAGGING, _CURRENT, msgspec.json.encode(after), expect=version)
                return after
            except Conflict:
                continue  # somebody else was faster: on top of theirs


def _sentiment(body: bytes) -> SentimentModel:
    return msgspec.json.decode(body, type=SentimentModel)


def _topic(body: bytes) -> TaughtTopic:
    return msgspec.json.decode(body, type=TaughtTopic)
