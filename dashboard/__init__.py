"""The pages: a Streamlit application, served as an ASGI application so that a sign-in can stand in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.settings import DashboardSettings

if TYPE_CHECKING:
    from dashboard.server import serve

__all__ = ["DashboardSettings", "serve"]


def __getattr__(name: str) -> Any:
    # Streamlit takes 0.4 s to import: commands that only need the settings must not pay for it
    if name == "serve":
        from dashboard.server import serve

        return serve
    raise AttributeError(f"module 'dashboard' has no attribute {name!r}")
