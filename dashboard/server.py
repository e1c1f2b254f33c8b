"""Serves the pages on uvicorn: Streamlit's ASGI application behind our headers, our routes beside it.

A sign-in goes into `middleware` below, first in the list: it then stands in front of pages, sockets and exports alike.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import context
from dashboard.exports import export
from dashboard.letters import letter
from dashboard.settings import DashboardSettings
from index import ElasticSettings
from stream import Brand, KafkaSettings

HERE = Path(__file__).parent

_OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.headless": True,
    "server.maxUploadSize": 5,
    "server.disconnectedSessionTTL": 120,
    "logger.level": "warning",
    "theme.baseFontSize": 15,
    "theme.baseRadius": "10px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.showSidebarBorder": True,
    "theme.headingFontSizes": ["1.7rem", "1.2rem", "1.05rem"],
    "theme.metricValueFontSize": "1.7rem",
    "theme.light.primaryColor": "#3f51c5",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f4f5fa",
    "theme.light.textColor": "#16192b",
    "theme.light.borderColor": "#e0e3ec",
    "theme.dark.primaryColor": "#8c9bff",
    "theme.dark.backgroundColor": "#0f1220",
    "theme.dark.secondaryBackgroundColor": "#181c2e",
    "theme.dark.textColor": "#e7e9f2",
    "theme.dark.borderColor": "#2b3047",
}
if TYPE_CHECKING:
    from enrichment import EnrichmentSettings


def serve(
    data_dir: Path,
    brands: Sequence[Brand],
    settings: DashboardSettings,
    stop: Callable[[], bool] = lambda: False,
    *,
    log: Path | KafkaSettings | None = None,
    index: Path | ElasticSettings | None = None,
    languages: tuple[str, ...] = (),
    tagging: EnrichmentSettings | None = None,
) -> None:
    """Serves until `stop()` is true. Raises SystemExit where the port is taken."""
    context.install(data_dir, brands, settings, log=log, index=index, languages=languages, tagging=tagging)
    server = uvicorn.Server(
        uvicorn.Config(
            application(settings), host=settings.host, port=settings.port, log_level="warning", lifespan="on",
            timeout_graceful_shutdown=2, ws_max_size=32 * 2**20,
        )
    )  # fmt: skip
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            if stop():
                server.should_exit = True

    watcher = threading.Thread(target=watch, name="stop-watch", daemon=True)
    watcher.start()
    try:
        server.run()
    finally:
        ended.set()
        watcher.join()
        context.close()


def application(settings: DashboardSettings) -> ASGIApp:
    """The ASGI application: pages at /, /export for analysts, /healthz for whoever watches. One a process."""
    from streamlit import config

    for name, value in {**_OPTIONS, "server.allowedHosts": list(settings.allowed_hosts)}.items():
        config.set_option(name, value)
    return st.App(
        HERE / "main.py",
        routes=[
            Route("/healthz", _health),
            Route("/export/{form}", export),
            Route("/letters/{kind}/{key:path}", letter),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(settings.allowed_hosts), www_redirect=False),
            Middleware(_Headers, policy=content_policy()),
        ],
    )


async def _health(request: Request) -> Response:
    """200 once pages can be drawn."""
    return JSONResponse({"status": "ok"})


def content_policy() -> str:
    """The Content-Security-Policy: nothing from outside, no script but Streamlit's own files and its one inline script,
    which is known by its hash."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    return (
        f"default-src 'self'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "frame-src 'self' blob: data:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'"
    )


class _Headers:
    """Adds the headers that keep a page from loading or running anything foreign; hides Streamlit's own metrics."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = (b"content-security-policy", policy.encode())
        self._added = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/_stcore/metrics"):
            await Response("not here", 404)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *self._added]
                if not any(name == self._policy[0] for name, _value in headers):  # a mail has a stricter one
                    headers.append(self._policy)
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, with_headers)
