"""Reads the series of a brand or product from the store.

The history is read whole now and then, and its newest part at every look: late arrivals within that part are seen at
once, older ones and corrections of labels within the hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from alerts.baseline import Floats
from alerts.series import MEMORY, Series, discount, gaps
from alerts.settings import AlertSettings
from index import Index, Json, parse_query
from stream import SourceStatus

_NEWEST = 60  # buckets read anew at every look: more than the longest stretch that is judged together
_REPEATED = ("story", "author")
_GROUPS = 500  # stories, and authors, with most mentions: those beyond weigh in full
_WHOLE_AGAIN = timedelta(hours=1)


def negative_towards(brand: str) -> Json:
    """Negative talk of `brand` ("" = of anything): what is negative towards it, and what is negative as a whole where nothing is
    said of the brand by itself, as in mentions tagged before that was told."""
    whole: Json = {"term": {"sentiment": "negative"}}
    if not brand:
        return whole
    said = [f"{brand}:{label}" for label in ("positive", "neutral", "none")]
    return {
        "bool": {
            "should": [
                {"term": {"towards": f"{brand}:negative"}},
                {"bool": {"filter": [whole], "must_not": [{"terms": {"towards": said}}]}},
            ]
        }
    }


class Subject(NamedTuple):
    """What a series is about: a brand, or one of its products, leaving out products with incidents of their own."""

    brand: str
    product: str = ""
    without: tuple[str, ...] = ()
    limit: str = ""  # an expression: only mentions in which it holds count

    def query(self, since: datetime, until: datetime, *, negative: bool = True) -> Json:
        """The mentions that count: live ones (no backfill) published in [since, until)."""
        must: list[Json] = [
            {"term": {"backfill": False}},
            {"range": {"published_at": {"gte": since.isoformat(), "lt": until.isoformat()}}},
        ]
        if self.brand:
            must.append({"term": {"brand": self.brand}})
        if self.product:
            must.append({"term": {"product": self.product}})
        if negative:
            must.append(negative_towards(self.brand))
        if self.limit:
            must.append(parse_query(self.limit))
        body: Json = {"filter": must}
        if self.without:
            body["must_not"] = [{"terms": {"product": list(self.without)}}]
        return {"bool": body}


_EVERYTHING = Subject("")


class _History:
    """The counts of one subject from `first` on, in buckets since 1970."""

    def __init__(self, first: int, counts: Floats, read_at: datetime) -> None:
        self.first = first
        self.counts = counts
        self.read_at = read_at


class Counts:
    """The series of all subjects of one store. Not thread-safe."""

    def __init__(self, index: Index, settings: AlertSettings) -> None:
        self._index = index
        self._settings = settings
        self._histories: dict[tuple[Subject, bool], _History] = {}

    def series(self, subject: Subject, now: datetime) -> Series:
        """The counts of `subject` over the configured history, up to the last bucket that has begun."""
        seconds = self._settings.bucket_seconds
        last = int(now.timestamp()) // seconds
        first = last - self._settings.history_days * 86_400 // seconds
        everything = self._counts(_EVERYTHING, False, first, last, now)
        return Series(
            start=datetime.fromtimestamp(first * seconds, UTC),
            seconds=seconds,
            negative=self._counts(subject, True, first, last, now),
            total=self._counts(subject, False, first, last, now),
            known=gaps(everything, seconds),
        )

    def _counts(self, subject: Subject, negative: bool, first: int, last: int, now: datetime) -> Floats:
        history = self._histories.get((subject, negative))
        if history is None or now - history.read_at >= _WHOLE_AGAIN or last < history.first:
            history = _History(first, self._read(subject, negative, first, last), now)
            self._histories[subject, negative] = history
            return history.counts
        kept = history.counts[max(0, first - history.first) :]
        newest = max(first, min(last - _NEWEST, first + len(kept)))
        before = max(first, newest - MEMORY)  # what repetitions in the newest part repeat
        read = self._read(subject, negative, before, last)[newest - before :]
        counts = np.concatenate((kept[: newest - first], read))
        history.first, history.counts = first, counts
        return counts

    def _read(self, subject: Subject, negative: bool, first: int, last: int) -> Floats:
        """Counts of the buckets `first` to `last`, weighted where they are of a subject."""
        seconds = self._settings.bucket_seconds
        since, until = (datetime.fromtimestamp(bucket * seconds, UTC) for bucket in (first, last + 1))
        over_time = {"buckets": _histogram(seconds)}
        aggs: Json = dict(over_time)
        for field in _REPEATED if subject.brand else ():
            # Only those that come more than once: most do not, and weigh one each.
            aggs[field] = {"terms": {"field": field, "size": _GROUPS, "min_doc_count": 2}, "aggs": over_time}
        query = subject.query(since, until, negative=negative)
        answer = self._index.search({"size": 0, "query": query, "aggs": aggs})["aggregations"]
        counts = np.zeros(last - first + 1)
        for bucket, count in _filled(answer["buckets"], seconds, first):
            counts[bucket] = count
        discounts = [
            discount((_filled(group["buckets"], seconds, first) for group in answer[field]["buckets"]), len(counts))
            for field in aggs
            if field in _REPEATED
        ]
        return np.maximum(counts - np.maximum.reduce(discounts), np.minimum(counts, 1.0)) if discounts else counts


def _histogram(seconds: int) -> Json:
    return {"date_histogram": {"field": "published_at", "fixed_interval": f"{seconds}s", "min_doc_count": 1}}


def _filled(histogram: Json, seconds: int, first: int) -> list[tuple[int, int]]:
    """The buckets with mentions, numbered from `first` on, in order."""
    return [
        (int(bucket["key"]) // 1000 // seconds - first, int(bucket["doc_count"])) for bucket in histogram["buckets"]
    ]


def covered_until(index: Index, now: datetime) -> datetime:
    """Up to when the sources were asked: the latest success of any of them; `now` where there are none to ask."""
    tries = [msgspec.json.decode(stored.body, type=SourceStatus).last_ok_at for stored in index.records.scan("source")]
    asked = [moment for moment in tries if moment is not None]
    return min(now, max(asked)) if asked else now
