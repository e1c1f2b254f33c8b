"""Moving house: everything an installation knows goes from one log and store to another, and is compared afterwards.

What goes: mentions with what humans said of them, erasures, books, the small records (sources, incidents, mails), accounts, dead
letters, signatures of the last mentions, and the records that nobody has handled yet. What was fetched and handled stays where it
is, in the old log. Nothing is deleted there.

Every step may be done again, and a file tells how far it came, so a move that was cut off goes on where it was. Records are
the one thing that cannot be appended twice: before each append the file says where the target ends, and a step that was cut off
looks whether anything can be read behind that. (Offsets alone do not tell: on Kafka an append that was cut off takes some.)
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from enrichment import GROUP, STORIES_GROUP
from index import Index, moving
from ronzio import waiting
from ronzio.lease import holders
from stream import EDITS, RAW, SIGNATURES, TOPICS, DeadLetter, Log, Record, utc_now

LEFT: Final = ("lease",)  # of the small records; all other kinds go
GROUPS: Final = {RAW: GROUP, EDITS: GROUP, SIGNATURES: STORIES_GROUP}
PAGE: Final = 1000
PATIENCE: Final = 120.0  # seconds
SIGNATURES_KEPT: Final = 4000  # records of signatures that are taken along, to tell copies of old mentions

Tell = Callable[[str, int, int], None]
"""What is being moved, how many are, how many there are."""


class MoveFailed(Exception):
    """The move cannot begin, or the two sides are not equal after it. The message says why."""


class Installation:
    """A log and a store that belong together."""

    def __init__(self, name: str, log: Log, index: Index) -> None:
        self.name = name
        self.log = log
        self.index = index

    def busy(self) -> str:
        """A process that works on it, here or elsewhere; "" if none does."""
        groups = {"worker": (GROUP, RAW), "stories": (STORIES_GROUP, SIGNATURES)}
        at_work = [process for process, (group, topic) in groups.items() if self.log.members(group, topic)]
        at_work += [f"{lease} on {host}" for lease, host in holders(self.index.records, utc_now()).items()]
        return at_work[0] if at_work else ""

    def is_empty(self) -> bool:
        records = sum(end - first for topic in TOPICS for first, end in self.log.ends(topic).values())
        return not records and not next(moving.entries(self.index), None)


class Memory:
    """How far a move has come, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.said: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def is_of(self, source: Installation, target: Installation) -> bool:
        """Was this move begun before?"""
        return (self.said.get("source"), self.said.get("target")) == (source.name, target.name)

    def begin(self, source: Installation, target: Installation) -> None:
        """What another move had done is forgotten."""
        self.said = {}
        self.say(source=source.name, target=target.name)

    def say(self, **what: Any) -> None:
        self.said |= what
        draft = self._path.with_suffix(".tmp")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(self.said))
        draft.replace(self._path)

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def move(source: Installation, target: Installation, memory: Memory, tell: Tell) -> dict[str, Any]:
    """Moves everything and compares. Returns what was moved, by name. Raises MoveFailed, LogError, IndexFailure.

    Nothing may work on either side meanwhile.
    """
    for side in (source, target):
        if busy := side.busy():
            raise MoveFailed(f"{busy} of {side.name} is running: stop everything first")
    if not memory.is_of(source, target):
        if not target.is_empty():
            raise MoveFailed(f"{target.name} holds an installation already; name another prefix or data_dir")
        memory.begin(source, target)
    _entries(source, target, memory, tell)
    moving.take_authors(target.index, moving.erased_authors(source.index))
    moving.take_books(target.index, source.index.books())
    _small_records(source, target, tell)
    for topic in TOPICS:
        _records(source, target, topic, memory, tell)
        _accounts(source, target, topic)
        _letters(source, target, topic, tell)
    done = compare(source, target)
    memory.forget()
    return done


def _entries(source: Installation, target: Installation, memory: Memory, tell: Tell) -> None:
    total = int(source.index.fresh()["documents"])
    done = int(memory.said.get("mentions", 0))
    for page in moving.entries(source.index, memory.said.get("after", "")):
        moving.take(target.index, page)
        done += sum(kept.mention is not None for kept in page)
        memory.say(after=page[-1].id, mentions=done)
        tell("mentions", done, max(done, total))


def _small_records(source: Installation, target: Installation, tell: Tell) -> None:
    done = 0
    for kind in _kinds(source):
        for stored in source.index.records.scan(kind):
            target.index.records.put(kind, stored.id, stored.body)
            done += 1
            tell("records", done, done)


def _kinds(side: Installation) -> list[str]:
    return [kind for kind in side.index.records.kinds() if kind not in LEFT]


def _records(source: Installation, target: Installation, topic: str, memory: Memory, tell: Tell) -> None:
    """First what is handled and wanted, then the group's offsets behind it, then what is still to handle."""
    group = GROUPS[topic]
    old = _records_of(source.log, topic, _kept_behind(source.log, topic)) if topic == SIGNATURES else iter(())
    _append(target.log, topic, old, memory, f"{topic} handled", tell)
    if f"{topic} offsets" not in memory.said:
        target.log.reset(group, topic, {partition: end for partition, (_, end) in target.log.ends(topic).items()})
        memory.say(**{f"{topic} offsets": True})
    rest = _records_of(source.log, topic, waiting.still_to_handle(source.log, group, topic))
    _append(target.log, topic, rest, memory, f"{topic} waiting", tell)


