"""The searchable store of mentions and the application's small records."""

from pathlib import Path

from index.counts import MEASURES, counts
from index.export import COLUMNS, rows, safe_cell
from index.fields import FIELDS
from index.highlight import highlights
from index.lucene import parse_query
from index.overlay import BadEdit
from index.store import (
    BadQuery,
    Conflict,
    Index,
    IndexFailure,
    Json,
    Records,
    Refused,
    Stored,
    StoreFull,
    StoreUnavailable,
    Tally,
    Upkeep,
    Written,
)

__all__ = [
    "COLUMNS",
    "FIELDS",
    "MEASURES",
    "BadEdit",
    "BadQuery",
    "Conflict",
    "Index",
    "IndexFailure",
    "Json",
    "Records",
    "Refused",
    "StoreFull",
    "StoreUnavailable",
    "Stored",
    "Tally",
    "Upkeep",
    "Written",
    "counts",
    "highlights",
    "open_index",
    "open_upkeep",
    "parse_query",
    "rows",
    "safe_cell",
]


def open_index(directory: Path) -> Index:
    """The store in `directory`, made if it is not there. Raises StoreFull, OSError."""
    from index.embedded import EmbeddedIndex

    return EmbeddedIndex(directory)


def open_upkeep(directory: Path) -> Upkeep:
    """The work that keeps the store in `directory` searchable; run it in one process."""
    from index.upkeep import EmbeddedUpkeep

    return EmbeddedUpkeep(directory)
