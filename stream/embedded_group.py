"""Consumer groups on SQLite: who owns which partition under which epoch, and how far each group has come.

One file for all groups. A member asks `settle` between batches: it buries the dead, works out the shares (assignment.py),
gives up what another should have and takes what is free. All of it happens in one transaction, so members never disagree.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stream.assignment import assign
from stream.log import Batch, Fenced, LogError, LogFull
from stream.members import MemberFiles
from stream.sqlite import Connection
from stream.topic_file import open_file, writing

logger = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE member(id TEXT, consumer_group TEXT, topic TEXT, PRIMARY KEY(id, topic)) WITHOUT ROWID;
CREATE TABLE claim(
    consumer_group TEXT, topic TEXT, partition INTEGER, owner TEXT, wanted TEXT,
    epoch INTEGER NOT NULL DEFAULT 0, offset INTEGER NOT NULL DEFAULT 0, forced INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(consumer_group, topic, partition)) WITHOUT ROWID;
"""


class Claim(NamedTuple):
    """An owned partition. `forced`: go on from `offset` whatever the sink says (a replay was asked for)."""

    epoch: int
    offset: int
    forced: bool


class Groups:
    """The file of groups."""

    def __init__(self, directory: Path, lease: float) -> None:
        self.db: Connection = open_file(directory / "groups.db", SCHEMA)
        self.members = MemberFiles(directory / "members", lease)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """partition -> offset to go on from; {} for a group nobody has been in."""
        query = "SELECT partition, offset FROM claim WHERE consumer_group = ? AND topic = ?"
        return dict(self.db.execute(query, (group, topic)))

    def slowest(self, topic: str) -> dict[int, int]:
        """partition -> lowest offset that any group has still to handle."""
        return dict(self.db.execute("SELECT partition, min(offset) FROM claim WHERE topic = ? GROUP BY 1", (topic,)))

    def fastest(self, topic: str) -> dict[int, int]:
        """partition -> highest offset that any group has come to."""
        return dict(self.db.execute("SELECT partition, max(offset) FROM claim WHERE topic = ? GROUP BY 1", (topic,)))

    def commit(self, group: str, member: str, batch: Batch) -> None:
        """Stores where the group goes on. Raises Fenced unless `member` owns the partition under the batch's epoch."""
        with writing(self.db) as db:
            changed = db.execute(
                "UPDATE claim SET offset = ?, forced = 0"
                " WHERE consumer_group = ? AND topic = ? AND partition = ? AND owner = ? AND epoch = ?",
                (batch.next_offset, group, batch.topic, batch.partition, member, batch.epoch),
            ).rowcount
        if not changed:
            raise Fenced(f'{batch.topic} partition {batch.partition}: another member of "{group}" owns it now')

    def skip(self, group: str, member: str, gap: Batch, start: int) -> bool:
        """Steps over numbers that were never given out, if the group has handled everything up to `start`."""
        if self.committed(group, gap.topic).get(gap.partition) != start:
            return False
        try:
            self.commit(group, member, gap)
        except Fenced:
            return False
        return True

    def force(self, group: str, topic: str, partition: int) -> None:
        """The next owners go on from the log's offset until one commits."""
        with writing(self.db) as db:
            key = (group, topic, partition)
            db.execute("UPDATE claim SET forced = 1 WHERE consumer_group = ? AND topic = ? AND partition = ?", key)

    def alive(self, group: str, topic: str) -> int:
        """How many members there is a process behind."""
        rows = self.db.execute(
            "SELECT id FROM member WHERE consumer_group = ? AND topic = ?", (group, topic)
        ).fetchall()
        return sum(self.members.locked(member) for (member,) in rows)

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Sets where the group goes on. Raises LogError while a member lives."""
        with writing(self.db) as db:
            alive = self.alive(group, topic)
            if alive:
                raise LogError(f'group "{group}" has {alive} running members on {topic}: stop them, then set offsets')
            db.executemany(
                "INSERT INTO claim(consumer_group, topic, partition, offset, forced) VALUES(?, ?, ?, ?, 1)"
                " ON CONFLICT DO UPDATE SET offset = excluded.offset, forced = 1",
                [(group, topic, partition, offset) for partition, offset in offsets.items()],
            )

    def close(self) -> None:
        """Closes the file."""
        self.db.close()


class Membership:
    """One member of a group; `topics` is topic -> number of partitions."""

    def __init__(self, groups: Groups, group: str, topics: Mapping[str, int]) -> None:
        self._groups = groups
        self._group = group
        self._topics = topics
        self._file = groups.members.create()
        try:
            self._join()
        except BaseException:
            self._file.close()
            raise

    @property
    def member(self) -> str:
        """This member's name. It changes when it comes back after having been buried."""
        return self._file.member

    def beat(self) -> None:
        """Says that this member is at work."""
        self._file.beat()

    def settle(self) -> dict[tuple[str, int], Claim]:
        """Takes part in the sharing; answers what this member owns now. Raises LogFull."""
        self.beat()
        if not self._registered():
            logger.warning("taken for dead while busy or stopped; joining again", extra={"action": "rejoined"})
            self._file.close()
            self._file = self._groups.members.create()
            self._join()
        dead = {member for member in self._known() if member != self.member and not self._groups.members.alive(member)}
        if dead or any(self._moves(topic) for topic in self._topics):
            with writing(self._groups.db):
                for member in dead:
                    self._bury(member)
                for topic in self._topics:
                    self._share(topic)
        for member in dead:
            self._groups.members.forget(member)
        return self._owned()

    def leave(self) -> None:
        """Gives everything up at once. With no room to write that down, the others find out at their next look."""
        try:
            with writing(self._groups.db):
                self._bury(self.member)
        except LogFull as full:
            logger.warning("left without saying so: %s", full, extra={"action": "left-unsaid"})
        finally:
            self._file.close()

    def _join(self) -> None:
        with writing(self._groups.db) as db:
            for topic, partitions in self._topics.items():
                db.execute("INSERT INTO member VALUES(?, ?, ?)", (self.member, self._group, topic))
                db.executemany(
                    "INSERT OR IGNORE INTO claim(consumer_group, topic, partition) VALUES(?, ?, ?)",
                    [(self._group, topic, partition) for partition in range(partitions)],
                )

    def _registered(self) -> bool:
        query = "SELECT count(*) FROM member WHERE id = ?"
        (rows,) = self._groups.db.execute(query, (self.member,)).fetchone()
        return bool(rows)

    def _known(self) -> list[str]:
        query = "SELECT DISTINCT id FROM member WHERE consumer_group = ?"
        return [member for (member,) in self._groups.db.execute(query, (self._group,))]

    def _bury(self, member: str) -> None:
        self._groups.db.execute("DELETE FROM member WHERE id = ?", (member,))
        self._groups.db.execute(
            "UPDATE claim SET owner = NULL WHERE consumer_group = ? AND owner = ?", (self._group, member)
        )

    def _claims(self, topic: str) -> tuple[dict[int, str | None], dict[int, str | None], dict[int, str]]:
        """partition -> owner, -> wanted owner as stored, -> as it should be among the members registered now."""
        db, key = self._groups.db, (self._group, topic)
        members = [m for (m,) in db.execute("SELECT id FROM member WHERE consumer_group = ? AND topic = ?", key)]
        rows = db.execute(
            "SELECT partition, owner, wanted FROM claim WHERE consumer_group = ? AND topic = ?", key
        ).fetchall()
        owners = {partition: owner for partition, owner, _ in rows}
        stored = {partition: wanted for partition, _, wanted in rows}
        return owners, stored, assign(stored, members) if members else {}

    def _moves(self, topic: str) -> bool:
        """Is there anything to write? Looked at without the lock; `_share` looks again with it."""
        owners, stored, wanted = self._claims(topic)
        mine = [p for p in wanted if wanted[p] == self.member or owners[p] == self.member]
        return stored != wanted or any(owners[p] != wanted[p] and (owners[p] in (None, self.member)) for p in mine)

    def _share(self, topic: str) -> None:
        """Stores the shares, gives up and takes. A new owner always has a higher epoch, also when the file was lost or
        put back from a backup: epochs follow the clock (ms)."""
        db, key = self._groups.db, (self._group, topic)
        where = "WHERE consumer_group = ? AND topic = ? AND partition = ?"
        now = time.time_ns() // 1_000_000
        owners, stored, wanted = self._claims(topic)
        for partition, member in wanted.items():
            place, owner = (*key, partition), owners[partition]
            if stored[partition] != member:
                db.execute(f"UPDATE claim SET wanted = ? {where}", (member, *place))
            if owner == self.member != member:
                db.execute(f"UPDATE claim SET owner = NULL {where}", place)
            elif owner is None and member == self.member:
                query = f"UPDATE claim SET owner = ?, epoch = max(epoch + 1, ?) {where}"
                db.execute(query, (member, now, *place))

    def _owned(self) -> dict[tuple[str, int], Claim]:
        query = "SELECT topic, partition, epoch, offset, forced FROM claim WHERE consumer_group = ? AND owner = ?"
        rows = self._groups.db.execute(query, (self._group, self.member))
        return {(topic, p): Claim(epoch, offset, bool(forced)) for topic, p, epoch, offset, forced in rows}
