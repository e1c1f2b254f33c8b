"""What an expression is made of: the tree that `parse` answers, and the error it raises.

Every node knows the column (from 1) it was typed at, so that whoever cannot use a part says where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


class ExpressionError(ValueError):
    """The expression cannot be read or used.

    `template` is an English text that catalogues translate, `values` what its {names} stand for; `str()` is both put
    together. `column` counts from 1; 0 where no place is to blame.
    """

    def __init__(self, template: str, column: int = 0, **values: object) -> None:
        super().__init__(template.format(**values))
        self.template = template
        self.values = values
        self.column = column


@dataclass(frozen=True, slots=True)
class Term:
    """A word, words in quotes, or a pattern with * or ?.

    `text` has its backslashes taken away, but for a pattern, in which `\\*` is a star that was meant. `field` is the name
    as typed, "" for none. `exact`: capitals, accents and signs count (=TIM). `address`: a web address.
    """

    text: str
    column: int
    field: str = ""
    field_column: int = 0
    quoted: bool = False
    pattern: bool = False
    exact: bool = False
    address: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """Words that differ by at most `distance` letters (None: by their length), or a phrase with so much room in it."""

    term: Term
    distance: int | None
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A field's values between two ends; None is open. (value, whether it belongs to the span)."""

    field: str
    low: tuple[str, bool] | None
    high: tuple[str, bool] | None
    column: int  # of the span
    field_column: int


@dataclass(frozen=True, slots=True)
class Exists:
    """The field `field` has a value."""

    field: str
    column: int


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches whatever there is."""

    column: int


@dataclass(frozen=True, slots=True)
class Not:
    part: Node
    column: int


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """`left` and `right` with at most `most` words between them; `ordered`: left comes first."""

    left: Node
    right: Node
    most: int
    ordered: bool
    column: int


Node: TypeAlias = Term | Like | Span | Exists | Everything | Not | And | Or | Near


def terms(node: Node) -> Iterator[Term]:
    """The terms of an expression, in the order they were typed, those behind a NOT left out."""
    match node:
        case Term():
            yield node
        case Like():
            yield node.term
        case And() | Or():
            for part in node.parts:
                yield from terms(part)
        case Near():
            yield from terms(node.left)
            yield from terms(node.right)
