"""A feed as a source: fetched conditionally, read in a worker, given out entry by entry when new or changed.

State in: the JSON of `FeedState`. Out: a `Page`. An unchanged body is not read again (reading costs 9 ms, fetching less than
one); a body that killed its reader is never read again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec

from crawlers.entry import Origin
from crawlers.feeds.parse import Parsed, bad_payload, parse_feed
from crawlers.fetch import Fetched, Fetcher
from crawlers.pool import Killed, Workers, WorkFailed
from crawlers.settings import CrawlerSettings, FeedSettings
from crawlers.source import AnySourceError, BadPayload, Budget, Coverage, Page, Partial, Unreachable
from stream import Item

UNCONDITIONAL_EVERY = timedelta(days=7)  # some servers answer 304 for ever
MOVES_SEEN = 3  # a permanent redirect is believed when seen this often, over this long
MOVES_OVER = timedelta(hours=48)
REMEMBERED = 1000  # entries that are no longer in the feed


class FeedState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a feed stopped."""

    etag: str = ""
    last_modified: str = ""
    body: str = ""  # hash of the last one read
    poison: str = ""  # hash of one that killed its reader
    unconditional_at: datetime | None = None
    moved_to: str = ""
    moved_seen: int = 0
    moved_first_at: datetime | None = None
    broken: str = ""  # what the user should know of the body last read
    seen: dict[str, str] = {}  # id -> hash of what it said; oldest first


class FeedTools:
    """What all feeds share: the client and the workers."""

    def __init__(self, settings: CrawlerSettings) -> None:
        self.fetcher = Fetcher(settings)
        self.workers = Workers(settings.parsers)
        self.parse_seconds = settings.parse_seconds

    async def close(self) -> None:
        """Safe to call twice."""
        await self.fetcher.close()
        self.workers.close()


class FeedSource:
    """See `crawlers.source.Source`."""

    channel = "feed"

    def __init__(self, settings: FeedSettings, tools: FeedTools) -> None:
        self.id, self.name, self.url, self.interval = settings.id, settings.title, settings.url, settings.interval
        self._settings = settings
        self._tools = tools

    async def close(self) -> None:
        await self._tools.close()

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        """New and changed entries. Never raises for what a server does or says."""
        before = msgspec.json.decode(state, type=FeedState) if state else FeedState()
        got = await self._get(before, budget.now)
        if got.error is not None:
            return _not_measured(before, got.error)
        if got.status == 304:
            return _covered(before, budget.now)
        if _hash(got.body) == before.body:
            return _covered(_read_whole(before, got, budget.now, before.broken), budget.now)
        return await self._read(before, got, budget)

    async def _get(self, state: FeedState, now: datetime) -> Fetched:
        believed = _believed(state)
        stale = state.unconditional_at is None or now - state.unconditional_at >= UNCONDITIONAL_EVERY
        conditions = {} if stale else {"etag": state.etag, "last_modified": state.last_modified}
        local = self._settings.local
        got = await self._tools.fetcher.get(believed or self.url, now=now, local=local, **conditions)
        if believed and got.error is not None:  # the old address may work again
            return await self._tools.fetcher.get(self.url, now=now, local=local)
        return got

    async def _read(self, before: FeedState, got: Fetched, budget: Budget) -> Page:
        body = _hash(got.body)
        if body == before.poison:
            return _not_measured(
                before, Unreachable(what="the feed is still the one that could not be read", url=got.url)
            )
        parsed, poisonous = await self._parse(got, budget.now)
        if not parsed.is_feed:
            state = msgspec.structs.replace(before, poison=body) if poisonous else before
            return _not_measured(state, *parsed.errors)
        fresh = [item for item in parsed.items if before.seen.get(item.id) != content_hash(item)]
        given, more = fresh[: budget.items], len(fresh) > budget.items
        state = _seen(before, parsed.items, given)
        if not more:
            state = _read_whole(state, got, budget.now, _broken(parsed, got.truncated))
        return _covered(state, budget.now, tuple(given), more, parsed.errors)

    async def _parse(self, got: Fetched, now: datetime) -> tuple[Parsed, bool]:
        """What the feed holds, and whether it did its reader harm."""
        origin = Origin(
            source=self.id,
            channel=self.channel,
            url=got.url,
            fetched_at=now,
            time_zone=self._settings.time_zone,
            language=self._settings.language,
        )
        return await parse_safely(self._tools, got, origin)