def _append(log: Log, topic: str, pages: Iterator[list[Record]], memory: Memory, name: str, tell: Tell) -> None:
    done = 0
    for number, page in enumerate(pages):
        done += len(page)
        begun, ends = memory.said.get(name, [0, None])
        if number < begun:
            continue
        cut_off = ends is not None
        if not cut_off:
            ends = {str(partition): end for partition, (_, end) in log.ends(topic).items()}
            memory.say(**{name: [number, ends]})
        if not cut_off or not _behind(log, topic, ends, 1):
            log.append(topic, page)
        _await(log, topic, ends, len(page))
        memory.say(**{name: [number + 1, None]})
        tell(name, done, done)


def _behind(log: Log, topic: str, ends: Mapping[str, int], most: int) -> int:
    """How many records can be read behind these offsets, counted up to `most` in each partition."""
    return sum(len(log.read(topic, int(partition), end, most)) for partition, end in ends.items())


def _await(log: Log, topic: str, ends: Mapping[str, int], count: int) -> None:
    """Until so many can be read, so that the next look at where the target ends is right: Kafka shows what is committed some
    moments later, and an append that was cut off holds readers up until its time is over."""
    deadline = time.monotonic() + PATIENCE
    while _behind(log, topic, ends, count) < count:
        if time.monotonic() > deadline:
            raise MoveFailed(f"{topic}: what was appended cannot be read after {PATIENCE:.0f} s")
        time.sleep(0.2)


def _kept_behind(log: Log, topic: str) -> Mapping[int, tuple[int, int]]:
    """partition -> the last offsets before what is still to handle."""
    committed = log.committed(GROUPS[topic], topic)
    return {
        partition: (max(first, committed.get(partition, first) - SIGNATURES_KEPT), committed.get(partition, first))
        for partition, (first, _) in log.ends(topic).items()
    }


def _records_of(log: Log, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[Record]]:
    for page in waiting.pages(log, topic, spans):
        yield [Record(one.key, one.value) for one in page]


def _accounts(source: Installation, target: Installation, topic: str) -> None:
    there = target.log.accounts(topic)
    for account, total in source.log.accounts(topic).items():
        if total > there.get(account, 0):
            target.log.credit(topic, account, total - there.get(account, 0))


def _letters(source: Installation, target: Installation, topic: str, tell: Tell) -> None:
    letters = list(source.log.dead(topic, limit=1_000_000))[::-1]
    for start in range(0, len(letters), PAGE):
        target.log.bury([_moved(letter) for letter in letters[start : start + PAGE]])
        tell("dead letters", min(start + PAGE, len(letters)), len(letters))


def _moved(letter: DeadLetter) -> DeadLetter:
    """Under a place of its own: in the new log the old place will be another record's."""
    if letter.partition < 0:
        return letter  # never was a record, or has moved before
    return msgspec.structs.replace(letter, partition=-2 - letter.partition)


def compare(source: Installation, target: Installation) -> dict[str, Any]:
    """Counts and checksums of both sides. Raises MoveFailed naming what differs."""
    one, two = _figures(source), _figures(target)
    for name in one | two:
        if one.get(name) != two.get(name):
            raise MoveFailed(
                f"{name}: {source.name} has {one.get(name)}, {target.name} has {two.get(name)}. Did something run meanwhile? "
                "With another prefix or data_dir a move begins anew"
            )
    return one


def _figures(side: Installation) -> dict[str, Any]:
    mentions, entries, digest = moving.checksum(side.index)
    found: dict[str, Any] = {
        "mentions": mentions,
        "entries": entries,
        "checksum": digest,
        "erased authors": len(moving.erased_authors(side.index)),
        "books": msgspec.to_builtins(dict(sorted(side.index.books().items()))),
    }
    for kind in _kinds(side):
        bodies = [stored.id.encode() + b"\0" + stored.body for stored in side.index.records.scan(kind)]
        digest = hashlib.blake2b(b"\0".join(sorted(bodies)), digest_size=8).hexdigest()
        found[f"{kind} records"] = f"{len(bodies)}, checksum {digest}"
    for topic in TOPICS:
        spans = waiting.still_to_handle(side.log, GROUPS[topic], topic)
        values = sorted(one.value for page in waiting.pages(side.log, topic, spans) for one in page)
        digest = hashlib.blake2b(b"\0".join(values), digest_size=8).hexdigest()
        found[f"{topic} still to handle"] = f"{len(values)}, checksum {digest}"
        found[f"{topic} accounts"] = dict(sorted(side.log.accounts(topic).items()))
        found[f"{topic} dead letters"] = len(side.log.dead(topic, limit=1_000_000))
    return found
