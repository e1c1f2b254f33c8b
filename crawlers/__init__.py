"""Where mentions come from: feeds, sites, files. Everything heavy is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crawlers.settings import CrawlerSettings, FeedSettings, OpmlSettings, SiteSettings
from crawlers.source import (
    AnySourceError,
    AuthExpired,
    BadPayload,
    Budget,
    Coverage,
    CursorTooOld,
    Forbidden,
    Gone,
    Page,
    Partial,
    RateLimited,
    Source,
    SourceError,
    TooBig,
    Unreachable,
)

if TYPE_CHECKING:
    from crawlers.build import build_sources
    from crawlers.feeds.opml import write_opml
    from crawlers.files.importer import ImportFailed, import_file
    from crawlers.probing import Probe, probe
    from crawlers.runner import run_crawler

__all__ = [
    "AnySourceError",
    "AuthExpired",
    "BadPayload",
    "Budget",
    "Coverage",
    "CrawlerSettings",
    "CursorTooOld",
    "FeedSettings",
    "Forbidden",
    "Gone",
    "ImportFailed",
    "OpmlSettings",
    "Page",
    "Partial",
    "Probe",
    "RateLimited",
    "SiteSettings",
    "Source",
    "SourceError",
    "TooBig",
    "Unreachable",
    "build_sources",
    "import_file",
    "probe",
    "run_crawler",
    "write_opml",
]

_HOMES = {
    "build_sources": "build",
    "ImportFailed": "files.importer",
    "import_file": "files.importer",
    "write_opml": "feeds.opml",
    "Probe": "probing",
    "probe": "probing",
    "run_crawler": "runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
