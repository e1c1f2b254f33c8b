"""History from a file: rows in, items appended to the log in batches; rows that cannot be used to the dead letters.

Items are marked as backfill, so that they never alert, and have ids made of what they say: importing a file twice changes
nothing. The log's acknowledgement comes batch by batch; an import that was interrupted is simply done again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

import msgspec

from crawlers.files.columns import MappingError, Rows, Unusable, choose, with_habits
from crawlers.files.lines import Row, TableError
from crawlers.files.tables import Table, open_table
from stream import RAW, DeadLetter, Item, Log, LogFull, LogUnavailable, Record, slug, utc_now

BATCH = 1000  # rows in one append
GROUP = "import"  # who refuses, in the dead letters
KEPT = 20_000  # characters of a refused row
Progress = Callable[[int, int], object]


class ImportFailed(Exception):
    """The file cannot be imported, or not to its end; the message names it, says why, and how far it came."""


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """rows = appended + refused. `columns`: what was taken for what. `notes`: what the user should know. `oldest`: when the
    oldest that states a date was published."""

    rows: int
    appended: int
    refused: int
    columns: dict[str, str]
    notes: tuple[str, ...] = ()
    oldest: datetime | None = None


class Unused(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not become an item. `raw` is the row, as evidence."""

    where: str  # "line 17"
    reason: str
    raw: str


def import_file(
    path: Path,
    log: Log,
    *,
    mapping: Mapping[str, str],
    source_name: str,
    progress: Progress = lambda done, total: None,
    time_zone: str = "Europe/Rome",
    now: datetime | None = None,
) -> ImportResult:
    """`mapping`: field -> column; what it does not name is guessed from usual names of columns. `progress` is told how much
    of how much is done (bytes; rows of Parquet). `time_zone` holds for dates without one. Raises ImportFailed."""
    source = f"import:{slug(source_name)}"
    now = now or utc_now()
    hand = _Hand(log, source, path.name, now)
    try:
        with open_table(path) as table:
            reading = Reading(table, mapping, source=source, time_zone=time_zone, now=now)
            while batch := list(islice(reading.results, BATCH)):
                hand.over(batch)
                progress(*table.progress())
            return ImportResult(
                rows=hand.appended + hand.refused,
                appended=hand.appended,
                refused=hand.refused,
                columns=reading.rows.columns,
                notes=reading.notes,
                oldest=hand.oldest,
            )
    except (TableError, MappingError, OSError, LogUnavailable) as error:
        what = "the disk is full" if isinstance(error, LogFull) else getattr(error, "strerror", None) or error
        done = f" ({hand.appended} rows before that were imported)" if hand.appended else ""
        raise ImportFailed(f"{path}: {what}{done}") from error


class Reading:
    """An open table on its way to items: `results` may be gone through once. Raises MappingError."""

    def __init__(self, table: Table, mapping: Mapping[str, str], *, source: str, time_zone: str, now: datetime) -> None:
        columns = choose(table.columns, mapping)
        sample = list(islice(table.rows, BATCH))
        rows = Rows(columns=columns, source=source, fetched_at=now, time_zone=time_zone)
        self.rows = with_habits(rows, (row.values for row in sample if not row.problem))
        self.notes = (*table.notes, *self._habits())
        self._counted = table.counted
        self._addresses: dict[str, int] = {}  # id -> content, some 150 bytes a row, where addresses tell rows apart
        self.results = self._results(chain(sample, table.rows))

    def _habits(self) -> Iterator[str]:
        if not self.rows.day_first:
            yield "dates such as 02/24/2015 were read with the month first"
        if "url" in self.rows.columns and not self.rows.own_addresses:
            yield "several rows share an address, so rows are told apart by what they say"

    def _results(self, rows: Iterator[Row]) -> Iterator[Item | Unused]:
        for row in rows:
            where = f"{self._counted} {row.number}"
            try:
                if row.problem:
                    raise Unusable(row.problem)
                yield self._apart(self.rows.item(row.values))
            except Unusable as error:
                raw = row.raw or json.dumps(row.values, default=str, ensure_ascii=False)
                yield Unused(where=where, reason=str(error), raw=raw[:KEPT])

    def _apart(self, item: Item) -> Item:
        """A later row with an earlier one's address and another text is another mention all the same."""
        if not (self.rows.own_addresses and item.url):
            return item
        content = hash((item.title, item.text))
        if self._addresses.setdefault(item.id, content) == content:
            return item
        return self._without_address(item)

    def _without_address(self, item: Item) -> Item:
        said = "\0".join((item.id, item.author, item.title, item.text)).encode("utf-8", "replace")
        return msgspec.structs.replace(item, id=hashlib.blake2b(said, digest_size=10).hexdigest())


class _Hand:
    """Hands batches to the log, and counts."""

    def __init__(self, log: Log, source: str, file: str, now: datetime) -> None:
        self._log = log
        self._source = source
        self._file = file
        self._now = now
        self.appended = self.refused = 0
        self.oldest: datetime | None = None

    def over(self, batch: list[Item | Unused]) -> None:
        """Raises TableError when the file's first batch is of no use at all: then the columns are wrong, not the rows."""
        items = [one for one in batch if isinstance(one, Item)]
        unused = [one for one in batch if isinstance(one, Unused)]
        if not items and not self.appended and len(batch) == BATCH:
            raise TableError(f"none of the first {BATCH} rows can be used; {unused[0].where}: {unused[0].reason}")
        if items:
            records = [Record(item.id.encode(), msgspec.json.encode(item)) for item in items]
            self._log.append(RAW, records, account=self._source)
            self.appended += len(items)
            dates = [item.published_at for item in items if item.published_at is not None]
            self.oldest = min([*dates, *([self.oldest] if self.oldest else [])], default=None)
        if unused:
            self._log.bury([self._letter(one) for one in unused])
            self.refused += len(unused)

    def _letter(self, unused: Unused) -> DeadLetter:
        """In partition -1, for it never was a record; its place is taken from what it is, so that it is kept once."""
        identity = "\0".join((self._source, unused.where, unused.raw)).encode("utf-8", "replace")
        place = int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "big") >> 2
        return DeadLetter(
            topic=RAW,
            partition=-1,
            offset=place,
            key=self._source.encode(),
            value=unused.raw.encode("utf-8", "replace"),
            source=self._source,
            reason=f"{unused.reason}: {self._file}, {unused.where}",
            consumer=GROUP,
            at=self._now,
        )
