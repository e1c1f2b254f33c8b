"""What of each place the demo's web shows now: the latest posts, kept up with the scenario."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from ronzio.demo.places import PLACES, TALK, Place
from ronzio.demo.scenario import Post, Scenario

LATEST = 120  # entries of a feed
ARCHIVE_UNTIL = timedelta(minutes=3)  # before the start; younger posts are in the feeds


class Shelf:
    """The latest posts of every place; `advance` before reading."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._latest: dict[str, deque[Post]] = {place.id: deque(maxlen=LATEST) for place in PLACES}
        self._archive: dict[str, list[Post]] = {place.id: [] for place in TALK}
        self._until: datetime | None = None

    def advance(self, now: datetime) -> None:
        """Takes in what came out until `now`. Going back in time changes nothing."""
        if self._until is not None and now <= self._until:
            return
        border = self.scenario.clock.moment(-ARCHIVE_UNTIL.total_seconds())
        for post in self.scenario.posts(self._until, now):
            if not post.story and post.published_at < border:
                self._archive[post.place.id].append(post)
            else:
                self._latest[post.place.id].append(post)
        self._until = now

    def latest(self, place: Place) -> Sequence[Post]:
        """Newest first; the archive's youngest where there is nothing newer."""
        return list(reversed(self._latest[place.id]))

    def archive(self, place: Place) -> Sequence[Post]:
        """The day before the demo's first start, newest first. Never changes."""
        return list(reversed(self._archive.get(place.id, ())))
