"""Questions from Python: DataFrames for notebooks and scripts, and what `ronzio query` prints.

import ronzio
ronzio.mentions("brand:acme AND sentiment:negative", since="7d")
ronzio.query("brand:acme", since="30d", by=["topic", "sentiment"])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from index import FIELDS, BadQuery, Index, Json, parse_query
from ronzio.context import load_settings, opened_index
from ronzio.period import moment
from stream import utc_now

TIME_STEPS = {"minute": "1m", "hour": "1h", "day": "1d", "week": "week"}
COLUMNS = ("published_at", "brand", "product", "sentiment", "confidence", "language", "topic", "source", "author",
           "title", "text", "url", "status", "assignee", "reach", "story", "id")  # fmt: skip
_LISTS = ("brand", "product", "topic", "department")
_TIMES = ("published_at", "fetched_at")
MAX_GROUPS = 10_000


def body(text: str, *, since: str | None = None, until: str | None = None, now: datetime | None = None) -> Json:
    """The query body for Lucene `text` within a period. Raises BadQuery, ValueError."""
    now = now or utc_now()
    span = {}
    if since:
        span["gte"] = moment(since, now).isoformat()
    if until:
        span["lt"] = moment(until, now).isoformat()
    parts = [parse_query(text)] if text.strip() else [{"match_all": {}}]
    return {"bool": {"filter": [*parts, *([{"range": {"published_at": span}}] if span else [])]}}


def rows(index: Index, query: Json, limit: int | None = None) -> Iterator[Json]:
    """The mentions a query matches, newest first, one flat dict each; lists joined by ", "."""
    left = limit
    for batch in index.scan(query):
        for mention in batch:
            if left is not None:
                if left <= 0:
                    return
                left -= 1
            row = {column: mention.get(column, "") for column in COLUMNS}
            row.update({column: ", ".join(row[column]) for column in _LISTS if row[column]})
            yield row


def grouped(index: Index, query: Json, by: Sequence[str]) -> pd.DataFrame:
    """Counts by one or more fields (or minute, hour, day, week): mentions, negative, neutral, positive, mean score.

    Raises BadQuery for a field that cannot be grouped by.
    """
    aggregation: Json = _measures()
    for field in reversed(by):
        aggregation = {"group": {**_grouping(field), "aggs": aggregation}}
    answer = index.search({"query": query, "size": 0, "aggs": aggregation})
    frame = pd.DataFrame(_flatten(answer["aggregations"], list(by), {}), columns=[*by, *_MEASURES])
    for field in by:
        if field in TIME_STEPS:
            frame[field] = pd.to_datetime(frame[field], unit="ms", utc=True)
    return frame


_MEASURES = ("mentions", "negative", "neutral", "positive", "score")


def _measures() -> Json:
    return {"label": {"terms": {"field": "sentiment", "size": 3}}, "score": {"avg": {"field": "score"}}}


def _grouping(field: str) -> Json:
    if field in TIME_STEPS:
        return {"date_histogram": {"field": "published_at", "fixed_interval": TIME_STEPS[field].replace("week", "7d")}}
    if field not in FIELDS:
        known = [*TIME_STEPS, *(name for name, kind in FIELDS.items() if kind == "keyword")]
        raise BadQuery(f'cannot group by "{field}"; known are {", ".join(known)}')
    return {"terms": {"field": field, "size": MAX_GROUPS}}


def _flatten(level: Json, by: list[str], keys: Json) -> Iterable[Json]:
    if not by:
        labels = {bucket["key"]: bucket["doc_count"] for bucket in level["label"]["buckets"]}
        yield {**keys, **{name: labels.get(name, 0) for name in _MEASURES[1:4]}, "score": level["score"]["value"]}
        return
    for bucket in level["group"]["buckets"]:
        if bucket["doc_count"]:
            here = {**keys, by[0]: bucket["key"], "mentions": bucket["doc_count"]}
            yield from _flatten(bucket, by[1:], here)


def mentions(
    text: str = "", *, since: str | None = None, until: str | None = None, limit: int | None = None,
    config: str | Path | None = None, data: str | Path | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The mentions that match Lucene `text`, newest first: one row each, `published_at` as UTC time stamps.

    `config`: the ronzio.toml to use (default: the one here, else the demo's); `data`: another data directory.
    Raises index.BadQuery, ValueError for a period, click.ClickException for a configuration that cannot be used.
    """
    with opened_index(_settings(config, data)) as index:
        frame = pd.DataFrame(rows(index, body(text, since=since, until=until), limit), columns=list(COLUMNS))
    frame["published_at"] = pd.to_datetime(frame["published_at"], utc=True, format="ISO8601")
    return frame


def query(
    text: str = "", *, by: str | Sequence[str], since: str | None = None, until: str | None = None,
    config: str | Path | None = None, data: str | Path | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Counts of the matching mentions by field(s): a column for each field, then mentions, negative, neutral,
    positive, score (mean of -1..1). `by` takes field names and minute, hour, day, week. Raises as `mentions` does."""
    fields = [by] if isinstance(by, str) else list(by)
    with opened_index(_settings(config, data)) as index:
        return grouped(index, body(text, since=since, until=until), fields)


def _settings(config: str | Path | None, data: str | Path | None) -> Any:
    return load_settings(Path(config) if config else None, False, Path(data) if data else None)
