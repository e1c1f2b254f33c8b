"""Rows of delimited text (CSV and its kin): lines in, the columns' names and rows out.

A quotation mark that is never closed would swallow the rows behind it: where a record cannot be right, only its first line
is refused, and the others are read again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from crawlers.files.lines import Lines, Row, TableError

DELIMITERS = (",", ";", "\t", "|")


def read_delimited(lines: Lines) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The first line names the columns and shows what parts them. Raises TableError where it does not."""
    first = lines.peek()
    delimiter = max(DELIMITERS, key=lambda mark: len(_fields(first, mark)))
    records = _Records(lines, delimiter)
    _, header, problem = next(records.whole(), (0, [], "there is none"))
    if problem:
        raise TableError(f"it has no first line that names the columns: {problem}")
    columns = _named([name.strip() for name in header])
    return columns, records.rows(columns)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return []


def _named(header: list[str]) -> tuple[str, ...]:
    """Every column has a name of its own."""
    names: list[str] = []
    for place, name in enumerate(header, 1):
        name = name or f"column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return tuple(names)


class _Records:
    def __init__(self, lines: Lines, delimiter: str) -> None:
        self._lines = lines
        self._reader = csv.reader(lines, delimiter=delimiter)

    def whole(self) -> Iterator[tuple[int, list[str], str]]:
        """(line, fields, problem) of every record that is not empty; `held` are then its lines."""
        while True:
            self._lines.held.clear()
            start = self._lines.number + 1
            try:
                fields, problem = next(self._reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                fields, problem = [], f"not a row of a table: {error}"
            if not problem and self._unclosed():
                problem = "a quotation mark is never closed"
            if problem or any(field.strip() for field in fields):
                yield start, fields, problem

    def _unclosed(self) -> bool:
        held = self._lines.held
        return len(held) > 1 and sum(line.count('"') for line in held) % 2 == 1 and self._lines.at_end

    def rows(self, columns: tuple[str, ...]) -> Iterator[Row]:
        width = len(columns)
        for start, fields, problem in self.whole():
            if len(fields) > width and not any(field.strip() for field in fields[width:]):
                fields = fields[:width]
            if not problem and len(fields) != width:
                problem = f"it has {len(fields)} columns, the first line {width}"
            if problem:
                yield Row(start, {}, problem, self._lines.give_back())
            else:
                yield Row(start, dict(zip(columns, fields, strict=True)))
