"""Expressions over numbered terms: compiled to run fast, explained where they hold, and what of them must be there at least.

In: a parsed expression. Out: a tree of numbers with three questions: its Python source, its covers, why it holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from enrichment.expressions.document import Document
from enrichment.expressions.terms import Fact, Terms
from stream import expressions as ex

Hits: TypeAlias = Sequence[tuple[int, int, int]]  # (needle, start, end) in the padded words; () for a fact
Found: TypeAlias = Mapping[int, Hits]  # term -> where it stands
Place: TypeAlias = tuple[int, int]  # first and last word
_FEW: Final = 4  # alternatives that are asked one by one; more are asked together
_NEVER: Final = 9.0  # the cost of what has no cover


class All(NamedTuple):
    parts: tuple[Tree, ...]


class Some(NamedTuple):
    parts: tuple[Tree, ...]


class Without(NamedTuple):
    part: Tree


class Close(NamedTuple):
    most: int
    ordered: bool
    left: Tree
    right: Tree


Tree: TypeAlias = int | All | Some | Without | Close  # an int is a term


def grow(node: ex.Node, terms: Terms) -> Tree:
    """The tree of an expression, its terms numbered. Raises ExpressionError for what only stored mentions can be asked."""
    match node:
        case ex.Term():
            number = terms.number(node)
            return number if isinstance(number, int) else Some(number)
        case ex.And():
            return All(tuple(grow(part, terms) for part in node.parts))
        case ex.Or():
            return Some(tuple(grow(part, terms) for part in node.parts))
        case ex.Not():
            return Without(grow(node.part, terms))
        case ex.Near():
            sides = grow(node.left, terms), grow(node.right, terms)
            if any(isinstance(terms.all[number], Fact) for side in sides for number in numbers_of(side)):
                raise ex.ExpressionError("words of the text stand beside {operator}", node.column, operator="NEAR")
            return Close(node.most, node.ordered, *sides)
        case ex.Like():
            raise ex.ExpressionError("~ is for stored mentions; here NEAR/3 finds words near each other", node.column)
        case ex.Everything():
            raise ex.ExpressionError("this matches everything: say what must be there", node.column)
    raise ex.ExpressionError("comparisons are for stored mentions", node.column)


def numbers_of(tree: Tree, *, positive: bool = False) -> list[int]:
    """Its terms, in the order they were typed; `positive`: those behind a NOT left out."""
    match tree:
        case int():
            return [tree]
        case Close():
            return numbers_of(tree.left) + numbers_of(tree.right)
        case Without():
            return [] if positive else numbers_of(tree.part)
    return [number for part in tree.parts for number in numbers_of(part, positive=positive)]


class Cover(NamedTuple):
    """Terms of which at least one must be found where the expression holds, and how often that may happen."""

    terms: frozenset[int]
    cost: float


def covers(tree: Tree, weight: Sequence[float]) -> list[Cover]:
    """Different covers, cheapest first; [] for an expression that can hold where nothing is found."""
    match tree:
        case int():
            return [Cover(frozenset((tree,)), weight[tree])]
        case Without():
            return []
        case Close():
            found = covers(tree.left, weight) + covers(tree.right, weight)
        case All():
            found = [cover for part in tree.parts for cover in covers(part, weight)]
        case Some():
            each = [covers(part, weight) for part in tree.parts]
            if not all(each):
                return []
            found = [Cover(frozenset().union(*(one[0].terms for one in each)), sum(one[0].cost for one in each))]
    return sorted(found, key=lambda cover: cover.cost)


def source(tree: Tree, weight: Sequence[float]) -> str:
    """A Python expression over `h` (a Found) and `d` (the Document). It holds numbers of ours and nothing a user typed."""
    match tree:
        case int():
            return f"{tree} in h"
        case Without():
            return f"not ({source(tree.part, weight)})"
        case Close():
            return f"close(h, d, {_tuple(tree)!r})"
        case All():
            parts = sorted(tree.parts, key=lambda part: _cost(part, weight))  # the rarest first: it decides most often
            return " and ".join(f"({source(part, weight)})" for part in parts)
    plain = tuple(part for part in tree.parts if isinstance(part, int))
    rest = [f"({source(part, weight)})" for part in tree.parts if not isinstance(part, int)]
    asked = [f"{part} in h" for part in plain] if len(plain) <= _FEW else [f"not h.keys().isdisjoint({plain!r})"]
    return " or ".join([*asked, *rest])


def _cost(tree: Tree, weight: Sequence[float]) -> float:
    found = covers(tree, weight)
    return found[0].cost if found else _NEVER


def _tuple(tree: Tree) -> object:
    match tree:
        case Close():
            return ("close", tree.most, tree.ordered, _tuple(tree.left), _tuple(tree.right))
        case Some():
            return ("some", *map(_tuple, tree.parts))
    return tree


def close(found: Found, document: Document, tree: object) -> bool:
    """Whether a NEAR holds; `tree` as `source` writes it."""
    return bool(_places(tree, found, document))


def _places(tree: object, found: Found, document: Document) -> set[Place]:
    """Where a word, alternatives, or words near each other stand."""
    if isinstance(tree, int):
        return {document.numbers(start, end) for _needle, start, end in found.get(tree, ())}
    assert isinstance(tree, tuple)
    if tree[0] == "some":
        return {place for part in tree[1:] for place in _places(part, found, document)}
    _kind, most, ordered, left, right = tree
    one = _places(left, found, document)
    other = _places(right, found, document) if one else set()
    pairs = _pairs(one, other, most)
    if not ordered:
        pairs |= _pairs(other, one, most)
    return pairs


def _pairs(first: set[Place], then: set[Place], most: int) -> set[Place]:
    """From the beginning of one to the end of another that begins at most `most` words later. Linear but for the hits."""
    behind = sorted(then)
    starts = [place[0] for place in behind]
    found = set()
    for begin, end in first:
        for _start, stop in behind[bisect_right(starts, end) : bisect_left(starts, end + most + 2)]:
            found.add((begin, max(end, stop)))
    return found


def why(tree: Tree, found: Found, document: Document) -> set[tuple[int, int, int]] | None:
    """(term, start, end) in the padded words of all that made it hold; None where it does not hold."""
    match tree:
        case int():
            return {(tree, start, end) for _needle, start, end in found[tree]} if tree in found else None
        case Without():
            return None if why(tree.part, found, document) is not None else set()
        case All():
            each = [why(part, found, document) for part in tree.parts]
            return None if None in each else {hit for part in each if part for hit in part}
        case Some():
            held = [part for part in (why(part, found, document) for part in tree.parts) if part is not None]
            return {hit for part in held for hit in part} if held else None
    return _why_close(tree, found, document)


def _why_close(tree: Close, found: Found, document: Document) -> set[tuple[int, int, int]] | None:
    stretches = _places(_tuple(tree), found, document)
    if not stretches:
        return None
    begins, stops = zip(*sorted(stretches), strict=True)
    furthest = list(accumulate(stops, max))  # end of the longest stretch that begins no later: a look-up for each hit
    marked = set()
    for number in numbers_of(tree):
        for _needle, start, end in found.get(number, ()):
            first, last = document.numbers(start, end)
            before = bisect_right(begins, first)
            if before and last <= furthest[before - 1]:
                marked.add((number, start, end))
    return marked
