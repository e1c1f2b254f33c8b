"""Lines of a text file, which can be given back, and what rows are made of them.

In: an open text. Out: lines, each bounded in length.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TextIO

LONGEST = 1_000_000  # characters of one line
BROKEN_PACKING = (EOFError, gzip.BadGzipFile, zlib.error)


class Row(NamedTuple):
    """`number` counts lines from 1 as an editor does (Parquet: rows). `problem`, if any: why it is none, as in `raw`."""

    number: int
    values: dict[str, object]
    problem: str = ""
    raw: str = ""


class TableError(Exception):
    """The file cannot be read, or no further; the message says why, without the file's name."""


class Lines(Iterator[str]):
    """Lines that can be given back. `held` are those given out since it was last emptied."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._back: deque[str] = deque()
        self.held: list[str] = []
        self.number = 0  # of the last one given out

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._read()
        if not line:
            raise StopIteration
        self.held.append(line)
        self.number += 1
        return line

    def peek(self) -> str:
        """The first line with something in it; "" at the end of the file."""
        while not self._back or not self._back[-1].strip():
            line = self._read()
            if not line:
                return ""
            self._back.append(line)
        return self._back[-1]

    def give_back(self) -> str:
        """All that are held but the first, which is returned."""
        first, *rest = self.held
        self._back.extendleft(reversed(rest))
        self.number -= len(rest)
        return first

    def _read(self) -> str:
        try:
            return self._stream.readline(LONGEST)
        except BROKEN_PACKING as error:
            raise TableError(f"its packing is broken behind line {self.number}: {error}") from None

    @property
    def at_end(self) -> bool:
        """Nothing but empty lines is left."""
        return not self._back and not self.peek()
