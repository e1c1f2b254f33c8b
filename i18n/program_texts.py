"""What the programs say of what went wrong, found in their code: Python files in, English templates out.

Such texts are made where the language of whoever will read them is not known (an error that a source's state keeps, the reason of
a dead letter), so they are stored in English and put into the reader's words on the page: see `reworded`. A text is a string
that an error is made of, or that is handed on or kept under one of the names below; what an f-string fills in is {0}, {1}, ...
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FEWEST_LETTERS: Final = 4  # of a template, below which it says nothing
_ERRORS: Final = frozenset(
    "AuthExpired BadPayload BadQuery CannotTeach CannotTrain Forbidden Gone LogFull LogUnavailable NoSuchModel Partial "
    "RateLimited Refused StoreFull StoreUnavailable TooBig TooFewExamples Unreachable Unreadable Unusable bad_payload".split()
)
_NAMES: Final = frozenset("by cut failed lacking more moved note on_the_way reason some there what".split())
_LISTS: Final = frozenset({"gaps"})


def program_texts(file: Path) -> list[str]:
    """The templates in a file, in the order of its lines, each once."""
    found = dict.fromkeys(
        text
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for value in _values(node)
        for text in _templates(value)
    )
    return [text for text in found if sum(letter.isalpha() for letter in text) >= FEWEST_LETTERS]


def _values(node: ast.AST) -> Iterator[ast.expr]:
    """What a node says to a reader."""
    if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in _NAMES for to in node.targets):
        yield node.value
    elif isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg in _NAMES)
        called = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        if isinstance(called, ast.Name) and called.id in (_ERRORS if called is node.func else _LISTS):
            yield from node.args


def _templates(value: ast.expr) -> Iterator[str]:
    """Of a string, of both ends of an if, and of one that is cut to a length."""
    if isinstance(value, ast.IfExp):
        yield from _templates(value.body)
        yield from _templates(value.orelse)
    elif isinstance(value, ast.Subscript):
        yield from _templates(value.value)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield _escaped(value.value)
    elif isinstance(value, ast.JoinedStr):
        filled = 0
        text = ""
        for part in value.values:
            if isinstance(part, ast.Constant):
                text += _escaped(str(part.value))
            else:
                text += f"{{{filled}}}"
                filled += 1
        yield text


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
