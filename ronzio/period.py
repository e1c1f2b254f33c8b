"""Periods as people type them: "7d", "24h", "90m", "2w", or a date ("2026-03-01", "2026-03-01T10:00")."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """The moment `text` means: an amount of time before `now`, or a date (UTC where it names no zone).

    Raises ValueError saying what was expected.
    """
    match = re.fullmatch(r"\s*(\d+)\s*([mhdw])\s*", text)
    try:
        if match:
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        parsed = datetime.fromisoformat(text.strip())
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'"{text}" is no period: expected 30m, 24h, 7d, 2w or a date such as 2026-03-01') from None
