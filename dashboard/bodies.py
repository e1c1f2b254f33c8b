"""The questions the pages ask, as Elasticsearch bodies: filters in, bodies out. Pure; `data.py` asks them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from index import Json, parse_query
from stream import Incident

GROUPS = ("story", "event")  # of mentions, the second looser
FILTERS = ("brand", "product", "sentiment", "topic", "department", "source", "language", "status", "assignee", *GROUPS)
SENTIMENT = {"terms": {"field": "sentiment", "size": 3}}


class Period(NamedTuple):
    """A choice of the period selector: how far back, in steps of how many seconds (at most some 100 steps)."""

    key: str
    length: timedelta
    step: int


PERIODS = {
    period.key: period
    for period in (
        Period("15m", timedelta(minutes=15), 15),
        Period("1h", timedelta(hours=1), 60),
        Period("6h", timedelta(hours=6), 300),
        Period("24h", timedelta(hours=24), 900),
        Period("7d", timedelta(days=7), 7200),
        Period("30d", timedelta(days=30), 21600),
    )
}


def phrase(field: str, value: str) -> str:
    """A typed query for a field's exact value."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field}:"{quoted}"'


def span(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """[start, end): whole steps, the running one included."""
    end = (int(now.timestamp()) // period.step + 1) * period.step
    steps = int(period.length.total_seconds()) // period.step
    return datetime.fromtimestamp(end - steps * period.step, UTC), datetime.fromtimestamp(end, UTC)


MOST_STEPS = 120  # bars of an incident's chart


def stretch(one: Incident, now: datetime) -> tuple[datetime, datetime, int]:
    """What its chart shows: [start, end) with as much before as it lasted (an hour at least), in steps of whole
    buckets. Pure."""
    until = min(now, one.ended_at + timedelta(minutes=30)) if one.ended_at else now
    before = max(timedelta(hours=1), until - one.started_at)
    first = one.started_at - before
    step = one.bucket_seconds
    while (until - first).total_seconds() / step > MOST_STEPS:
        step *= 2
    start = datetime.fromtimestamp(first.timestamp() // step * step, UTC)
    end = datetime.fromtimestamp((until.timestamp() // step + 1) * step, UTC)
    return start, end, step


def within(start: datetime, end: datetime) -> Json:
    return {"range": {"published_at": {"gte": start.isoformat(), "lt": end.isoformat()}}}


def one_of(field: str, values: Sequence[str]) -> Json:
    return {"terms": {field: list(values)}}


def chosen(filters: Mapping[str, Sequence[str]], text: str = "") -> list[Json]:
    """The query parts of a page's filters and typed text. Raises index.BadQuery for the text."""
    parts: list[Json] = [{"terms": {field: list(values)}} for field, values in filters.items() if values]
    if text.strip():
        parts.append(parse_query(text))
    return parts


def all_of(parts: Sequence[Json]) -> Json:
    return {"bool": {"filter": list(parts)}} if parts else {"match_all": {}}


def buzz(parts: Sequence[Json], start: datetime, end: datetime, step: int) -> Json:
    """Mentions by time and sentiment, zero steps included."""
    bounds = {"min": _ms(start), "max": _ms(end) - step * 1000}
    return {
        "query": all_of([*parts, within(start, end)]),
        "size": 0,
        "aggs": {
            "time": {
                "date_histogram": {
                    "field": "published_at",
                    "fixed_interval": f"{step}s",
                    "min_doc_count": 0,
                    "extended_bounds": bounds,
                },
                "aggs": {"sentiment": SENTIMENT},
            }
        },
    }


def totals(parts: Sequence[Json], start: datetime, end: datetime) -> Json:
    """How many, of which sentiment, by how many authors, with what reach."""
    return {
        "query": all_of([*parts, within(start, end)]),
        "size": 0,
        "track_total_hits": True,
        "aggs": {
            "sentiment": SENTIMENT,
            "authors": {"cardinality": {"field": "author"}},
            "reach": {"sum": {"field": "reach"}},
        },
    }


def grouped(parts: Sequence[Json], field: str, size: int = 10) -> Json:
    """Counts by a field, each with its sentiment."""
    terms = {"terms": {"field": field, "size": size}, "aggs": {"sentiment": SENTIMENT}}
    return {"query": all_of(parts), "size": 0, "aggs": {"group": terms}}


def stories(parts: Sequence[Json], size: int = 6) -> Json:
    """The stories most talked about. Nothing is counted within them: of a hundred thousand stories only a few are shown,
    and counting in all of them took eight times as long."""
    return {"query": all_of(parts), "size": 0, "aggs": {"group": {"terms": {"field": "story", "size": size}}}}


def events(ids: Sequence[str], parts: Sequence[Json] = ()) -> Json:
    """How many stories each of some events has among the mentions that all `parts` match."""
    inside = {"stories": {"cardinality": {"field": "story"}}}
    group = {"terms": {"field": "event", "size": max(1, len(ids))}, "aggs": inside}
    return {"query": all_of([*parts, {"terms": {"event": list(ids)}}]), "size": 0, "aggs": {"group": group}}


def newest(parts: Sequence[Json], size: int, offset: int = 0) -> Json:
    return {
        "query": all_of(parts),
        "size": size,
        "from": offset,
        "sort": [{"sort_key": "desc"}],
        "track_total_hits": True,
    }


def verdicts(drawn: bool, since: datetime | None) -> Json:
    """What people said of the machine's tags, by brand and by what judged; only of mentions `drawn` at random or of all, and
    only what was said after `since`. By what judged alone, too: a mention from which a brand was taken is no more that brand's.
    """
    parts: list[Json] = [{"exists": {"field": "checked"}}]
    if drawn:
        parts.append({"term": {"checked": "drawn"}})
    if since:
        parts.append({"range": {"checked_at": {"gt": since.isoformat()}}})
    checked: Json = {"checked": {"terms": {"field": "checked", "size": 500}}}
    engine: Json = {"engine": {"terms": {"field": "judged_by", "size": 20}, "aggs": checked}}
    aggs: Json = {"brand": {"terms": {"field": "brand", "size": 100}, "aggs": engine}, **engine}
    return {"query": all_of(parts), "size": 0, "aggs": aggs}


TO_CHECK = 10  # mentions a day
_ENOUGH = 60  # of which they are chosen


def to_check(brands: Sequence[str], day: datetime, count: int = 0) -> Json:
    """A random sample of a week's mentions, the same all day long; `count`: how many there are in that week.

    Ids are hashes, so those that begin with given digits are a sample in which every mention has the same chance.
    """
    parts: list[Json] = [{"terms": {"brand": list(brands)}}, within(day - timedelta(days=7), day)]
    digits = 0
    while count > _ENOUGH * 16 ** (digits + 1):
        digits += 1
    if digits:
        beginning = hashlib.blake2b(f"{day:%Y-%m-%d}".encode()).hexdigest()[:digits]
        parts.append({"prefix": {"id": beginning}})
    return {"query": all_of(parts), "size": _ENOUGH * 32, "track_total_hits": True}


def drawn(ids: Sequence[str], day: datetime) -> list[str]:
    """Which of the sample to check. Pure; the order is one of chance that changes every day."""

    def place(id: str) -> bytes:
        return hashlib.blake2b(f"{day:%Y-%m-%d} {id}".encode(), digest_size=8).digest()

    return sorted(ids, key=place)[:TO_CHECK]


def choices() -> Json:
    """What the filters can offer: the values that occur."""
    return {
        "query": {"match_all": {}},
        "size": 0,
        "aggs": {field: {"terms": {"field": field, "size": 200}} for field in FILTERS if field not in GROUPS},
    }


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
