"""Unusual negative talk: found, kept as one incident, told by mail."""

from alerts.settings import AlertSettings, MailSettings

__all__ = ["AlertSettings", "MailSettings"]
