"""Expressions: what people type into monitors, searches, alerts and commands, into a tree.

    acme AND (ritard* OR "non arriva") NEAR/5 pacco AND NOT lingua:en

`NOT` binds closest but for `NEAR`, then AND (side by side means AND), then OR. Whoever uses the tree says which fields there
are and what it cannot answer: `index.lucene` for the stored mentions, `enrichment.expressions` for what comes in.
"""

from __future__ import annotations

import re
from typing import Final

from stream.expressions.lexer import Token, tokens
from stream.expressions.nodes import And, Everything, Exists, ExpressionError, Like, Near, Node, Not, Or, Span, Term

DEEPEST: Final = 50  # parentheses and NOTs within each other; compiled, a level becomes two of 200 that Python reads
_END: Final = r'("(?:[^"\\]|\\.)*"|[^\s"]+)'
_RANGE: Final = re.compile(rf"\s*{_END}\s+TO\s+{_END}\s*")
_VALUES: Final = ("word", "quoted", "address")


def parse(text: str) -> Node:
    """The tree of a typed expression; `Everything` for "", "*" and "*:*". Raises ExpressionError, nothing else."""
    if text.strip() in ("", "*"):
        return Everything(1)
    found = tokens(text)
    if not found:
        raise ExpressionError("there is no word to search for", 1)
    parser = _Parser(found, len(text) + 1)
    tree = parser.either("", 0)
    if (rest := parser.peek()) is not None:
        raise _misplaced(rest)
    return tree


