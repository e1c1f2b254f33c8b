"""Stories and events among the mentions seen last. Signatures in, the story and the event of each mention out.

A mention's story is that of the mentions whose text it repeats, wholly, nearly, or in part: named by the first of them. One
that repeats two stories makes them one, so that the order of arrival does not matter. A story's event is that of the nearest
story of the last days, if one is near enough and the event's first story is not far; else it begins one. Where stories become
one, their events do too: an event is always named by its first story, and what was told to be one is never taken apart. The
window is bounded: `size` mentions, then the oldest is forgotten; an event whose first story is forgotten takes no more in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any, Final, NamedTuple

from enrichment.boilerplate import Boilerplate
from enrichment.events import HOURS, LASTS, NEAR, WIDE, Rarity
from enrichment.neighbours import Found, Neighbours
from enrichment.overlap import Overlap, overlap
from enrichment.signatures import NONE, Signature, Sketch, parse, words_of

ALIKE: Final = 0.5  # share of common items from which two texts are one story
SAME_BEGINNING: Final = 0.6  # the same for the beginnings of two longer texts
PART: Final = 0.75  # share of the shorter text's items from which it is part of the longer
PART_ITEMS: Final = 8  # which it must have at least for that
UNSURE: Final = 0.8  # in place of ALIKE, where boilerplate is not known or is nearly all there is
FEWEST: Final = 3  # items without which nothing can be said
PIECES: Final = 16  # of a window, taken in one after another: room is made for a piece before it is looked at


class Group(NamedTuple):
    """Where a mention belongs; ids of the first mention of each."""

    story: str
    event: str


class Stories:
    """The window. Same mentions in the same order give the same groups, in whatever batches, but for the oldest sixteenth of the
    window, which may be forgotten early; not shared between processes."""

    def __init__(self, size: int = 131_072) -> None:
        self._size = size
        self._piece = max(1, size // PIECES)
        self._neighbours = Neighbours(size)
        self._rarity = Rarity()
        self._ids: list[str] = [""] * size
        self._signatures = signatures = [NONE] * size
        # By the list and not by `self`: a window that is dropped must go at once, and cycles are looked for rarely
        self._boilerplate = Boilerplate(lambda number: signatures[number % size].sketch())
        self._groups: list[Group] = [Group("", "")] * size
        self._members: dict[str, list[int]] = {}  # of a story, ascending; a deque of one takes 600 bytes
        self._joined: dict[str, set[str]] = {}  # to an event: its stories but the first
        self._by_id: dict[str, int] = {}
        self._by_exact: dict[bytes, int] = {}
        self._first = self._next = 0  # numbers of the mentions in the window; number n sits in place n % size

    def __len__(self) -> int:
        return len(self._by_id)

    def assign(self, ids: Sequence[str], signatures: Sequence[str]) -> dict[str, Group]:
        """The group of each mention, and of earlier ones whose group has changed by them. One seen before keeps the group it
        had. Takes the new ones in."""
        told: dict[str, Group] = {}
        for start in range(0, len(ids), self._piece):
            piece = slice(start, start + self._piece)
            told |= self._take(ids[piece], signatures[piece], None)
        return told

    def restore(self, mentions: Iterable[Mapping[str, Any]]) -> None:
        """Takes in mentions as stored, oldest first, with the groups they have: the window after a restart."""
        rest = iter(mentions)
        while some := list(islice(rest, self._piece)):
            groups = [Group(one.get("story") or one["id"], one.get("event") or one["id"]) for one in some]
            self._take([one["id"] for one in some], [one.get("signature", "") for one in some], groups)

    def _take(self, ids: Sequence[str], signatures: Sequence[str], known: Sequence[Group] | None) -> dict[str, Group]:
        first: dict[str, int] = {}
        for place, id in enumerate(ids):
            if id not in self._by_id:
                first.setdefault(id, place)
        places = list(first.values())
        told = {id: self._groups[self._by_id[id] % self._size] for id in ids if id in self._by_id}
        read = [parse(signatures[place]) for place in places]
        self._forget(len(places))
        found = self._neighbours.take(read, self._next)
        for place, signature, words, likely in zip(places, read, words_of(read), found, strict=True):
            id = ids[place]
            if known is not None:
                group = self._known(known[place])
            else:
                group, moved = self._told(id, signature, words, likely)
                told |= moved
            told[id] = group
            self._put(id, signature, words, group)
        return told

    def _known(self, group: Group) -> Group:
        """A group as stored. One told in a smaller window may say of the same story what holds no more: the last word holds."""
        if group.story in self._members and self._group(group.story) != group:
            self._moved(group.story, group)
        return group

    def _forget(self, room: int) -> None:
        """Makes room for new mentions."""
        while self._next - self._first + room > self._size:
            number = self._first
            place = number % self._size
            signature, group = self._signatures[place], self._groups[place]
            del self._by_id[self._ids[place]]
            if self._by_exact.get(signature.exact) == number:
                del self._by_exact[signature.exact]
            if group.story == self._ids[place]:
                self._rarity.remove(signature.words())
            members = self._members[group.story]
            del members[0]
            if not members:
                del self._members[group.story]
                self._leave(group)
            self._boilerplate.remove(signature.publisher, number)
            self._first += 1

    def _put(self, id: str, signature: Signature, words: list[int], group: Group) -> None:
        place = self._next % self._size
        self._ids[place], self._signatures[place], self._groups[place] = id, signature, group
        if group.story in self._members:
            self._members[group.story].append(self._next)
        else:
            self._members[group.story] = [self._next]
            if group.story != group.event:
                self._joined.setdefault(group.event, set()).add(group.story)
        self._by_id[id] = self._next
        if signature.exact:
            self._by_exact[signature.exact] = self._next
        if group.story == id:
            self._rarity.add(words)
        if signature.publisher:
            self._boilerplate.add(signature.publisher, self._next, signature.exact)
        self._next += 1

    # -- deciding -----------------------------------------------------------------------------------------------------
    def _told(self, id: str, signature: Signature, words: list[int], found: Found) -> tuple[Group, dict[str, Group]]:
        """The group of a new mention, and the new ones of mentions whose stories it makes one."""
        partners = [self._by_exact[signature.exact]] if signature.exact in self._by_exact else []
        if found.copies:
            sketch = signature.sketch()
            partners += [number for number in found.copies if self._repeats(signature, sketch, number)]
        if not partners:
            return Group(id, self._event(signature, words, found.related) or id), {}
        groups = {self._groups[number % self._size] for number in partners}
        return (groups.pop(), {}) if len(groups) == 1 else self._made_one(groups)

    def _made_one(self, groups: Set[Group]) -> tuple[Group, dict[str, Group]]:
        """Makes one of some stories, and one of their events, each the one that began first: the group they are now, and the
        new group of every mention that changes its own."""
        stories = {group.story for group in groups}
        events = {group.event for group in groups}
        event = min(events, key=lambda event: (self._began(event), event))
        story = min(stories, key=self._began)
        told: dict[str, Group] = {}
        for other in sorted(stories - {story}):
            told |= self._moved(other, Group(story, event))
        for other in sorted({story, *events, *(one for event in events for one in self._joined.get(event, ()))}):
            if other in self._members and self._group(other).event != event:
                told |= self._moved(other, Group(other, event))
        return Group(story, event), told

    def _began(self, story: str) -> int:
        """The number of its first mention in the window; -1, before all of them, if none is left."""
        return self._members[story][0] if story in self._members else -1

    def _group(self, story: str) -> Group:
        return self._groups[self._members[story][0] % self._size]

    def _moved(self, story: str, group: Group) -> dict[str, Group]:
        """Makes a story part of another one, or of another event."""
        self._leave(self._group(story))
        moved = self._members.pop(story)
        for number in moved:
            if self._ids[number % self._size] == story != group.story:
                self._rarity.remove(self._signatures[number % self._size].words())
            self._groups[number % self._size] = group
        self._members[group.story] = sorted([*self._members.get(group.story, ()), *moved])
        if group.story != group.event:
            self._joined.setdefault(group.event, set()).add(group.story)
        return {self._ids[number % self._size]: group for number in moved}

    def _leave(self, group: Group) -> None:
        """A story is no more, or no more of its event."""
        if group.story != group.event:
            joined = self._joined[group.event]
            joined.remove(group.story)
            if not joined:
                del self._joined[group.event]

    def _repeats(self, signature: Signature, sketch: Sketch, number: int) -> bool:
        """Whether two texts are one item."""
        publishers = signature.publisher, self._signatures[number % self._size].publisher
        other = self._signatures[number % self._size].sketch()
        beginnings = overlap(sketch[:1], other[:1])
        if sketch.rest and other.rest:  # one sentence of two long texts may be anybody's quotation
            bare = self._bare(beginnings, *publishers)
            return bare.alike >= SAME_BEGINNING or self._same(overlap(sketch, other), *publishers)
        longer = bool(sketch.rest or other.rest)
        return self._same(beginnings, *publishers) or (longer and self._same(overlap(sketch, other), *publishers))

    def _same(self, whole: Overlap, publisher: int, other: int) -> bool:
        """Whether what two texts have in common makes them one item, each without its publisher's boilerplate."""
        if whole.part < ALIKE:  # boilerplate hides much of what they share, never most
            return False
        bare = self._bare(whole, publisher, other)
        if bare.shorter < FEWEST:
            return whole.alike >= UNSURE
        if publisher == other != 0:
            return bare.alike >= (ALIKE if self._boilerplate.is_known(publisher) else UNSURE)
        return bare.alike >= ALIKE or (bare.part >= PART and bare.shorter >= PART_ITEMS)

    def _bare(self, whole: Overlap, publisher: int, other: int) -> Overlap:
        return whole.without(self._boilerplate.of(publisher), self._boilerplate.of(other))

    def _event(self, signature: Signature, some: Sequence[int], related: Sequence[int]) -> str:
        """The event of the nearest story among those whose event it fits into, "" if there is none."""
        best, event = NEAR, ""
        if not related:
            return event
        words = frozenset(some)
        for number in related:
            place = number % self._size
            other = self._signatures[place]
            if abs(other.hour - signature.hour) <= HOURS:
                near = self._rarity.near(words, frozenset(other.words()))
                if near >= best and self._within(self._groups[place].event, number, signature, words):
                    best, event = near, self._groups[place].event
        return event

    def _within(self, event: str, nearest: int, signature: Signature, words: frozenset[int]) -> bool:
        """Whether an event's first story is near enough for one more to join it: a chain from story to story leads anywhere."""
        if event not in self._members:
            return False
        number = self._members[event][0]
        first = self._signatures[number % self._size]
        if abs(first.hour - signature.hour) > LASTS:
            return False
        return number == nearest or self._rarity.near(words, frozenset(first.words())) >= WIDE
