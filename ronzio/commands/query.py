"""`ronzio query`: a question to the mentions, as a table, CSV, JSON lines or Parquet."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ronzio.context import load_settings, opened_index, pointed, with_settings

if TYPE_CHECKING:
    import pandas as pd

    from index import Index, Json

FORMATS = ("table", "csv", "json", "parquet")


@click.command("query")
@click.argument("text", default="")
@click.option("--since", default=None, help="From when: 30m, 24h, 7d, 2w, or a date.")
@click.option("--until", default=None, help="Until when (not included); the same forms.")
@click.option(
    "--by", "by", multiple=True, help="Count by a field, or by minute, hour, day, week. Twice for two levels."
)
@click.option("--rising", is_flag=True, help="Terms that rise: the period [7d] against the four periods before.")
@click.option("--limit", type=click.IntRange(1), default=None, help="At most this many mentions [table: 20].")
@click.option("--format", "-f", "form", type=click.Choice(FORMATS), default=None, help="[table; else by --out's name]")
@click.option("--out", "-o", type=click.Path(path_type=Path), default=None, help="Write to this file.")
@with_settings
def query_command(
    text: str, since: str | None, until: str | None, by: tuple[str, ...], rising: bool, limit: int | None, form: str | None,
    out: Path | None, config: Path | None, demo: bool, data: Path | None,
) -> None:  # fmt: skip
    """Ask the mentions a question in Lucene syntax.

    \b
    ronzio query 'brand:acme AND sentiment:negative' --since 7d --by topic
    ronzio query '"servizio clienti" AND lingua:it' --since 30d -o mentions.csv
    ronzio query brand:acme --rising
    """
    import pandas as pd

    from index import COLUMNS, BadQuery, rows
    from ronzio import client

    if rising and by:
        raise click.UsageError("--rising and --by answer different questions: choose one")
    form = form or _form_of(out)
    if form == "parquet" and out is None:
        raise click.UsageError("parquet needs a file: add --out FILE")
    settings = load_settings(config, demo, data)
    with opened_index(settings) as index:
        try:
            wanted = client.body(text, since=since, until=until)
        except BadQuery as error:
            raise click.ClickException(pointed(text, str(error), error.column)) from None
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--since/--until") from None
        if rising:
            _write(_rising(index, text, since, until, limit), form, out)
            return
        if by:
            frame = client.grouped(index, wanted, by)
        else:
            shown = limit or (20 if form == "table" else None)
            frame = pd.DataFrame(rows(index, wanted, shown), columns=list(COLUMNS))
            if form == "table":
                frame = _short(frame)
        _write(frame, form, out)
        if form == "table" and not by:
            click.echo(f"{len(frame)} of {index.count(wanted)} mentions", err=True)


def _rising(index: Index, text: str, since: str | None, until: str | None, limit: int | None) -> pd.DataFrame:
    """The rising terms: term, now, before, times (empty where new), and an example's first words."""
    import pandas as pd

    from ronzio import client

    try:
        found = client.rising_terms(index, text, since=since or "7d", until=until, size=limit or 20)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since/--until") from None
    rows = [(one.term, one.now, one.before, one.times, _beginning(one.example)) for one in found.terms]
    words = f"{found.now} mentions in the period, {found.before} in the {client.BEFORE} periods before"
    if not rows:
        words += ": nothing rises" if found.comparable else ": too few to compare"
    click.echo(words, err=True)
    return pd.DataFrame(rows, columns=["term", "now", "before", "times", "words"])


def _beginning(mention: Json) -> str:
    return " ".join(f"{mention.get('title', '')} {mention.get('text', '')}".split())[:160]


def _form_of(out: Path | None) -> str:
    suffix = out.suffix.lstrip(".").lower() if out else "table"
    form = {"jsonl": "json", "pq": "parquet", "txt": "table"}.get(suffix, suffix)
    if form not in FORMATS:
        raise click.UsageError(f"{out}: no format is known by this name; add --format, one of {', '.join(FORMATS)}")
    return form


def _write(frame: pd.DataFrame, form: str, out: Path | None) -> None:
    target: Any = out or sys.stdout
    if form == "parquet":
        frame.to_parquet(target, index=False)
    elif form == "csv":
        from index import safe_cell

        frame.map(safe_cell).to_csv(target, index=False)
    elif form == "json":
        frame.to_json(target, orient="records", lines=True, force_ascii=False, date_format="iso")
    elif out:
        out.write_text(frame.to_string(index=False) + "\n", "utf-8")
    else:
        _print_table(frame)


def _short(frame: pd.DataFrame) -> pd.DataFrame:
    """What fits a terminal: when, how, about whom, the first words."""
    import pandas as pd

    words = (frame["title"] + " " + frame["text"]).str.split().str.join(" ")
    when = pd.to_datetime(frame["published_at"], utc=True, format="ISO8601")
    return pd.DataFrame(
        {"published (UTC)": when, "sentiment": frame["sentiment"], "brand": frame["brand"], "words": words}
    )


def _print_table(frame: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", expand="words" in frame.columns)
    for column in frame.columns:
        if column == "words":  # takes what is left of the line
            table.add_column(column, ratio=1, no_wrap=True, overflow="ellipsis")
            continue
        numeric = frame[column].dtype.kind in "if"
        width = max([len(str(column)), *(len(_cell(value)) for value in frame[column])])
        table.add_column(str(column), justify="right" if numeric else "left", no_wrap=True, min_width=min(40, width))
    for row in frame.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    Console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:159] + "…"
