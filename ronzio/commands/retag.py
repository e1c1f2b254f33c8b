"""`ronzio retag`: history tagged anew."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ronzio.context import load_settings, opened_index, opened_log, with_settings
from ronzio.lease import run_alone
from ronzio.process import Stop
from stream import TaggingEngine, utc_now

if TYPE_CHECKING:
    from enrichment import Enricher, Models, Told
    from index import Index, Json, Records
    from ronzio.settings import RonzioSettings
    from stream import Log


@click.command("retag")
@click.option("--query", "-q", default=None, help="Only the mentions this finds.")
@click.option("--drop", is_flag=True, help="Take out what names no brand any more; what a human gave its brand stays.")
@click.option("--no-log", is_flag=True, help="Do not look in the log for what names a brand only now.")
@with_settings
def retag_command(
    query: str | None, drop: bool, no_log: bool, config: Path | None, demo: bool, data: Path | None
) -> None:
    """Tag history anew, while everything goes on: after a change of brands, topics, words or models.

    Every mention that was tagged by another version is tagged again from what is stored; what humans said of it stays, and so
    does its story. What was fetched in the last weeks (keep_log_days), named no brand then and names one now, comes in as
    history, which never alerts. Live work goes first. Ctrl-C or a kill loses nothing: the next run goes on with the rest.
    """
    from enrichment import Enricher, Models
    from index import parse_query

    settings = load_settings(config, demo, data)
    stop = Stop.from_signals()
    with opened_index(settings) as index, opened_log(settings) as log:
        wanted = parse_query(query) if query else None
        enricher = Enricher(settings.brands, settings.enrichment)
        models = Models(index.records)
        enricher.adopt(models.switched())
        _warn_of_others(models, index.records, enricher.engine)

        def work(alone: Stop) -> None:
            told = _retag(log, index, enricher, alone, wanted, drop)
            brought_in = 0
            if told.finished and not no_log and query is None:
                brought_in = _bring_in(log, index, enricher, settings, alone)
            _say(told, brought_in, log_too=not no_log and query is None)

        run_alone(index.records, "retag", stop, work)


def _retag(log: Log, index: Index, enricher: Enricher, stop: Stop, query: Json | None, drop: bool) -> Told:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from enrichment import retag

    columns = (TextColumn("tagging anew"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("tagging anew", total=None)
        return retag(
            log, index, enricher, stop, query=query, drop=drop,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip


def _bring_in(log: Log, index: Index, enricher: Enricher, settings: RonzioSettings, stop: Stop) -> int:
    from enrichment import bring_in

    since = utc_now() - timedelta(days=settings.keep_mentions_days)
    return bring_in(log, index, enricher, stop, since=since)


def _warn_of_others(models: Models, records: Records, engine: str) -> None:
    stored = records.get(TaggingEngine.KIND, TaggingEngine.ID)
    if stored is None or (now := msgspec.json.decode(stored.body, type=TaggingEngine)).engine == engine:
        return
    tagging = models.tagging()
    if tagging is not None and tagging.at > now.at:
        told = "they take up within seconds what was switched on or off since."
    else:
        told = "restart them, or what comes in will differ."
    click.echo(f"The workers tag as {now.engine}, this configuration as {engine}: {told}", err=True)


def _say(told: Told, brought_in: int, *, log_too: bool) -> None:
    click.echo(f"{told.retagged} mentions tagged anew; {told.by_hand} of them keep tags that humans gave")
    if told.dropped:
        click.echo(f"{told.dropped} name none of the brands any more and were taken out")
    if told.unnamed:
        click.echo(f"{told.unnamed} name none of the brands any more and stay as they were; --drop takes them out")
    if not told.finished:
        click.echo('stopped; "ronzio retag" goes on with the rest')
    elif log_too:
        click.echo(f"{brought_in} that were fetched before and name a brand only now come in as history")
