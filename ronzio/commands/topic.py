"""`ronzio topic`: topics taught by example."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import load_settings, opened_index, with_settings
from stream import utc_now

if TYPE_CHECKING:
    from enrichment import Measured, TaughtTopic
    from index import Index

MOST = 1000  # examples
FILE_COLUMNS = ("text", "testo")


@click.group("topic")
def topic_command() -> None:
    """Topics taught by example, beside those found by words (topics_file)."""


@topic_command.command("list")
@with_settings
def list_command(config: Path | None, demo: bool, data: Path | None) -> None:
    """List the topics that have been taught, with what cross-validation said of each."""
    from enrichment import Models

    with opened_index(load_settings(config, demo, data)) as index:
        models = Models(index.records)
        topics, on = models.topics(), {topic.key for topic in models.switched_on()}
    for topic in topics:
        state = "on" if topic.key in on else "off"
        quality = topic.quality
        click.echo(
            f"{topic.id:<24} version {topic.version:<3} {state:<4} {topic.department:<16} "
            f"F1 {_share(quality.f1)}  {quality.examples} examples  {topic.at:%Y-%m-%d} {topic.by}"
        )
    if not topics:
        click.echo("No topic has been taught. \"ronzio topic teach NAME --query '...'\" teaches one.")


@topic_command.command("teach")
@click.argument("name")
@click.option("--query", "-q", default=None, help="The mentions this finds are the examples.")
@click.option("--ids", default=None, help="Ids of mentions, separated by commas.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path), default=None,
    help="Examples that are no mentions: a CSV with a column text (or testo), or one example a line.",
)  # fmt: skip
@click.option("--department", default=None, help="Who should know [as before, else customer-care].")
@click.option("--label", default=None, help='How people see it, such as "Lost luggage" [made of NAME].')
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="At most this many by --query."
)
@with_settings
def teach_command(
    name: str, query: str | None, ids: str | None, file: Path | None, department: str | None, label: str | None,
    limit: int, config: Path | None, demo: bool, data: Path | None,
) -> None:  # fmt: skip
    """Teach the topic NAME (small letters, digits, hyphens) from 10 to 20 examples, and say how good it is.

    It is not switched on by that: read what it gets wrong, then "ronzio topic on NAME".
    """
    from enrichment import CannotTeach, Enricher, Lesson, Models, NoSuchModel, TooFewExamples, teach

    if query is None and ids is None and file is None:
        raise click.UsageError("say where the examples are: --query, --ids or --file")
    settings = load_settings(config, demo, data)
    texts = _read(file) if file else []
    with opened_index(settings) as index:
        mentions = [id.strip() for id in (ids or "").split(",") if id.strip()]
        mentions += _found(index, query, limit) if query is not None else []
        if department is None:
            try:
                department = Models(index.records).latest(name).department
            except NoSuchModel:
                department = "customer-care"
        lesson = Lesson(name, department, label or "", mentions, texts, query=query or "")
        try:
            topic = teach(
                index, Enricher(settings.brands, settings.enrichment), lesson, by=getpass.getuser(), at=utc_now()
            )
        except (CannotTeach, TooFewExamples) as error:
            raise click.ClickException(str(error)) from None
        _report(index, topic)
    click.echo(f'\nNot switched on yet: "ronzio topic on {name}" does that.')


@topic_command.command("show")
@click.argument("name")
@with_settings
def show_command(name: str, config: Path | None, demo: bool, data: Path | None) -> None:
    """Show how good the newest version of the topic NAME is, and what it gets wrong."""
    from enrichment import Models, NoSuchModel

    with opened_index(load_settings(config, demo, data)) as index:
        try:
            _report(index, Models(index.records).latest(name))
        except NoSuchModel as error:
            raise click.ClickException(str(error)) from None


@topic_command.command("on")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), default=None, help="This version [the newest].")
@with_settings
def on_command(name: str, version: int | None, config: Path | None, demo: bool, data: Path | None) -> None:
    """Switch the topic NAME on: workers give it within seconds to what comes in from then on."""
    from enrichment import Models, NoSuchModel

    with opened_index(load_settings(config, demo, data)) as index:
        models = Models(index.records)
        try:
            newest = models.latest(name)
        except NoSuchModel as error:
            raise click.ClickException(str(error)) from None
        if version is not None and version not in [one.version for one in models.topics() if one.id == name]:
            raise click.ClickException(f'the topic "{name}" has no version {version}; the newest is {newest.version}')
        chosen = version or newest.version
        models.switch(
            {f"topic/{name}": chosen}, by=getpass.getuser(), at=utc_now(), what=f"topic {name}: version {chosen} on"
        )
    click.echo(f'{name}, version {chosen}, is on. "ronzio retag" gives it to what is there already.')


@topic_command.command("off")
@click.argument("name")
@with_settings
def off_command(name: str, config: Path | None, demo: bool, data: Path | None) -> None:
    """Switch the topic NAME off. What was taught stays."""
    from enrichment import Models

    with opened_index(load_settings(config, demo, data)) as index:
        models = Models(index.records)
        tagging = models.tagging()
        if tagging is None or f"topic/{name}" not in tagging.models:
            raise click.ClickException(f'no topic "{name}" is switched on')
        models.switch({f"topic/{name}": 0}, by=getpass.getuser(), at=utc_now(), what=f"topic {name} off")
    click.echo(f"{name} is off.")


@topic_command.command("forget")
@click.argument("name")
@with_settings
def forget_command(name: str, config: Path | None, demo: bool, data: Path | None) -> None:
    """Delete everything that was taught of the topic NAME."""
    from enrichment import Models, NoSuchModel

    with opened_index(load_settings(config, demo, data)) as index:
        try:
            Models(index.records).forget(name)
        except (NoSuchModel, ValueError) as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{name} is forgotten.")


def _read(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file}: cannot be read: {error}") from None
    if file.suffix.lower() != ".csv":
        found = [line.strip() for line in text.splitlines()]
    else:
        rows = csv.DictReader(text.splitlines(keepends=True))
        column = next((name for name in rows.fieldnames or () if name.strip().lower() in FILE_COLUMNS), None)
        if column is None:
            columns = ", ".join(rows.fieldnames or ()) or "none"
            raise click.ClickException(f"{file}: no column text (or testo); there are: {columns}")
        found = [(row[column] or "").strip() for row in rows]
    return [one for one in found if one][:MOST]


def _found(index: Index, query: str, limit: int) -> list[str]:
    from index import parse_query

    answer = index.search(
        {"query": parse_query(query), "size": limit, "sort": [{"sort_key": "desc"}], "_source": False}
    )
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def _share(measured: Measured) -> str:
    return f"{measured.value:.2f} ({measured.low:.2f}-{measured.high:.2f})"


def _report(index: Index, topic: TaughtTopic) -> None:
    quality = topic.quality
    click.echo(f"{topic.name} ({topic.id}, version {topic.version}), for {topic.department}")
    click.echo(f"  measured by cross-validation on {quality.examples} examples and {quality.others} other mentions,")
    click.echo("  with 95 % intervals:")
    click.echo(f"    precision {_share(quality.precision)}   of what it names, this share is right")
    click.echo(f"    recall    {_share(quality.recall)}   of the examples, this share is found")
    click.echo(f"    F1        {_share(quality.f1)}")
    click.echo(f"  it would tag {topic.would_tag} of the latest {topic.looked_at} mentions")
    _list(index, "examples it does not recognise", topic.missed)
    _list(index, "no examples, but taken for the topic (are they?)", topic.doubtful)
    _list(index, "it would tag, for instance", topic.shown[:5])


def _list(index: Index, title: str, names: Sequence[str]) -> None:
    if not names:
        return
    click.echo(f"  {title}:")
    bodies = {body["id"]: body for body in index.get([name for name in names if not name.startswith("example ")])}
    for name in names:
        body = bodies.get(name, {})
        words = " ".join((body.get("title") or body.get("text") or "").split())[:90]
        click.echo(f"    {name}  {words}")
