"""The built-in demo: a local web that keeps publishing, and the configuration that watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ronzio.demo.clock import Clock, ClockFile
from ronzio.demo.config import demo_config

if TYPE_CHECKING:
    from ronzio.demo.scenario import Plan, Post, Scenario
    from ronzio.demo.web import running, serve, serve_web

__all__ = ["Clock", "ClockFile", "Plan", "Post", "Scenario", "demo_config", "running", "serve", "serve_web"]


def __getattr__(name: str) -> Any:
    # the server's libraries take 0.6 s to import: commands that only need the configuration must not pay for them
    if name in ("running", "serve", "serve_web"):
        from ronzio.demo import web

        return getattr(web, name)
    if name in ("Plan", "Post", "Scenario"):
        from ronzio.demo import scenario

        return getattr(scenario, name)
    raise AttributeError(f"module 'ronzio.demo' has no attribute {name!r}")
