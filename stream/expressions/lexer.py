"""An expression's text into tokens, as people really type: typographic quotes, web addresses, loose punctuation.

In: the text. Out: tokens with the column of each. What is neither word nor sign of the language is passed over, such as a
dash between blanks; what would silently mean something else than its writer thinks is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from stream.expressions.nodes import ExpressionError

LONGEST: Final = 10_000  # characters
FURTHEST: Final = 50  # words between the sides of a NEAR

Kind = Literal[
    "word",
    "quoted",
    "address",
    "field",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "ONEAR",
    "(",
    ")",
    "bound",
    "range",
    "suffix",
    "exact",
]


class Token(NamedTuple):
    """`text` of a word keeps its backslashes; of NEAR it is the number of words."""

    kind: Kind
    text: str
    column: int


_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s\"()\[\]{}<>]+", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+)
      | (?P<quoted>"(?:[^\\"]|\\.)*")
      | (?P<bound>[<>]=?)
      | (?P<range>[\[{][^\[\]{}]*[\]}])
      | (?P<parenthesis>[()])
      | (?P<word>[^\s()\[\]{}"<>]+)
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_FIELD: Final = re.compile(r"(?!\d)(\w+|\*):")
_NEAR: Final = re.compile(r"(O?NEAR)(?:/(\d+))?")
_SUFFIX: Final = re.compile(r"(?:~(?:\d(?:\.0*)?)?\d*)?(?:\^\d+(?:\.\d+)?)?")
_OPERATORS: Final[dict[str, Kind]] = {"AND": "AND", "OR": "OR", "NOT": "NOT", "&&": "AND", "||": "OR"}
_LOWER: Final = re.compile(r"and|or|not|o?near/\d+")
_QUOTE_MARKS: Final = "'’‘`"


def tokens(text: str) -> list[Token]:
    """Raises ExpressionError for a text too long, an open quote, a regular expression, a sign that is no word."""
    if len(text) > LONGEST:
        raise ExpressionError("the query is longer than {most} characters", 0, most=LONGEST)
    plain = text.translate(_QUOTES)
    found: list[Token] = []
    end_of_value = 0  # where the last quoted text or parenthesis ended: ~2 and ^2 may follow
    for match in _TOKEN.finditer(plain):
        kind, piece, column = str(match.lastgroup), match[0], match.start() + 1
        if kind == "quoted":
            found.append(Token("quoted", _unescaped(piece[1:-1]), column))
        elif kind == "parenthesis":
            found.append(Token(")" if piece == ")" else "(", piece, column))
        elif kind == "bound":
            found.append(Token("bound", piece, column))
        elif kind == "range":
            found.append(Token("range", piece, column))
        elif kind == "word":
            glued = end_of_value == match.start() > 0 and piece[0] in "~^"
            opens = plain[match.end() : match.end() + 1] in ('"', "(")
            found += [_suffix(piece, column)] if glued else _word(piece, column, opens)
        elif kind == "other" and piece == '"':
            raise ExpressionError("a quote is opened and not closed", column)
        elif kind == "other":
            raise ExpressionError(
                '"{sign}" cannot stand here; put it in quotes if it is meant as text', column, sign=piece
            )
        if kind == "quoted" or piece == ")":
            end_of_value = match.end()
    return found


def _word(word: str, column: int, opens: bool) -> Iterator[Token]:
    """The tokens in a run without blanks. `opens`: a quote or parenthesis follows at once."""
    if near := _NEAR.fullmatch(word):
        yield _near(near, column)
        return
    if word in _OPERATORS:
        yield Token(_OPERATORS[word], word, column)
        return
    if _LOWER.fullmatch(word):
        wanted = word.upper()
        raise ExpressionError(
            'write {operator} in capitals, or "{word}" in quotes if the word is meant',
            column,
            operator=wanted,
            word=word,
        )
    place = len(word) - len(word.lstrip(_QUOTE_MARKS))
    if word[place : place + 1] in ("+", "-", "!") and (
        opens if place + 1 == len(word) else word[place + 1] not in "+-!"
    ):
        if word[place] != "+":
            yield Token("NOT", word[place], column + place)
        place += 1
    field = None if _ADDRESS.match(word, place) else _FIELD.match(word, place)
    if field:
        yield Token("field", field[1], column + place)
        place = field.end()
    if word[place : place + 1] == "=" and (opens or _says_something(word[place:])):
        yield Token("exact", "=", column + place)
        place += 1
    if place < len(word):
        yield from _value(word[place:], column + place, bool(field))


def _value(value: str, column: int, in_field: bool) -> Iterator[Token]:
    if _ADDRESS.match(value):
        yield Token("address", value.rstrip(".,;!?'"), column)
        return
    if len(value) > 1 and value[0] == value[-1] == "/":
        raise ExpressionError("regular expressions are not supported: use * and ?, or put the words in quotes", column)
    if not _says_something(value) and not in_field:
        for offset, sign in enumerate(value):
            if unicodedata.category(sign) in ("So", "Sc", "Sk") and sign not in _QUOTE_MARKS + "^":
                raise ExpressionError(
                    '"{word}" holds no letter or digit and cannot be searched', column + offset, word=value[:60]
                )
        return
    end = next((match.start() for match in re.finditer(r"\\.|[~^]", value) if match[0] in "~^"), len(value))
    if end:
        yield Token("word", value[:end], column)
    if end < len(value):
        yield _suffix(value[end:], column + end)


def _suffix(text: str, column: int) -> Token:
    if not _SUFFIX.fullmatch(text):
        raise ExpressionError("a number after ~ or ^ cannot be read", column)
    return Token("suffix", text, column)


def _near(match: re.Match[str], column: int) -> Token:
    if not match[2] or not 0 <= int(match[2][:9]) <= FURTHEST:
        raise ExpressionError(
            "{operator} wants the number of words that may stand between: {operator}/5, {most} at most",
            column, operator=match[1], most=FURTHEST,
        )  # fmt: skip
    return Token("ONEAR" if match[1] == "ONEAR" else "NEAR", match[2], column)


def _says_something(text: str) -> bool:
    return any(character.isalnum() or character in "*?" for character in text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
