"""How the searchable view is laid out in tantivy, from `index.fields`, and what version that is."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any, Final

import tantivy

from index.analysis import ANALYZER, LONGEST
from index.fields import FIELDS, UNGROUPED

Query = Any  # tantivy.Query: the binding does not export it as a type that mypy could use
SEQUENCE: Final = "seq"  # change number of the document a row was made of; not for queries

# Changes whenever a view made before would answer otherwise than one made now: then the view is made anew.
VERSION: Final = hashlib.blake2b(
    repr((version("tantivy"), sorted(FIELDS.items()), sorted(UNGROUPED), ANALYZER, LONGEST, 2)).encode(), digest_size=4
).hexdigest()


def schema() -> Any:
    """The tantivy schema: one field for each of `FIELDS`, and `SEQUENCE`."""
    builder = tantivy.SchemaBuilder()
    for name, kind in FIELDS.items():
        match kind:
            case "keyword":
                grouped = name not in UNGROUPED
                builder.add_text_field(
                    name, stored=name == "id", fast=grouped, tokenizer_name="raw", index_option="basic"
                )
            case "text":
                builder.add_text_field(name, tokenizer_name=ANALYZER)
            case "date":
                # Columns keep whole seconds; exact times are asked of sort_key.
                builder.add_date_field(name, indexed=False, fast=True)
            case "integer" if name == "sort_key":
                builder.add_unsigned_field(name, indexed=False, fast=True)
            case "integer":
                builder.add_integer_field(name, indexed=False, fast=True)
            case "number":
                builder.add_float_field(name, indexed=False, fast=True)
            case "boolean":
                builder.add_boolean_field(name, indexed=True, fast=True)
    builder.add_unsigned_field(SEQUENCE, indexed=False, fast=True)
    return builder.build()


SCHEMA: Final = schema()
