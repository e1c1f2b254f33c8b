"""Drops what is older than the settings keep: records of the log, mentions of the store. Runs beside the indexer."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from index import IndexFailure
from ronzio.context import opened_index, opened_log
from ronzio.lease import run_alone
from stream import TOPICS, LogError, metrics, utc_now

if TYPE_CHECKING:
    from index import Index
    from ronzio.process import Stop
    from ronzio.settings import RonzioSettings
    from stream import Log

logger = logging.getLogger(__name__)

EVERY = 3600.0


def tidy(log: Log, index: Index, settings: RonzioSettings, now: datetime) -> tuple[int, int]:
    """Drops what is too old. Returns (records dropped from the log, mentions deleted)."""
    records = sum(log.retain(topic, now - timedelta(days=settings.keep_log_days)) for topic in TOPICS)
    mentions = index.retain(now - timedelta(days=settings.keep_mentions_days))
    metrics.RETAINED.labels("records").inc(records)
    metrics.RETAINED.labels("mentions").inc(mentions)
    if records or mentions:
        logger.info("dropped %d records and %d mentions", records, mentions, extra={"action": "retention"})
    return records, mentions


def start(settings: RonzioSettings, stop: Stop) -> threading.Thread:
    """Tidies now and every hour, in a thread of its own, until `stop`; of many processes only one. A failure is logged and
    tried again."""

    def work(alone: Stop) -> None:
        while not alone():
            try:
                with opened_log(settings) as log, opened_index(settings) as index:
                    tidy(log, index, settings, utc_now())
            except Exception as error:
                # A full disk or a locked file must not end the indexer; the next hour tries again.
                metrics.RETENTION_FAILED.inc()
                told = isinstance(error, IndexFailure | LogError)  # says by itself what is wrong
                extra = {"action": "retention-failed"}
                logger.error("retention failed, next try in an hour: %s", error, exc_info=not told, extra=extra)
            alone.wait(EVERY)

    def run() -> None:
        try:
            with opened_index(settings) as index:
                run_alone(index.records, "housekeeping", stop, work)
        except IndexFailure as error:
            logger.error("%s; nobody tidies here: the process ends", error, extra={"action": "process-ended"})
            stop.set()

    thread = threading.Thread(target=run, name="housekeeping", daemon=True)
    thread.start()
    return thread
