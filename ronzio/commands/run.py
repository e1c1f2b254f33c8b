"""`ronzio run`: everything on this machine under one supervisor."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import is_demo, load_settings, with_settings
from ronzio.supervisor import AlreadyRunning, Program, Supervisor, lock

if TYPE_CHECKING:
    from ronzio.settings import RonzioSettings

PROCESSES = ("indexer", "worker", "stories", "crawler", "alerts", "dashboard")
SECOND_OPINION = "second-opinion"  # only with an engine in [enrichment.second_opinion]
DEMO_PROCESSES = ("demo-web", "demo-mailbox")


def programs(config: Path | None, demo: bool, data_dir: Path, *, second_opinion: bool = False) -> list[Program]:
    """What runs, in the order of starting: the demo's own servers first, so that the crawler finds them."""
    where = ("--demo",) if demo else ("--config", str(config or "ronzio.toml"))
    names = (*(DEMO_PROCESSES if demo else ()), *PROCESSES, *((SECOND_OPINION,) if second_opinion else ()))
    return [Program(name, (name, *where, "--data", str(data_dir))) for name in names]


@click.command("run")
@with_settings
def run_command(config: Path | None, demo: bool, data: Path | None) -> None:
    """Start everything: crawler, tagging, search, alerts, mail and the dashboard. Ctrl-C ends it.

    Uses ronzio.toml; without one it runs the built-in demo, which needs no internet.
    """
    demo = demo or is_demo(config)
    settings = load_settings(config, demo, data)
    try:
        held = lock(settings.data_dir)
    except AlreadyRunning as error:
        raise click.ClickException(str(error)) from None
    with held:
        for purpose, host, port in _ports(settings, demo):
            if not _is_free(host, port):
                raise click.ClickException(
                    f"port {port} on {host} is in use, and {purpose} needs it. Is another Ronzio running? "
                    "RONZIO_PORT=8600 ronzio run serves the pages elsewhere."
                )
        second = bool(settings.enrichment.second_opinion.engine)
        what = programs(config, demo, settings.data_dir, second_opinion=second)
        asyncio.run(_run(what, settings.data_dir, settings.dashboard.address, demo))


def _ports(settings: RonzioSettings, demo: bool) -> list[tuple[str, str, int]]:
    """(what for, host, port) of everything that will be served."""
    found = [("the dashboard", settings.dashboard.host, settings.dashboard.port)]
    if demo:
        from ronzio.demo.places import WEB_PORT

        found += [
            ("the demo's web", "127.0.0.1", WEB_PORT),
            ("the demo's mailbox", settings.mail.host, settings.mail.port),
        ]
    return found


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


async def _run(what: list[Program], data_dir: Path, address: str, demo: bool) -> None:
    supervisor = Supervisor(what, data_dir, say=lambda line: click.echo(f"ronzio: {line}", err=True))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)

    async def announce() -> None:
        await _answers(f"{address}/healthz")
        with_demo = " with its demo" if demo else ""
        click.echo(f"Ronzio runs{with_demo}: open {address} (Ctrl-C ends it; data in {data_dir})")

    await supervisor.run(announce)


async def _answers(url: str) -> None:
    """Returns once the page answers."""
    started = time.monotonic()
    hinted = False
    while True:
        try:
            await asyncio.to_thread(_get, url)
        except (urllib.error.URLError, OSError):
            if not hinted and time.monotonic() - started > 30:
                click.echo("ronzio: the dashboard is not up yet; its log is in run/logs/dashboard.log", err=True)
                hinted = True
            await asyncio.sleep(0.2)
        else:
            return


def _get(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=2):
        return
