"""Rows of a file: CSV and its kin, JSON lines, Parquet; the text ones also packed with gzip.

In: a path. Out: a `Table`, which gives its rows one after another; the file is never in memory as a whole. What it is, its
content says rather than its name. A row that cannot be one comes with the reason, and costs nothing but itself.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from crawlers.files import charset
from crawlers.files.delimited import read_delimited
from crawlers.files.lines import BROKEN_PACKING, LONGEST, Lines, Row, TableError

SAMPLE = 1000  # rows looked at to find the columns where no header names them


class Table(NamedTuple):
    """An open file. `rows` may be gone through once; it raises TableError. `progress`: how much is done, of how much."""

    columns: tuple[str, ...]
    rows: Iterator[Row]
    progress: Callable[[], tuple[int, int]]
    counted: str = "line"  # what Row.number counts
    notes: tuple[str, ...] = ()  # what the user should know of the reading


@contextlib.contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Raises TableError, also for what is no table, and OSError."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head == b"PAR1":
            yield _parquet(file)
        elif head == b"PK\x03\x04":
            raise TableError("it is a spreadsheet or a ZIP file; save it as CSV")
        else:
            binary: Any = gzip.GzipFile(fileobj=file) if head.startswith(b"\x1f\x8b") else file
            encoding = _encoding(binary)
            with io.TextIOWrapper(io.BufferedReader(binary), encoding.name, "replace", newline="") as stream:
                yield _text_table(stream, file, path, encoding)


def _encoding(binary: BinaryIO) -> charset.Encoding:
    try:
        encoding = charset.detect(binary)
        binary.seek(0)
    except BROKEN_PACKING as error:
        raise TableError(f"it cannot be unpacked: {error}") from None
    return encoding


def _text_table(stream: TextIO, file: BinaryIO, path: Path, encoding: charset.Encoding) -> Table:
    size = path.stat().st_size
    lines = Lines(stream)
    first = lines.peek().lstrip()
    notes = (encoding.note,) if encoding.note else ()

    def progress() -> tuple[int, int]:
        return min(file.tell(), size), size

    if first.startswith("[") and path.name.removesuffix(".gz").lower().endswith(".json"):
        raise TableError('it is one JSON list; expected one JSON object a line (as "jq -c .[]" makes of it)')
    if first.startswith(("{", "[")):
        return _json_lines(lines, progress, notes)
    columns, rows = read_delimited(lines)
    return Table(columns, rows, progress, notes=notes)


def _json_lines(lines: Lines, progress: Callable[[], tuple[int, int]], notes: tuple[str, ...]) -> Table:
    rows = _objects(lines)
    sample = list(islice(rows, SAMPLE))
    columns = dict.fromkeys(name for row in sample for name in row.values)
    return Table(tuple(columns), chain(sample, rows), progress, notes=notes)


def _objects(lines: Lines) -> Iterator[Row]:
    for line in lines:
        lines.held.clear()
        number = lines.number
        if len(line) == LONGEST and not line.endswith("\n"):
            while (rest := next(lines, "\n")) and not rest.endswith("\n"):
                lines.held.clear()
            yield Row(number, {}, f"the line is longer than {LONGEST:,} characters", line)
        elif line.strip():
            yield _object(number, line)


def _object(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, f"not JSON: {error}", line)
    if not isinstance(value, dict):
        return Row(number, {}, "not a JSON object", line)
    return Row(number, flat(value))


def flat(value: dict[str, Any]) -> dict[str, object]:
    """{"user": {"name": "Ada"}} -> {"user.name": "Ada"}; two levels deep, lists of plain things joined by commas."""
    out: dict[str, object] = {}
    for name, one in value.items():
        inner = {f"{name}.{key}": deep for key, deep in one.items()} if isinstance(one, dict) else {name: one}
        for key, deep in inner.items():
            plain = not isinstance(deep, list) or not any(isinstance(part, list | dict) for part in deep)
            out[key] = ", ".join(map(str, deep)) if isinstance(deep, list) and plain else deep
    return out


def _parquet(file: BinaryIO) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise TableError(f"it is no Parquet file that can be read: {error}") from None
    done, total = 0, source.metadata.num_rows

    def rows() -> Iterator[Row]:
        nonlocal done
        try:
            for batch in source.iter_batches(batch_size=SAMPLE):
                for values in batch.to_pylist():
                    done += 1
                    yield Row(done, flat(values))
        except (pyarrow.ArrowException, OSError) as error:
            raise TableError(f"it cannot be read behind row {done}: {error}") from None

    columns = flat({field.name: _fields_of(field.type) for field in source.schema_arrow})
    return Table(tuple(columns), rows(), lambda: (done, total), counted="row")


def _fields_of(kind: Any) -> object:
    """A struct's fields, so that `flat` names them as it names a row's."""
    import pyarrow

    return {inner.name: None for inner in kind} if pyarrow.types.is_struct(kind) else None
