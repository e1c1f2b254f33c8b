"""The application: settings, command line, the supervisor that runs everything on one machine.

For notebooks and scripts: `ronzio.query` and `ronzio.mentions` answer DataFrames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ronzio.client import mentions, query

__version__ = "0.1.0"
__all__ = ["__version__", "mentions", "query"]


def __getattr__(name: str) -> Any:
    # pandas takes 0.4 s to import: the command line must not pay for it
    if name in ("mentions", "query"):
        from ronzio import client

        return getattr(client, name)
    raise AttributeError(f"module 'ronzio' has no attribute {name!r}")
