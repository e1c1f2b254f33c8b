"""Expressions, as users type them, to an Elasticsearch query body: what the stored mentions are asked.

In: `brand:acme AND (ritardo OR "non arriva") -sentimento:positivo data:>now-7d`. Out: the body for `Index.search`. The parser is
`stream.expressions`; docs/query.md tells users about it. Any text gives a body or BadQuery with the column, never another
exception. What the store cannot answer exactly is refused, never answered roughly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from index.analysis import fold, words
from index.dates import milliseconds
from index.fields import FIELDS, TYPED, field_named, value_typed
from index.store import BadQuery, Json
from stream import expressions as ex

EVERYTHING: Final[Json] = {"match_all": {}}
_DAYS: Final = {"oggi": "now/d", "today": "now/d", "ieri": "now-1d/d", "yesterday": "now-1d/d"}
_EUROPEAN: Final = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_NOW: Final = datetime(2000, 1, 1, tzinfo=UTC)  # only to check dates: they are worked out when the query runs
_LOOSEST: Final = 1000  # words of room in a phrase
_PAIRS: Final = 200  # phrases that one NEAR between alternatives may become


def parse_query(text: str) -> Json:
    """The query body of a typed text; everything for "", "*" and "*:*". Words side by side must all be there.

    Raises BadQuery with `column`.
    """
    try:
        return _body(ex.parse(text))
    except ex.ExpressionError as error:
        raise BadQuery(str(error), error.column, error.template, **error.values) from error


def _body(node: ex.Node) -> Json:
    match node:
        case ex.Everything():
            return EVERYTHING
        case ex.Exists():
            return {"exists": {"field": field_named(node.field, node.column)}}
        case ex.Or():
            return _some([_body(part) for part in node.parts])
        case ex.And():
            return _all(node.parts)
        case ex.Not():
            return _all([node])
        case ex.Near():
            return _some(list(_near(node)))
        case ex.Like():
            return _like(node)
        case ex.Span():
            return _span(node)
    return _term(node)


def _all(parts: Sequence[ex.Node]) -> Json:
    wanted = [_body(part) for part in parts if not isinstance(part, ex.Not)]
    unwanted = [_body(part.part) for part in parts if isinstance(part, ex.Not)]
    if len(wanted) == 1 and not unwanted:
        return wanted[0]
    return {"bool": {key: part for key, part in (("must", wanted), ("must_not", unwanted)) if part}}


# -- words ------------------------------------------------------------------------------------------------------------
def _term(term: ex.Term) -> Json:
    field = field_named(term.field, term.field_column) if term.field else None
    if term.exact:
        raise ex.ExpressionError(
            'the stored words have no capitals: leave the "=" out here; "ronzio match" and monitors know it',
            term.column,
        )
    if field is not None and FIELDS[field] not in ("text", "keyword"):
        return _value(term.text, field, term.column)
    if term.pattern:
        return _wildcard(term.text, field, term.column)
    if term.address and field is None:
        found = _phrase(term.text, field, term.column)
        return _some([{"term": {"url": term.text}}, found]) if "://" in term.text else found
    return _phrase(term.text, field, term.column)


def _phrase(text: str, field: str | None, column: int, slop: int = 0) -> Json:
    """Words in their order; one word typed alone is a phrase of one."""
    near = {"slop": min(slop, _LOOSEST)} if slop else {}
    if field is None:
        _has_words(text, column)
        return {"multi_match": {"query": text, "fields": list(TYPED), "type": "phrase", **near}}
    if FIELDS[field] == "text":
        _has_words(text, column)
        return {"match_phrase": {field: {"query": text, **near} if near else text}}
    return _value(text, field, column)


def _has_words(text: str, column: int) -> None:
    if not words(text):
        raise ex.ExpressionError('"{text}" holds no word to search for', column, text=text[:60])


def _value(text: str, field: str, column: int) -> Json:
    """An exact value of a field that is not text."""
    value = value_typed(field, text)
    match FIELDS[field]:
        case "date":
            return {"range": {field: {"gte": _date(value, column), "lte": _date(value, column)}}}
        case "integer" | "number":
            return {"term": {field: _number(value, field, column)}}
        case "boolean" if value.lower() not in ("true", "false"):
            raise ex.ExpressionError('"{field}" is true or false, not "{text}"', column, field=field, text=text[:60])
        case "boolean":
            return {"term": {field: value.lower()}}
    if field == "author":
        return {"term": {field: {"value": value, "case_insensitive": True}}}
    if field == "site":
        return _some([{"term": {field: value}}, {"wildcard": {field: {"value": f"*.{_literal(value)}"}}}])
    return {"term": {field: value}}


def _wildcard(pattern: str, field: str | None, column: int) -> Json:
    if field is None:
        return _some([_wildcard(pattern, each, column) for each in TYPED])
    if FIELDS[field] == "text":
        if any(len(words(part)) > 1 for part in re.split(r"[*?]", pattern)):
            raise ex.ExpressionError("a pattern with * or ? is one word: write the words apart", column)
        return {"wildcard": {field: {"value": fold(pattern)}}}
    either = {"case_insensitive": True} if field == "author" else {}
    return {"wildcard": {field: {"value": value_typed(field, pattern), **either}}}


def _literal(text: str) -> str:
    return re.sub(r"([\\*?])", r"\\\1", text)


def _like(node: ex.Like) -> Json:
    term = node.term
    field = field_named(term.field, term.field_column) if term.field else None
    if term.quoted:
        return _phrase(term.text, field, term.column, node.distance or 0)
    if field is not None and FIELDS[field] not in ("text", "keyword"):
        raise ex.ExpressionError(
            '"~" after a word finds words like it; "{field}" holds other values', term.column, field=field
        )
    if node.distance is not None and node.distance > 2:
        raise ex.ExpressionError("after a word, ~ takes 0, 1 or 2 differing letters", term.column)
    found = words(term.text)
    if len(found) != 1:
        raise ex.ExpressionError(
            "~ finds words like one word; for words near each other write them in quotes", term.column
        )
    value = found[0] if field is None or FIELDS[field] == "text" else term.text
    like = {"value": value, "fuzziness": "AUTO" if node.distance is None else node.distance}
    return _some([{"fuzzy": {each: dict(like)}} for each in ([field] if field else TYPED)])


# -- words near each other --------------------------------------------------------------------------------------------
def _near(node: ex.Near) -> Iterator[Json]:
    """Two words with at most n between them are one of two phrases with n words of room: `a ... b` or `b ... a`.

    That is exact for two single words. A phrase with room lets words swap for two words' room, so in a fixed order only up to
    one word between can be asked for, and between more than two words nothing.
    """
    if node.ordered and node.most > 1:
        raise ex.ExpressionError(
            'the stored mentions know ONEAR up to ONEAR/1: write NEAR/{most}; "ronzio match" and monitors know it',
            node.column, most=node.most,
        )  # fmt: skip
    left, right = _sides(node.left, node.column), _sides(node.right, node.column)
    if len(left) * len(right) > _PAIRS:
        raise ex.ExpressionError(
            "there are too many alternatives on both sides of {operator}", node.column, operator="NEAR"
        )
    for one in left:
        for other in right:
            yield from _pair(one, other, node)


def _pair(one: ex.Term, other: ex.Term, node: ex.Near) -> Iterator[Json]:
    if one.field.lower() != other.field.lower():
        raise ex.ExpressionError("both sides of {operator} stand in the same field", node.column, operator="NEAR")
    field = field_named(one.field, one.field_column) if one.field else None
    if field is not None and FIELDS[field] != "text":
        raise ex.ExpressionError('"{field}" holds no words in an order', one.field_column, field=field)
    first, second = words(one.text)[0], words(other.text)[0]
    if first == second:
        raise ex.ExpressionError("the same word stands on both sides of {operator}", other.column, operator="NEAR")
    yield _phrase(f"{first} {second}", field, one.column, node.most)
    if not node.ordered:
        yield _phrase(f"{second} {first}", field, one.column, node.most)


def _sides(node: ex.Node, column: int) -> list[ex.Term]:
    match node:
        case ex.Or():
            return [term for part in node.parts for term in _sides(part, column)]
        case ex.Term() if not node.pattern and not node.exact and len(words(node.text)) == 1:
            return [node]
        case ex.Term():
            column = node.column
    raise ex.ExpressionError(
        'in the stored mentions single words stand beside NEAR, without * and =; "ronzio match" and monitors know more',
        column,
    )


# -- values -----------------------------------------------------------------------------------------------------------
def _span(node: ex.Span) -> Json:
    field = field_named(node.field, node.field_column)
    if FIELDS[field] not in ("date", "integer", "number"):
        raise ex.ExpressionError(
            '"{field}" holds words; comparisons work on dates and numbers', node.column, field=field
        )
    bounds = {}
    for end, included, without in ((node.low, "gte", "gt"), (node.high, "lte", "lt")):
        if end is not None:
            text, inside = end
            value = _date(text, node.column) if FIELDS[field] == "date" else _number(text, field, node.column)
            bounds[included if inside else without] = value
    return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}


def _date(text: str, column: int) -> str:
    named = _DAYS.get(text.lower(), text)
    european = _EUROPEAN.fullmatch(named)
    if european:
        named = f"{european[3]}-{int(european[2]):02}-{int(european[1]):02}"
    try:
        milliseconds(named, _NOW)
    except BadQuery as error:
        raise BadQuery(str(error), column) from error
    return named


def _number(text: str, field: str, column: int) -> int | float:
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise ex.ExpressionError('"{field}" is a number, not "{text}"', column, field=field, text=text[:60]) from error
    if abs(number) >= 2.0**63 or number != number:
        raise ex.ExpressionError('"{text}" is too large a number', column, text=text[:60])
    return int(number) if number.is_integer() else number


def _some(bodies: Sequence[Json]) -> Json:
    return bodies[0] if len(bodies) == 1 else {"bool": {"should": list(bodies), "minimum_should_match": 1}}
