"""Thousands of expressions held against each text that comes in: a document in, the numbers of those that hold out.

Every expression is filed under its cover: the rarest terms of which one must be there. An automaton finds the covers' terms;
only where one is found, a second one finds the others, and only the expressions filed there are asked. So ten thousand
expressions about things that a text does not mention cost next to nothing (benchmarks/expressions.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from enrichment.expressions.document import Document
from enrichment.expressions.terms import Fact, Needle, Terms
from enrichment.expressions.tree import Found, Some, Tree, close, covers, grow, numbers_of, source, why
from stream import expressions as ex

_SMALL: Final = 12  # terms of a second cover: more are not worth the look-up
_DFA: Final = 400_000  # letters of all needles up to which the faster automaton fits into memory

Holds = Callable[[Any, Document], bool]


class Hit(NamedTuple):
    """Where a term of an expression stands: code points of `Document.joined`."""

    term: int
    start: int
    end: int


class _Filed:
    """What is filed under one term: decided by it, to be asked, or to be asked if a term of a second cover is there."""

    __slots__ = ("asked", "decided", "second")

    def __init__(self) -> None:
        self.decided: list[int] = []
        self.asked: list[tuple[int, Holds]] = []
        self.second: dict[int, list[tuple[int, Holds]]] = {}


class _Automaton:
    """Finds the needles of some terms in a document."""

    def __init__(self, terms: Iterable[tuple[int, Needle]]) -> None:
        needles: dict[str, list[tuple[int, Needle]]] = {}
        for number, needle in terms:
            needles.setdefault(needle.text, []).append((number, needle))
        # most needles stand for one term that needs no second look: its number; else the list of them
        self._terms: list[int | list[tuple[int, Needle]]] = [
            some[0][0] if len(some) == 1 and some[0][1].plain else some for some in needles.values()
        ]
        size = sum(map(len, needles))
        self._find = AhoCorasick(
            list(needles), matchkind=MatchKind.Standard, implementation=Implementation.DFA if size < _DFA else None
        ).find_matches_as_indexes if needles else None  # fmt: skip

    def find(self, document: Document, found: dict[int, Any]) -> None:
        """Adds what is there to `found`: term -> hits."""
        if self._find is None:
            return
        terms = self._terms
        for hit in self._find(document.padded, overlapping=True):
            term = terms[hit[0]]
            if term.__class__ is int:
                if term in found:
                    found[term].append(hit)
                else:
                    found[term] = [hit]
                continue
            for number, needle in term:  # type: ignore[union-attr]
                if needle.plain or needle.fits(document, hit[1], hit[2]):
                    found.setdefault(number, []).append(hit)


class _Facts:
    """Looks up what is asked of site, author and the like."""

    def __init__(self, terms: Iterable[tuple[int, Fact]]) -> None:
        self._values: dict[str, dict[str, int]] = {}
        self._patterns: list[tuple[str, re.Pattern[str], int]] = []
        for number, fact in terms:
            if fact.pattern:
                self._patterns.append((fact.field, re.compile(fact.value, re.DOTALL), number))
            else:
                self._values.setdefault(fact.field, {})[fact.value] = number

    def find(self, document: Document, found: dict[int, Any]) -> None:
        for field, numbers in self._values.items():
            value = document.fact(field)
            value = value.lower() if field == "author" else value
            while value:
                if (number := numbers.get(value)) is not None:
                    found[number] = ()
                value = value.partition(".")[2] if field == "site" else ""  # shop.acme.it is on acme.it too
        for field, pattern, number in self._patterns:
            value = document.fact(field)
            if pattern.fullmatch(value.lower() if field == "author" else value):
                found[number] = ()


class Expressions:
    """Compiled expressions. Building takes 0.1 ms for each; not to be changed afterwards, safe to share."""

    def __init__(self, nodes: Sequence[ex.Node]) -> None:
        """Raises ExpressionError for one that cannot be asked of what comes in, such as sentiment:, or that would hold
        where nothing at all is found, such as NOT alone."""
        self._terms = Terms()
        self._trees = [grow(node, self._terms) for node in nodes]
        self._terms.weigh(number for tree in self._trees for number in set(numbers_of(tree)))
        self._filed: dict[int, _Filed] = {}
        compiled: dict[str, list[int]] = {}
        for number, tree in enumerate(self._trees):
            compiled.setdefault(source(tree, self._terms.weight), []).append(number)
        for text, numbers in compiled.items():
            self._file(text, numbers[0], nodes[numbers[0]])
        self._same = {numbers[0]: numbers for numbers in compiled.values() if len(numbers) > 1}
        numbered = list(enumerate(self._terms.all))
        needles = [(number, term) for number, term in numbered if isinstance(term, Needle)]
        self._first = _Automaton((number, term) for number, term in needles if number in self._filed)
        self._others = _Automaton((number, term) for number, term in needles if number not in self._filed)
        facts = [(number, term) for number, term in numbered if isinstance(term, Fact)]
        self._first_facts = _Facts((number, term) for number, term in facts if number in self._filed)
        self._other_facts = _Facts((number, term) for number, term in facts if number not in self._filed)
        self.fields = frozenset(term.field for _number, term in numbered if isinstance(term, Fact))

    def _file(self, text: str, number: int, node: ex.Node) -> None:
        tree = self._trees[number]
        found = covers(tree, self._terms.weight)
        if not found:
            raise _everywhere(node)
        holds: Holds = eval(f"lambda h, d: {text}", {"close": close})  # numbers of ours only: see tree.source
        second = found[1].terms if len(found) > 1 and len(found[1].terms) <= _SMALL else None
        for term in found[0].terms:
            filed = self._filed.setdefault(term, _Filed())
            if isinstance(tree, int) or _only_alternatives(tree):
                filed.decided.append(number)
            elif second is None:
                filed.asked.append((number, holds))
            else:
                for other in second:
                    filed.second.setdefault(other, []).append((number, holds))

    def match(self, document: Document) -> tuple[set[int], Found]:
        """The numbers of the expressions that hold, and what was found, for `hits`."""
        found: dict[int, Any] = {}
        self._first.find(document, found)
        self._first_facts.find(document, found)
        there = [filed for term in found if (filed := self._filed.get(term)) is not None]
        matched: set[int] = set()
        if not there:
            return matched, found
        self._others.find(document, found)
        self._other_facts.find(document, found)
        keys = found.keys()
        for filed in there:
            if filed.decided:
                matched.update(filed.decided)
            for number, holds in filed.asked:
                if holds(found, document):
                    matched.add(number)
            if filed.second:
                for term in keys & filed.second.keys():
                    for number, holds in filed.second[term]:
                        if holds(found, document):
                            matched.add(number)
        for number in matched & self._same.keys():
            matched.update(self._same[number])
        return matched, found

    def hits(self, number: int, document: Document, found: Found) -> list[Hit]:
        """What made an expression hold, in the order of the text; `found` as `match` answered it."""
        marked = why(self._trees[number], found, document) or set()
        placed = {Hit(term, *document.place(start, end)) for term, start, end in marked}
        return sorted(placed, key=lambda hit: (hit.start, -hit.end, hit.term))

    def words(self, number: int) -> list[int]:
        """The terms of an expression that can be found in a text, those behind a NOT left out."""
        numbers = numbers_of(self._trees[number], positive=True)
        return [term for term in dict.fromkeys(numbers) if isinstance(self._terms.all[term], Needle)]

    def typed(self, term: int) -> str:
        """A term as it was written."""
        return self._terms.typed[term]


def check(text: str) -> ex.Node:
    """The tree of an expression for what comes in. Raises ExpressionError with the column."""
    node = ex.parse(text)
    Expressions([node])
    return node


def _only_alternatives(tree: Tree) -> bool:
    return isinstance(tree, Some) and all(isinstance(part, int) for part in tree.parts)


def _everywhere(node: ex.Node) -> ex.ExpressionError:
    return ex.ExpressionError(
        "this would match nearly every text: NOT only takes away; say also what must be there", _first_not(node)
    )


def _first_not(node: ex.Node) -> int:
    match node:
        case ex.Not():
            return node.column
        case ex.And() | ex.Or():
            return next((column for part in node.parts if (column := _first_not(part))), 0)
    return 0
