"""What the pages work on: set once by the server before the first page is drawn, read by every page.

Streamlit runs the page's script anew for each visitor, in this process: module state is shared, and is read-only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dashboard.settings import DashboardSettings
from index import ElasticSettings, Index, open_index
from stream import Brand, KafkaSettings, Log, open_log

if TYPE_CHECKING:
    from enrichment import EnrichmentSettings


class Context(NamedTuple):
    """The installation whose pages these are."""

    data_dir: Path
    log_place: Path | KafkaSettings
    index_place: Path | ElasticSettings
    brands: tuple[Brand, ...]
    settings: DashboardSettings
    languages: tuple[str, ...]  # that the tagging tells apart; () = its default
    tagging: EnrichmentSettings | None  # how mentions are tagged; None = its default


_current: Context | None = None
_index: Index | None = None
_lock = threading.Lock()
_log: Log | None = None
_log_lock = threading.Lock()


def install(
    data_dir: Path,
    brands: Sequence[Brand],
    settings: DashboardSettings,
    *,
    log: Path | KafkaSettings | None = None,
    index: Path | ElasticSettings | None = None,
    languages: tuple[str, ...] = (),
    tagging: EnrichmentSettings | None = None,
) -> None:
    """Called once, before serving; again only by tests. Without `log` or `index` they lie in `data_dir`."""
    global _current
    close()
    places = log or data_dir / "log", index or data_dir / "index"
    _current = Context(data_dir, *places, tuple(brands), settings, languages, tagging)


def current() -> Context:
    """Raises RuntimeError where nothing is installed: a page was started without the server."""
    if _current is None:
        raise RuntimeError('the pages are served by "ronzio dashboard", not by Streamlit alone')
    return _current


def index() -> Index:
    """The store, opened once for the process; reading is safe from any thread."""
    global _index
    with _lock:
        if _index is None:
            _index = open_index(current().index_place)
        return _index


def log() -> Log:
    """The log, for one edit: a log belongs to one thread, so each caller opens and closes its own."""
    return open_log(current().log_place)


@contextmanager
def log_to_read() -> Iterator[Log]:
    """The log, to look at it. Kafka's is opened once and lent to one caller at a time: opening it takes a fifth of a second.
    After an error the next caller opens it anew."""
    global _log
    place = current().log_place
    if isinstance(place, Path):
        with closing(open_log(place)) as log:
            yield log
        return
    with _log_lock:
        try:
            _log = _log or open_log(place)
            yield _log
        except BaseException:
            _close_log()
            raise


def close() -> None:
    """Closes the store, and the log where it was kept open."""
    global _index
    with _lock:
        if _index is not None:
            _index.close()
            _index = None
    with _log_lock:
        _close_log()


def _close_log() -> None:
    global _log
    kept, _log = _log, None
    if kept is not None:
        kept.close()
