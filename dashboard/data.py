"""What the pages show, asked of the store and kept for a moment: bodies in, plain rows out.

Cached answers are shared by all visitors, so everything an answer depends on is an argument. A short time to live
keeps pages live; the store is asked once for any number of open tabs.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pandas as pd
import streamlit as st

from dashboard import bodies, context
from index import MEASURES, Json, Risen, Tally, counts, rising
from stream import EDITS, RAW, SENTIMENTS, TOPICS, Edit, Incident, Mail, Record, SourceStatus, TaggingEngine

if TYPE_CHECKING:
    from enrichment import Preview

BEFORE = 4  # periods before a period, against which terms rise
JUDGED: Final = ("sentiment", "topic", "department", "language")  # and brands
VOICES: Final = 50  # brands in a share of voice
TOPICS_SHOWN: Final = 7
NEWEST: Final = 6  # mentions on the live page
_asked_ahead: ContextVar[Mapping[str, Json]] = ContextVar("asked ahead", default=MappingProxyType({}))
_keep = st.cache_data(ttl=2, max_entries=500, show_spinner=False)


@_keep
def _ask(body: str) -> Json:
    return context.index().search(json.loads(body))


@_keep
def _ask_many(bodies: tuple[str, ...]) -> dict[str, Json]:
    return dict(zip(bodies, context.index().search_many(list(map(json.loads, bodies))), strict=True))


def ask(body: Json) -> Json:
    """The store's answer. Raises index.BadQuery."""
    key = json.dumps(body, sort_keys=True)
    answer = _asked_ahead.get().get(key)
    return _ask(key) if answer is None else answer


@contextmanager
def ahead(bodies: Sequence[Json]) -> Iterator[None]:
    """Asks all of them at once; `ask` has their answers while the block runs. For a page that will ask them one by one: each
    costs a round to the store. Raises index.BadQuery."""
    keys = tuple(dict.fromkeys(json.dumps(body, sort_keys=True) for body in bodies))
    before = _asked_ahead.set(_ask_many(keys))
    try:
        yield
    finally:
        _asked_ahead.reset(before)


def of_live(here: Sequence[Json], start: datetime, end: datetime, step: int, brands: Sequence[str]) -> list[Json]:
    """What the live page asks of mentions `here` within a period, and of `brands` for the share of voice."""
    inside = [*here, bodies.within(start, end)]
    return [
        bodies.totals(here, start, end),
        bodies.totals(here, start - (end - start), start),
        bodies.buzz(here, start, end, step),
        bodies.grouped([bodies.within(start, end), bodies.one_of("brand", brands)], "brand", VOICES),
        *_of_older(inside),
        bodies.grouped(inside, "topic", TOPICS_SHOWN),
        bodies.stories(inside),
        bodies.newest(inside, NEWEST),
    ]


def buzz(parts: Sequence[Json], start: datetime, end: datetime, step: int) -> pd.DataFrame:
    """Columns time (UTC), sentiment, mentions: every step and label, zeros included."""
    answer = ask(bodies.buzz(parts, start, end, step))
    rows = []
    for bucket in answer["aggregations"]["time"]["buckets"]:
        counts = {entry["key"]: entry["doc_count"] for entry in bucket["sentiment"]["buckets"]}
        rows += [(bucket["key"], label, counts.get(label, 0)) for label in SENTIMENTS]
    frame = pd.DataFrame(rows, columns=["time", "sentiment", "mentions"])
    frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    return frame


def totals(parts: Sequence[Json], start: datetime, end: datetime) -> dict[str, float]:
    """mentions, negative, neutral, positive, authors, reach."""
    answer = ask(bodies.totals(parts, start, end))
    found = answer["aggregations"]
    labels = {entry["key"]: entry["doc_count"] for entry in found["sentiment"]["buckets"]}
    return {
        "mentions": answer["hits"]["total"]["value"],
        **{label: labels.get(label, 0) for label in SENTIMENTS},
        "authors": min(found["authors"]["value"] or 0, answer["hits"]["total"]["value"]),  # it is an estimate
        "reach": found["reach"]["value"] or 0,
    }


def grouped(parts: Sequence[Json], field: str, size: int = 10) -> list[dict[str, Any]]:
    """Rows with key, mentions and the three labels, most mentions first."""
    rows = []
    for bucket in ask(bodies.grouped(parts, field, size))["aggregations"]["group"]["buckets"]:
        labels = {entry["key"]: entry["doc_count"] for entry in bucket["sentiment"]["buckets"]}
        row = {"key": bucket["key"], "mentions": bucket["doc_count"]}
        rows.append(row | {label: labels.get(label, 0) for label in SENTIMENTS})
    return rows


