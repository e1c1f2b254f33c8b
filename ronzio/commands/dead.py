"""`ronzio dead`: what could not be handled."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import load_settings, opened_log, with_settings
from stream import TOPICS

if TYPE_CHECKING:
    from stream import DeadLetter, Log

EVERYTHING = 1_000_000


def number(letter: DeadLetter) -> str:
    """How a user names a dead letter: "raw/2/1834" (topic, partition, offset)."""
    return f"{letter.topic.removeprefix('mentions.')}/{letter.partition}/{letter.offset}"


@click.group("dead")
def dead_command() -> None:
    """What could not be handled, with the reason; nothing here is lost."""


@dead_command.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@with_settings
def list_command(limit: int, config: Path | None, demo: bool, data: Path | None) -> None:
    """List the dead letters, newest first, with a count by reason."""
    with opened_log(load_settings(config, demo, data)) as log:
        letters = _all(log)
    for letter in letters[:limit]:
        click.echo(f"{number(letter):<24} {letter.at:%Y-%m-%d %H:%M}  {letter.source or '-':<24} {letter.reason}")
    if not letters:
        click.echo("No dead letters.")
        return
    click.echo(f"\n{len(letters)} in all:")
    for reason, count in Counter(letter.reason.split(":")[0] for letter in letters).most_common():
        click.echo(f"{count:>8}  {reason}")


@dead_command.command("show")
@click.argument("which")
@with_settings
def show_command(which: str, config: Path | None, demo: bool, data: Path | None) -> None:
    """Show one dead letter whole: WHICH is its number in the list."""
    with opened_log(load_settings(config, demo, data)) as log:
        letter = _named(log, which)
    click.echo(f"number    {number(letter)}\nburied    {letter.at.isoformat()}\nby        {letter.consumer}")
    click.echo(f"source    {letter.source or '-'}\nreason    {letter.reason}\nkey       {letter.key!r}\n")
    try:
        click.echo(json.dumps(json.loads(letter.value), ensure_ascii=False, indent=2))
    except ValueError:
        click.echo(letter.value.decode("utf-8", "backslashreplace"))


@dead_command.command("replay")
@click.argument("which", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@with_settings
def replay_command(
    which: tuple[str, ...], everything: bool, config: Path | None, demo: bool, data: Path | None
) -> None:
    """Put dead letters back into the stream, by number or --all: after the reason was mended."""
    if bool(which) == everything:
        raise click.UsageError("name the letters, or use --all")
    with opened_log(load_settings(config, demo, data)) as log:
        letters = _all(log) if everything else [_named(log, name) for name in which]
        click.echo(f"{log.replay_dead(letters) if letters else 0} replayed")


def _all(log: Log) -> list[DeadLetter]:
    letters = [letter for topic in TOPICS for letter in log.dead(topic, limit=EVERYTHING)]
    return sorted(letters, key=lambda letter: letter.at, reverse=True)


def _named(log: Log, which: str) -> DeadLetter:
    for letter in _all(log):
        if number(letter) == which:
            return letter
    raise click.ClickException(f'there is no dead letter "{which}"; "ronzio dead list" shows them')
