"""Exports for analysts: /export/csv and /export/parquet with the same parameters as the Analyse page's address.

Streamed from a temporary file, so that a million mentions need no memory; whoever may see the pages may export.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from dashboard import bodies, context
from index import COLUMNS, BadQuery, Json, rows, safe_cell
from stream import utc_now

_NUMBERS = {"score": pa.float64(), "confidence": pa.float64(), "reach": pa.int64()}
BATCH = 1000


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


def address(form: str, query: str, period: str | None, filters: Mapping[str, Sequence[str]]) -> str:
    """Where the page's export is."""
    asked = {
        "q": query,
        "period": period or "",
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


def _csv(query: Json) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    buffer.write("\ufeff")  # spreadsheets take a file without it for another encoding
    writer.writeheader()
    for number, row in enumerate(rows(context.index(), query), 1):
        writer.writerow({name: safe_cell(value) for name, value in row.items()})
        if number % BATCH == 0:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


def _parquet(query: Json) -> Path:
    schema = pa.schema([(column, _NUMBERS.get(column, pa.string())) for column in COLUMNS])
    with tempfile.NamedTemporaryFile(suffix=".parquet", delete=False) as file:
        path = Path(file.name)
    found = rows(context.index(), query)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(found, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return path
