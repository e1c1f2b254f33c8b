"""Dead letters of one topic: a table in the topic's own file, so that a replay (append, take off the list) is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

import msgspec

from stream.log import DeadLetter, Record
from stream.topic_file import TopicFile, milliseconds, told_of, writing

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DeadLetter).decode


def bury(file: TopicFile, letters: Sequence[DeadLetter]) -> None:
    """Adds letters; one that was ever buried, also if replayed since, is not added again."""
    with writing(file.db) as db:
        db.executemany(
            "INSERT INTO letter(partition, offset, buried, body) VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(letter.partition, letter.offset, milliseconds(letter.at), _encode(letter)) for letter in letters],
        )


def dead(file: TopicFile, limit: int) -> list[DeadLetter]:
    """Newest first, those not yet replayed."""
    query = "SELECT body FROM letter WHERE body IS NOT NULL ORDER BY seq DESC LIMIT ?"
    with told_of(file.db.path), closing(file.db.execute(query, (limit,))) as rows:
        return [_decode(body) for (body,) in rows]


def replay(file: TopicFile, letters: Sequence[DeadLetter]) -> int:
    """Appends them again under new offsets, once each, and empties their rows. Credits each letter's source."""
    with writing(file.db) as db:
        records: list[Record] = []
        credits: dict[str, int] = {}
        for letter in letters:
            place = (letter.partition, letter.offset)
            where = "WHERE partition = ? AND offset = ? AND body IS NOT NULL"
            if db.execute(f"UPDATE letter SET body = NULL {where}", place).rowcount:
                records.append(Record(letter.key, letter.value))
                if letter.source:
                    credits[letter.source] = credits.get(letter.source, 0) + 1
        file.insert(file.packed(records), credits)
    return len(records)


def drop(file: TopicFile, before: datetime) -> int:
    """Deletes letters buried before `before`, replayed or not. Returns how many."""
    with writing(file.db) as db:
        return int(db.execute("DELETE FROM letter WHERE buried < ?", (milliseconds(before),)).rowcount)
