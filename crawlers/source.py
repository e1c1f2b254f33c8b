"""What every source is: state and budget in; items, next state, coverage and typed errors out.

A source decides nothing about storing: the runner (`crawlers/runner.py`) appends the items to the log, waits for the
acknowledgement, and only then stores `next_state`. So a source may be asked again for what it already gave; identities
make that harmless. A source never raises for what the outside world does: that is an `errors` entry.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from stream import Item


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How much one fetch may cost. A source stops at the first limit it meets and sets `more`."""

    now: datetime
    items: int = 500
    seconds: float = 60.0
    requests: int = 50
    money: float = 0.0  # in the source's cost unit, for paid sources


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What stretch of the source this fetch speaks for. An empty answer with state "covered" means: nothing new."""

    state: Literal["covered", "gap", "not-measured"]
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""  # for the user: why there is a gap


class SourceError(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What went wrong, for the user: `what` with the URL or the entry it concerns. Subclasses are the kinds."""

    what: str
    url: str = ""


class RateLimited(SourceError, frozen=True, kw_only=True, tag=True):
    """The server asks us to wait until `until`; the whole host is left alone until then."""

    until: datetime


class Unreachable(SourceError, frozen=True, kw_only=True, tag=True):
    """No answer, a broken one, or a server error (`status`, 0 = none): tried again with back-off."""

    status: int = 0


class Gone(SourceError, frozen=True, kw_only=True, tag=True):
    """The server says it is gone for good (410): not tried again until the configuration changes."""


class Forbidden(SourceError, frozen=True, kw_only=True, tag=True):
    """Not allowed: an address that is not public, robots.txt, 401 or 403. A human must act."""


class AuthExpired(SourceError, frozen=True, kw_only=True, tag=True):
    """The key or token is no longer accepted. A human must act."""


class TooBig(SourceError, frozen=True, kw_only=True, tag=True):
    """A size or time limit was passed; what came before is kept where that makes sense."""


class BadPayload(SourceError, frozen=True, kw_only=True, tag=True):
    """It cannot be read as what it should be. `raw` is the beginning of it, for the dead letters."""

    raw: str = ""


class CursorTooOld(SourceError, frozen=True, kw_only=True, tag=True):
    """The source no longer reaches back to where we stopped: a gap from `since` on."""

    since: datetime


class Partial(SourceError, frozen=True, kw_only=True, tag=True):
    """Part of it could not be had: an entry without identity, one page of many."""


AnySourceError = (
    RateLimited | Unreachable | Gone | Forbidden | AuthExpired | TooBig | BadPayload | CursorTooOld | Partial
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one fetch brought. `next_state` is the source's own JSON bytes, opaque to the runner; `more` = ask again at
    once; `not_before` = the source's own wish for the next time (None: the configured interval)."""

    items: tuple[Item, ...]
    next_state: bytes
    coverage: Coverage
    more: bool = False
    not_before: datetime | None = None
    errors: tuple[AnySourceError, ...] = ()


@runtime_checkable
class Source(Protocol):
    """One configured place where mentions come from."""

    id: str  # "feed:acme-blog"; the `source` of its items
    name: str  # for the user
    channel: str
    url: str  # "" where there is none
    interval: float  # seconds between fetches

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        """`state` is what the last stored Page said (None the first time)."""
        ...
