"""The demo's configuration, in the shape of `ronzio.toml`: two own brands, three competitors, the local web, the mailbox."""

from __future__ import annotations

from typing import Any

from ronzio.demo.companies import brand_settings
from ronzio.demo.places import BY_ID, MAIL_PORT, PLACES, TALK, WEB_PORT, Place, base

SITE = BY_ID["gazzetta"]  # read through its feed and crawled as a site as well: the same article is one mention


def demo_config(*, web_port: int = WEB_PORT, mail_port: int = MAIL_PORT) -> dict[str, Any]:
    """What `ronzio.toml` would say; the same on every call on one machine."""
    return {
        "brands": brand_settings(),
        "sources": [
            *(_feed(place, web_port) for place in PLACES),
            *(_archive(place, web_port) for place in TALK),
            _site(SITE, web_port),
        ],
        # these hosts are our own: no need to be as patient as with others
        "crawler": {"host_delay": 0.2},
        # short steps, so that the crisis is told within a minute of its beginning, and its end is seen too
        "alerts": {"every": 5, "bucket_seconds": 10, "grace_seconds": 10, "history_days": 2, "quiet_minutes": 3},
        "mail": {
            "host": "127.0.0.1",
            "port": mail_port,
            "security": "none",
            "from": "Ronzio <ronzio@ronzio.example>",
            "to": ["marketing@ondalba.example"],
        },
        "dashboard": {},
    }


def _feed(place: Place, port: int) -> dict[str, Any]:
    return {
        "kind": "feed",
        "name": place.name,
        "url": base(place, port) + place.feed_path,
        "interval": "5s" if place.weight else "15s",
        **_common(place),
    }


def _archive(place: Place, port: int) -> dict[str, Any]:
    archive = "archivio" if place.language == "it" else "archive"
    return {
        "kind": "feed",
        "name": f"{place.name} ({archive})",
        "url": base(place, port) + place.archive_path,
        "interval": "1h",
        **_common(place),
    }


def _site(place: Place, port: int) -> dict[str, Any]:
    return {
        "kind": "site",
        "name": f"{place.name} (sito)",
        "url": f"{base(place, port)}/{place.id}/",
        "interval": "30s",
        "delay": 0.2,
        **_common(place),
    }


def _common(place: Place) -> dict[str, Any]:
    return {"local": True, "language": place.language, "time_zone": "Europe/Rome"}
