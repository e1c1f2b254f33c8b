"""`ronzio match`: what would this expression find?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import load_settings, opened_index, opened_log, pointed, with_settings

if TYPE_CHECKING:
    from rich.text import Text

    from enrichment import Example, Preview

_AROUND = 90  # letters shown before the first place found, and as many behind the last


@click.command("match")
@click.argument("expression")
@click.option("--last", default=10_000, show_default=True, type=click.IntRange(1, 100_000), help="Things looked at.")
@click.option("--examples", default=10, show_default=True, type=click.IntRange(0, 100), help="Examples shown.")
@with_settings
def match_command(
    expression: str, last: int, examples: int, config: Path | None, demo: bool, data: Path | None
) -> None:
    """Show what EXPRESSION would have found among the things fetched last, also those that were not stored because they
    name none of the brands. Changes nothing.

    \b
    ronzio match '=TIM AND (rete OR fibra OR offert*) AND NOT "tim cook"'
    ronzio match 'acme NEAR/5 (guasto OR rotto) AND site:forum.example.org'

    docs/brands.md explains expressions. Exit code 1 where it cannot be read; the place is shown.
    """
    from enrichment import preview
    from stream.expressions import ExpressionError

    settings = load_settings(config, demo, data)
    try:
        with opened_log(settings) as log, opened_index(settings) as index:
            found = preview(expression, log, index, settings.enrichment, most=last, shown=examples)
    except ExpressionError as error:
        raise click.ClickException(pointed(expression, str(error), error.column)) from None
    _print(found)


def _print(found: Preview) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    since = f", back to {found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    new = found.matched - found.stored
    console.print(f"{found.matched:,} of the last {found.looked:,} things fetched would match{since}")
    if found.matched:
        console.print(
            f"  {found.stored:,} of them are stored mentions; {new:,} are not stored: they name none of the brands, or wait "
            "to be tagged"
        )
    console.print(f"{found.kept_matched:,} of the last {found.kept_looked:,} stored mentions match")
    for example in found.examples:
        where = " · ".join(
            part for part in (example.site, example.author, "" if example.stored else "not stored") if part
        )
        console.print(f"\n{example.published_at:%Y-%m-%d %H:%M}  {where}", style="dim", markup=False)
        for field in ("title", "text"):
            if getattr(example, field) and (field == "text" or any(span[0] == "title" for span in example.spans)):
                console.print(_marked(example, field, brackets=not console.is_terminal))


def _marked(example: Example, field: str, *, brackets: bool) -> Text:
    """The stretch of a field around what was found, on one line, with marks."""
    from rich.text import Text

    text: str = getattr(example, field)
    places = [(start, end) for of, start, end, _term in example.spans if of == field]
    first, last = (places[0][0], max(end for _, end in places)) if places else (0, 0)
    begin, stop = max(0, first - _AROUND), min(len(text), max(last, first + 3 * _AROUND) + _AROUND)
    line = Text("…" if begin else "")
    done = begin
    for start, end in places:
        if start < done:
            continue  # inside one that is marked already
        line.append(text[done:start].replace("\n", " "))
        word = text[start:end].replace("\n", " ")
        line.append(f"[{word}]" if brackets else word, "bold black on yellow")
        done = end
    line.append(text[done:stop].replace("\n", " ") + ("…" if stop < len(text) else ""))
    return line
