"""The searchable store of mentions and the application's small records."""

from pathlib import Path

from index.counts import MEASURES, counts
from index.elastic.settings import ElasticSettings
from index.erasures import erased_among
from index.export import COLUMNS, rows, safe_cell
from index.fields import FIELDS, field_named, said_in, value_typed
from index.highlight import highlights
from index.lucene import parse_query
from index.overlay import BadEdit
from index.rising import Risen, Rising, rising
from index.shares import wilson
from index.store import (
    BadQuery,
    Conflict,
    Index,
    IndexFailure,
    Json,
    Records,
    Refused,
    Retagged,
    Stored,
    StoreDamaged,
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
    "ElasticSettings",
    "Index",
    "IndexFailure",
    "Json",
    "Records",
    "Refused",
    "Retagged",
    "Risen",
    "Rising",
    "StoreDamaged",
    "StoreFull",
    "StoreUnavailable",
    "Stored",
    "Tally",
    "Upkeep",
    "Written",
    "counts",
    "erased_among",
    "field_named",
    "highlights",
    "open_index",
    "open_upkeep",
    "parse_query",
    "rising",
    "rows",
    "safe_cell",
    "said_in",
    "value_typed",
    "wilson",
]


def open_index(place: Path | ElasticSettings) -> Index:
    """The store in a directory or in Elasticsearch, made if it is not there. Raises StoreUnavailable, OSError."""
    if isinstance(place, ElasticSettings):
        from index.elastic.index import ElasticIndex

        return ElasticIndex(place)
    from index.embedded import EmbeddedIndex

    return EmbeddedIndex(place)


def open_upkeep(place: Path | ElasticSettings) -> Upkeep:
    """The work that keeps the store searchable; run it in one process."""
    if isinstance(place, ElasticSettings):
        from index.elastic.index import ElasticUpkeep

        return ElasticUpkeep(place)
    from index.upkeep import EmbeddedUpkeep

    return EmbeddedUpkeep(place)
