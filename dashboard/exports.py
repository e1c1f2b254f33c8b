"""Exports for analysts: /export/csv and /export/parquet with the same parameters as the Analyse page's address.

Streamed from a temporary file, so that a million mentions need no memory; whoever may see the pages may export.
"""

from __future__ import annotations

import csv
import io
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from dashboard import bodies, context
from dashboard.words import refusal
from i18n import language_or_default, reworded, translator
from index import COLUMNS, BadQuery, IndexFailure, Json, rows, safe_cell
from stream import utc_now

logger = logging.getLogger(__name__)
_NUMBERS = {"score": pa.float64(), "confidence": pa.float64(), "reach": pa.int64()}
BATCH = 1000


async def export(request: Request) -> Response:
    """Every mention that `q` (Lucene), `period` and the filters match, newest first; what goes wrong in the language `lang`."""
    form = request.path_params["form"]
    spoken = language_or_default(request.query_params.get("lang"), context.current().settings.language)
    _ = translator("dashboard", spoken).gettext
    try:
        query = _query(request)
        if form == "csv":
            parts = _csv(query)
            begun = await run_in_threadpool(next, parts)  # a store that does not answer is told before the file begins
            head = {"content-disposition": 'attachment; filename="ronzio.csv"'}
            return StreamingResponse(chain([begun], parts), media_type="text/csv; charset=utf-8", headers=head)
        if form == "parquet":
            path = await run_in_threadpool(_parquet, query)
            return FileResponse(
                path,
                filename="ronzio.parquet",
                media_type="application/vnd.apache.parquet",
                background=BackgroundTask(path.unlink),
            )
    except BadQuery as error:
        return PlainTextResponse("\n".join(refusal(error, spoken)), 400)
    except (IndexFailure, OSError) as error:
        logger.error("the store does not answer: %s", error, extra={"action": "export-failed"})
        away = _("The mentions cannot be read right now. Please try again in a moment.")
        return PlainTextResponse(f"{away}\n{reworded(str(error), spoken)}", 503)
    return PlainTextResponse(_("There are exports as csv and as parquet only."), 404)


def address(form: str, query: str, period: str | None, filters: Mapping[str, Sequence[str]], spoken: str) -> str:
    """Where the page's export is."""
    asked = {
        "q": query,
        "lang": spoken,
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
    try:
        found = rows(context.index(), query)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while batch := list(islice(found, BATCH)):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    except BaseException:
        path.unlink()
        raise
    return path
