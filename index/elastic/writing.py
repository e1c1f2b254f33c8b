"""Writing mentions, edits and erasures: first the directory, under conditions, then the mention as shown.

A new mention costs two bulk items: its entry (`create`, which tells at once whether it is known) and itself. Whatever is known
already goes the slow way: read the entry, decide, change it under its sequence number, try again where somebody was faster.

A batch that was cut off is handed out again under the same position. Entries it made say so (`born`, `born_offset` behind the
position stored): they count as indexed once more, so the books come out as if there had been no cut.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from index.bodies import grouped, kept, normal
from index.elastic.client import FIRST_PAUSE, Client, Operation, action, again
from index.elastic.directory import TRIES, Directory, Entry, Read
from index.elastic.layout import Layout
from index.elastic.positions import Positions
from index.elastic.stage import Show, Stage
from index.overlay import by_humans, checked, overlaid, worth_keeping
from index.people import author_key
from index.store import IndexFailure, Retagged, Tally
from stream import Edit, Mention, Position

logger = logging.getLogger(__name__)

PAGE: Final = 1000


class New(NamedTuple):
    """A mention on its way in."""

    mention: Mention
    author: int | None


class Writer:
    """The writing half of the store. One thread at a time."""

    def __init__(
        self, client: Client, layout: Layout, directory: Directory, stage: Stage, positions: Positions
    ) -> None:
        self._client = client
        self._layout = layout
        self._directory = directory
        self._stage = stage
        self._positions = positions

    # -- mentions -----------------------------------------------------------------------------------------------------
    def write(
        self, mentions: Sequence[Mention], tallies: Mapping[str, Tally] | None, position: Position | None
    ) -> list[str]:
        """See `Index.write`. Raises Fenced, Refused, StoreFull, StoreUnavailable."""
        self._layout.ready()
        ready = [New(mention, author_key(mention.author)) for mention in map(normal, mentions)]
        read = self._positions.before(position)
        assert read is not None
        done = read.progress.counted
        outcomes = [""] * len(ready)
        for number, places in enumerate(_rounds(ready)):
            some = {ready[place].mention.id: ready[place] for place in places}
            # What comes again within the call is a duplicate, whatever was cut off before
            told = self._take(some, position, done if number == 0 or position is None else position.offset)
            for place in places:
                outcomes[place] = told[ready[place].mention.id]
        if self._positions.authors_changed():
            self._erase_late(ready, outcomes)
        counts: Counter[tuple[str, str]] = Counter()
        counts.update((new.mention.source, outcome) for new, outcome in zip(ready, outcomes, strict=True))
        for source, tally in (tallies or {}).items():
            counts.update({(source, what): n for what, n in msgspec.structs.asdict(tally).items() if n})
        if counts or position is not None:
            self._positions.advance(position, read, counts)
        return outcomes

    def _take(self, some: Mapping[str, New], position: Position | None, done: int) -> dict[str, str]:
        """The outcome of each of some mentions with different ids."""
        born = f"{position.topic}/{position.partition}" if position is not None else ""
        offset = position.offset if position is not None else 0
        told: dict[str, str] = {}
        known = {id: new for id, new in some.items() if new.author in self._positions.banned and new.author is not None}
        fresh: dict[str, Entry] = {}
        for id, new in some.items():
            if id not in known:
                fresh[id] = self._entry(new, Entry(born=born, born_offset=offset), self._directory.stamp())
        shows: dict[str, Show] = {}
        finals: dict[str, Mention] = {}
        slices: dict[str, str] = {}
        for id, outcome in (self._directory.create(fresh) if fresh else {}).items():
            if outcome.done:
                told[id] = "indexed"
                shows[id] = Show(fresh[id].slice, fresh[id].stamp, some[id].mention)
            elif outcome.status == 409:
                known[id] = some[id]
            else:
                raise IndexFailure(f"the directory refuses mention {id}: {outcome.reason}")

        def meets(id: str, read: Read) -> Entry | None:
            entry, new = read.entry, some[id]
            mine = bool(born) and entry.born == born and entry.born_offset > done
            slices[id] = entry.slice
            if entry.erased or new.author in self._positions.banned:
                told[id] = "erased"
                gone = Entry(erased=True, slice=entry.slice, stamp=self._directory.stamp(entry.stamp))
                return gone if mine and not entry.erased else None
            if not entry.live:
                told[id] = "indexed"
                kept = Entry(born=born, born_offset=offset, edits=entry.edits)
                return self._entry(new, kept, self._directory.stamp(entry.stamp))
            told[id] = "indexed" if mine else "duplicate"
            if entry.source != new.mention.source:
                return None
            if entry.digest == new.mention.digest:
                # Is it on show? The cut may have come in between. From now on this batch is the one that brought it.
                return msgspec.structs.replace(entry, born_offset=offset) if mine else None
            finals[id] = self._dated_as_before(new.mention, entry)
            return self._entry(New(finals[id], new.author), entry, self._directory.stamp(entry.stamp))

        for id, entry in self._directory.decide(list(known), meets).items():
            mention = _shown(finals.get(id, some[id].mention), entry) if entry.live else None
            shows[id] = Show(entry.slice or slices[id], entry.stamp, mention)
        self._stage.show(shows)
        return told

    def _entry(self, new: New, kept: Entry, stamp: int) -> Entry:
        mention = new.mention
        slice = kept.slice or self._layout.slice_of(mention.sort_key >> 20)
        return msgspec.structs.replace(
            kept,
            live=True, stamp=stamp, slice=slice, source=mention.source, digest=mention.digest, author=new.author,
            at=mention.sort_key, machine=mention if kept.edits else None,
        )  # fmt: skip

    def _dated_as_before(self, mention: Mention, entry: Entry) -> Mention:
        """An update keeps the first `published_at` where its own is only the time of fetching."""
        if mention.date_origin != "fetched":
            return mention
        first = entry.machine or self._stage.shown(entry.slice, [mention.id]).get(mention.id)
        if first is None:
            return mention
        return msgspec.structs.replace(
            mention, published_at=first.published_at, sort_key=first.sort_key, date_origin=first.date_origin
        )

    def _erase_late(self, ready: Sequence[New], outcomes: list[str]) -> None:
        """Authors erased while this batch was written: what went in after their mentions were looked for goes again."""
        late = {
            new.mention.id: place
            for place, new in enumerate(ready)
            if new.author is not None and new.author in self._positions.banned and outcomes[place] != "erased"
        }
        self.erase(list(late))
        for place in late.values():
            outcomes[place] = "erased"

    def assign(self, stories: Mapping[str, str], events: Mapping[str, str] | None) -> None:
        """See `Index.assign`. A mention that humans have changed goes the way of an edit, the others get two fields set."""
        self._layout.ready()
        left = grouped(stories, events)
        for _ in range(TRIES):
            plain = self._assign_changed(left)
            if not plain:
                return
            operations = [
                Operation(
                    action("update", self._layout.write_alias(slice), id, retry_on_conflict=3),
                    msgspec.json.encode({"doc": left[id]}),
                )
                for id, slice in plain.items()
            ]
            outcomes = dict(zip(plain, self._client.bulk(operations), strict=True))
            again = {id for id, outcome in outcomes.items() if outcome.status in (404, 409)}
            if again:
                time.sleep(FIRST_PAUSE)  # being changed, or moved by a rebuild
            # A human may have changed some meanwhile, from what was on show before
            again |= {id for id, read in self._directory.read(list(plain)).items() if read.entry.machine is not None}
            left = {id: left[id] for id in again}
        if left:  # whoever puts them there has them told once more
            told = "%d mentions get no story for now, they are not on show: such as %s"
            logger.warning(told, len(left), next(iter(left)), extra={"action": "not-on-show"})

    def _assign_changed(self, groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Sets the fields of the mentions that humans have changed. Answers id -> slice of the others."""
        plain: dict[str, str] = {}

        def meets(id: str, read: Read) -> Entry | None:
            entry = read.entry
            if not entry.live:
                return None
            if entry.machine is None:
                plain[id] = entry.slice
                return None
            machine = msgspec.structs.replace(entry.machine, **groups[id])
            return msgspec.structs.replace(entry, machine=machine, stamp=self._directory.stamp(entry.stamp))

        for id, entry in self._directory.decide(list(groups), meets).items():
            assert entry.machine is not None
            self._stage.show({id: Show(entry.slice, entry.stamp, overlaid(entry.machine, entry.edits))})
        return plain

    def retag(self, mentions: Sequence[Retagged]) -> int:
        """See `Index.retag`."""
        self._layout.ready()
        ready = {one.mention.id: Retagged(one.digest, normal(one.mention)) for one in mentions}
        machines = self._machines(list(ready))
        finals: dict[str, Mention] = {}
        cut_off: dict[str, Entry] = {}  # by a kill before it was on show

        def meets(id: str, read: Read) -> Entry | None:
            entry, one = read.entry, ready[id]
            first = entry.machine or machines.get(id)
            if not entry.live or first is None or entry.digest not in (one.digest, one.mention.digest):
                return None
            finals[id] = kept(one.mention, first)
            if entry.digest == one.mention.digest:
                cut_off[id] = entry
                return None
            return self._entry(
                New(finals[id], author_key(one.mention.author)), entry, self._directory.stamp(entry.stamp)
            )

        put = self._directory.decide(list(ready), meets)
        shown = {**cut_off, **put}
        self._stage.show({id: Show(entry.slice, entry.stamp, _shown(finals[id], entry)) for id, entry in shown.items()})
        return len(shown)

    # -- humans -------------------------------------------------------------------------------------------------------
    def edit(self, edits: Sequence[Edit], position: Position | None) -> None:
        """See `Index.edit`. Raises BadEdit, Fenced, StoreFull, StoreUnavailable."""
        for edit in edits:
            checked(edit)
        self._layout.ready()
        read = self._positions.before(position)
        for run in _runs(edits):
            if run[0].kind == "erase":
                self.erase([edit.mention for edit in run])
            elif run[0].kind == "erase-author":
                for edit in run:
                    self._erase_author(edit.author)
            else:
                self._lay_over(run)
        if position is not None:
            assert read is not None
            self._positions.advance(position, read, {})

    def _lay_over(self, edits: Sequence[Edit]) -> None:
        by_mention: dict[str, list[Edit]] = {}
        for edit in edits:
            by_mention.setdefault(edit.mention, []).append(edit)
        machines = self._machines(list(by_mention))
        seen_before: dict[str, Entry] = {}
        first: set[str] = set()  # which humans change for the first time

        def meets(id: str, read: Read) -> Entry | None:
            entry = read.entry
            seen = {edit.id for edit in entry.edits}
            more = list({edit.id: edit for edit in by_mention[id] if edit.id not in seen}.values())
            if entry.erased:
                return None
            if not more:
                seen_before[id] = entry  # by somebody who may have been killed before it was on show
                return None
            machine = entry.machine
            if entry.live and machine is None:
                first.add(id)
                machine = machines.get(id)
                if machine is None or machine.digest != entry.digest:  # changed since
                    machine = self._stage.shown(entry.slice, [id]).get(id)
            return msgspec.structs.replace(
                entry,
                edits=worth_keeping(entry.edits + more),
                machine=machine,
                stamp=self._directory.stamp(entry.stamp),
            )

        put = self._directory.decide(list(by_mention), meets)
        put |= self._assigned_meanwhile({id: entry for id, entry in put.items() if id in first})
        shows = {}
        for id, entry in {**put, **seen_before}.items():
            if entry.live and entry.machine is not None:
                shows[id] = Show(entry.slice, entry.stamp, overlaid(entry.machine, entry.edits))
        self._stage.show(shows)

    def _assigned_meanwhile(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """Stories told between the moment a mention was read as it is on show and the moment its entry was put. From then on
        `assign` sees the entry."""
        slices: dict[str, list[str]] = {}
        for id, entry in entries.items():
            if entry.machine is not None:
                slices.setdefault(entry.slice, []).append(id)
        groups = {}
        for slice, ids in slices.items():
            for id, shown in self._stage.shown(slice, ids).items():
                before = entries[id].machine
                if before is not None and (shown.story, shown.event) != (before.story, before.event):
                    groups[id] = {"story": shown.story, "event": shown.event}

        def meets(id: str, read: Read) -> Entry | None:
            entry = read.entry
            if entry.machine is None:
                return None
            machine = msgspec.structs.replace(entry.machine, **groups[id])
            return msgspec.structs.replace(entry, machine=machine, stamp=self._directory.stamp(entry.stamp))

        return self._directory.decide(list(groups), meets)

    def _machines(self, ids: Sequence[str]) -> dict[str, Mention]:
        """The mentions as tagged, of those that no human has changed. Waits for one that somebody is just writing, or that a
        rebuild is just moving: it is in the directory, but not on show yet."""
        found: dict[str, Mention] = {}

        def look() -> bool:
            missing: dict[str, list[str]] = {}
            for id, read in self._directory.read([id for id in ids if id not in found]).items():
                if read.entry.live and read.entry.machine is None:
                    missing.setdefault(read.entry.slice, []).append(id)
            for slice, some in missing.items():
                found.update(self._stage.shown(slice, some))
            return all(id in found for some in missing.values() for id in some)

        if not again(look):
            extra = {"action": "not-on-show"}
            logger.warning(
                "edits of mentions that are in the directory but not on show are kept for later", extra=extra
            )
        return found

    # -- going --------------------------------------------------------------------------------------------------------
    def erase(self, ids: Sequence[str]) -> None:
        """The mentions go with what humans said of them, and are refused from now on. What is erased in the directory is
        taken off the show again: whoever erased it may have been killed in between."""
        self._stage.take_off(ids, lambda entry: None if entry.erased else Entry(erased=True))

    def _erase_author(self, author: str) -> None:
        """All mentions by the author go: the list of erased authors first, so that none comes in behind the search."""
        key = author_key(author)
        if key is None:
            return
        self._positions.erase_author(key)
        while True:
            self._directory.refresh()
            query = {"bool": {"filter": [{"term": {"author": key}}, {"term": {"live": True}}]}}
            hits = self._directory.search({"query": query, "size": PAGE, "_source": False})["hits"]["hits"]
            if not hits:
                return
            self.erase([hit["_id"] for hit in hits])

    def delete(self, ids: Sequence[str]) -> int:
        """See `Index.delete`."""
        self._layout.ready()
        return self._stage.take_off(ids, lambda entry: Entry(edits=by_humans(entry.edits)) if entry.live else None)


def _shown(mention: Mention, entry: Entry) -> Mention:
    return overlaid(mention, entry.edits) if entry.edits else mention


def _rounds(ready: Sequence[New]) -> list[list[int]]:
    """Places of the mentions, so that an id comes once in each round, in order."""
    seen: Counter[str] = Counter()
    rounds: list[list[int]] = []
    for place, new in enumerate(ready):
        nth = seen[new.mention.id]
        seen[new.mention.id] += 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(place)
    return rounds


def _runs(edits: Sequence[Edit]) -> list[list[Edit]]:
    """Edits of one kind that follow each other: erasures and changes keep their order."""
    runs: list[list[Edit]] = []
    for edit in edits:
        if not runs or runs[-1][0].kind != edit.kind:
            runs.append([])
        runs[-1].append(edit)
    return runs
