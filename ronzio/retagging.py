"""Looks, beside a worker, whether somebody asked on a page for history to be tagged anew, and does it: in a thread of its own,
in one process only, and never beside `ronzio retag`."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from index import IndexFailure, StoreUnavailable
from ronzio.context import opened_index, opened_log
from ronzio.lease import run_alone
from ronzio.process import Stop
from stream import LogError, LogUnavailable

if TYPE_CHECKING:
    from enrichment import Enricher
    from index import Index
    from ronzio.settings import RonzioSettings

logger = logging.getLogger(__name__)

LOOK: Final = 5.0  # seconds between two looks
RETRY: Final = 30.0  # seconds after which is looked again where a service was away


def start(settings: RonzioSettings, stop: Stop) -> threading.Thread:
    """Until `stop`. A service that is away is asked again later: the wish stays. Where one refuses us, the worker says so."""
    own = Stop()  # looking at the worker's own would pass for a sign that the worker goes on
    stop.on_stop(own.set)

    def run() -> None:
        pause = LOOK
        while not own.wait(pause):
            try:
                with opened_index(settings) as index:
                    _look(settings, index, own)
            except (LogUnavailable, StoreUnavailable) as error:
                extra = {"action": "retag-waits"}
                logger.error("%s; history is tagged anew later, if asked for", error, extra=extra)
                pause = RETRY
            except (LogError, IndexFailure) as error:
                logger.error("%s; history is not tagged anew here", error, extra={"action": "retag-ended"})
                return

    thread = threading.Thread(target=run, name="retagging", daemon=True)
    thread.start()
    return thread


def _look(settings: RonzioSettings, index: Index, stop: Stop) -> None:
    from enrichment import Enricher, Models, fulfil, retag_wish

    def enricher() -> Enricher:
        made = Enricher(settings.brands, settings.enrichment)
        made.adopt(Models(index.records).switched())
        return made

    def work(alone: Stop) -> None:
        with opened_log(settings) as log:
            fulfil(log, index, enricher, alone)

    while not stop():
        wish = retag_wish(index.records)
        if wish is not None and wish.finished_at is None:
            logger.info("history is tagged anew: %s asked for it", wish.by, extra={"action": "retag-asked"})
            run_alone(index.records, "retag", stop, work)
        stop.wait(LOOK)
