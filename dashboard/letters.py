"""Mails as they arrive: /letters/record/<id> for what Ronzio wrote, /letters/box/<key> for what the demo's mailbox got.

Each is served with a policy of its own that forbids scripts, forms and everything from outside, and is shown in a frame.
"""

from __future__ import annotations

import email
import email.policy
import html
import mailbox
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from dashboard import context
from stream import Mail

POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)


class Letter(NamedTuple):
    """A mail in the demo's mailbox."""

    key: str
    subject: str
    sender: str
    to: str
    received_at: datetime | None


def box() -> Path | None:
    """The demo's mailbox, where there is one."""
    path = context.current().data_dir / "mailbox"
    return path if (path / "new").is_dir() else None


def letters(limit: int = 100) -> list[Letter]:
    """What the mailbox holds, newest first. A mail that cannot be read is told by its key."""
    path = box()
    if path is None:
        return []
    found = mailbox.Maildir(str(path), create=False)
    newest = sorted(found.keys(), key=lambda key: float(key.split(".")[0] or 0), reverse=True)[:limit]
    return [_letter(key, _message(found, key)) for key in newest]


def _letter(key: str, message: EmailMessage) -> Letter:
    date = message["date"]
    return Letter(
        key, str(message["subject"] or key), str(message["from"] or ""), str(message["to"] or ""),
        getattr(date, "datetime", None),
    )  # fmt: skip


def _message(found: mailbox.Maildir, key: str) -> EmailMessage:
    return email.message_from_bytes(found.get_bytes(key), policy=email.policy.default)


async def letter(request: Request) -> Response:
    """The mail's HTML, or its text as HTML."""
    kind, key = request.path_params["kind"], request.path_params["key"]
    found = await run_in_threadpool({"record": _record, "box": _boxed}.get(kind, lambda _key: None), key)
    if found is None:
        return PlainTextResponse("there is no such mail", 404)
    return HTMLResponse(found, headers={"content-security-policy": POLICY})


def _record(key: str) -> str | None:
    stored = context.index().records.get("mail", key)
    if stored is None:
        return None
    mail = msgspec.json.decode(stored.body, type=Mail)
    return mail.html or _as_html(mail.text)


def _boxed(key: str) -> str | None:
    path = box()
    if path is None:
        return None
    found = mailbox.Maildir(str(path), create=False)
    if key not in found:
        return None
    body = _message(found, key).get_body(("html", "plain"))
    content = str(body.get_content()) if body else ""
    return content if body and body.get_content_subtype() == "html" else _as_html(content)


def _as_html(text: str) -> str:
    return f"<pre style='white-space:pre-wrap'>{html.escape(text)}</pre>"
