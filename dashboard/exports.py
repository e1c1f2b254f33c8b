"""Exports for analysts: /export/csv and /export/parquet with the same parameters as the Analyse page's address.

Streamed from a temporary file, so that a million mentions need no memory; whoever may see the pages may export.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from dashboard import bodies, context
from index import BadQuery, Json
from stream import utc_now

COLUMNS = ("id", "published_at", "brand", "product", "sentiment", "score", "confidence", "language", "topic",
           "department", "source", "channel", "author", "title", "text", "url", "story", "status", "assignee",
           "reach", "note")  # fmt: skip
_NUMBERS = {"score": pa.float64(), "confidence": pa.float64(), "reach": pa.int64()}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def export(request: Request) -> Response:
    """Every mention that `q` (Lucene), `period` and the filters match, newest first."""
    form = request.path_params["form"]
    try:
        query = _query(request)
    except BadQuery as error:
        return PlainTextResponse(str(error), 400)
    if form == "csv":
        head = {"content-disposition": 'attachment; filename="ronzio.csv"'}
        return StreamingResponse(_csv(query), media_type="text/csv; charset=utf-8", headers=head)
    if form == "parquet":
        path = await run_in_threadpool(_parquet, query)
        return FileResponse(
            path,
            filename="ronzio.parquet",
            media_type="application/vnd.apache.parquet",
            background=BackgroundTask(path.unlink),
        )
    return PlainTextResponse("csv or parquet", 404)


def address(form: str, query: str, period: str | None, filters: Mapping[str, Sequence[str]], story: str = "") -> str:
    """Where the page's export is."""
    asked = {
        "q": query,
        "period": period or "",
        "story": story,
        **{name: list(values) for name, values in filters.items()},
    }
    return f"/export/{form}?{urlencode({name: value for name, value in asked.items() if value}, doseq=True)}"


def _query(request: Request) -> Json:
    filters = {field: request.query_params.getlist(field) for field in bodies.FILTERS}
    parts = bodies.chosen(filters, request.query_params.get("q", ""))
    period = bodies.PERIODS.get(request.query_params.get("period", ""))
    if period is not None:
        parts.append(bodies.within(*bodies.span(period, utc_now())))
    return bodies.all_of(parts)


def _rows(query: Json) -> Iterator[list[dict[str, Any]]]:
    for batch in context.index().scan(query):
        yield [{column: _flat(mention.get(column)) for column in COLUMNS} for mention in batch]


def _flat(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _csv(query: Json) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    buffer.write("\ufeff")  # spreadsheets take a file without it for another encoding
    writer.writeheader()
    for rows in _rows(query):
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
        yield buffer.getvalue().encode("utf-8", "replace")
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _parquet(query: Json) -> Path:
    schema = pa.schema([(column, _NUMBERS.get(column, pa.string())) for column in COLUMNS])
    with tempfile.NamedTemporaryFile(suffix=".parquet", delete=False) as file:
        path = Path(file.name)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _rows(query):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return path
