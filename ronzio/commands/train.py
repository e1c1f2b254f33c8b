"""`ronzio train`: what judges learns from people's own corrections."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import load_settings, opened_index, with_settings
from stream import utc_now

if TYPE_CHECKING:
    from enrichment import Enricher
    from index import Index


@click.command("train")
@click.option("--undo", is_flag=True, help="Go back to what was switched on before the last change.")
@click.option("--yes", is_flag=True, help="Switch on what gains without asking.")
@with_settings
def train_command(undo: bool, yes: bool, config: Path | None, demo: bool, data: Path | None) -> None:
    """Learn from what people corrected and confirmed: sentiment, and the topics taught by example.

    What it gains is measured before anything is switched on, by cross-validation and on the newest corrections, learnt from the
    older ones. All workers take it up within seconds; "ronzio retag" then does the same for history.
    """
    from enrichment import Enricher, Models, NoSuchModel

    settings = load_settings(config, demo, data)
    with opened_index(settings) as index:
        models = Models(index.records)
        if undo:
            try:
                done = models.undo(by=getpass.getuser(), at=utc_now())
            except NoSuchModel as error:
                raise click.ClickException(str(error)) from None
            click.echo(f"{done.what}; now on: {', '.join(f'{k} {v}' for k, v in done.models.items()) or 'nothing'}")
            return
        enricher = Enricher(settings.brands, settings.enrichment)
        gains = _sentiment(index, enricher) | _topics(index, enricher)
        if not gains:
            raise click.ClickException("nothing was switched on")
        if not yes:
            click.confirm(f"Switch on {', '.join(gains)}?", abort=True)
        models.switch(gains, by=getpass.getuser(), at=utc_now(), what=f"trained {', '.join(gains)}", trained=True)
    click.echo('Switched on. "ronzio retag" tags history so too; "ronzio train --undo" takes it back.')


def _sentiment(index: Index, enricher: Enricher) -> dict[str, int]:
    """name -> version of what gains."""
    from enrichment import SENTIMENT, CannotTrain, train_sentiment

    try:
        model = train_sentiment(index, enricher, by=getpass.getuser(), at=utc_now())
    except CannotTrain as error:
        click.echo(f"sentiment: {error}")
        return {}
    click.echo(f"sentiment: learnt from {model.examples} corrections and confirmations; macro-F1")
    for name, (before, after) in (("by cross-validation", model.crossed), ("on the newest 30 %", model.later)):
        click.echo(f"  {name:<20} {before:.1f} without, {after:.1f} with: {after - before:+.1f}")
    if not model.gains:
        click.echo("  it does not gain both ways, and is left off")
        return {}
    return {SENTIMENT: model.version}


def _topics(index: Index, enricher: Enricher) -> dict[str, int]:
    from enrichment import train_topics

    gains = {}
    for one in train_topics(index, enricher, by=getpass.getuser(), at=utc_now()):
        before, after = one.before.quality, one.topic.quality
        click.echo(
            f"topic {one.topic.id}: F1 {before.f1.value:.2f} with {before.examples} examples, "
            f"{after.f1.value:.2f} with {after.examples}, by cross-validation"
        )
        if after.f1.value >= before.f1.value:
            gains[f"topic/{one.topic.id}"] = one.topic.version
        else:
            click.echo("  it does not gain, and is left as it was")
    return gains
