"""What is on show: mentions as they are searched, each written under the version its entry in the directory has.

Of two writers the one with the newer entry wins, in whatever order they arrive. One that meets a newer version looks the entry
up again and shows what that says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from index.bodies import encode
from index.elastic.client import Client, Operation, Outcome, action
from index.elastic.directory import TRIES, Directory, Entry, Read
from index.elastic.layout import Layout
from index.overlay import overlaid
from index.store import IndexFailure, Refused
from stream import Mention


class Show(NamedTuple):
    """A mention to put on show, or to take off it (`mention` None), under a version."""

    slice: str
    stamp: int
    mention: Mention | None


class Stage:
    """Puts mentions on show and takes them off it."""

    def __init__(self, client: Client, layout: Layout, directory: Directory) -> None:
        self._client = client
        self._layout = layout
        self._directory = directory

    def show(self, shows: Mapping[str, Show]) -> None:
        """Writes mentions as shown under their versions; one that meets a newer version looks the entry up again.
        Raises Refused for documents that do not fit the mapping."""
        refused: dict[str, str] = {}
        left = {id: show for id, show in shows.items() if show.slice}
        for _ in range(TRIES):
            if not left:
                break
            for slice in {show.slice for show in left.values()}:
                self._layout.ensure_slice(slice)
            outcomes = self._client.bulk([self._operation(id, show) for id, show in left.items()])
            stale: list[str] = []
            newer: list[str] = []
            for (id, show), outcome in zip(left.items(), outcomes, strict=True):
                if outcome.status == 409 and show.mention is not None:
                    newer.append(id)
                elif outcome.status == 404 and show.mention is not None:
                    self._layout.forget_slices()
                    stale.append(id)
                elif outcome.status >= 400 and not _harmless(outcome):
                    refused[id] = outcome.reason
            left = self._look_again({id: shows[id] for id in newer}, {id: shows[id] for id in stale})
        if left:
            raise IndexFailure(
                f"{len(left)} mentions are being changed by others all the time, such as {next(iter(left))}"
            )
        if refused:
            self._take_back(list(refused))
            raise Refused(refused)

    def _look_again(self, newer: Mapping[str, Show], stale: Mapping[str, Show]) -> dict[str, Show]:
        """What to show instead, of those that met a newer version and those whose slice was gone."""
        again = {}
        both = {**newer, **stale}
        for id, read in (self._directory.read(list(both)) if both else {}).items():
            entry, mention = read.entry, both[id].mention
            if not entry.live or mention is None:
                continue
            if entry.stamp == both[id].stamp:
                if id in stale:
                    again[id] = both[id]
                continue  # nobody was faster: it is there already, with a story
            if entry.machine is not None:
                again[id] = Show(entry.slice, entry.stamp, overlaid(entry.machine, entry.edits))
            elif entry.digest == mention.digest:
                again[id] = Show(entry.slice, entry.stamp, overlaid(mention, entry.edits))
        return again

    def _operation(self, id: str, show: Show) -> Operation:
        alias = self._layout.write_alias(show.slice)
        options = {"version": show.stamp, "version_type": "external_gte"}
        if show.mention is None:
            return Operation(action("delete", alias, id, **options))
        return Operation(action("index", alias, id, require_alias=True, **options), encode(show.mention))

    def shown(self, slice: str, ids: Sequence[str]) -> dict[str, Mention]:
        """Those of a slice's mentions that are on show, as they are there."""
        if not slice:
            return {}
        asked = self._client.mget(f"/{self._layout.write_alias(slice)}", {"ids": list(ids)})
        found = [document for document in asked if document.get("found")]
        return {document["_id"]: msgspec.convert(document["_source"], Mention) for document in found}

    def take_off(self, ids: Sequence[str], becomes: Callable[[Entry], Entry | None]) -> int:
        """Entries that are no longer live, and off the show with all of them. Answers how many were live."""
        shows: dict[str, Show] = {}
        live: set[str] = set()

        def meets(id: str, read: Read) -> Entry | None:
            entry, after = read.entry, becomes(read.entry)
            if after is not None:
                after = msgspec.structs.replace(after, slice=entry.slice, stamp=self._directory.stamp(entry.stamp))
                live.update([id] if entry.live else [])
            if read.there and not (after or entry).live:
                shows[id] = Show(entry.slice, (after or entry).stamp, None)
            return after

        self._directory.decide(list(dict.fromkeys(ids)), meets)
        self.show(shows)
        return len(live)

    def _take_back(self, ids: Sequence[str]) -> None:
        self.take_off(ids, lambda entry: Entry(edits=entry.edits) if entry.live else None)


def _harmless(outcome: Outcome) -> bool:
    """A delete of what is not there, or of what a newer version has replaced."""
    return outcome.status in (404, 409)