def stories(parts: Sequence[Json], size: int = 6) -> list[dict[str, Any]]:
    """The stories most talked about, most first: `mentions`, the mention each began with as `first`, and how many stories
    its event has among these mentions as `event_stories`."""
    found = {
        bucket["key"]: bucket["doc_count"]
        for bucket in ask(bodies.stories(parts, size))["aggregations"]["group"]["buckets"]
    }
    firsts = {mention["id"]: mention for mention in mentions_by_id(tuple(found))}
    named = tuple(sorted({mention["event"] for mention in firsts.values() if mention.get("event")}))
    events = event_stories(named, parts)
    return [
        {"mentions": count, "first": firsts[key], "event_stories": events.get(firsts[key].get("event", ""), 1)}
        for key, count in found.items()
        if key in firsts
    ]


def event_stories(ids: tuple[str, ...], parts: Sequence[Json] = ()) -> dict[str, int]:
    """Event -> how many stories it has, among the mentions that all `parts` match."""
    if not ids:
        return {}
    return {
        bucket["key"]: bucket["stories"]["value"]
        for bucket in ask(bodies.events(ids, parts))["aggregations"]["group"]["buckets"]
    }


@st.cache_data(ttl=60, max_entries=50, show_spinner=False)
def preview(text: str) -> Preview:
    """What an expression would have found. Raises ExpressionError, LogUnavailable."""
    from enrichment import EnrichmentSettings, preview  # takes a second to load: only for the page that asks

    languages = context.current().languages
    log = context.log()
    try:
        settings = EnrichmentSettings(languages=languages) if languages else EnrichmentSettings()
        return preview(text, log, context.index(), settings)
    finally:
        log.close()


@st.cache_data(ttl=30, max_entries=100, show_spinner=False)
def _rising(query: str, before: datetime, start: datetime, end: datetime) -> Risen:
    return rising(context.index(), json.loads(query), before, start, end)


def risen(parts: Sequence[Json], start: datetime, end: datetime) -> Risen:
    """What mentions of [start, end) talk about more than those of the `BEFORE` periods before."""
    return _rising(json.dumps(list(parts), sort_keys=True), start - BEFORE * (end - start), start, end)


@_keep
def mentions_by_id(ids: tuple[str, ...]) -> list[Json]:
    return context.index().get(list(ids)) if ids else []


def newest(parts: Sequence[Json], size: int, offset: int = 0) -> tuple[list[Json], int]:
    """(mentions, how many there are in all)."""
    answer = ask(bodies.newest(parts, size, offset))
    return [hit["_source"] for hit in answer["hits"]["hits"]], answer["hits"]["total"]["value"]


def count(parts: Sequence[Json]) -> int:
    """How many mentions match."""
    total: int = ask({"query": bodies.all_of(parts), "size": 0, "track_total_hits": True})["hits"]["total"]["value"]
    return total


def older(parts: Sequence[Json]) -> int:
    """How many of these were tagged by another version than the one that workers tag with now."""
    return sum(ask(body)["hits"]["total"]["value"] for body in _of_older(parts))


def _of_older(parts: Sequence[Json]) -> list[Json]:
    """The question, or none where no worker has said yet what it tags with."""
    now = _engine()
    query = {"bool": {"filter": list(parts), "must_not": [{"term": {"engine": now}}]}}
    return [{"query": query, "size": 0, "track_total_hits": True}] if now else []


@_keep
def _engine() -> str:
    stored = context.index().records.get(TaggingEngine.KIND, TaggingEngine.ID)
    return msgspec.json.decode(stored.body, type=TaggingEngine).engine if stored else ""


class Verdicts(NamedTuple):
    """Of one brand's tags of one kind, given by one engine: how many people found right, of how many they looked at."""

    brand: str
    engine: str
    field: str
    right: int
    of: int
    unsure: int  # sentiments that the engine did not want to tell; not among `of`


def verdicts(drawn: bool) -> list[Verdicts]:
    """By brand, engine and kind of tag. What a model was trained on says nothing of it: only what was said since counts."""
    stored = context.index().records.get("tagging", "current")
    since = msgspec.json.decode(stored.body, type=_Switched).trained_at if stored else None
    answer = ask(bodies.verdicts(drawn, since))["aggregations"]
    found = []
    for brand in answer["brand"]["buckets"]:
        for engine in brand["engine"]["buckets"]:
            counts: Counter[tuple[str, str]] = Counter()
            for bucket in engine["checked"]["buckets"]:
                field, _, verdict = bucket["key"].partition(":")
                counts[field, verdict.partition(":")[0]] += bucket["doc_count"]
            for field in JUDGED:
                right, wrong, unsure = (counts[field, verdict] for verdict in ("right", "wrong", "unsure"))
                if right + wrong + unsure:
                    found.append(Verdicts(brand["key"], engine["key"], field, right, right + wrong, unsure))
    return sorted([*found, *_of_brands(answer["engine"]["buckets"])], key=lambda one: (one.brand, one.engine))


