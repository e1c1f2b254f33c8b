"""What a process shows to whoever watches it: /metrics for Prometheus, /healthz (it lives), /readyz (it can work).

One small server a process, in a thread of its own, on the address of `[metrics]`; off while its port is 0. A port that is
taken is said in the log, and the process goes on without.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

from ronzio.context import opened_index, opened_log
from stream import RAW, metrics

if TYPE_CHECKING:
    from pathlib import Path

    from ronzio.process import Stop
    from ronzio.settings import RonzioSettings

logger = logging.getLogger(__name__)

# Each process serves at [metrics] port plus its place here.
PLACES: Final = ("indexer", "worker", "crawler", "alerts", "dashboard", "stories", "second-opinion")
MEASURING: Final = "indexer"  # it runs ronzio.gauges
ROOM: Final = 200_000_000  # bytes; with less the process is not ready
ASLEEP: Final = 120.0  # seconds without a sign of work
KEPT: Final = 5.0  # seconds an answer of /readyz is used again

Check = Callable[[], str]
"""Answers what is wrong, "" if nothing is; an exception counts as its own text."""

ProcessCollector(registry=metrics.REGISTRY)


class Server:
    """Serves until closed. `checks` are asked by name for /readyz, from the server's own threads."""

    def __init__(
        self,
        host: str,
        port: int,
        checks: Mapping[str, Check],
        *,
        registries: Sequence[CollectorRegistry] = (metrics.REGISTRY,),
        kept: float = KEPT,
    ) -> None:
        self._registries = registries
        self._checks = checks
        self._kept = kept
        self._answer: tuple[float, dict[str, str]] = (float("-inf"), {})
        self._asking = threading.Lock()
        self._server = http.server.ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, b"".join(map(generate_latest, self._registries))
        if path == "/healthz":
            return 200, "text/plain; charset=utf-8", b"ok\n"
        if path == "/readyz":
            found = self.readiness()
            body = json.dumps({"ready": not any(found.values()), "checks": {k: v or "ok" for k, v in found.items()}})
            return (503 if any(found.values()) else 200), "application/json", body.encode() + b"\n"
        return 404, "text/plain; charset=utf-8", b"/metrics, /healthz, /readyz\n"

    def readiness(self) -> dict[str, str]:
        """Check -> what is wrong, "" if nothing."""
        with self._asking:
            at, found = self._answer
            if time.monotonic() - at >= self._kept:
                found = {name: _asked(check) for name, check in self._checks.items()}
                self._answer = time.monotonic(), found
            return found


def _asked(check: Check) -> str:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 whatever is wrong is the answer
        return f"{type(error).__name__}: {error}"


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = server.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A scrape every few seconds is no news."""

    return Handler


@contextlib.contextmanager
def served(process: str, settings: RonzioSettings, stop: Stop) -> Iterator[Server | None]:
    """Serves what `process` counts while the block runs; does nothing while [metrics] port is 0."""
    place = settings.metrics
    if not place.port or process not in PLACES:
        yield None
        return
    metrics.BUILD.labels(process, version("ronzio")).set(1)
    port = place.port + PLACES.index(process)
    registries = (metrics.REGISTRY, metrics.MEASURED) if process == MEASURING else (metrics.REGISTRY,)
    try:
        server = Server(place.host, port, checks(process, settings, stop), registries=registries)
    except OSError as error:
        extra = {"action": "metrics-off"}
        logger.error("metrics are not served at %s:%d: %s", place.host, port, error, extra=extra)
        yield None
        return
    logger.info("metrics at http://%s:%d/metrics", place.host, port, extra={"action": "metrics-on"})
    try:
        yield server
    finally:
        server.close()


def checks(process: str, settings: RonzioSettings, stop: Stop) -> dict[str, Check]:
    """What must be true for `process` to do its work."""

    def store() -> str:
        with opened_index(settings) as index:
            index.records.version()
        return ""

    def log() -> str:
        with opened_log(settings) as opened:
            opened.ends(RAW)
        return ""

    found: dict[str, Check] = {"disk": lambda: _room(settings.data_dir), "store": store}
    if process in ("worker", "stories", "crawler", "second-opinion"):
        found |= {"log": log, "flow": _flow}
    if process in ("worker", "stories", "indexer", "alerts"):
        found["work"] = lambda: _awake(stop)
    return found


def _room(folder: Path) -> str:
    free = shutil.disk_usage(existing(folder)).free
    return "" if free >= ROOM else f"{free // 1_000_000} MB are left in {folder}"


def existing(folder: Path) -> Path:
    """The folder, or what it will be made in: with services elsewhere nothing need be kept here."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _flow() -> str:
    return "work waits for room or for a service" if metrics.REGISTRY.get_sample_value("ronzio_held_up") else ""


def _awake(stop: Stop) -> str:
    idle = time.monotonic() - stop.asked_at
    return "" if idle < ASLEEP else f"no sign of work for {idle:.0f} s"
