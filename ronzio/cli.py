"""The command line. Each command lives in a module of its own and is imported only when it is called, so that
`ronzio --help` answers in 0.3 s."""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

import click


class _Entry(NamedTuple):
    module: str
    help: str
    hidden: bool = False


COMMANDS: dict[str, _Entry] = {
    "run": _Entry("run", "Start everything on this machine."),
    "init": _Entry("init", "Write a ronzio.toml for your own brands."),
    "check": _Entry("check", "Check ronzio.toml, its sources and its mail settings."),
    "status": _Entry("status", "What runs, how the sources are, whether the books balance."),
    "try": _Entry("try_", "Show what a feed, page, file or text would become, storing nothing."),
    "match": _Entry("match", "What an expression would have found among the things fetched last."),
    "query": _Entry("query", "Ask the mentions a question: table, CSV, JSON or Parquet."),
    "topic": _Entry("topic", "Teach topics by example, see how good they are, switch them on."),
    "train": _Entry("train", "Learn from your own corrections, or undo it."),
    "retag": _Entry("retag", "Tag history anew, while everything goes on."),
    "import": _Entry("import_", "Bring in mentions from a CSV, JSONL or Parquet file."),
    "dead": _Entry("dead", "What could not be handled: list, show, replay."),
    "erase": _Entry("erase", "Erase everything an author wrote, for good."),
    "rebuild": _Entry("rebuild", "Make the searchable view anew from the documents."),
    "crawler": _Entry("processes", "The process that fetches the sources.", hidden=True),
    "migrate": _Entry("migrate", "Move an installation to Kafka and Elasticsearch, or back."),
    "worker": _Entry("processes", "The process that tags mentions.", hidden=True),
    "stories": _Entry("processes", "The process that tells copies of one text apart.", hidden=True),
    "second-opinion": _Entry("processes", "The process that asks a second engine about sentiment.", hidden=True),
    "indexer": _Entry("processes", "The process that makes documents searchable.", hidden=True),
    "alerts": _Entry("processes", "The process that watches for spikes and sends mail.", hidden=True),
    "dashboard": _Entry("processes", "The process that serves the pages.", hidden=True),
    "demo-web": _Entry("processes", "The demo's local web.", hidden=True),
    "demo-mailbox": _Entry("processes", "The demo's local mailbox.", hidden=True),
}


class _Lazy(click.Group):
    """A group that imports a command's module when the command is used, and not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if not entry.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"ronzio.commands.{entry.module}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_").rstrip("_") + "_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items() if not entry.hidden])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="ronzio", message="ronzio %(version)s")
def root() -> None:
    """What is being said about your brands, what changed, and whether it is turning against them."""


def main() -> None:
    """Entry point of the command `ronzio`."""
    try:
        root.main(prog_name="ronzio")
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:
        from index import IndexFailure
        from stream import LogError

        if not isinstance(error, IndexFailure | LogError):
            raise
        click.echo(f"Error: {error}", err=True)  # a service that is away or does not let us in: no defect of ours
        sys.exit(1)
