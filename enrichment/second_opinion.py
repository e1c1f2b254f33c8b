"""A second engine's opinion of what matters most, or what the first one is unsure of: behind the stream, at leisure.

In: mentions in the store that the second engine has not judged. Out: opinions in `mentions.edits`, which the workers lay over
the first engine's tags. So an opinion survives whatever a human's edit survives, and nothing waits for one. One process
does it, under a lease; killed at any moment it loses what it was just asking, and asks it again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from enrichment.settings import SecondOpinionSettings
from enrichment.tagger import Enricher
from index import Index, Json
from stream import (
    EDITS,
    Edit,
    Incident,
    Item,
    Log,
    LogUnavailable,
    Mention,
    Opinion,
    Record,
    SecondOpinions,
    metrics,
    utc_now,
    words_digest,
)

logger = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds between two looks
UNDERWAY: Final = 500  # mentions asked last, whose opinion may not show yet
RETRY: Final = 5.0  # seconds between two tries while the log is away
_STEP: Final = 0.1  # seconds between two looks at `stop`


class Wanted(NamedTuple):
    """Mentions to ask about, and why: "incident", "reach" or "unsure"."""

    reason: str
    query: Json


def wanted(
    settings: SecondOpinionSettings, version: str, incidents: Sequence[Incident], passed: Sequence[str], now: datetime
) -> list[Wanted]:
    """What the engine `version` should be asked about, most important first; not `passed`. Pure."""
    since = (now - timedelta(hours=settings.hours)).isoformat()
    unjudged: list[Json] = [{"term": {"judged_by": version}}]
    if passed:
        unjudged.append({"ids": {"values": list(passed)}})

    def of(reason: str, any_of: list[Json]) -> Wanted:
        what: list[Json] = [{"range": {"published_at": {"gte": since}}}, {"bool": {"should": any_of}}]
        return Wanted(reason, {"bool": {"filter": what, "must_not": unjudged}})

    found = []
    if settings.incidents and incidents:
        found.append(of("incident", [_of_incident(one) for one in incidents]))
    if settings.reach:
        found.append(of("reach", [{"range": {"reach": {"gte": settings.reach}}}]))
    found.append(of("unsure", [{"term": {"unsure": True}}, {"range": {"confidence": {"lt": settings.below}}}]))
    return found


def _of_incident(one: Incident) -> Json:
    parts: list[Json] = [
        {"term": {"brand": one.brand}},
        {"range": {"published_at": {"gte": one.started_at.isoformat()}}},
    ]
    if one.product:
        parts.append({"term": {"product": one.product}})
    return {"bool": {"filter": parts}}


def run_second_opinion(
    log: Log, index: Index, enricher: Enricher, settings: SecondOpinionSettings, stop: Callable[[], bool]
) -> None:
    """Works until `stop()`. `enricher` judges by the second engine. Raises StoreUnavailable."""
    asker = Asker(log, index, enricher, settings)
    while not stop():
        began = time.monotonic()
        try:
            asked = asker.round(utc_now())
            metrics.HELD_UP.set(0)
            pause = max(EVERY, asked / settings.budget)
        except LogUnavailable as error:
            metrics.HELD_UP.set(1)
            metrics.RETRIED.inc()
            extra = {"action": "waiting"}
            logger.error("%s; nothing is lost; trying again every %.0f s", error, RETRY, extra=extra)
            pause = RETRY
        while time.monotonic() < began + pause and not stop():
            time.sleep(_STEP)


class Asker:
    """One round after the other; remembers what it asked last."""

    def __init__(self, log: Log, index: Index, enricher: Enricher, settings: SecondOpinionSettings) -> None:
        self._log = log
        self._index = index
        self._enricher = enricher
        self._settings = settings
        self._version = enricher.sentiment.version
        self._most = max(1, round(settings.budget * EVERY))
        self._passed: deque[str] = deque(maxlen=UNDERWAY)
        self._asked = self._changed = 0
        self._waiting = -1  # as told last; not yet

    def round(self, now: datetime) -> int:
        """Asks about as many mentions as the budget lets; answers how many. Raises LogUnavailable, StoreUnavailable; then those
        of this round are asked again."""
        some: dict[str, tuple[Mention, str]] = {}
        for reason, query in self._wanted(now):
            if len(some) < self._most:
                for mention in self._found(query, self._most):
                    if len(some) < self._most:
                        some.setdefault(mention.id, (mention, reason))
        if some:
            self._ask(some, now)
        waiting = self._index.count(self._wanted(now)[-1].query) if some else 0
        metrics.SECOND_WAITING.set(waiting)
        if some or waiting != self._waiting:
            told = SecondOpinions(
                engine=self._version, asked=self._asked, changed=self._changed, waiting=waiting, at=now
            )
            self._index.records.put(SecondOpinions.KIND, SecondOpinions.ID, msgspec.json.encode(told))
            self._waiting = waiting
        return len(some)

    def _wanted(self, now: datetime) -> list[Wanted]:
        return wanted(self._settings, self._version, self._incidents(), self._passed, now)

    def _ask(self, some: dict[str, tuple[Mention, str]], now: datetime) -> None:
        began = time.monotonic()
        edits = list(self._opinions([mention for mention, _ in some.values()], now))
        metrics.SECOND_SECONDS.inc(time.monotonic() - began)
        records = [Record(edit.mention.encode(), msgspec.json.encode(edit)) for edit in edits]
        if records:
            self._log.append(EDITS, records)
        self._passed.extend(some)
        self._count(some, edits)

    def _incidents(self) -> list[Incident]:
        if not self._settings.incidents:
            return []
        known = [msgspec.json.decode(one.body, type=Incident) for one in self._index.records.scan("incident")]
        return [one for one in known if one.state == "open"]

    def _found(self, query: Json, size: int) -> Iterator[Mention]:
        body: Json = {"query": query, "size": size, "sort": [{"sort_key": "desc"}]}
        for hit in self._index.search(body)["hits"]["hits"]:
            yield msgspec.convert(hit["_source"], Mention)

    def _opinions(self, mentions: Sequence[Mention], now: datetime) -> Iterator[Edit]:
        """None for a mention that names none of the brands any more."""
        tagged = self._enricher.tag([msgspec.json.encode(_item(mention)) for mention in mentions])
        for mention, answer in zip(mentions, tagged, strict=True):
            if isinstance(answer, Mention):
                yield _edit(mention, answer, now)

    def _count(self, some: dict[str, tuple[Mention, str]], edits: Sequence[Edit]) -> None:
        for _, reason in some.values():
            metrics.SECOND_ASKED.labels(reason).inc()
        changed = sum(
            edit.opinion is not None and edit.opinion.sentiment != some[edit.mention][0].sentiment for edit in edits
        )
        metrics.SECOND_CHANGED.inc(changed)
        self._asked += len(some)
        self._changed += changed


def _item(mention: Mention) -> Item:
    """What the source brought, as far as it decides how the words are judged."""
    return Item(
        id=mention.id,
        source=mention.source,
        channel=mention.channel,
        fetched_at=mention.fetched_at,
        published_at=mention.published_at,
        title=mention.title,
        text=mention.text,
        language=mention.language,
    )


def _edit(mention: Mention, judged: Mention, now: datetime) -> Edit:
    """The same opinion of the same words has the same id, so asking twice changes nothing."""
    words = words_digest(mention.title, mention.text)
    by = next((reason.by for reason in judged.why if reason.tag == f"sentiment:{judged.sentiment}"), "")
    return Edit(
        id=f"opinion-{mention.id}-{judged.judged_by}-{words}",
        at=now,
        by=judged.judged_by,
        kind="opinion",
        mention=mention.id,
        opinion=Opinion(
            words=words, sentiment=judged.sentiment, score=judged.score, confidence=judged.confidence,
            judged_by=judged.judged_by, by=by, unsure=judged.unsure, towards=judged.towards,
        ),
    )  # fmt: skip
