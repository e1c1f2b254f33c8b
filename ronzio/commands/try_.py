"""`ronzio try`: what would this become?"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ronzio.context import load_settings, opened_index, with_settings

if TYPE_CHECKING:
    from enrichment import Enricher
    from ronzio.settings import RonzioSettings


@click.command("try")
@click.argument("what")
@click.option("--local", is_flag=True, help="Allow an address on this machine or in the local network.")
@with_settings
def try_command(what: str, local: bool, config: Path | None, demo: bool, data: Path | None) -> None:
    """Print, as JSON lines, exactly the tagged mentions that WHAT would become, with why each tag was given, and what
    was refused and why; for a page or a list, also the feeds it offers. Stores nothing.

    WHAT is the address of a feed or a page, a file (feed, page, OPML, CSV, JSONL, Parquet, text), or - for text on
    standard input. Exit code 1 where nothing at all could be read.
    """
    import msgspec

    from crawlers import probe
    from enrichment import Enricher
    from stream import Mention

    settings = load_settings(config, demo, data)
    text = sys.stdin.buffer.read().decode("utf-8", "replace") if what == "-" else None
    found = asyncio.run(probe(what, settings=settings.crawler, text=text, local=local))
    enricher = Enricher(settings.brands, settings.enrichment)
    _adopt(enricher, settings)
    tagged = enricher.tag([msgspec.json.encode(item) for item in found.items])
    for result in tagged:
        key = "mention" if isinstance(result, Mention) else "refused"
        _line({key: msgspec.to_builtins(result)})
    if found.feeds:
        _line({"feeds": list(found.feeds)})
    for error in found.errors:
        _line({"error": msgspec.to_builtins(error)})
    kept = sum(isinstance(result, Mention) for result in tagged)
    click.echo(
        f"{kept} mentions, {len(tagged) - kept} refused, {len(found.errors)} errors; nothing was stored", err=True
    )
    offers = found.kind == "page" and found.feeds
    if not found.items and found.errors and not offers:
        sys.exit(1)


def _adopt(enricher: Enricher, settings: RonzioSettings) -> None:
    """Lets it tag with what was taught and switched on, as the workers do; where there is no store yet, nothing was."""
    from enrichment import Models
    from index import StoreUnavailable

    if isinstance(settings.index_place, Path) and not settings.index_place.exists():
        return
    try:
        with opened_index(settings) as index:
            enricher.adopt(Models(index.records).switched())
    except StoreUnavailable as error:
        click.echo(f"what was taught is left out: {error}", err=True)


def _line(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
