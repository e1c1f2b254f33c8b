"""`ronzio migrate`: an installation moves from this machine to Kafka and Elasticsearch, or back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ronzio.context import load_settings, with_settings
from ronzio.supervisor import AlreadyRunning, lock

if TYPE_CHECKING:
    from ronzio.moving import Installation
    from ronzio.settings import RonzioSettings

OUT, BACK = "elasticsearch/kafka", "one-machine"


@click.command("migrate")
@click.option("--to", "where", type=click.Choice([OUT, BACK]), required=True, help="Where everything is to be.")
@with_settings
def migrate_command(where: str, config: Path | None, demo: bool, data: Path | None) -> None:
    """Move everything to Kafka and Elasticsearch, or back to this machine.

    The configuration names the services in [kafka] and [elasticsearch]; data_dir is the installation on this machine. Stop
    Ronzio first. A move that is cut off goes on where it was; the old side is left as it is. Nothing is mailed twice and
    nothing is crawled again.
    """
    from index import IndexFailure
    from ronzio.moving import Memory, MoveFailed, move
    from stream import LogError

    settings = load_settings(config, demo, data)
    if settings.kafka is None or settings.elasticsearch is None:
        raise click.ClickException("the configuration names no [kafka] and [elasticsearch]: docs/scaling.md says how")
    console = Console()
    try:
        with lock(settings.data_dir), _both(settings) as (here, there):
            source, target = (here, there) if where == OUT else (there, here)
            memory = Memory(settings.data_dir / "run" / f"migration-{where.replace('/', '-')}.json")
            if memory.is_of(source, target):
                console.print("Going on with a move that was cut off.")
            with _progress(console) as tell:
                done = move(source, target, memory, tell)
    except AlreadyRunning as error:
        raise click.ClickException(str(error)) from None
    except (MoveFailed, LogError, IndexFailure) as error:
        raise click.ClickException(str(error)) from error
    console.print(f"Moved from {source.name} to {target.name}; both sides are equal:", markup=False, soft_wrap=True)
    for name, value in done.items():
        if name != "books" and not name.endswith("accounts"):
            console.print(f"  {name}: {value}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "Start the processes with [kafka] and [elasticsearch] in the configuration."
        if where == OUT
        else "Take [kafka] and [elasticsearch] out of the configuration, then start Ronzio.",
        markup=False,
        soft_wrap=True,
    )


@contextlib.contextmanager
def _both(settings: RonzioSettings) -> Iterator[tuple[Installation, Installation]]:
    """The installation on this machine, and the one in the services."""
    from index import open_index
    from ronzio.moving import Installation
    from stream import open_log

    assert settings.kafka is not None and settings.elasticsearch is not None
    with contextlib.ExitStack() as stack:

        def opened(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        here = Installation(
            str(settings.data_dir),
            opened(open_log(settings.data_dir / "log", partitions=settings.partitions)),
            opened(open_index(settings.data_dir / "index")),
        )
        there = Installation(
            f"Kafka at {', '.join(settings.kafka.servers)} ({settings.kafka.prefix or 'no prefix'}) and Elasticsearch at "
            f"{', '.join(settings.elasticsearch.hosts)} ({settings.elasticsearch.prefix or 'no prefix'})",
            opened(open_log(settings.kafka)),
            opened(open_index(settings.elasticsearch)),
        )
        yield here, there


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=done, total=total)

        yield tell
