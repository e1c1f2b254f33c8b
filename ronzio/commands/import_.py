"""`ronzio import`: history from a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from ronzio.context import load_settings, opened_log, with_settings

_SEVERAL = re.compile(r",(?=[a-z_.]+=)")  # --map text=body,author=name


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help="text=body,author=name ... (repeatable)")
@click.option("--name", default=None, help="What to call this source [the file's name].")
@click.option("--time-zone", default="Europe/Rome", show_default=True, help="Of dates that state none.")
@with_settings
def import_command(
    file: Path,
    pairs: tuple[str, ...],
    name: str | None,
    time_zone: str,
    config: Path | None,
    demo: bool,
    data: Path | None,
) -> None:
    """Bring in mentions from a CSV, JSONL or Parquet FILE (also .gz). Importing never alerts, and importing twice
    changes nothing.

    Columns with usual names (text, body, title, date, author, url ...) are found; --map names others, and
    FIELD=- leaves a field empty. The fields are text, title, published_at, author, author_url, url, language,
    reach and id; extra.ANYTHING keeps another column.

    Rows without text and rows with a date that cannot be read are refused, and "ronzio dead list" says why;
    --map published_at=- brings everything in as of now.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from crawlers import ImportFailed, import_file

    mapping = dict(_pair(pair) for some in pairs for pair in _SEVERAL.split(some))
    _check_zone(time_zone)
    settings = load_settings(config, demo, data)
    columns = (TextColumn(file.name), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with opened_log(settings) as log, Progress(*columns) as bar:
        task = bar.add_task("importing", total=None)
        try:
            result = import_file(
                file, log, mapping=mapping, source_name=name or file.name,
                progress=lambda done, total: bar.update(task, completed=done, total=total), time_zone=time_zone,
            )  # fmt: skip
        except ImportFailed as error:
            raise click.ClickException(str(error)) from None
    click.echo("columns: " + ", ".join(f"{field}={column}" for field, column in result.columns.items()))
    if "published_at" not in result.columns:
        click.echo(
            "no column with dates: all of it counts as published now; --map published_at=COLUMN names one", err=True
        )
    for note in (*result.notes, *_too_old(result.oldest, settings.keep_mentions_days, time_zone)):
        click.echo(f"note: {note}", err=True)
    click.echo(f"{result.rows} rows read, {result.appended} handed over, {result.refused} refused")
    if result.refused:
        click.echo('"ronzio dead list" says why the refused ones were refused', err=True)


def _too_old(oldest: datetime | None, days: int, time_zone: str) -> Iterator[str]:
    if oldest is not None and oldest < datetime.now(UTC) - timedelta(days=days):
        day = oldest.astimezone(ZoneInfo(time_zone)).date()
        yield f"the oldest is of {day}; what is older than keep_mentions_days = {days} is deleted within the hour"


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise click.BadParameter(f'"{name}": expected a zone such as Europe/Rome', param_hint="--time-zone") from None


def _pair(text: str) -> tuple[str, str]:
    field, sign, column = text.partition("=")
    if not (sign and field and column):
        raise click.BadParameter(f'"{text}": expected FIELD=COLUMN, such as text=body', param_hint="--map")
    return field.strip(), column.strip()
