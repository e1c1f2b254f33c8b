"""Counts of mentions by one or more fields, as flat rows: for tables, charts and analysts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from index.fields import FIELDS, UNGROUPED
from index.store import BadQuery, Index, Json
from stream import SENTIMENTS

TIME: Final = "time"
MEASURES: Final = ("mentions", *SENTIMENTS, "score")


def counts(index: Index, query: Json, by: Sequence[str], *, step: str = "1d", most: int = 1000) -> list[Json]:
    """A row for each combination of values that occurs: the values, mentions, negative, neutral, positive, and score
    (the mean, -1..1).

    `by`: fields, and "time" for steps of `step` ("15s", "1h", "7d"), told as milliseconds since 1970; `most` values of
    each field at most. An empty `by` gives one row. Raises BadQuery for what cannot be grouped by.
    """
    aggregation: Json = {"label": {"terms": {"field": "sentiment", "size": 3}}, "score": {"avg": {"field": "score"}}}
    for field in reversed(by):
        aggregation = {"group": {**_grouping(field, step, most), "aggs": aggregation}}
    answer = index.search({"query": query, "size": 0, "track_total_hits": True, "aggs": aggregation})
    return list(_flat(answer["aggregations"], list(by), {}, answer["hits"]["total"]["value"]))


def _grouping(field: str, step: str, most: int) -> Json:
    if field == TIME:
        return {"date_histogram": {"field": "published_at", "fixed_interval": step}}
    if FIELDS.get(field) not in ("keyword", "boolean") or field in UNGROUPED:
        known = [name for name, kind in FIELDS.items() if kind == "keyword" and name not in UNGROUPED]
        raise BadQuery(f'cannot group by "{field}"; known are {TIME}, {", ".join(known)}')
    return {"terms": {"field": field, "size": most}}


def _flat(level: Json, by: list[str], keys: Json, mentions: int) -> Iterator[Json]:
    if not by:
        labels = {bucket["key"]: bucket["doc_count"] for bucket in level["label"]["buckets"]}
        yield {**keys, "mentions": mentions, **{label: labels.get(label, 0) for label in SENTIMENTS},
               "score": level["score"]["value"]}  # fmt: skip
        return
    for bucket in level["group"]["buckets"]:
        if bucket["doc_count"]:
            value = bucket.get("key_as_string", bucket["key"]) if FIELDS.get(by[0]) == "boolean" else bucket["key"]
            yield from _flat(bucket, by[1:], {**keys, by[0]: value}, bucket["doc_count"])