class _Parser:
    """Recursive descent; every method takes the field it stands under, "" for none."""

    def __init__(self, found: list[Token], end: int) -> None:
        self._tokens = found
        self._place = 0
        self._end = end  # the column behind the text
        self._depth = 0

    def peek(self) -> Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next_is(self, *kinds: str) -> bool:
        token = self.peek()
        return token is not None and token.kind in kinds

    def _take(self) -> Token:
        token = self.peek()
        if token is None:
            raise ExpressionError("the query ends too early: a word is missing", self._end)
        self._place += 1
        return token

    # -- operators ----------------------------------------------------------------------------------------------------
    def either(self, field: str, column: int) -> Node:
        parts = [self._all(field, column)]
        while self._next_is("OR"):
            self._take()
            parts.append(self._all(field, column))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, field: str, column: int) -> Node:
        parts = [self._not(field, column)]
        while (token := self.peek()) is not None and token.kind not in ("OR", ")"):
            if token.kind == "AND":
                self._take()
            parts.append(self._not(field, column))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self, field: str, column: int) -> Node:
        if not self._next_is("NOT"):
            return self._near(field, column)
        sign = self._take()
        self._deeper(sign)
        part = self._not(field, column)
        self._depth -= 1
        return Not(part, sign.column)

    def _near(self, field: str, column: int) -> Node:
        left = self._one(field, column)
        while self._next_is("NEAR", "ONEAR"):
            operator = self._take()
            right = self._one(field, column)
            if not (_has_places(left) and _has_places(right)):
                raise ExpressionError(
                    "{operator} stands between words, phrases or alternatives in parentheses (one OR another)",
                    operator.column, operator=operator.kind,
                )  # fmt: skip
            left = Near(left, right, int(operator.text), operator.kind == "ONEAR", operator.column)
        return left

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError("the query is nested too deeply", token.column)

    # -- operands -----------------------------------------------------------------------------------------------------
    def _one(self, field: str, column: int) -> Node:
        token = self._take()
        match token.kind:
            case "(":
                return self._group(token, field, column)
            case "field" if field:
                raise ExpressionError(
                    '"{name}:" stands inside the parentheses of another field', token.column, name=token.text
                )
            case "field":
                return self._in_field(token)
            case "bound" | "range":
                return self._span(token, field, column)
        return self._term(token, field, column)

    def _group(self, opening: Token, field: str, column: int) -> Node:
        self._deeper(opening)
        inner = self.either(field, column)
        self._depth -= 1
        if self.peek() is None:
            raise ExpressionError("this parenthesis is opened and not closed", opening.column)
        closing = self._take()
        if closing.kind != ")":
            raise _misplaced(closing)
        if self._next_is("suffix") and (suffix := self._take()).text.startswith("~"):
            raise ExpressionError("~ stands behind a word or a phrase", suffix.column)
        return inner

    def _in_field(self, field: Token) -> Node:
        following = self.peek()
        if following is None:
            raise ExpressionError('"{name}:" wants a value', field.column, name=field.text)
        if following.kind == "word" and following.text == "*":
            self._take()
            return Everything(field.column) if field.text == "*" else Exists(field.text, field.column)
        if field.text == "_exists_":
            if following.kind not in ("word", "quoted"):
                raise ExpressionError("_exists_: wants the name of a field", field.column)
            return Exists(_plain(self._take().text), field.column)
        if following.kind not in (*_VALUES, "(", "bound", "range", "exact"):
            raise _misplaced(following)
        return self._one(field.text, field.column)

    def _term(self, token: Token, field: str, column: int) -> Node:
        exact = token.kind == "exact"
        value = self._take() if exact else token
        if value.kind == "word" and value.text == "*" and not exact:
            return Exists(field, column) if field else Everything(value.column)
        if value.kind not in _VALUES:
            raise _misplaced(value)
        pattern = value.kind == "word" and re.search(r"[*?]", re.sub(r"\\.", "", value.text)) is not None
        term = Term(
            value.text if pattern or value.kind != "word" else _plain(value.text), value.column, field, column,
            value.kind == "quoted", pattern, exact, value.kind == "address",
        )  # fmt: skip
        return self._like(term) if self._next_is("suffix") else term

    def _like(self, term: Term) -> Node:
        """A term with what follows it: ~2. The weight behind ^ is read and means nothing: mentions are ordered by time."""
        suffix = self._take()
        near, _weight, _rest = suffix.text.partition("^")
        if not near:
            return term
        if term.exact or term.pattern:
            raise ExpressionError("~ does not go with = or *", suffix.column)
        return Like(term, int(float(near[1:])) if near != "~" else None, term.column)

    def _span(self, token: Token, field: str, column: int) -> Node:
        if token.kind == "range" and not _RANGE.fullmatch(token.text[1:-1]):
            raise ExpressionError(
                '"{sign}" cannot stand here; put it in quotes if it is meant as text', token.column, sign=token.text[0]
            )
        if not field:
            raise ExpressionError("a comparison needs a field, for example reach:>500", token.column)
        if token.kind == "range":
            ends = _RANGE.fullmatch(token.text[1:-1])
            assert ends is not None
            low, high = _end(ends[1], token.text[0] == "["), _end(ends[2], token.text[-1] == "]")
            return Span(field, low, high, token.column, column)
        value = self._take()
        sign = ""
        if value.kind == "NOT" and value.text == "-":  # reach:>-1
            sign, value = "-", self._take()
        if value.kind not in ("word", "quoted"):
            raise _misplaced(value)
        bound = (sign + _plain(value.text), token.text.endswith("="))
        low, high = (bound, None) if token.text[0] == ">" else (None, bound)
        return Span(field, low, high, token.column, column)


def _has_places(node: Node) -> bool:
    """Whether what it finds stands somewhere in the text, so that something can stand near it."""
    match node:
        case Term():
            return True
        case Or():
            return all(map(_has_places, node.parts))
        case Near():
            return True
    return False


def _misplaced(token: Token) -> ExpressionError:
    text = token.text if token.kind not in ("NEAR", "ONEAR") else token.kind
    return ExpressionError(
        '"{sign}" cannot stand here; put it in quotes if it is meant as text', token.column, sign=text[:60]
    )


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _end(text: str, included: bool) -> tuple[str, bool] | None:
    if text == "*":
        return None
    return _plain(text[1:-1] if text.startswith('"') else text), included
