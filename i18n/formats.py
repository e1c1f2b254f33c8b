"""Numbers, shares and times as a language writes them: "12.345,6", "12,3 %", "24 nov 2026, 14:05", "12 minuti fa".

Times come in as aware datetimes and are shown in the given zone. No time zone reaches anything but these functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from babel import dates, lists, numbers

Width = Literal["short", "medium", "long"]


def format_number(value: float, language: str, decimals: int = 0) -> str:
    """`value` with grouping and at most `decimals` decimals: (12345.67, "it", 1) -> "12.345,7"."""
    pattern = "#,##0" + ("." + "#" * decimals if decimals else "")
    return numbers.format_decimal(value, format=pattern, locale=language)


def format_compact(value: float, language: str) -> str:
    """A large number in few characters: (1234567, "it") -> "1,2 Mln"; below 10,000 in full."""
    if abs(value) < 10_000:
        return format_number(value, language)
    return numbers.format_compact_decimal(value, locale=language, fraction_digits=1)


def format_percent(share: float, language: str, decimals: int = 0) -> str:
    """A share in 0..1 as a percentage: (0.1234, "it", 1) -> "12,3%"."""
    pattern = "#,##0" + ("." + "#" * decimals if decimals else "") + "%"
    return numbers.format_percent(share, format=pattern, locale=language)


def format_datetime(moment: datetime, language: str, time_zone: str, width: Width = "medium") -> str:
    """Day and time in `time_zone`, without seconds: "24 nov 2026, 14:05"; "24 nov, 14:05" if short."""
    return f"{format_date(moment, language, time_zone, width)}, {format_time(moment, language, time_zone)}"


def format_date(moment: datetime | date, language: str, time_zone: str = "UTC", width: Width = "medium") -> str:
    """The day in `time_zone`: "24 nov 2026"; "24 nov" if short, "24 novembre 2026" if long."""
    local = _local(moment, time_zone) if isinstance(moment, datetime) else moment
    if width == "short":
        return dates.format_skeleton("MMMd", local, locale=language)
    return dates.format_date(local, format=width, locale=language)


def format_time(moment: datetime, language: str, time_zone: str) -> str:
    """The time of day in `time_zone`, 24 hours: "14:05"."""
    return dates.format_skeleton("Hm", _local(moment, time_zone), locale=language)


def format_delta(delta: timedelta, language: str, *, ago: bool = False) -> str:
    """A duration in its largest unit, rounded: "12 minuti", "2 ore"; with `ago`: "12 minuti fa"."""
    seconds = delta.total_seconds()
    return dates.format_timedelta(
        timedelta(seconds=-seconds if ago else seconds), threshold=1.5, add_direction=ago, locale=language
    )


def format_list(words: Sequence[str], language: str) -> str:
    """ "a, b e c"."""
    return lists.format_list(list(words), locale=language)


def _local(moment: datetime, time_zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(time_zone))
