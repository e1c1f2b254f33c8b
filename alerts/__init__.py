"""Unusual negative talk: found, kept as one incident, told by mail."""

from alerts.settings import AlertSettings, MailSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from alerts.mailbox import serve_mailbox
    from alerts.service import run_alerts
    from alerts.smtp import send_test_mail

__all__ = ["AlertSettings", "MailSettings", "run_alerts", "send_test_mail", "serve_mailbox"]

_LATE = {"run_alerts": "service", "send_test_mail": "smtp", "serve_mailbox": "mailbox"}


def __getattr__(name: str) -> object:
    """The settings are needed by every command; numpy, jinja2 and the mail server (0.3 s) only by some."""
    if name in _LATE:
        import importlib

        return getattr(importlib.import_module(f"alerts.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
