"""The aggregations tantivy knows: their bodies checked and put into its dialect, its answers put into Elasticsearch's.

In: the kind and body of one aggregation. Out: the body to hand to `Searcher.aggregate`. `shape_*` go the other way.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Final

from index.arguments import brief, integer, options_of
from index.dates import milliseconds
from index.fields import UNGROUPED, kind_of
from index.store import BadQuery, Json

METRICS: Final = ("avg", "sum", "min", "max", "stats", "extended_stats", "value_count", "percentiles", "cardinality")
BUCKETS: Final = ("terms", "date_histogram", "histogram")

MOST_BUCKETS: Final = 65_000  # what tantivy makes of one aggregation before it gives up
SEGMENT_SIZE: Final = 65_000  # terms kept of each part of the view: up to here counts are exact
TIES: Final = 100  # terms asked for beyond `size`, so that equal counts come in the order of their keys

_CALENDAR: Final = {
    "minute": "1m",
    "1m": "1m",
    "hour": "1h",
    "1h": "1h",
    "day": "1d",
    "1d": "1d",
    "week": "7d",
    "1w": "7d",
}
_INTERVAL = re.compile(r"([1-9]\d{0,8})(ms|s|m|h|d)")
_UNIT_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def grouped(field: object) -> str:
    """A field that can be grouped by or counted over. Raises BadQuery."""
    kind = kind_of(field)
    if kind == "text" or field in UNGROUPED:
        raise BadQuery(f'"{field}" cannot be aggregated: it has another value in every mention')
    return str(field)


def metric_body(kind: str, body: Json) -> Json:
    """The body of a metric for tantivy."""
    known = {"percentiles": ("percents", "keyed"), "cardinality": ("precision_threshold",)}.get(kind, ())
    options_of(kind, body, "field", "missing", *known)
    field = grouped(body.get("field"))
    numeric = kind not in ("value_count", "cardinality", "min", "max")
    if kind_of(field) in ("keyword", "boolean") and (numeric or kind in ("min", "max")):
        raise BadQuery(f'"{kind}" wants a number; "{field}" holds {kind_of(field)}s')
    if kind_of(field) == "date" and numeric:
        raise BadQuery(f'"{kind}" of the date "{field}" is not supported; min, max and value_count are')
    if kind == "percentiles":
        percents = body.get("percents", [1, 5, 25, 50, 75, 95, 99])
        if not isinstance(percents, list) or not all(_within(percent, 0, 100) for percent in percents):
            raise BadQuery('"percents" is a list of numbers from 0 to 100')
        return {"field": field, "percents": percents, **_given(body, "keyed", "missing")}
    return {"field": field, **_given(body, "missing")}


def terms_body(body: Json, *, leaf: bool) -> Json:
    """The body of `terms` for tantivy. `leaf`: nothing is counted inside its buckets."""
    options_of(
        "terms",
        body,
        "field",
        "size",
        "order",
        "min_doc_count",
        "missing",
        "include",
        "exclude",
        "shard_size",
        "execution_hint",
    )
    field = grouped(body.get("field"))
    if kind_of(field) == "date":
        raise BadQuery(f'group the date "{field}" with "date_histogram"')
    size = integer("size", body.get("size", 10), 1, MOST_BUCKETS)
    order = _order(body.get("order"))
    ties = TIES if leaf and next(iter(order)) == "_count" else 0
    return {
        "field": field,
        "size": min(size + ties, MOST_BUCKETS),
        "segment_size": SEGMENT_SIZE,
        "order": order,
        **_given(body, "min_doc_count", "missing", "include", "exclude"),
    }


def _order(given: object) -> dict[str, str]:
    if given is None:
        return {"_count": "desc"}
    if isinstance(given, list) and (len(given) == 1 or (len(given) == 2 and given[1] in ({"_key": "asc"},))):
        given = given[0]
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given.values())) not in ("asc", "desc"):
        raise BadQuery(f'terms "order" is one of {{name: "asc" or "desc"}}; got {brief(given)}')
    return given


def date_histogram_body(body: Json, now: datetime) -> Json:
    """The body of `date_histogram` for tantivy; weeks begin on Monday, everything is UTC."""
    options_of(
        "date_histogram",
        body,
        *("field", "fixed_interval", "calendar_interval", "min_doc_count", "extended_bounds", "hard_bounds", "offset"),
        *("time_zone", "order"),
    )
    field = body.get("field")
    if kind_of(field) != "date":
        raise BadQuery(f'"date_histogram" wants a date; "{field}" holds {kind_of(field)}s')
    if body.get("time_zone", "UTC") not in ("UTC", "Z"):
        raise BadQuery('date_histogram "time_zone" is not supported: group by hours in UTC and add them up')
    if body.get("order", {"_key": "asc"}) != {"_key": "asc"}:
        raise BadQuery('date_histogram "order" is not supported: buckets come in the order of time')
    interval = _interval(body)
    out: Json = {"field": field, "fixed_interval": interval, **_given(body, "offset")}
    if interval == "7d" and "calendar_interval" in body:
        out["offset"] = "4d"  # 1970-01-01 was a Thursday
    out["min_doc_count"] = integer("min_doc_count", body.get("min_doc_count", 0), 0, 1 << 31)
    for name in ("extended_bounds", "hard_bounds"):
        if name in body:
            out[name] = _bounds(name, body[name], interval_ms(interval), now)
    return out


def _interval(body: Json) -> str:
    if ("fixed_interval" in body) == ("calendar_interval" in body):
        raise BadQuery('"date_histogram" wants either "fixed_interval" or "calendar_interval"')
    if "calendar_interval" in body:
        named = _CALENDAR.get(str(body["calendar_interval"]))
        if named is None:
            raise BadQuery(
                f'calendar_interval "{body["calendar_interval"]}" is not supported; minute, hour, day, week are'
            )
        return named
    interval = str(body["fixed_interval"])
    if not _INTERVAL.fullmatch(interval) or interval_ms(interval) < 1000:
        raise BadQuery(f'fixed_interval is a number with s, m, h or d, such as "6h"; got {brief(interval)}')
    return interval


def interval_ms(interval: str) -> int:
    """Length of an interval such as "6h" in ms."""
    found = _INTERVAL.fullmatch(interval)
    return int(found[1]) * _UNIT_MS[found[2]] if found else 0


def _bounds(name: str, given: object, interval: int, now: datetime) -> Json:
    if not isinstance(given, dict) or set(given) != {"min", "max"}:
        raise BadQuery(f'"{name}" wants "min" and "max"')
    low, high = (milliseconds(given[key], now) for key in ("min", "max"))
    if low > high or (high - low) / interval > MOST_BUCKETS - 2:
        raise BadQuery(f'"{name}" makes no buckets, or more than {MOST_BUCKETS}')
    return {"min": float(low), "max": float(high)}


def histogram_body(body: Json) -> Json:
    """The body of `histogram` over numbers for tantivy."""
    options_of("histogram", body, "field", "interval", "offset", "min_doc_count", "extended_bounds", "hard_bounds")
    field = grouped(body.get("field"))
    if kind_of(field) not in ("integer", "number"):
        raise BadQuery(f'"histogram" wants a number; "{field}" holds {kind_of(field)}s')
    if not _within(body.get("interval"), 1e-9, math.inf):
        raise BadQuery('histogram "interval" is a number above 0')
    return dict(body)


def shape_metric(kind: str, field: str, answer: Json) -> Json:
    """A metric's answer: dates in ms, numbers that JSON can hold."""
    if kind in ("min", "max") and kind_of(field) == "date" and answer["value"] is not None:
        ms = float(answer["value"] // 1_000_000)
        return {"value": ms, "value_as_string": iso(int(ms))}
    if kind == "extended_stats":
        return extended(answer)
    if kind == "percentiles":
        values = answer["values"]
        if isinstance(values, dict):
            return {"values": {key: _finite(value) for key, value in values.items()}}
        return {"values": [{**each, "value": _finite(each["value"])} for each in values]}
    if kind in ("value_count", "cardinality"):
        return {"value": round(answer["value"])}
    return answer


def extended(answer: Json) -> Json:
    """What `extended_stats` says beyond count, sums and ends, worked out here: engines differ in it for few values.

    Population variance (sum of squares - sum^2 / n) / n, sampling variance with n - 1, bounds at two deviations.
    """
    count, total, squares = answer["count"], answer["sum"], answer["sum_of_squares"] or 0.0
    out = {key: answer[key] for key in ("count", "sum", "min", "max", "avg")} | {"sum_of_squares": squares}
    spread = max(0.0, squares - total * total / count) if count else None
    population = spread / count if spread is not None else None
    sampling = spread / (count - 1) if spread is not None and count > 1 else None
    for name, variance in (("population", population), ("sampling", sampling)):
        out[f"variance_{name}"] = variance
        out[f"std_deviation_{name}"] = None if variance is None else math.sqrt(variance)
    out |= {"variance": population, "std_deviation": out["std_deviation_population"]}
    bounds: Json = {}
    for name, key in (("", "population"), ("_population", "population"), ("_sampling", "sampling")):
        deviation = out[f"std_deviation_{key}"]
        for side, sign in (("upper", 2), ("lower", -2)):
            bounds[side + name] = None if deviation is None else answer["avg"] + sign * deviation
    return {**out, "std_deviation_bounds": bounds}


def shape_buckets(kind: str, body: Json, answer: Json) -> Json:
    """A bucket aggregation's own part: keys, order and the count of what was cut off."""
    buckets: list[Json] = answer["buckets"]
    if kind == "date_histogram":
        for bucket in buckets:
            bucket["key"] = int(bucket["key"])
            bucket["key_as_string"] = iso(bucket["key"])
        return {"buckets": buckets}
    if kind == "histogram":
        return {"buckets": buckets}
    ((by, direction),) = _order(body.get("order")).items()
    if by == "_count":
        sign = -1 if direction == "desc" else 1
        buckets.sort(key=lambda bucket: (sign * bucket["doc_count"], bucket["key"]))
    size = int(body.get("size", 10))
    other = answer.get("sum_other_doc_count", 0) + sum(bucket["doc_count"] for bucket in buckets[size:])
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": other, "buckets": buckets[:size]}


def iso(ms: int) -> str:
    """A moment in ms as Elasticsearch writes it."""
    moment = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{ms % 1000:03}Z"


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _given(body: Json, *keys: str) -> Json:
    return {key: body[key] for key in keys if key in body}
