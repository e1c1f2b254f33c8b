"""What humans said, laid over what the machine says.

In: the machine's mention and every edit of it. Out: the mention as it is shown, searched and counted. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import msgspec

from index.store import IndexFailure
from stream import EDITABLE, SENTIMENTS, STATUSES, Edit, Mention, Opinion, Reason, words_digest

LISTS: Final = ("brand", "product", "topic", "department")
JUDGED: Final = ("sentiment", "language", *LISTS)  # what the machine says too
SCORES: Final = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}


class BadEdit(IndexFailure):
    """The edit names a field that humans may not change, or a value that the field cannot have."""

    def __init__(self, edit: Edit, problem: str) -> None:
        super().__init__(f"edit {edit.id} of mention {edit.mention}: {problem}")
        self.edit = edit.id


def checked(edit: Edit) -> dict[str, Any]:
    """The changes of an edit in the mention's own types; none where it is an opinion. Raises BadEdit."""
    if (edit.kind == "opinion") != (edit.opinion is not None):
        raise BadEdit(edit, 'an edit of kind "opinion", and no other, has an opinion')
    if edit.opinion is not None and edit.changes:
        raise BadEdit(edit, "an opinion changes nothing else")
    return {field: _value(edit, field, value) for field, value in edit.changes.items()}


def _value(edit: Edit, field: str, value: str | list[str]) -> Any:
    if field not in EDITABLE:
        raise BadEdit(edit, f'"{field}" cannot be edited; {", ".join(EDITABLE)} can')
    if field in LISTS:
        values = [value] if isinstance(value, str) else value
        return tuple(dict.fromkeys(each for each in values if each))
    if not isinstance(value, str):
        raise BadEdit(edit, f'"{field}" is one value, not a list')
    allowed = {"sentiment": SENTIMENTS, "status": STATUSES}.get(field)
    if allowed is not None and value not in allowed:
        raise BadEdit(edit, f'"{field}" is one of {", ".join(allowed)}, not "{value}"')
    if field == "language" and not value:
        raise BadEdit(edit, '"language" cannot be empty; "und" says that it is unknown')
    return value


def overlaid(mention: Mention, edits: Iterable[Edit]) -> Mention:
    """The mention with all edits applied in the order of their times (then ids): the last word on a field counts. A second
    engine's opinion lies beneath what humans said, whenever it was given."""
    ordered = sorted(edits, key=lambda each: (each.at, each.id))
    mention = _second(mention, [edit.opinion for edit in ordered if edit.opinion is not None])
    changes: dict[str, Any] = {}
    edited: dict[str, str] = {}
    for edit in ordered:
        for field, value in checked(edit).items():
            changes[field] = value
            edited[field] = f"{edit.by}, {edit.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if not edited:
        return mention
    judged = {field: said for field, said in changes.items() if field in JUDGED}
    if judged:
        moment = max(edit.at for edit in ordered if not judged.keys().isdisjoint(edit.changes))
        drawn = any(edit.drawn for edit in ordered)
        changes |= {"checked": (*_checks(mention, judged), *(["drawn"] if drawn else [])), "checked_at": moment}
    if "sentiment" in changes:
        changes |= {"confidence": 1.0, "score": SCORES[changes["sentiment"]], "unsure": False}
    if mention.towards:
        changes["towards"] = _towards(mention, changes.get("brand", mention.brand), changes.get("sentiment"))
    return msgspec.structs.replace(mention, **changes, edited=edited)


def _checks(mention: Mention, said: Mapping[str, Any]) -> Iterator[str]:
    """How the machine's tags stand against what humans said: see `Mention.checked`."""
    for field, value in said.items():
        told = getattr(mention, field)
        if field not in LISTS:
            unsure = field == "sentiment" and mention.unsure
            yield f"{field}:{'unsure' if unsure else 'right' if told == value else 'wrong'}:{told}"
            continue
        yield from (f"{field}:{'right' if one in value else 'wrong'}:{one}" for one in told)
        yield from (f"{field}:missed:{one}" for one in value if one not in told)


def worth_keeping(edits: Iterable[Edit]) -> list[Edit]:
    """All that humans said, and of the opinions the last."""
    found = list(edits)
    opinions = [edit for edit in found if edit.kind == "opinion"]
    last = max(opinions, key=lambda each: (each.at, each.id), default=None)
    return [edit for edit in found if edit.kind != "opinion" or edit is last]


def by_humans(edits: Iterable[Edit]) -> list[Edit]:
    """Without opinions: what stays of a mention that has gone and may come back."""
    return [edit for edit in edits if edit.kind != "opinion"]


def _second(mention: Mention, opinions: Sequence[Opinion]) -> Mention:
    """The mention as the second engine judges it: by its last opinion of the words that the mention has now."""
    if not opinions:
        return mention
    words = words_digest(mention.title, mention.text)
    last = next((opinion for opinion in reversed(opinions) if opinion.words == words), None)
    if last is None:
        return mention
    tags = {f"sentiment:{last.sentiment}", *(f"towards:{one}" for one in last.towards if len(last.towards) > 1)}
    why = [reason for reason in mention.why if not reason.tag.startswith(("sentiment:", "towards:"))]
    why += [Reason(tag=tag, by=last.by, confidence=last.confidence) for tag in sorted(tags)]
    return msgspec.structs.replace(
        mention, sentiment=last.sentiment, score=last.score, confidence=last.confidence, unsure=last.unsure,
        judged_by=last.judged_by, towards=last.towards or mention.towards, why=tuple(why),
    )  # fmt: skip


def _towards(mention: Mention, brands: Sequence[str], said: str | None) -> tuple[str, ...]:
    """What is said towards each brand after a human has said what the whole says.

    With one brand that is the same thing. With several, the labels that were the machine's for the whole follow it, the others
    stay: who corrects a text to positive leaves the brand it damns damned. Brands that are gone take theirs along.
    """
    labels = dict(one.rsplit(":", 1) for one in mention.towards)
    if said is not None:
        if len(brands) == 1:
            return (f"{brands[0]}:{said}",)
        labels = {brand: said if label == mention.sentiment else label for brand, label in labels.items()}
    return tuple(f"{brand}:{label}" for brand, label in labels.items() if brand in brands)
