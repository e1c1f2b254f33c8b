"""Measures what no process counts: how far behind everything is, how much there is, how much room is left."""

from __future__ import annotations

import itertools
import logging
import shutil
import threading
from typing import TYPE_CHECKING, Final

from index import IndexFailure
from ronzio.context import opened_index, opened_log
from ronzio.metrics import existing
from ronzio.status import GROUP, STORIES_GROUP
from stream import EDITS, RAW, SIGNATURES, TOPICS, LogError, metrics

if TYPE_CHECKING:
    from index import Index
    from ronzio.process import Stop
    from ronzio.settings import RonzioSettings
    from stream import Log

logger = logging.getLogger(__name__)

EVERY: Final = 15.0  # seconds; as often as Prometheus usually asks
DEAD_EVERY: Final = 4  # measurements: they have to be read to be counted
GROUPS: Final = ((GROUP, RAW), (GROUP, EDITS), (STORIES_GROUP, SIGNATURES))
MOST_DEAD: Final = 10_000  # are counted


def measure(log: Log, index: Index, settings: RonzioSettings, *, dead: bool = True) -> None:
    """Sets every gauge once; those of the dead letters only if `dead`."""
    for group, topic in GROUPS:
        metrics.LAG.labels(group, topic).set(sum(log.lag(group, topic).values()))
    for topic in TOPICS if dead else ():
        metrics.DEAD.labels(topic).set(len(log.dead(topic, limit=MOST_DEAD)))
    fresh = index.fresh()
    metrics.DOCUMENTS.set(fresh["documents"])
    metrics.SEARCHABLE.set(fresh["searchable"])
    metrics.BEHIND.set(fresh["behind"])
    disk = shutil.disk_usage(existing(settings.data_dir))
    metrics.DISK_FREE.set(disk.free)
    metrics.DISK_SIZE.set(disk.total)


def start(settings: RonzioSettings, stop: Stop) -> threading.Thread:
    """Measures every few seconds, in a thread of its own, until `stop`; does nothing while metrics are off."""

    def work() -> None:
        while settings.metrics.port and not stop.wait(0):
            try:
                with opened_log(settings) as log, opened_index(settings) as index:
                    for turn in itertools.count():
                        measure(log, index, settings, dead=turn % DEAD_EVERY == 0)
                        if stop.wait(EVERY):
                            return
            except Exception as error:
                # What cannot be measured now must not end the indexer; the next round tries again.
                told = isinstance(error, IndexFailure | LogError)  # says by itself what is wrong
                extra = {"action": "measuring-failed"}
                logger.error("measuring failed, next try in %.0f s: %s", EVERY, error, exc_info=not told, extra=extra)
                stop.wait(EVERY)

    thread = threading.Thread(target=work, name="gauges", daemon=True)
    thread.start()
    return thread
