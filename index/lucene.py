"""Lucene query syntax, as users type it, to an Elasticsearch query body.

In: `brand:acme AND (ritardo OR "non arriva") -sentimento:positivo data:>now-7d`. Out: the body for `Index.search`. The grammar
is luqum's; docs/query.md tells users about it. Any text gives a body or BadQuery with the column, never another exception.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from luqum import tree
from luqum.exceptions import IllegalCharacterError, ParseSyntaxError
from luqum.thread import parse

from index.analysis import fold, words
from index.dates import milliseconds
from index.fields import FIELDS, TYPED, field_named, value_typed
from index.store import BadQuery, Json
from index.typed import Prepared, prepare

EVERYTHING: Final[Json] = {"match_all": {}}
_DAYS: Final = {"oggi": "now/d", "today": "now/d", "ieri": "now-1d/d", "yesterday": "now-1d/d"}
_EUROPEAN: Final = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_AT: Final = re.compile(r"position (\d+)")
_NOW: Final = datetime(2000, 1, 1, tzinfo=UTC)  # only to check dates: they are worked out when the query runs


def parse_query(text: str) -> Json:
    """The query body of a typed text; everything for "", "*" and "*:*". Words side by side must all be there.

    Raises BadQuery with `column`.
    """
    if text.strip() in ("", "*", "*:*"):
        return EVERYTHING
    prepared = prepare(text)
    if not prepared.text.strip():
        raise BadQuery("there is no word to search for", 1)
    try:
        return _Writer(prepared).body(parse(prepared.text), None)
    except (ParseSyntaxError, IllegalCharacterError) as error:
        raise _syntax_error(str(error), prepared) from error
    except RecursionError as error:
        raise BadQuery("the query is nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # "~..", "^1.2.3": luqum hands on what int() and Decimal() say
        raise BadQuery("a number after ~ or ^ cannot be read") from error


def _syntax_error(message: str, prepared: Prepared) -> BadQuery:
    found = _AT.search(message)
    if found is None:
        return BadQuery("the query ends too early: a parenthesis is open, or a word is missing", prepared.columns[-1])
    place = min(int(found[1]), len(prepared.columns) - 1)
    sign = re.match(r"\w+|.?", prepared.text[place:], re.DOTALL)
    return BadQuery(
        f'"{sign[0] if sign else ""}" cannot stand here; put it in quotes if it is meant as text',
        prepared.columns[place],
    )


class _Writer:
    """Writes the body of a parsed query; `field` is the one a group stands under, None for typed words."""

    def __init__(self, prepared: Prepared) -> None:
        self._columns = prepared.columns

    def _column(self, node: Any) -> int:
        return self._columns[min(node.pos or 0, len(self._columns) - 1)]

    def body(self, node: Any, field: str | None) -> Json:
        match node:
            case tree.Group() | tree.FieldGroup():
                return self.body(node.expr, field)
            case tree.SearchField():
                return self._search_field(node, field)
            case tree.OrOperation():
                return _some([self.body(child, field) for child in node.operands])
            case tree.AndOperation() | tree.UnknownOperation():
                return self._all(node.operands, field)
            case tree.Not() | tree.Prohibit() | tree.Plus():
                return self._all([node], field)
            case tree.Boost():
                return self.body(node.expr, field)
            case tree.Fuzzy():
                return self._fuzzy(node, field)
            case tree.Proximity():
                return self._phrase(_unquoted(node.term), field, self._column(node), node.degree)
            case tree.Range() | tree.From() | tree.To():
                return self._range(node, field)
            case tree.Phrase():
                return self._phrase(_unquoted(node), field, self._column(node))
            case tree.Word():
                return self._word(node, field)
        raise BadQuery(f'"{node}" cannot be searched for', self._column(node))

    # -- operators ----------------------------------------------------------------------------------------------------
    def _all(self, nodes: Sequence[Any], field: str | None) -> Json:
        wanted, unwanted = [], []
        for node in nodes:
            while isinstance(node, tree.Plus):
                node = node.a
            if isinstance(node, tree.Not | tree.Prohibit):
                unwanted.append(self.body(node.a, field))
            else:
                wanted.append(self.body(node, field))
        if len(wanted) == 1 and not unwanted:
            return wanted[0]
        return {"bool": {key: part for key, part in (("must", wanted), ("must_not", unwanted)) if part}}

    def _search_field(self, node: Any, outer: str | None) -> Json:
        column = self._column(node)
        if outer is not None:
            raise BadQuery(f'"{node.name}:" stands inside the parentheses of another field', column)
        value = node.expr
        if node.name == "*" and isinstance(value, tree.Word) and value.value == "*":
            return EVERYTHING
        if node.name == "_exists_":
            if not isinstance(value, tree.Word | tree.Phrase):
                raise BadQuery("_exists_: wants the name of a field", column)
            name = _unquoted(value) if isinstance(value, tree.Phrase) else value.unescaped_value
            return {"exists": {"field": field_named(name, column)}}
        return self.body(value, field_named(node.name, column))

    # -- words --------------------------------------------------------------------------------------------------------
    def _word(self, node: Any, field: str | None) -> Json:
        column = self._column(node)
        if node.value == "*":
            return EVERYTHING if field is None else {"exists": {"field": field}}
        if field is not None and FIELDS[field] not in ("text", "keyword"):
            return self._value(node.unescaped_value, field, column)
        if node.has_wildcard():
            return self._wildcard(node.value, field, column)
        return self._phrase(node.unescaped_value, field, column)

    def _phrase(self, text: str, field: str | None, column: int, slop: int = 0) -> Json:
        """Words in their order; one word typed alone is a phrase of one."""
        near = {"slop": min(int(slop), 1000)} if slop else {}
        if field is None:
            found = {"multi_match": {"query": text, "fields": list(TYPED), "type": "phrase", **near}}
            self._has_words(text, column)
            return _some([{"term": {"url": text}}, found]) if text.startswith(("http://", "https://")) else found
        if FIELDS[field] == "text":
            self._has_words(text, column)
            return {"match_phrase": {field: {"query": text, **near} if near else text}}
        return self._value(text, field, column)

    def _has_words(self, text: str, column: int) -> None:
        if not words(text):
            raise BadQuery(f'"{text[:60]}" holds no word to search for', column)

    def _value(self, text: str, field: str, column: int) -> Json:
        """An exact value of a field that is not text."""
        value = value_typed(field, text)
        match FIELDS[field]:
            case "date":
                return {"range": {field: {"gte": _date(value, column), "lte": _date(value, column)}}}
            case "integer" | "number":
                return {"term": {field: _number(value, field, column)}}
            case "boolean" if value.lower() not in ("true", "false"):
                raise BadQuery(f'"{field}" is true or false, not "{text[:60]}"', column)
            case "boolean":
                return {"term": {field: value.lower()}}
        if field == "author":
            return {"term": {field: {"value": value, "case_insensitive": True}}}
        return {"term": {field: value}}

    def _wildcard(self, pattern: str, field: str | None, column: int) -> Json:
        if field is None:
            return _some([self._wildcard(pattern, each, column) for each in TYPED])
        if FIELDS[field] == "text":
            if any(len(words(part)) > 1 for part in re.split(r"[*?]", pattern)):
                raise BadQuery("a pattern with * or ? is one word: write the words apart", column)
            return {"wildcard": {field: {"value": fold(pattern)}}}
        either = {"case_insensitive": True} if field == "author" else {}
        return {"wildcard": {field: {"value": value_typed(field, pattern), **either}}}

    def _fuzzy(self, node: Any, field: str | None) -> Json:
        column = self._column(node)
        if field is not None and FIELDS[field] not in ("text", "keyword"):
            raise BadQuery(f'"~" after a word finds words like it; "{field}" holds {FIELDS[field]}s', column)
        distance: str | int = "AUTO" if node._implicit_degree else int(node.degree)
        if node.degree > 2 or (not node._implicit_degree and node.degree != distance):
            raise BadQuery("after a word, ~ takes 0, 1 or 2 differing letters", column)
        found = words(node.term.unescaped_value)
        if len(found) != 1:
            raise BadQuery("~ finds words like one word; for words near each other write them in quotes", column)
        value = {"value": found[0] if field is None or FIELDS[field] == "text" else node.term.unescaped_value}
        return _some([{"fuzzy": {each: {**value, "fuzziness": distance}}} for each in ([field] if field else TYPED)])

    # -- ranges -------------------------------------------------------------------------------------------------------
    def _range(self, node: Any, field: str | None) -> Json:
        column = self._column(node)
        if field is None:
            raise BadQuery("a comparison needs a field, for example reach:>500", column)
        if FIELDS[field] not in ("date", "integer", "number"):
            raise BadQuery(f'"{field}" holds {FIELDS[field]}s; comparisons work on dates and numbers', column)
        if isinstance(node, tree.Range):
            ends = {"gte" if node.include_low else "gt": node.low, "lte" if node.include_high else "lt": node.high}
        elif isinstance(node, tree.From):
            ends = {"gte" if node.include else "gt": node.a}
        else:
            ends = {"lte" if node.include else "lt": node.a}
        bounds = {}
        for key, end in ends.items():
            text = _end(end)
            if text != "*":
                bounds[key] = _date(text, column) if FIELDS[field] == "date" else _number(text, field, column)
        return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}


def _end(node: Any) -> str:
    """The text of a range's end: `-1` is read as "not 1" by the grammar."""
    if isinstance(node, tree.Prohibit):
        return "-" + _end(node.a)
    return _unquoted(node) if isinstance(node, tree.Phrase) else str(node.unescaped_value)


def _unquoted(phrase: Any) -> str:
    return re.sub(r"\\(.)", r"\1", phrase.value[1:-1], flags=re.DOTALL)


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
        raise BadQuery(f'"{field}" is a number, not "{text[:60]}"', column) from error
    if abs(number) >= 2.0**63 or number != number:
        raise BadQuery(f'"{text[:60]}" is too large a number', column)
    return int(number) if number.is_integer() else number


def _some(bodies: Sequence[Json]) -> Json:
    return bodies[0] if len(bodies) == 1 else {"bool": {"should": list(bodies), "minimum_should_match": 1}}
