"""Dates as queries write them, in Elasticsearch's notation: ISO 8601 with parts left out, milliseconds, date maths.

In: `2026-11-20`, `2026-11`, `2026-11-20T10:30Z`, `1763596800000`, `now-7d/d`, `2026-11-20||+1M/M`. Out: milliseconds since
1970. A time without a zone is UTC. Pure: `now` is an argument.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from index.store import BadQuery

EARLIEST: Final = 0  # mentions before 1970 are stored as 1970
LATEST: Final = (1 << 43) - 1  # ms; year 2248; 43 bits leave 20 for the rest of a sort key in a signed 64-bit number

_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2})"
    r"(?:[T ](?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?)?)?)?"
)
_STEP = re.compile(r"(?:(?P<sign>[+-])(?P<amount>\d{1,6})?|/)(?P<unit>[yMwdhHms])")
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_UNITS |= {"H": _UNITS["h"], "s": timedelta(seconds=1)}


def milliseconds(value: object, now: datetime, *, end: bool = False) -> int:
    """The moment meant, in ms since 1970, kept within `EARLIEST`..`LATEST`.

    `end`: parts left out and roundings count as the end of their span (`2026-11-20` is 23:59:59.999), as Elasticsearch
    takes them for `lte` and `gt`. Raises BadQuery.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadQuery(f"{value!r} is not a date; write for example 2026-11-20 or now-7d")
    if not isinstance(value, str):
        return _bounded(value)
    text = value.strip()
    if re.fullmatch(r"-?\d{9,}", text):
        return _bounded(int(text[:20]))
    try:
        moment, steps = _anchor(text, now, end)
        return _bounded(_walk(moment, steps, text, end).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f'"{text[:60]}" is not a date; write for example 2026-11-20 or now-7d') from error


def _bounded(ms: float) -> int:
    return round(min(max(ms, EARLIEST), LATEST)) if ms == ms else EARLIEST


def _anchor(text: str, now: datetime, end: bool) -> tuple[datetime, str]:
    if text.startswith("now"):
        return now.astimezone(UTC), text[3:]
    stated, _, steps = text.partition("||")
    found = _ISO.fullmatch(stated)
    if found is None:
        raise ValueError(text)
    given = [int(found[part]) for part in _PARTS if found[part] is not None]
    zone = found["zone"]
    date_part, clock = given[:3], given[3:]
    year, month, day = [*date_part, 1, 1][:3]
    hour, minute, second = [*clock, 0, 0, 0][:3]
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if found["fraction"]:
        moment += timedelta(milliseconds=int(found["fraction"].ljust(3, "0")[:3]))
    elif end and not steps:
        moment = _next(moment, "yMdhms"[len(given) - 1]) - timedelta(milliseconds=1)
    if zone and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment, steps


def _walk(moment: datetime, steps: str, text: str, end: bool) -> datetime:
    position = 0
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            raise ValueError(text)
        position = step.end()
        if step["sign"] is None:
            moment = _floor(moment, step["unit"])
            if end:
                moment = _next(moment, step["unit"]) - timedelta(milliseconds=1)
        else:
            amount = int(step["sign"] + (step["amount"] or "1"))
            moment = _add(moment, amount, step["unit"])
    return moment


def _add(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in _UNITS:
        return moment + amount * _UNITS[unit]
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9998:
        raise OverflowError(year)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _next(moment: datetime, unit: str) -> datetime:
    return _add(moment, 1, unit)


def _floor(moment: datetime, unit: str) -> datetime:
    moment = moment.replace(microsecond=0)
    if unit == "s":
        return moment
    moment = moment.replace(second=0)
    if unit == "m":
        return moment
    moment = moment.replace(minute=0)
    if unit in "hH":
        return moment
    moment = moment.replace(hour=0)
    if unit == "w":
        return moment - timedelta(days=moment.weekday())
    if unit == "d":
        return moment
    return moment.replace(day=1) if unit == "M" else moment.replace(month=1, day=1)
