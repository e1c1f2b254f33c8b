"""The queries of brands and products: a document in, those that hold with the words that made them hold out.

What a query asks for is of two kinds: names ("TIM") and context ("rete", "offerta"). A name stands for the brand: it is masked
before sentiment is judged. Context only shows that the brand is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from enrichment.expressions import Document, Expressions, words_of
from enrichment.keywords import Hit, Keyword
from stream import expressions as ex


class Said(NamedTuple):
    """A query that holds: whose it is, and what it found. Without names there is at least one hit of context; where a query
    asks for no word at all (site:acme.it), its span is (-1, -1)."""

    owner: int
    names: tuple[Hit, ...]
    context: tuple[Hit, ...]


class Queries:
    """The queries of all brands. `names` are what they ask for; the number of the first is `first`."""

    def __init__(self, queries: Sequence[tuple[int, str, str]], first: int) -> None:
        """`queries`: owner, its name, expression. Raises ExpressionError."""
        nodes = [ex.parse(query) for _owner, _name, query in queries]
        self.names: list[Keyword] = []
        self._expressions = Expressions(nodes)
        self._owners = [owner for owner, _name, _query in queries]
        self._first = first
        self._whole: list[int] = []  # by query: the name that stands for all of it
        self._numbers: dict[tuple[int, int], int] = {}  # (query, term) -> name
        self._are_names: set[int] = set()
        for query, (owner, name, text) in enumerate(queries):
            self._whole.append(self._name(owner, text if len(text) <= 60 else text[:59] + "…"))
            terms = self._expressions.words(query)
            for term in terms:
                self._numbers[query, term] = self._name(owner, self._expressions.typed(term))
            named = [term for term in terms if _is_name(self._expressions.typed(term), name)] or terms[:1]
            self._are_names.update(self._numbers[query, term] for term in named)

    def _name(self, owner: int, text: str) -> int:
        self.names.append(Keyword(owner, text, exact=True))
        return self._first + len(self.names) - 1

    @property
    def any(self) -> bool:
        return bool(self._owners)

    @property
    def ask_for_language(self) -> bool:
        return "language" in self._expressions.fields

    def match(self, document: Document) -> list[Said]:
        """Those that hold, in the order they were given."""
        matched, found = self._expressions.match(document)
        said = []
        for query in sorted(matched):
            hits = [
                Hit(self._numbers[query, hit.term], hit.start, hit.end)
                for hit in self._expressions.hits(query, document, found)
            ]
            names = tuple(hit for hit in hits if hit.keyword in self._are_names)
            context = tuple(hit for hit in hits if hit.keyword not in self._are_names)
            if not hits:
                context = (Hit(self._whole[query], -1, -1),)
            said.append(Said(self._owners[query], names, context))
        return said


def _is_name(typed: str, name: str) -> bool:
    """Whether a term names what the query is about: it is written with a capital, or is a word of the name."""
    return any(letter.isupper() for letter in typed) or not set(words_of(typed).split()).isdisjoint(
        words_of(name).split()
    )
