"""Mentions as flat rows, for tables and files: the same columns wherever they leave the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from index.store import Index, Json

COLUMNS: Final = (
    "id", "published_at", "brand", "product", "sentiment", "score", "confidence", "unsure", "judged_by", "towards",
    "language", "topic", "department", "source", "channel", "site", "author", "title", "text", "url", "story",
    "status", "assignee", "note", "reach",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def rows(index: Index, query: Json, limit: int | None = None) -> Iterator[Json]:
    """The mentions a query matches, newest first: a dict with `COLUMNS` each, "" for what is not there, several values
    joined by ", ". Raises BadQuery."""
    left = limit
    for batch in index.scan(query):
        for mention in batch:
            if left is not None:
                if left <= 0:
                    return
                left -= 1
            yield {column: _flat(mention.get(column, "")) for column in COLUMNS}


def safe_cell(value: Any) -> Any:
    """For CSV: a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _flat(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else ""
    return ", ".join(value) if isinstance(value, list) else value
