"""What an expression asks for, one by one: its words, phrases, patterns and facts as integers, each known once.

In: terms as typed. Out: needles for an automaton over `Document.padded`, and look-ups for facts. Raises ExpressionError for
what cannot be asked of a text that comes in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from enrichment.expressions.document import Document, Facts, trimmed, words_of
from index import field_named, value_typed
from stream import expressions as ex

FEWEST: Final = 3  # letters in a pattern: a* alone would find three texts in four
SCOPES: Final = ("title", "text")
_SAME_QUOTE: Final = str.maketrans("’‘ʼ´`", "'''''")


class Needle(NamedTuple):
    """`text` is looked for in the padded words; then `word` must match the whole word, and `exact` what was written."""

    text: str
    scope: str = ""  # "title", "text" or "" for both
    word: str = ""  # a regular expression
    exact: str = ""  # as typed, signs included; with `word` a regular expression
    before: int = 0  # signs in front of the first letter of `exact`
    behind: int = 0

    @property
    def plain(self) -> bool:
        """Whether being found is enough."""
        return not (self.scope or self.word or self.exact)

    def fits(self, document: Document, start: int, end: int) -> bool:
        """Whether what was found at [start, end) of the padded words is what was meant."""
        if self.scope and (self.scope == "title") != (start < document.boundary):
            return False
        if self.word and not re.fullmatch(self.word, document.word(start)):
            return False
        if not self.exact:
            return True
        first, last = document.place(start, end)
        if self.word:
            return re.fullmatch(self.exact, document.joined[first:last]) is not None
        written = document.joined[max(0, first - self.before) : last + self.behind]
        return " ".join(written.translate(_SAME_QUOTE).split()) == self.exact


class Fact(NamedTuple):
    """A value of a field; with `pattern` a regular expression."""

    field: str
    value: str
    pattern: bool = False


class Terms:
    """Gives every different needle and fact a number. `weight` is what looking for it first costs: the share of texts it may
    be found in, times the expressions that use it (a word that thousands use says little about any of them)."""

    def __init__(self) -> None:
        self.all: list[Needle | Fact] = []
        self.typed: list[str] = []  # by number: as a user wrote it
        self.weight: list[float] = []
        self._numbers: dict[Needle | Fact, int] = {}

    def number(self, term: ex.Term) -> int | tuple[int, int]:
        """Of a term; two of an address, one of which must be there. Raises ExpressionError."""
        field = field_named(term.field, term.field_column) if term.field else ""
        if field and field not in SCOPES:
            return self._fact(field, term)
        needle = _pattern(term, field) if term.pattern else _literal(term, field)
        number = self._add(needle, term.text, _guess(needle))
        if term.address and not field and "://" in term.text:
            return number, self._add(Fact("url", term.text), term.text, 1e-6)
        return number

    def weigh(self, uses: Iterable[int]) -> None:
        """Tells which terms the expressions use, once for each expression."""
        for number, count in Counter(uses).items():
            self.weight[number] *= count

    def _fact(self, field: str, term: ex.Term) -> int:
        if field not in Facts._fields:
            raise ex.ExpressionError(
                '"{field}" is known only of mentions that are stored; here title, text, {fields} can be asked for',
                term.field_column, field=field, fields=", ".join(Facts._fields),
            )  # fmt: skip
        if term.exact:
            raise ex.ExpressionError("= stands before words of the text", term.column)
        value = value_typed(field, term.text)
        value = value.lower() if field == "author" else value
        guess = {"language": 0.4, "source": 0.1, "channel": 0.3}.get(field, 0.01)
        fact = Fact(field, _regex(_split(value)), True) if term.pattern else Fact(field, value)
        return self._add(fact, f"{field}:{term.text}", guess)

    def _add(self, what: Needle | Fact, typed: str, guess: float) -> int:
        number = self._numbers.get(what)
        if number is None:
            number = self._numbers[what] = len(self.all)
            self.all.append(what)
            self.typed.append(typed)
            self.weight.append(guess)
        return number


def _literal(term: ex.Term, scope: str) -> Needle:
    if term.quoted and not term.exact and re.search(r"\w\*", term.text):
        raise ex.ExpressionError("in quotes * is no pattern: write the words apart, with ONEAR/0 between", term.column)
    found = words_of(_clean(term.text))
    if not found:
        raise ex.ExpressionError('"{text}" holds no word to search for', term.column, text=term.text[:60])
    if not term.exact:
        return Needle(f" {found} ", scope)
    written = " ".join(term.text.translate(_SAME_QUOTE).split())
    return Needle(f" {found} ", scope, "", written, *trimmed(term.text))


def _pattern(term: ex.Term, scope: str) -> Needle:
    """The longest run of letters is the needle; the word around it must match the whole."""
    pieces = _split(_clean(term.text))
    folded = [piece if piece in ("*", "?") else words_of(piece) for piece in pieces]
    runs = [piece for piece in folded if piece and piece not in ("*", "?")]
    if any(" " in run for run in runs):
        raise ex.ExpressionError("a pattern with * or ? is one word: write the words apart", term.column)
    if sum(map(len, runs)) < FEWEST:
        raise ex.ExpressionError("a pattern needs at least {fewest} letters", term.column, fewest=FEWEST)
    folded = [piece for piece in folded if piece]
    at = max(range(len(folded)), key=lambda place: len(folded[place]) if folded[place] not in ("*", "?") else 0)
    text = (" " if at == 0 else "") + folded[at] + (" " if at == len(folded) - 1 else "")
    begins = at == 0 and folded[1:] == ["*"]  # a needle that begins the word says it all
    word = "" if begins and not term.exact else _regex(folded)
    return Needle(text, scope, word, _regex(pieces) if term.exact else "")


def _split(pattern: str) -> list[str]:
    """ "off?rt*" -> ["off", "?", "rt", "*"]; `\\*` is a star that was meant."""
    pieces = [""]
    for match in re.finditer(r"\\(.)|[*?]|(.)", pattern, re.DOTALL):
        if match[0] in ("*", "?"):
            pieces += [match[0], ""]
        else:
            pieces[-1] += match[1] or match[0]
    return [piece for piece in pieces if piece]


def _regex(pieces: list[str]) -> str:
    return "".join({"*": ".*", "?": "."}.get(piece, re.escape(piece)) for piece in pieces)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _guess(needle: Needle) -> float:
    """How often it may be found, by its letters: short words are common, phrases and capitals rare. Only the order of
    magnitude matters: it decides which part of an expression is looked for first."""
    lengths = [len(word) for word in needle.text.split()]
    share = {1: 0.2, 2: 0.1, 3: 0.03, 4: 0.01, 5: 0.005, 6: 0.003}.get(max(lengths), 0.001)
    share *= 0.2 ** (len(lengths) - 1)
    return share * (0.1 if needle.exact else 1) * (3 if needle.word or needle.text[-1] != " " else 1)
