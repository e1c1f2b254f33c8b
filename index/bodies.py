"""Mentions as the JSON that is stored, returned and handed to the searchable view.

One form serves all three: the view reads the fields it knows and ignores the rest, so no second encoding is made. What comes
out is always something the view can take: aware dates between 1970 and 2200, finite numbers, no lone surrogates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from stream import Mention, sort_key

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Mention)
_GREATEST: Final = (1 << 63) - 1


def encode(mention: Mention) -> bytes:
    """The JSON of a mention that `normal` has passed."""
    try:
        return _ENCODER.encode(mention)
    except UnicodeEncodeError:  # lone surrogates, which JSON in UTF-8 cannot hold
        return _ENCODER.encode(_without_surrogates(mention))


def decode(body: bytes) -> Mention:
    """The mention of a stored body."""
    return _DECODER.decode(body)


def normal(mention: Mention) -> Mention:
    """The mention itself, or a copy with what the view could not hold put right.

    An absurd or naive `published_at` gives way to `fetched_at` and `date_origin` says so. Raises ValueError where
    `fetched_at` is absurd: that is a mistake of the program, not of the source.
    """
    changes: dict[str, object] = {}
    if not _sane(mention.fetched_at):
        raise ValueError(f"mention {mention.id}: fetched_at {mention.fetched_at!r} is no aware date from 1970 to 2200")
    if not _sane(mention.published_at):
        moment = mention.fetched_at
        changes |= {"published_at": moment, "date_origin": "fetched", "sort_key": sort_key(moment, mention.id)}
    elif not 0 <= mention.sort_key <= _GREATEST:
        changes["sort_key"] = sort_key(mention.published_at, mention.id)
    if not -1.0 <= mention.score <= 1.0:
        changes["score"] = 0.0 if mention.score != mention.score else max(-1.0, min(1.0, mention.score))
    if not 0.0 <= mention.confidence <= 1.0:
        changes["confidence"] = (
            0.0 if mention.confidence != mention.confidence else max(0.0, min(1.0, mention.confidence))
        )
    if not 0 <= mention.reach <= _GREATEST:
        changes["reach"] = max(0, min(_GREATEST, mention.reach))
    return msgspec.structs.replace(mention, **changes) if changes else mention


def grouped(stories: Mapping[str, str], events: Mapping[str, str] | None) -> dict[str, dict[str, str]]:
    """Mention id -> the fields to set, of what `Index.assign` is told."""
    fields: dict[str, dict[str, str]] = {id: {"story": story} for id, story in stories.items()}
    for id, event in (events or {}).items():
        fields.setdefault(id, {})["event"] = event
    return fields


def kept(mention: Mention, before: Mention) -> Mention:
    """A mention tagged anew, with what is not the tagging's to say: the story and event it was told to belong to."""
    return msgspec.structs.replace(mention, story=before.story, event=before.event)


def _sane(moment: datetime) -> bool:
    return moment.tzinfo is not None and 1970 <= moment.year < 2200


def _without_surrogates(mention: Mention) -> Mention:
    clean = msgspec.to_builtins(mention, builtin_types=(datetime,))
    return msgspec.convert(_cleaned(clean), Mention)


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list | tuple) else value