def _of_brands(engines: Sequence[Json]) -> Iterator[Verdicts]:
    """How often each brand was rightly given, whatever brands its mentions have now."""
    for engine in engines:
        counts = {bucket["key"]: bucket["doc_count"] for bucket in engine["checked"]["buckets"]}
        for brand in sorted(
            {key.split(":", 2)[2] for key in counts if key.startswith(("brand:right:", "brand:wrong:"))}
        ):
            right, wrong = (counts.get(f"brand:{verdict}:{brand}", 0) for verdict in ("right", "wrong"))
            yield Verdicts(brand, engine["key"], "brand", right, right + wrong, 0)


class _Switched(msgspec.Struct):
    trained_at: datetime | None = None


def to_check(brands: Sequence[str], day: datetime) -> list[Json]:
    """The mentions drawn for a day."""
    total = ask(bodies.to_check(brands, day) | {"size": 0})["hits"]["total"]["value"]
    hits = ask(bodies.to_check(brands, day, total))["hits"]["hits"]
    return mentions_by_id(tuple(bodies.drawn([hit["_id"] for hit in hits], day)))


@st.cache_data(ttl=30, max_entries=4, show_spinner=False)
def choices() -> dict[str, list[str]]:
    """field -> values that occur, most frequent first."""
    answer = context.index().search(bodies.choices())
    return {name: [bucket["key"] for bucket in found["buckets"]] for name, found in answer["aggregations"].items()}


@_keep
def _counts(query: str, fields: tuple[str, ...], step: str) -> list[Json]:
    return counts(context.index(), json.loads(query), fields, step=step, most=50)


def analysis(parts: Sequence[Json], fields: Sequence[str], step: str) -> pd.DataFrame:
    """A column for each field ("time": steps of `step`, as UTC time stamps), then the measures of `index.counts`."""
    rows = _counts(json.dumps(bodies.all_of(parts)), tuple(fields), step)
    frame = pd.DataFrame(rows, columns=[*fields, *MEASURES])
    if "time" in fields:
        frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    return frame


@_keep
def incidents() -> list[Incident]:
    """All incidents, newest first."""
    found = [msgspec.json.decode(record.body, type=Incident) for record in context.index().records.scan("incident")]
    return sorted(found, key=lambda incident: incident.started_at, reverse=True)


@_keep
def mails() -> list[Mail]:
    """All mails written, newest first."""
    found = [msgspec.json.decode(record.body, type=Mail) for record in context.index().records.scan("mail")]
    return sorted(found, key=lambda mail: mail.created_at, reverse=True)


@_keep
def sources() -> list[SourceStatus]:
    """All sources ever seen, those that need somebody first."""
    found = [msgspec.json.decode(record.body, type=SourceStatus) for record in context.index().records.scan("source")]
    return sorted(found, key=lambda status: (status.health in ("ok", "waiting"), status.name.casefold()))


class Books(msgspec.Struct, frozen=True):
    """One source's account; `waiting` is what was fetched and not handled yet."""

    source: str
    fetched: int
    tally: Tally
    waiting: int


@_keep
def books() -> list[Books]:
    """By source, busiest first."""
    tallies = context.index().books()
    with context.log_to_read() as log:
        fetched = log.accounts(RAW)
    names = sorted(set(tallies) | set(fetched), key=lambda name: -fetched.get(name, 0))
    return [
        Books(name, fetched.get(name, 0), tally, fetched.get(name, 0) - tally.received)
        for name in names
        for tally in (tallies.get(name, Tally()),)
    ]


@_keep
def dead_letters(limit: int = 200) -> list[dict[str, str]]:
    """What could not be handled, newest first: at, source, reason, value."""
    with context.log_to_read() as log:
        letters = [letter for topic in TOPICS for letter in log.dead(topic, limit=limit)]
    letters.sort(key=lambda letter: letter.at, reverse=True)
    return [
        {"at": letter.at.isoformat(), "source": letter.source, "reason": letter.reason,
         "value": letter.value[:400].decode("utf-8", "replace")}
        for letter in letters
    ]  # fmt: skip


def store_edit(edit: Edit) -> None:
    """Durable on return; the worker applies it within a second. Raises stream.LogFull."""
    log = context.log()
    try:
        key = edit.mention or edit.author
        log.append(EDITS, [Record(key.encode(), msgspec.json.encode(edit))])
    finally:
        log.close()


WAIT: Final = 4.0  # seconds for an edit to be applied; it is safe long before that
LISTS: Final = ("brand", "product", "topic", "department")


def await_edit(mention_id: str, changes: Mapping[str, object]) -> bool:
    """True once the store shows the changes as said by somebody; waits `WAIT` seconds at most."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        found = context.index().get([mention_id])
        empty = {field: [] if field in LISTS else "" for field in changes}
        said = found[0].get("edited", {}) if found else {}
        if found and all(
            field in said and found[0].get(field, empty[field]) == value for field, value in changes.items()
        ):
            return True
        time.sleep(0.1)
    return False
