"""The language of expressions: one parser for monitors, searches, alerts and the command line.

In: what somebody typed. Out: a tree (`nodes.py`). docs/brands.md and docs/query.md tell users about it.
"""

from stream.expressions.lexer import FURTHEST, LONGEST
from stream.expressions.nodes import (
    And,
    Everything,
    Exists,
    ExpressionError,
    Like,
    Near,
    Node,
    Not,
    Or,
    Span,
    Term,
    terms,
)
from stream.expressions.parser import parse

__all__ = [
    "FURTHEST", "LONGEST", "And", "Everything", "Exists", "ExpressionError", "Like", "Near", "Node", "Not", "Or", "Span",
    "Term", "parse", "terms",
]  # fmt: skip
