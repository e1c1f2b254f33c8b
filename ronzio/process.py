"""What every process of Ronzio does around its work: know when to stop, and write its log.

A process stops on SIGTERM, on Ctrl-C, and when its parent is gone: the supervisor holds the other end of the
child's standard input, which the kernel closes also after a kill -9.
"""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

LOG = "RONZIO_LOG"  # "json": JSON lines also on standard error
STDIN_TIED = "RONZIO_SUPERVISED"  # set by the supervisor: standard input ends with it
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One event a line: time, level, logger, action, message, whatever `extra` brought, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def configure_logging(name: str, data_dir: Path, *, json_lines: bool = False) -> None:
    """Writes this process's log to `run/logs/<name>.log` (JSON lines, 5 files of 5 MB) when supervised, else to
    standard error, in plain words or, if `json_lines` or RONZIO_LOG=json, as JSON lines."""
    handler: logging.Handler
    if os.environ.get(STDIN_TIED):
        folder = data_dir / "run" / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(folder / f"{name}.log", maxBytes=5_000_000, backupCount=4)
        handler.setFormatter(JsonLines())
    else:
        handler = logging.StreamHandler()
        if json_lines or os.environ.get(LOG) == "json":
            handler.setFormatter(JsonLines())
        else:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    for noisy in ("scrapy", "trafilatura", "htmldate", "aiohttp.access", "mail.log", "py.warnings"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Stop:
    """True once this process is asked to end. `on_stop` functions are called from the thread that noticed."""

    def __init__(self, within: Stop | None = None) -> None:
        self._within = within  # whoever asks this one, asks that one too
        self._event = threading.Event()
        self._hooks: list[Callable[[], object]] = []
        self.asked_at = time.monotonic()  # work asks all the time: a sign that it goes on

    def __call__(self) -> bool:
        self.asked_at = time.monotonic()
        if self._within is not None:
            self._within.asked_at = self.asked_at
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleeps at most `seconds`; true if asked to end."""
        return self._event.wait(seconds)

    def set(self) -> None:
        self._event.set()
        for hook in self._hooks:
            hook()

    def on_stop(self, hook: Callable[[], object]) -> None:
        self._hooks.append(hook)
        if self():
            hook()

    def as_asyncio(self) -> asyncio.Event:
        """An event of the running loop that is set with this one."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        self.on_stop(lambda: loop.call_soon_threadsafe(event.set))
        return event

    @classmethod
    def from_signals(cls) -> Stop:
        """Listens to SIGTERM and SIGINT, and to the end of standard input where the supervisor holds it."""
        stop = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if os.environ.get(STDIN_TIED):
            threading.Thread(target=_until_parent_ends, args=(stop,), daemon=True, name="parent-watch").start()
        return stop


def _until_parent_ends(stop: Stop, grace: float = 10.0) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        continue
    stop.set()
    # Work that does not end in time must not outlive the supervisor: a second start would find it in the way.
    threading.Event().wait(grace)
    os._exit(75)
