"""The searchable store of mentions and the application's small records."""

from index.store import (
    BadQuery,
    Conflict,
    Index,
    IndexFailure,
    Json,
    Records,
    Stored,
    StoreFull,
    Tally,
    Upkeep,
    Written,
)

__all__ = [
    "BadQuery",
    "Conflict",
    "Index",
    "IndexFailure",
    "Json",
    "Records",
    "StoreFull",
    "Stored",
    "Tally",
    "Upkeep",
    "Written",
]
