"""Which words of a text a query found: for marking them.

Works on the query body and the text alone, with the analysis of the store, so it marks the same whatever the backend. What is
excluded by a query is not marked.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from fnmatch import translate
from re import Pattern, compile
from typing import Any, Final, NamedTuple

from index.analysis import Word, fold, placed, words
from index.arguments import brief, integer, options_of
from index.store import BadQuery, Json

Span = tuple[int, int]  # offsets in code points

FRAGMENT: Final = 160  # characters
FRAGMENTS: Final = 3
_FIELDS: Final = ("title", "text")


class _Wanted(NamedTuple):
    """What to mark: single words or phrases of several, patterns, and words like another."""

    phrases: list[tuple[list[str], int]]  # words in order and how many others may stand between
    patterns: list[Pattern[str]]
    similar: list[tuple[str, int]]  # word and how many letters may differ


def highlights(text: str, query: Json, field: str = "text") -> list[Span]:
    """The places in `text` (the mention's `field`, "title" or "text") that `query` finds, in order, not overlapping."""
    wanted = _Wanted([], [], [])
    for kind, body in _positive(query):
        _gather(kind, body, field, wanted)
    if not any(wanted):
        return []
    found = placed(text)
    spans = {(word.start, word.end) for word in found if _matches(word.text, wanted)}
    for phrase, slop in wanted.phrases:
        spans |= set(_phrase(found, phrase, slop))
    return sorted(spans)


def highlight(source: Json, query: Json, wish: Any) -> Json:
    """The `highlight` part of a hit, in Elasticsearch's shape; {} where nothing is marked. Raises BadQuery."""
    if not isinstance(wish, dict) or not isinstance(wish.get("fields"), dict):
        raise BadQuery(f'"highlight" wants "fields"; got {brief(wish)}')
    options_of("highlight", wish, "fields", "pre_tags", "post_tags", "fragment_size", "number_of_fragments", "encoder")
    before, after = (str((wish.get(key) or [tag])[0]) for key, tag in (("pre_tags", "<em>"), ("post_tags", "</em>")))
    size = integer("fragment_size", wish.get("fragment_size", FRAGMENT), 10, 100_000)
    most = integer("number_of_fragments", wish.get("number_of_fragments", FRAGMENTS), 0, 100)
    clean = html.escape if wish.get("encoder") == "html" else str
    parts = {}
    for field in wish["fields"]:
        if field not in _FIELDS:
            raise BadQuery(f'"{field}" cannot be highlighted; title and text can')
        text = str(source.get(field, ""))
        spans = highlights(text, query, field)
        if spans:
            parts[field] = [
                _marked(text, piece, spans, before, after, clean) for piece in _fragments(text, spans, size, most)
            ]
    return {"highlight": parts} if parts else {}


def _positive(query: Any) -> Iterator[tuple[str, Json]]:
    """The queries that say what must or may be there."""
    if not isinstance(query, dict):
        return
    for kind, body in query.items():
        if kind == "bool" and isinstance(body, dict):
            for clause in ("must", "filter", "should"):
                inner = body.get(clause, [])
                for each in inner if isinstance(inner, list) else [inner]:
                    yield from _positive(each)
        elif kind == "constant_score" and isinstance(body, dict):
            yield from _positive(body.get("filter"))
        elif isinstance(body, dict):
            yield kind, body


def _gather(kind: str, body: Json, field: str, wanted: _Wanted) -> None:
    if kind == "multi_match":
        if field in [str(each).partition("^")[0] for each in body.get("fields", [])]:
            _words(body, body.get("type") == "phrase", wanted)
        return
    if field not in body:
        return
    inner = body[field]
    inner = inner if isinstance(inner, dict) else {"query": inner, "value": inner}
    if kind in ("match", "match_phrase"):
        _words(inner, kind == "match_phrase", wanted)
    elif kind == "term":
        wanted.phrases.append(([str(inner.get("value"))], 0))
    elif kind == "terms" and isinstance(body[field], list):
        wanted.phrases.extend(([str(value)], 0) for value in body[field])
    elif kind == "prefix":
        wanted.patterns.append(compile(translate(fold(str(inner.get("value"))) + "*")))
    elif kind == "wildcard":
        wanted.patterns.append(compile(translate(fold(str(inner.get("value", inner.get("wildcard")))))))
    elif kind == "fuzzy":
        word = fold(str(inner.get("value")))
        distance = inner.get("fuzziness", "AUTO")
        wanted.similar.append(
            (word, (0 if len(word) < 3 else 1 if len(word) < 6 else 2) if distance == "AUTO" else int(distance))
        )


def _words(body: Json, phrase: bool, wanted: _Wanted) -> None:
    found = words(str(body.get("query", "")))
    if phrase and found:
        wanted.phrases.append((found, int(body.get("slop", 0))))
    else:
        wanted.phrases.extend(([word], 0) for word in found)


def _matches(word: str, wanted: _Wanted) -> bool:
    if any(pattern.match(word) for pattern in wanted.patterns):
        return True
    return any(_distance(word, other, most) <= most for other, most in wanted.similar)


def _phrase(found: list[Word], phrase: list[str], slop: int) -> Iterator[Span]:
    if len(phrase) == 1:
        yield from ((word.start, word.end) for word in found if word.text == phrase[0])
        return
    for first, word in enumerate(found):
        if word.text != phrase[0]:
            continue
        chosen, left = [word], slop
        for wish in phrase[1:]:
            here = first + len(chosen) + slop - left
            step = next(
                (gap for gap in range(left + 1) if here + gap < len(found) and found[here + gap].text == wish), None
            )
            if step is None:
                break
            chosen.append(found[here + step])
            left -= step
        else:
            yield from ((each.start, each.end) for each in chosen)


def _distance(one: str, other: str, most: int) -> int:
    """Optimal string alignment distance, given up above `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, against in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _fragments(text: str, spans: list[Span], size: int, most: int) -> list[Span]:
    """Stretches of about `size` characters around the marks, at most `most`; the whole text for 0."""
    if most == 0 or len(text) <= size:
        return [(0, len(text))]
    pieces: list[Span] = []
    for start, end in spans:
        if pieces and end <= pieces[-1][1]:
            continue
        if len(pieces) == most:
            break
        low = max(pieces[-1][1] if pieces else 0, start - size // 3)
        if low and low != start:
            low = text.find(" ", low, start) + 1 or low
        high = min(len(text), max(end, low + size))
        if high < len(text):
            high = max(end, text.rfind(" ", low, high))
        pieces.append((low, high))
    return pieces


def _marked(text: str, piece: Span, spans: list[Span], before: str, after: str, clean: Any) -> str:
    parts, place = [], piece[0]
    for start, end in spans:
        if piece[0] <= start and end <= piece[1]:
            parts += [clean(text[place:start]), before, clean(text[start:end]), after]
            place = end
    return "".join([*parts, clean(text[place : piece[1]])])
