"""`ronzio check`: is this configuration going to work?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import is_demo, load_settings, with_settings

if TYPE_CHECKING:
    from crawlers import Probe
    from ronzio.settings import RonzioSettings

_NAMES = {"feed": "a feed", "page": "a page", "opml": "a list of feeds"}


@click.command("check")
@click.option("--offline", is_flag=True, help="Only the file, not its sources.")
@click.option("--mail", "address", metavar="ADDRESS", default=None, help="Send a test mail to ADDRESS.")
@with_settings
def check_command(offline: bool, address: str | None, config: Path | None, demo: bool, data: Path | None) -> None:
    """Check ronzio.toml: unknown keys, sources that do not answer, and with --mail the mail settings.

    Exit code 1 if anything is wrong.
    """
    settings = load_settings(config, demo, data)
    own = [brand for brand in settings.brands if brand.role == "own"]
    rivals = [brand for brand in settings.brands if brand.role == "competitor"]
    counts = (_count(own, "brand"), _count(rivals, "competitor"), _count(settings.crawler.sources, "source"))
    whose = "settings of the demo" if demo or is_demo(config) else "settings"
    click.echo(f"{whose}: good ({', '.join(counts)})")
    if is_demo(config) and not demo:
        click.echo('there is no ronzio.toml in this folder; "ronzio init" writes one', err=True)
    _ambiguous(settings)
    wrong = _engines(settings)
    wrong += 0 if offline else asyncio.run(_sources(settings))
    if not any(brand.alert_to for brand in own) and not settings.mail.to:
        click.echo("mail: nobody gets the alerts: set [mail] to, or a brand's alert_to", err=True)
    if address:
        wrong += _mail(settings, address)
    if wrong:
        sys.exit(1)


def _ambiguous(settings: RonzioSettings) -> None:
    """Offers rules for brands whose bare names mean something else as well."""
    from enrichment import unruled

    for brand in settings.brands:
        if rule := unruled(brand):
            click.echo(
                f'brand "{brand.name}": the name is also {rule.also["en"]}. Instead of the bare keyword this rule tells them '
                f"apart (docs/brands.md; try it with ronzio match):\n\nquery = '''\n{rule.query.strip()}\n'''\n",
                err=True,
            )


def _engines(settings: RonzioSettings) -> int:
    """Loads what judges sentiment where it is a model of the user's. Answers how many cannot be had."""
    from enrichment import EngineError, second_engine, sentiment_engine

    asked = [
        build
        for build, name in (
            (sentiment_engine, settings.enrichment.engine),
            (second_engine, settings.enrichment.second_opinion.engine),
        )
        if name.startswith("hf:")
    ]
    wrong = 0
    for build in asked:
        try:
            click.echo(f"sentiment: {build(settings.enrichment).version} is ready")
        except EngineError as error:
            click.echo(f"sentiment: {error}", err=True)
            wrong += 1
    return wrong


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


async def _sources(settings: RonzioSettings) -> int:
    """Asks every source once, storing nothing. Answers how many did not answer."""
    from crawlers import probe

    wrong = 0
    for source in settings.crawler.sources:
        where = source.url
        if source.kind == "opml" and source.is_file and not Path(where).exists():
            where = str(settings.data_dir.parent / where)  # beside the data, where the crawler looks too
        found = await probe(where, settings=settings.crawler, local=source.local)
        good, words = _verdict(source.kind, found)
        wrong += not good
        click.echo(f"{source.url}: {words}", err=not good)
    return wrong


def _verdict(kind: str, found: Probe) -> tuple[bool, str]:
    """Whether what was found is what the configuration says, in words."""
    if kind == "site":
        return (True, "answers") if found.kind else (False, found.errors[0].what)
    if found.kind in _NAMES and found.kind != kind:
        offers = f"; it offers {', '.join(found.feeds[:5])}" if found.kind == "page" and found.feeds else ""
        return False, f"{_NAMES[found.kind]}, not {_NAMES[kind]}{offers}"
    if found.errors and not found.items:
        return False, found.errors[0].what
    broken = f"; {len(found.errors)} broken: {found.errors[0].what}" if found.errors else ""
    return True, f"{len(found.items)} items{broken}"


def _mail(settings: RonzioSettings, address: str) -> int:
    from alerts import send_test_mail

    try:
        send_test_mail(settings.mail, address)
    except OSError as error:  # smtplib's errors are OSErrors
        click.echo(f"mail: {settings.mail.host}:{settings.mail.port} did not take the test mail: {error}", err=True)
        return 1
    click.echo(f"mail: {settings.mail.host} took a test mail for {address}")
    return 0