async def parse_safely(tools: FeedTools, got: Fetched, origin: Origin) -> tuple[Parsed, bool]:
    """`parse_feed` in a worker; True beside it where the body harmed the worker."""
    arguments = (got.body, got.content_type, got.truncated, origin)
    try:
        return await tools.workers.run(parse_feed, *arguments, seconds=tools.parse_seconds), False
    except (Killed, WorkFailed) as error:
        failure = bad_payload(f"the feed cannot be read: {error}", got.body, got.url)
        return Parsed(is_feed=False, errors=(failure,)), True


def content_hash(item: Item) -> str:
    """Changes when the author changed the text."""
    text = "\0".join((item.title, item.text, item.author))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _broken(parsed: Parsed, truncated: bool) -> str:
    """One line on what is wrong with a body that could be read."""
    count = len(parsed.errors)
    more = f"and {count - 1} more" if count > 1 else ""
    some = parsed.errors[0].what + (f" ({more})" if more else "") if count else ""
    cut = "the feed is cut off; its last entry was left out" if truncated else ""
    return "; ".join(filter(None, (some, cut)))


def _read_whole(state: FeedState, got: Fetched, now: datetime, broken: str) -> FeedState:
    """After an answer whose entries are all given. The validators of a cut-off body would make its rest be missed."""
    etag, modified = ("", "") if got.truncated else (got.etag, got.last_modified)
    read = msgspec.structs.replace(
        state, etag=etag, last_modified=modified, body=_hash(got.body), poison="", unconditional_at=now, broken=broken
    )
    return _moved(read, got, now)


def _seen(before: FeedState, there: tuple[Item, ...], given: list[Item]) -> FeedState:
    """All that is in the feed, and the last of those that no longer are. What is still to be given is not seen."""
    current = {item.id for item in there}
    gone = [(key, value) for key, value in before.seen.items() if key not in current][-REMEMBERED:]
    now_given = {item.id: content_hash(item) for item in given}
    stay = {item.id: before.seen[item.id] for item in there if item.id in before.seen}
    return msgspec.structs.replace(before, seen={**dict(gone), **stay, **now_given})


def _moved(state: FeedState, got: Fetched, now: datetime) -> FeedState:
    """Counts how often, and since when, the address leads permanently to the same other one; -1 once believed."""
    if _believed(state):
        return state
    if not got.moved_to:
        return msgspec.structs.replace(state, moved_to="", moved_seen=0, moved_first_at=None)
    if got.moved_to != state.moved_to or state.moved_first_at is None:
        return msgspec.structs.replace(state, moved_to=got.moved_to, moved_seen=1, moved_first_at=now)
    seen = state.moved_seen + 1
    settled = seen >= MOVES_SEEN and now - state.moved_first_at >= MOVES_OVER
    return msgspec.structs.replace(state, moved_seen=-1 if settled else seen)


def _believed(state: FeedState) -> str:
    """The address the feed has moved to for good, "" while that is not sure."""
    return state.moved_to if state.moved_seen == -1 else ""


def _covered(
    state: FeedState,
    now: datetime,
    items: tuple[Item, ...] = (),
    more: bool = False,
    errors: tuple[Partial | BadPayload, ...] = (),
) -> Page:
    moved = f"it has moved to {state.moved_to}" if _believed(state) else ""
    coverage = Coverage(state="covered", until=now, note="; ".join(filter(None, (state.broken, moved))))
    return Page(items=items, next_state=msgspec.json.encode(state), coverage=coverage, more=more, errors=errors)


def _not_measured(state: FeedState, *errors: AnySourceError) -> Page:
    coverage = Coverage(state="not-measured", note=errors[0].what)
    return Page(items=(), next_state=msgspec.json.encode(state), coverage=coverage, errors=errors)
