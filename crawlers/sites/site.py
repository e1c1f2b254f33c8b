"""A site as a source: each fetch is one process that crawls on where the last one stopped.

State in: the number of the last item the log has. Out: a `Page` with the items after it. What is known of the site is in its
frontier, a file in the data directory; see `crawlers.sites.frontier`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from crawlers.politeness import OWN_DELAY, OWN_HOSTS
from crawlers.settings import CrawlerSettings, SiteSettings
from crawlers.sites.child import Child, ChildDied
from crawlers.sites.frontier import Frontier
from crawlers.sites.job import Job, Outcome
from crawlers.source import AnySourceError, Budget, Coverage, Page, Unreachable
from stream import Item

PAGE_SHARE = 3  # a page may take this part of a fetch's time
GRACE = 20.0  # seconds a fetch may take above its limits before its process is killed: starting, reading the last page

T = TypeVar("T")


class SiteState(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner has. `frontier` tells whose numbers these are."""

    frontier: str = ""
    given: int = 0


class SiteSource:
    """See `crawlers.source.Source`. `data_dir`/sites is where frontiers are."""

    channel = "site"

    def __init__(self, place: SiteSettings, settings: CrawlerSettings, data_dir: Path) -> None:
        self.id, self.name, self.url, self.interval = place.id, place.title, place.url, place.interval
        self._place = place
        self._settings = settings
        self._file = data_dir / "sites" / f"{place.id.partition(':')[2]}.sqlite"
        self._child = Child()

    async def close(self) -> None:
        """Ends a crawl under way. Safe to call twice."""
        await self._child.close()

    async def fetch(self, state: bytes | None, budget: Budget) -> Page:
        """Items of new and changed pages. Never raises for what a site does, nor for what becomes of the crawl's process."""
        before = msgspec.json.decode(state, type=SiteState) if state else SiteState()
        try:
            waiting = await asyncio.to_thread(self._with, lambda frontier: _acknowledge(frontier, before))
            outcome = _NOTHING if waiting >= budget.items else await self._crawl(budget)
            return await asyncio.to_thread(self._with, lambda frontier: _page(frontier, before, outcome, budget))
        except sqlite3.Error as error:
            return _not_measured(state or b"", Unreachable(what=f"{self._file} cannot be used: {error}", url=self.url))

    async def _crawl(self, budget: Budget) -> Outcome:
        job = self._job(budget)
        try:
            return await self._child.run(job, budget.seconds + job.page_seconds + GRACE)
        except ChildDied as error:
            failure = Unreachable(what=f"the process that crawls the site ended too early: {error}", url=self.url)
            return Outcome(ended="stopped", errors=(failure,))

    def _job(self, budget: Budget) -> Job:
        place, settings = self._place, self._settings
        own = place.local and urlsplit(place.url).hostname in OWN_HOSTS
        return Job(
            source=place.id,
            url=place.url,
            start=place.start,
            sitemaps=place.sitemaps,
            frontier=str(self._file.absolute()),
            now=budget.now,
            time_zone=place.time_zone,
            language=place.language,
            local=place.local,
            user_agent=settings.user_agent,
            interval=place.interval,
            delay=min(place.delay, OWN_DELAY) if own else place.delay,
            max_pages=place.max_pages,
            max_bytes=settings.max_bytes,
            page_seconds=min(settings.fetch_seconds, max(1.0, budget.seconds / PAGE_SHARE)),
            seconds=budget.seconds,
            requests=budget.requests,
            items=budget.items,
        )

    def _with(self, work: Callable[[Frontier], T]) -> T:
        frontier = Frontier(self._file)
        try:
            return work(frontier)
        finally:
            frontier.close()


_NOTHING = Outcome(ended="budget")  # there was enough to hand on without asking the site


def _acknowledge(frontier: Frontier, state: SiteState) -> int:
    """Returns how many items are still to be given."""
    frontier.acknowledge(state.given if state.frontier == frontier.identity else 0)
    return frontier.waiting()


def _page(frontier: Frontier, before: SiteState, outcome: Outcome, budget: Budget) -> Page:
    rows = frontier.outbox(budget.items)
    known = before.given if before.frontier == frontier.identity else 0
    state = SiteState(frontier=frontier.identity, given=rows[-1][0] if rows else known)
    rest = frontier.waiting() > len(rows)
    return page_of([item for _, item in rows], msgspec.json.encode(state), outcome, rest, budget.now)


def page_of(items: list[Item], next_state: bytes, outcome: Outcome, rest: bool, now: datetime) -> Page:
    """What to tell the runner. `rest`: more items are waiting. A fetch that was stopped counts as one only if it brought
    something."""
    if outcome.errors and not items and (outcome.ended == "stopped" or not outcome.read):
        return _not_measured(next_state, *outcome.errors)
    pause = datetime.fromtimestamp(outcome.not_before, UTC) if outcome.not_before else None
    return Page(
        items=tuple(items),
        next_state=next_state,
        coverage=coverage_of(outcome, now),
        more=rest or (outcome.ended == "budget" and pause is None),
        not_before=pause,
        errors=outcome.errors,
    )


def coverage_of(outcome: Outcome, now: datetime) -> Coverage:
    """What the crawl speaks for, so far; what it left out is a gap, in words."""
    gaps = []
    if outcome.ended == "cut":
        gaps.append(
            f"only {outcome.read + outcome.failed} pages were visited, as max_pages says; {outcome.left} more wait"
        )
    if outcome.ended == "stopped":
        gaps.append(f"the crawl was broken off, {outcome.left} pages wait: {_told(outcome)}")
    elif outcome.failed:  # in this fetch or an earlier one of the crawl
        failed = f"{outcome.failed} of {outcome.read + outcome.failed} pages could not be read"
        gaps.append(f"{failed}: {_told(outcome)}" if outcome.errors else failed)
    elif outcome.errors:
        gaps.append(_told(outcome))
    if outcome.closed:
        gaps.append(f"robots.txt closes {outcome.closed} pages" if outcome.closed > 1 else "robots.txt closes one page")
    on_the_way = f"the crawl goes on: {outcome.read} pages read, {outcome.left} to come" if outcome.left else ""
    note = "; ".join(gaps) or (on_the_way if outcome.ended == "budget" else "")
    return Coverage(state="gap" if gaps else "covered", until=now, note=note)


def _told(outcome: Outcome) -> str:
    """The first error, and where."""
    error = outcome.errors[0]
    return error.what if not error.url or error.url in error.what else f"{error.what} ({error.url})"


def _not_measured(state: bytes, *errors: AnySourceError) -> Page:
    coverage = Coverage(state="not-measured", note=errors[0].what)
    return Page(items=(), next_state=state, coverage=coverage, errors=errors)
