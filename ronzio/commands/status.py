"""`ronzio status`: how everything is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ronzio.context import load_settings, opened_index, opened_log, with_settings

if TYPE_CHECKING:
    from rich.table import Table


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@with_settings
def status_command(as_json: bool, config: Path | None, demo: bool, data: Path | None) -> None:
    """What runs, how the sources are, whether the books balance, what waits."""
    from ronzio.status import status

    settings = load_settings(config, demo, data)
    with opened_log(settings) as log, opened_index(settings) as index:
        answer = status(log, index, settings.data_dir)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))
    else:
        _print(answer)


def _print(answer: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    working = [_working(name, known) for name, known in answer["at_work"].items() if known]
    console.print(f"[bold]At work[/] {', '.join(working) or 'nobody'}", highlight=False)
    for entry in answer["processes"]:
        if not entry["running"] or entry["restarts"]:
            state = "running" if entry["running"] else "not running"
            console.print(f"  {entry['name']}: {state}, started again {entry['restarts']} times")
    fresh, waiting = answer["mentions"], answer["waiting"]
    console.print(
        f"[bold]Mentions[/] {fresh['documents']} kept, {fresh['searchable']} searchable; "
        f"{waiting['mentions.raw']} fetched and waiting, {waiting['mentions.edits']} edits waiting"
    )
    mail = answer["mail"]
    console.print(
        f"[bold]Alerts[/] {len(answer['open_incidents'])} open; mails: {mail['sent']} sent, "
        f"{mail['waiting']} waiting, {mail['given_up']} given up"
    )
    second = answer["second_opinion"]
    if second:
        console.print(
            f"[bold]Second opinion[/] {second['engine']}: {second['asked']} asked, {second['changed']} changed, "
            f"{second['waiting']} wait"
        )
    balanced = "they balance" if answer["balanced"] else "[red]THEY DO NOT BALANCE[/]"
    console.print(f"[bold]Books[/] {balanced}")
    console.print(_books(answer["books"], {entry["id"]: entry for entry in answer["sources"]}))
    dead = sum(answer["dead_letters"].values())
    if dead:
        console.print(f'{dead} dead letter{"" if dead == 1 else "s"}: "ronzio dead list" says why')


def _working(name: str, known: list[str] | int) -> str:
    return f"{name}: {known[0] if isinstance(known, list) else known}"


def _books(entries: list[dict[str, Any]], sources: dict[str, dict[str, Any]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    counts = {
        "fetched": "fetched", "indexed": "kept", "duplicate": "known", "not_a_mention": "no brand", "dead": "dead",
        "erased": "erased", "waiting": "waiting",
    }  # fmt: skip
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("source", min_width=12, overflow="fold")
    for heading in counts.values():
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    table.add_column("health", min_width=9)
    seen = {entry["source"] for entry in entries}
    for entry in entries + [{"source": name} for name in sources if name not in seen]:
        about = sources.get(entry["source"], {})
        health = ": ".join(filter(None, (about.get("health", ""), about.get("error", ""))))
        name = about.get("name") or entry["source"]
        table.add_row(escape(name), *(str(entry.get(count, 0)) for count in counts), escape(health))
    return table
