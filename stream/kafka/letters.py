"""Dead letters of one topic: a topic of one partition, read from its beginning; the first letter of a record counts.

A replayed letter leaves a mark behind it. Whoever replays does so under one transactional id, which lets one do it at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from stream.kafka.producing import Sent
from stream.kafka.reading import Follower, Reader
from stream.log import DeadLetter

_REPLAYED: Final = "replayed"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DeadLetter).decode
Place = tuple[int, int]  # partition and offset of the record


class Letters:
    """What is known of a topic's dead letters; `look` reads on."""

    def __init__(self, reader: Reader, name: str) -> None:
        self.name = name
        self._follower = Follower(reader, name)
        self._listed: dict[Place, DeadLetter] = {}
        self._ever: set[Place] = set()
        self._offsets: dict[Place, int] = {}  # of the listed ones, in the topic
        self._order: list[tuple[int, datetime | None]] = []  # offset in the topic and when buried; None for a mark

    def look(self) -> dict[Place, DeadLetter]:
        """Those not yet replayed, oldest first."""
        for record in self._follower.more():
            self._take(record)
        return self._listed

    def buried(self, letter: DeadLetter) -> Sent:
        """The record that buries a letter."""
        headers = (
            ("reason", letter.reason.encode()), ("topic", letter.topic.encode()),
            ("partition", str(letter.partition).encode()), ("offset", str(letter.offset).encode()),
            ("consumer", letter.consumer.encode()),
        )  # fmt: skip
        return Sent(self.name, _key(letter), _encode(letter), headers)

    def replayed(self, letter: DeadLetter) -> Sent:
        """The mark of a letter that was replayed."""
        return Sent(self.name, _key(letter), b"{}", ((_REPLAYED, b"1"),))

    def old(self, before: datetime) -> tuple[int, int]:
        """How many letters at the beginning were buried before, and the offset behind them."""
        self.look()
        count, behind = 0, 0
        for offset, at in self._order:
            if at is not None and at >= before:
                break
            count += at is not None
            behind = offset + 1
        return count, behind

    def forget(self, behind: int) -> None:
        """Letters before this offset are deleted."""
        self._order = [entry for entry in self._order if entry[0] >= behind]
        for place in [place for place, letter in self._listed.items() if self._offsets.get(place, behind) < behind]:
            del self._listed[place]

    def _take(self, record: Any) -> None:
        partition, _, offset = record.key.partition(b":")
        place = (int(partition), int(offset))
        if any(name == _REPLAYED for name, _ in record.headers):
            self._listed.pop(place, None)
            self._ever.add(place)
            self._order.append((record.offset, None))
            return
        letter = _decode(record.value)
        if place not in self._ever:
            self._ever.add(place)
            self._listed[place] = letter
            self._offsets[place] = record.offset
            self._order.append((record.offset, letter.at))
        else:
            self._order.append((record.offset, None))


def _key(letter: DeadLetter) -> bytes:
    return b"%d:%d" % (letter.partition, letter.offset)


def newest_first(letters: dict[Place, DeadLetter], limit: int) -> Sequence[DeadLetter]:
    """The last `limit`, the newest in front."""
    return list(letters.values())[::-1][:limit]
