"""Expressions evaluated the plain way, and random ones to hold against the compiled ones.

Nothing here is shared with `enrichment.expressions` but the parser: words are those of the store's own tokenizer, an expression
is walked for every text, NEAR compares every pair. Slow, and simple enough to be read as the definition.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fnmatch import translate
from functools import cache

from enrichment.expressions import Facts
from index import field_named, value_typed
from index.analysis import Word, fold, placed, words
from stream import expressions as ex

_ENDS_QUOTES = frozenset('"“”„‟«»″\\')
Place = tuple[int, int, int]  # field, first and last word


class Text:
    """A text to be asked."""

    def __init__(self, title: str, text: str, facts: Facts) -> None:
        self.fields = (title, text)
        self.words: tuple[list[Word], list[Word]] = (placed(title), placed(text))
        self.facts = facts


def holds(node: ex.Node, text: Text) -> bool:
    match node:
        case ex.And():
            return all(holds(part, text) for part in node.parts)
        case ex.Or():
            return any(holds(part, text) for part in node.parts)
        case ex.Not():
            return not holds(node.part, text)
        case ex.Term() if node.field and field_named(node.field) not in ("title", "text"):
            return _fact(field_named(node.field), node, text.facts)
    return bool(_places(node, text))


def _fact(field: str, term: ex.Term, facts: Facts) -> bool:
    known, wanted = getattr(facts, field), value_typed(field, term.text)
    if field == "author":
        known, wanted = known.lower(), wanted.lower()
    if term.pattern:
        return re.fullmatch(translate(wanted), known) is not None
    return bool(known == wanted or (field == "site" and known.endswith("." + wanted)))


def _places(node: ex.Node, text: Text) -> set[Place]:
    match node:
        case ex.Or():
            return {place for part in node.parts for place in _places(part, text)}
        case ex.Near():
            return {
                (field, min(first, start), max(last, end))
                for field, first, last in _places(node.left, text)
                for other, start, end in _places(node.right, text)
                if field == other
                and (0 <= start - last - 1 <= node.most or (not node.ordered and 0 <= first - end - 1 <= node.most))
            }
        case ex.Term():
            scopes = {"": (0, 1), "title": (0,), "text": (1,)}[field_named(node.field) if node.field else ""]
            return {place for field in scopes for place in _found(node, field, text)}
    raise AssertionError(node)


def _found(term: ex.Term, field: int, text: Text) -> set[Place]:
    there = text.words[field]
    if term.pattern:
        pattern = re.compile(translate(term.text if term.exact else fold(term.text)))
        return {
            (field, place, place)
            for place, word in enumerate(there)
            if pattern.fullmatch(text.fields[field][word.start : word.end] if term.exact else word.text)
        }
    wanted = _words(term.text)
    starts = [
        place
        for place in range(len(there) - len(wanted) + 1)
        if all(there[place + step].text == word for step, word in enumerate(wanted))
    ]
    if term.exact:  # written as here, wherever it stands
        written = {match.start() + re.search(r"\w", term.text).start() for match in _all(term.text, text.fields[field])}  # type: ignore[union-attr]
        starts = [place for place in starts if there[place].start in written]
    return {(field, place, place + len(wanted) - 1) for place in starts}


def _all(literal: str, text: str) -> list[re.Match[str]]:
    pattern = r"\s+".join(map(re.escape, literal.split()))
    return list(re.finditer(f"(?={pattern})", text))


@cache
def _words(text: str) -> list[str]:
    return words(text)


class Invention:
    """Makes random expressions about a collection of texts."""

    def __init__(self, texts: Sequence[Text], seed: int) -> None:
        self._texts = texts
        self._chance = random.Random(seed)

    def expression(self) -> str:
        """One that says what must be there."""
        must = self._node(2)
        return must if self._chance.random() < 0.6 else f"{must} AND NOT ({self._node(1)})"

    def _node(self, depth: int) -> str:
        kind = self._chance.random()
        if depth == 0 or kind < 0.15:
            return self._term()
        if kind < 0.4:
            return f"({self._node(depth - 1)} AND {self._node(depth - 1)})"
        if kind < 0.6:
            return f"({' OR '.join(self._node(depth - 1) for _ in range(self._chance.choice((2, 2, 3, 7))))})"
        if kind < 0.8:
            operator, most = self._chance.choice(("NEAR", "ONEAR")), self._chance.choice((0, 1, 2, 4, 9))
            return f"({self._side()} {operator}/{most} {self._side()})"
        if kind < 0.9:
            return f"({self._node(depth - 1)} -{self._term()})"
        return self._fact()

    def _side(self) -> str:
        kind = self._chance.random()
        if kind < 0.5:
            return self._term(anywhere=True)
        if kind < 0.85:
            return f"({self._term(anywhere=True)} OR {self._term(anywhere=True)})"
        return f"({self._term(anywhere=True)} NEAR/3 {self._term(anywhere=True)})"

    def _fact(self) -> str:
        facts = self._chance.choice(self._texts).facts
        field = self._chance.choice([field for field in ("site", "author", "language") if getattr(facts, field)])
        value = str(getattr(facts, field))
        if field == "site" and self._chance.random() < 0.5:
            value = value.partition(".")[2]
        if field == "author" and self._chance.random() < 0.3:
            value = value[:3] + "*"
        names = {"site": ("site", "sito"), "author": ("author", "autore"), "language": ("lang", "lingua")}[field]
        return f"{self._chance.choice(names)}:{value if ' ' not in value else chr(34) + value + chr(34)}"

    def _term(self, *, anywhere: bool = False) -> str:
        text = self._chance.choice(self._texts)
        field = self._chance.choice([field for field in (0, 1) if text.words[field]])
        there = text.words[field]
        place = self._chance.randrange(len(there))
        word = there[place]
        written = text.fields[field][word.start : word.end]
        kind = self._chance.random()
        if kind < 0.15 and place + 1 < len(there):
            phrase = text.fields[field][
                word.start : there[min(place + self._chance.choice((1, 2)), len(there) - 1)].end
            ]
            if _ENDS_QUOTES.isdisjoint(phrase):
                return f'{"=" if self._chance.random() < 0.3 else ""}"{phrase}"'
        if kind < 0.35 and len(word.text) > 4:
            return self._pattern(word.text)
        if kind < 0.5:
            return f"={written}"
        if kind < 0.57 and not anywhere:
            return f"{self._chance.choice(('title', 'titolo', 'text'))}:{word.text}"
        return f'"{written}"' if written in ("and", "or", "not", "AND", "OR", "NOT") else written

    def _pattern(self, word: str) -> str:
        cut = self._chance.randrange(3, len(word))
        return self._chance.choice(
            (f"{word[:cut]}*", f"*{word[-cut:]}", f"{word[:2]}*{word[-2:]}", f"{word[:3]}?{word[4:]}")
        )
