"""A proxy before the real Elasticsearch that answers in its place, refuses some items of bulk requests, and cuts connections.

    with Proxy("http://127.0.0.1:9200") as proxy:
        proxy.fault = lambda request: Answer(429, busy("rejected"))  # None: passed on untouched

Used by the tests of faults; what it passes on is the real service's own.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    method: str
    path: str
    body: bytes

    @property
    def is_bulk(self) -> bool:
        return self.path.split("?")[0].endswith("/_bulk")


class Answer(NamedTuple):
    """Given in place of Elasticsearch."""

    status: int
    body: Any


class Refusal(NamedTuple):
    """Of a bulk request these items are not passed on, and answered with `status`."""

    status: int
    items: Sequence[int]


class Cut(NamedTuple):
    """The connection is closed without an answer, after the request was passed on, or before."""

    done: bool


Fault = Callable[[Request], Answer | Refusal | Cut | None]


class Proxy:
    """See the module's text."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self.fault: Fault = lambda request: None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def handle(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("content-length") or 0))
        request = Request(asked.command, asked.path, body)
        fault = self.fault(request)
        if isinstance(fault, Answer):
            self._reply(asked, fault.status, json.dumps(fault.body).encode(), "application/json")
        elif isinstance(fault, Cut):
            if fault.done:
                self._passed_on(asked, body)
            asked.close_connection = True
        elif isinstance(fault, Refusal):
            self._in_part(asked, request, fault)
        else:
            self._reply(asked, *self._passed_on(asked, body))

    def _in_part(self, asked: BaseHTTPRequestHandler, request: Request, fault: Refusal) -> None:
        items = _items(request.body)
        refused = set(fault.items)
        kept = b"".join(lines for number, (_, lines) in enumerate(items) if number not in refused)
        answered: list[Any] = []
        if kept:
            status, found, kind = self._passed_on(asked, kept)
            if status != 200:
                self._reply(asked, status, found, kind)
                return
            answered = json.loads(found)["items"]
        given = iter(answered)
        error = {"type": "es_rejected_execution_exception", "reason": "rejected by the test"}
        merged = [
            {action: {"status": fault.status, "error": error}} if number in refused else next(given)
            for number, (action, _) in enumerate(items)
        ]
        self._reply(asked, 200, json.dumps({"items": merged}).encode(), "application/json")

    def _passed_on(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, str]:
        link = http.client.HTTPConnection(self._target, timeout=60)
        try:
            headers = {
                name: value for name, value in asked.headers.items() if name.lower() in ("accept", "content-type")
            }
            link.request(asked.command, asked.path, body or None, headers)
            answer = link.getresponse()
            return answer.status, answer.read(), answer.headers.get("content-type", "application/json")
        finally:
            link.close()

    def _reply(self, asked: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
        asked.send_response(status)
        asked.send_header("X-Elastic-Product", "Elasticsearch")
        asked.send_header("Content-Type", kind)
        asked.send_header("Content-Length", str(len(body)))
        asked.end_headers()
        if asked.command != "HEAD":
            asked.wfile.write(body)


def busy(kind: str = "es_rejected_execution_exception") -> dict[str, Any]:
    """The body of a 429 or 503."""
    return {"error": {"type": kind, "reason": "busy, says the test", "root_cause": []}, "status": 429}


def _items(body: bytes) -> list[tuple[str, bytes]]:
    """(action, its lines) of each item of a bulk request."""
    lines = iter(body.rstrip(b"\n").split(b"\n"))
    items = []
    for line in lines:
        (action,) = json.loads(line)
        items.append((action, line + b"\n" + (b"" if action == "delete" else next(lines) + b"\n")))
    return items
