"""Ranges over dates and numbers: what their bounds mean, and as tantivy queries."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import tantivy

from index.arguments import brief, options_of
from index.dates import LATEST, milliseconds
from index.fields import FIELDS, kind_of
from index.layout import SCHEMA, Query
from index.store import BadQuery, Json

_INT64: Final = (-(1 << 63), (1 << 63) - 1)
_UINT64: Final = (0, (1 << 64) - 1)
_TANTIVY: Final = {
    "date": tantivy.FieldType.Date,
    "integer": tantivy.FieldType.Integer,
    "sort_key": tantivy.FieldType.Unsigned,
    "number": tantivy.FieldType.Float,
}


class Limits(NamedTuple):
    """A range over one column: published_at is asked of `sort_key`, other dates in whole seconds."""

    field: str
    low: Any
    high: Any
    open_low: bool = False
    open_high: bool = False


class Nothing(NamedTuple):
    """No value lies within."""


def between(field: str, bounds: Json, now: datetime) -> Query:
    """Values of a date or number within `gt`/`gte`/`lt`/`lte`; a bound that is missing or None is open."""
    found = limits(field, bounds, now)
    if isinstance(found, Nothing):
        return tantivy.Query.empty_query()
    field, low, high, open_low, open_high = found
    kind = _TANTIVY["sort_key" if field == "sort_key" else FIELDS[field]]
    if FIELDS[field] == "date":
        low, high = (datetime.fromtimestamp(seconds, UTC) for seconds in (low, high))
    return tantivy.Query.range_query(SCHEMA, field, kind, low, high, not open_low, not open_high)


def limits(field: str, bounds: Json, now: datetime) -> Limits | Nothing:
    """What the bounds of a range mean, whatever runs it. Raises BadQuery."""
    kind = kind_of(field)
    options_of("range", bounds, "gt", "gte", "lt", "lte", "format", "relation")
    if bounds.get("relation", "INTERSECTS") != "INTERSECTS":
        raise BadQuery('range "relation" is not supported')
    given = {key: bounds[key] for key in ("gt", "gte", "lt", "lte") if bounds.get(key) not in (None, "*")}
    if kind == "date":
        return _dates(field, given, now)
    if kind not in ("integer", "number"):
        raise BadQuery(f'"{field}" holds {kind}s; ranges work on dates and numbers')
    return _numbers(field, given)


def _dates(field: str, given: Json, now: datetime) -> Limits | Nothing:
    """Half-open in milliseconds: from `low` on, up to but without `high`."""
    low, high = 0, LATEST
    for key, value in given.items():
        moment = milliseconds(value, now, end=key in ("gt", "lte"))
        if key[0] == "g":
            low = max(low, moment + (key == "gt"))
        else:
            high = min(high, moment + (key == "lte"))
    if low >= high:
        return Nothing()
    if field == "published_at":
        return Limits("sort_key", low << 20, (high << 20) - 1)
    return Limits(field, low // 1000, (high - 1) // 1000)


def _numbers(field: str, given: Json) -> Limits | Nothing:
    numbers = {key: _number(field, value) for key, value in given.items()}
    if FIELDS[field] == "number":
        return _reals(field, numbers)
    least, most = _UINT64 if field == "sort_key" else _INT64
    for key, number in numbers.items():
        whole = _floor(number) if key in ("gt", "lte") else -_floor(-number)
        if key[0] == "g":
            least = max(least, whole + (key == "gt"))
        else:
            most = min(most, whole - (key == "lt"))
    return Nothing() if least > most else Limits(field, least, most)


def _reals(field: str, given: dict[str, int | float]) -> Limits | Nothing:
    low = float(max([given[key] for key in ("gt", "gte") if key in given], default=-math.inf))
    high = float(min([given[key] for key in ("lt", "lte") if key in given], default=math.inf))
    open_low, open_high = given.get("gt") == low, given.get("lt") == high
    if low > high or (low == high and (open_low or open_high)):
        return Nothing()
    return Limits(field, low, high, open_low, open_high)


def _floor(number: int | float) -> int:
    """The whole number at or below, within 70 bits: floats reach infinity."""
    if isinstance(number, int):
        return number
    return int(min(max(number, -(2.0**70)), 2.0**70) // 1)


def _number(field: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadQuery(f'"{field}" is a number; got {brief(value)}')
    try:
        if isinstance(value, str):
            return int(value[:40]) if value.strip("-+").isdecimal() else _real(value)
        return value if isinstance(value, int) else _real(value)
    except ValueError as error:
        raise BadQuery(f'"{field}" is a number; got {brief(value)}') from error


def _real(value: str | float) -> float:
    number = float(value)
    if number != number:
        raise ValueError(value)
    return number
