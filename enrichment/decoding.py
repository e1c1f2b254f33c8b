"""Items out of bytes: what is whole is decoded fast, what is slightly broken is repaired, the rest says what is wrong."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

import msgspec

from stream import Item

_DECODER = msgspec.json.Decoder(Item)
_ID: Final = re.compile("[0-9a-f]+")  # as `mention_id` makes it: the store's order is made of it


class Unreadable(Exception):
    """The record is no item. `reason` is for users; `id` and `source` are "" where they could not be read."""

    def __init__(self, reason: str, id: str = "", source: str = "") -> None:
        super().__init__(reason)
        self.reason, self.id, self.source = reason, id, source


def decode(value: bytes) -> tuple[Item, bool]:
    """The item, and whether it had to be repaired: halves of characters ("\\ud83d" alone, from texts cut in the middle
    of an emoji) become "?". An absurd `published_at` gives way to `fetched_at`. Raises Unreadable, nothing else."""
    try:
        item, repaired = _DECODER.decode(value), False
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        item, repaired = _repaired(value, str(error)), True
    if not item.id:
        raise Unreadable("the item has no id", source=item.source)
    if _ID.fullmatch(item.id) is None:
        raise Unreadable("the item's id is not made of the digits 0-9 and a-f", item.id, item.source)
    if not _sane(item.fetched_at):
        raise Unreadable(f"fetched_at {item.fetched_at} is no time with a zone from 1970 on", item.id, item.source)
    if not _sane(item.published_at):
        item = msgspec.structs.replace(item, published_at=item.fetched_at, date_origin="fetched")
    return item, repaired


def _repaired(value: bytes, problem: str) -> Item:
    try:
        loose = json.loads(value)
    except (ValueError, RecursionError):
        raise Unreadable(f"not the JSON of an item: {problem}") from None
    clean = _cleaned(loose)
    try:
        return msgspec.convert(clean, Item)
    except (msgspec.ValidationError, RecursionError) as error:
        known: dict[str, Any] = clean if isinstance(clean, dict) else {}
        raise Unreadable(f"not an item: {error}", _text(known, "id"), _text(known, "source")) from None


def _text(known: dict[str, Any], key: str) -> str:
    value = known.get(key)
    return value if isinstance(value, str) else ""


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _sane(moment: datetime) -> bool:
    return moment.tzinfo is not None and 1970 <= moment.year < 2200
