"""Questions from Python: DataFrames for notebooks and scripts, and what `ronzio query` prints.

import ronzio
ronzio.mentions("brand:acme AND sentiment:negative", since="7d")
ronzio.query("brand:acme", since="30d", by=["topic", "sentiment"])
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from index import COLUMNS, MEASURES, BadQuery, Index, Json, Risen, counts, parse_query, rising, rows
from ronzio.context import load_settings, opened_index
from ronzio.period import moment
from stream import utc_now

TIME_STEPS = {"minute": "1m", "hour": "1h", "day": "1d", "week": "7d"}
MAX_GROUPS = 10_000
BEFORE = 4  # periods before, against which terms rise


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


def grouped(index: Index, query: Json, by: Sequence[str]) -> pd.DataFrame:
    """Counts by one or more fields (or minute, hour, day, week; time is by day): mentions of each sentiment, mean score.

    Raises BadQuery for a field that cannot be grouped by.
    """
    times = [field for field in by if field in TIME_STEPS]
    if len(times) > 1:
        raise BadQuery(f"only one of {', '.join(TIME_STEPS)} can be grouped by at a time; got {' and '.join(times)}")
    fields = ["time" if field in TIME_STEPS else field for field in by]
    step = TIME_STEPS[times[0]] if times else "1d"
    frame = pd.DataFrame(counts(index, query, fields, step=step, most=MAX_GROUPS), columns=[*fields, *MEASURES])
    if "time" in fields:
        frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    if times:
        frame = frame.rename(columns={"time": times[0]})
    return frame


def rising_terms(
    index: Index, text: str, *, since: str = "7d", until: str | None = None, size: int = 20, now: datetime | None = None
) -> Risen:
    """What the matching mentions of a period talk about more than those of the four periods before. Raises BadQuery,
    ValueError for a period."""
    now = now or utc_now()
    start, end = moment(since, now), moment(until, now) if until else now + timedelta(seconds=1)
    if start >= end:
        raise ValueError(f"the period ends ({end:%Y-%m-%d %H:%M}) before it begins ({start:%Y-%m-%d %H:%M})")
    parts = [parse_query(text)] if text.strip() else []
    return rising(index, parts, start - BEFORE * (end - start), start, end, size)


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
