"""The alerts process: looks every minute, sends what is due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from alerts.outbox import Outbox
from alerts.settings import AlertSettings, MailSettings
from alerts.watcher import Watcher
from index import Index
from stream import Brand, utc_now

logger = logging.getLogger(__name__)

_STEP = 0.25  # seconds between looks at `stop` and at mails that are due


def run_alerts(
    index: Index,
    brands: Sequence[Brand],
    settings: AlertSettings,
    mail_settings: MailSettings,
    stop: Callable[[], bool],
) -> None:
    """Watches the own brands of `brands` and sends their mails until `stop()`; checks it at least every 0.5 s but for
    one delivery, which may last some `mail_settings.timeout`."""
    watcher = Watcher(index, brands, settings, mail_settings)
    outbox = Outbox(index, mail_settings)
    if not mail_settings.host:
        logger.warning("[mail] host is not set: mails are kept, not sent", extra={"action": "mail-off"})
    watcher.reconcile(utc_now())
    next_look = 0.0
    while not stop():
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + settings.every
            watcher.look(utc_now())
        outbox.send_due(utc_now())
        time.sleep(_STEP)
