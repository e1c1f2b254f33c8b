"""The processes that `ronzio run` keeps running; each can also be started by hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ronzio.context import load_settings, opened_index, opened_log, with_settings
from ronzio.lease import run_alone
from ronzio.process import Stop, configure_logging

if TYPE_CHECKING:
    from index import Index
    from ronzio.settings import RonzioSettings
    from stream import Log

logger = logging.getLogger(__name__)

Work = Callable[["RonzioSettings", Stop], None]


def _command(name: str, help_text: str, work: Work) -> click.Command:
    @click.command(name, help=help_text)
    @click.option("--json-logs", is_flag=True, help="JSON lines on standard error, as RONZIO_LOG=json does.")
    @with_settings
    def command(config: Path | None, demo: bool, data: Path | None, json_logs: bool) -> None:
        from index import IndexFailure
        from ronzio.metrics import served
        from stream import LogError

        stop = Stop.from_signals()
        settings = load_settings(config, demo, data)
        configure_logging(name, settings.data_dir, json_lines=json_logs)
        try:
            with served(name, settings, stop):
                work(settings, stop)
        except (IndexFailure, LogError) as error:
            # What it needs is not there, or does not let it in: said once; who keeps it running waits before the next start
            logger.error("%s; the %s ends", error, name, extra={"action": "process-ended"})
            sys.exit(1)

    return command


def _crawl(settings: RonzioSettings, stop: Stop) -> None:
    from crawlers import build_sources, run_crawler

    async def main(log: Log, index: Index, stop: Stop) -> None:
        sources = build_sources(settings.crawler, data_dir=settings.data_dir)
        await run_crawler(sources, log, index.records, settings.crawler, stop.as_asyncio())

    with opened_log(settings) as log, opened_index(settings) as index:
        run_alone(index.records, "crawler", stop, lambda alone: asyncio.run(main(log, index, alone)))


def _work(settings: RonzioSettings, stop: Stop) -> None:
    from enrichment import EngineError, Enricher, run_worker
    from ronzio import retagging

    try:
        enricher = Enricher(settings.brands, settings.enrichment)
    except EngineError as error:
        raise click.ClickException(str(error)) from None
    with opened_log(settings) as log, opened_index(settings) as index:
        history = retagging.start(settings, stop)
        run_worker(log, index, enricher, stop)
        history.join(timeout=5)


def _tell(settings: RonzioSettings, stop: Stop) -> None:
    from enrichment import run_stories

    _let_in(settings)
    with opened_log(settings) as log, opened_index(settings) as index:
        run_stories(log, index, settings.enrichment, stop)


def _ask(settings: RonzioSettings, stop: Stop) -> None:
    from enrichment import EngineError, Enricher, run_second_opinion, second_engine

    second = settings.enrichment.second_opinion
    if not second.engine:
        raise click.ClickException("[enrichment.second_opinion] names no engine")

    def work(alone: Stop) -> None:
        run_second_opinion(log, index, enricher, second, alone)

    try:
        enricher = Enricher(settings.brands, settings.enrichment, second_engine(settings.enrichment))
    except EngineError as error:
        raise click.ClickException(str(error)) from None
    with opened_log(settings) as log, opened_index(settings) as index:
        run_alone(index.records, "second-opinion", stop, work)


def _index(settings: RonzioSettings, stop: Stop) -> None:
    from index import open_upkeep
    from ronzio import gauges, housekeeping

    _let_in(settings)
    tidying = housekeeping.start(settings, stop)
    measuring = gauges.start(settings, stop)
    open_upkeep(settings.index_place).run(stop)
    tidying.join(timeout=5)
    measuring.join(timeout=5)


def _alert(settings: RonzioSettings, stop: Stop) -> None:
    from alerts import run_alerts

    with opened_index(settings) as index:
        brands, alerts, mail = settings.brands, settings.alerts, settings.mail
        run_alone(index.records, "alerts", stop, lambda alone: run_alerts(index, brands, alerts, mail, alone))


def _serve(settings: RonzioSettings, stop: Stop) -> None:
    from dashboard import serve

    _let_in(settings)
    serve(
        settings.data_dir, settings.brands, settings.dashboard, stop, log=settings.log_place, index=settings.index_place,
        languages=settings.enrichment.languages,
        tagging=settings.enrichment,
    )  # fmt: skip


def _let_in(settings: RonzioSettings) -> None:
    """For work that would be told of a refusal late, or only in threads of its own: when there is something to do, or a visitor.
    That a service is away is borne by the work itself. Raises LogError, IndexFailure."""
    from index import StoreUnavailable
    from stream import LogUnavailable

    with contextlib.suppress(LogUnavailable, StoreUnavailable), opened_log(settings), opened_index(settings) as index:
        index.records.version()


def _demo_web(settings: RonzioSettings, stop: Stop) -> None:
    from ronzio.demo import serve_web

    async def main() -> None:
        await serve_web(settings.data_dir, stop.as_asyncio())

    asyncio.run(main())


def _demo_mailbox(settings: RonzioSettings, stop: Stop) -> None:
    from alerts import serve_mailbox

    serve_mailbox(settings.mail.host, settings.mail.port, settings.data_dir / "mailbox", stop)


crawler_command = _command("crawler", "Fetch the sources, for ever.", _crawl)
worker_command = _command("worker", "Tag what was fetched, for ever.", _work)
stories_command = _command("stories", "Tell copies of one text apart from other texts, for ever.", _tell)
second_opinion_command = _command(
    "second-opinion", "Ask a second engine about what matters most or the first one is unsure of, for ever.", _ask
)
indexer_command = _command("indexer", "Make documents searchable, for ever.", _index)
alerts_command = _command("alerts", "Watch for spikes and send mail, for ever.", _alert)
dashboard_command = _command("dashboard", "Serve the pages, for ever.", _serve)
demo_web_command = _command("demo-web", "Serve the demo's local web, for ever.", _demo_web)
demo_mailbox_command = _command("demo-mailbox", "Take the demo's mail, for ever.", _demo_mailbox)
