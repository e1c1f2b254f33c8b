"""`ronzio rebuild`: the searchable view made anew."""

from __future__ import annotations

from pathlib import Path

import click

from ronzio.context import load_settings, opened_index, with_settings


@click.command("rebuild")
@with_settings
def rebuild_command(config: Path | None, demo: bool, data: Path | None) -> None:
    """Make the searchable view anew from the documents, while everything goes on: after an erasure, to take the
    erased words out of the files too, or when something looks wrong."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    settings = load_settings(config, demo, data)
    columns = (TextColumn("rebuilding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with opened_index(settings) as index, Progress(*columns) as bar:
        task = bar.add_task("rebuilding", total=None)
        count = index.rebuild(lambda done, total: bar.update(task, completed=done, total=total))
    click.echo(f"{count} mentions are searchable again")
