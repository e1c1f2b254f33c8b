"""A typed query made ready for the Lucene grammar, which stumbles over what people really type.

In: the user's text. Out: a text with the same meaning that luqum 1.0 reads, and for each of its characters the column it
came from. Web addresses become quoted, typographic quotes plain ones, loose punctuation blanks, `<-1` gets its escape.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from index.store import BadQuery

LONGEST: Final = 10_000  # characters


class Prepared(NamedTuple):
    """The text to parse; `columns[i]` is the column (from 1) in the user's text of its character `i`."""

    text: str
    columns: list[int]


_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))
_QUOTED: Final = r'"(?:[^\\"]|\\.)*"'
_ADDRESS: Final = r"(?i:https?://|www\.)[^\s\"()\[\]{}<>]+"
_BOUND: Final = r"[<>]=?\s*-(?=[\d.])"
_RANGE: Final = r"[\[{][^\[\]{}]*[\]}]"
_WORD: Final = r"[^\s()\[\]{}\"<>]+"
_TOKEN: Final = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in (
            ("quoted", _QUOTED),
            ("address", _ADDRESS),
            ("bound", _BOUND),
            ("range", _RANGE),
            ("sign", r"[+\-!](?=[(\"])"),
            ("word", _WORD),
            ("other", r"."),
        )
    ),
    re.DOTALL,
)
_FIELD: Final = re.compile(r"[\w*]+:")
_OPERATORS: Final = {"&&": "AND", "||": "OR"}
_SPECIAL: Final = re.compile(r'(["\\])')

Pieces = list[tuple[str, int]]  # what a token becomes; each piece with the place in the token it comes from


def prepare(text: str) -> Prepared:
    """Raises BadQuery for a text too long, an unclosed quote, a regular expression or a sign that is no word."""
    if len(text) > LONGEST:
        raise BadQuery(f"the query is longer than {LONGEST} characters")
    parts: list[str] = []
    columns: list[int] = []
    for token in _TOKEN.finditer(text.translate(_QUOTES)):
        for piece, offset in _pieces(str(token.lastgroup), token[0], token.start() + 1):
            parts.append(piece)
            columns.extend([token.start() + offset + 1] * len(piece))
    columns.append(len(text) + 1)
    return Prepared("".join(parts), columns)


def _pieces(kind: str, token: str, column: int) -> Pieces:
    match kind:
        case "address":
            return [(_quoted(token), 0)]
        case "bound":
            return [(re.sub(r"\s", "", token[:-1]) + "\\-", 0)]
        case "sign":
            return [("+" if token == "+" else "-", 0)]
        case "range":
            return _escaped(token, 0)
        case "word":
            return _word(token, column)
        case "other" if token == '"':
            raise BadQuery("a quote is opened and not closed", column)
    return [(token, 0)]


def _word(word: str, column: int) -> Pieces:
    if word in _OPERATORS:
        return [(_OPERATORS[word], 0)]
    if not any(character.isalnum() or character in "*?:~^\\/" for character in word):
        if any(unicodedata.category(character) in ("So", "Sc", "Sk") for character in word):
            raise BadQuery(f'"{word}" holds no letter or digit and cannot be searched', column)
        return [(" ", 0)]
    place = len(word) - len(word.lstrip("'’‘`"))
    pieces: Pieces = [(" ", 0)] if place else []
    if word[place] in "+-!" and word[place + 1 : place + 2] not in ("", "+", "-", "!"):
        pieces.append(("+" if word[place] == "+" else "-", place))
        place += 1
    field = _FIELD.match(word, place)
    if field and not field[0][0].isdigit():
        pieces.append((field[0], place))
        place = field.end()
    value = word[place:]
    if re.match(_ADDRESS, value):
        return [*pieces, (_quoted(value), place)]
    if len(value) > 1 and value[0] == value[-1] == "/":
        raise BadQuery("regular expressions are not supported: use * and ?, or put the words in quotes", column + place)
    return pieces + _escaped(value, place)


def _escaped(value: str, place: int) -> Pieces:
    """A value with the grammar's signs escaped where they cannot be meant as such."""
    pieces: Pieces = []
    free = False  # the character before was a backslash
    for offset, character in enumerate(value):
        odd = character == ":" or (offset == 0 and character in "+-/'")
        pieces.append(("\\" + character if odd and not free else character, place + offset))
        free = character == "\\" and not free
    return pieces


def _quoted(address: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\1", address.rstrip(".,;!?'")) + '"'
