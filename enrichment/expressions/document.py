"""A text as expressions see it: words as the store knows them, each between blanks, and the way back to the original.

In: title, text, and what else can be asked for. Out: one string in which every whole word or phrase is a plain substring
(" l azienda e in ritardo "), so that an automaton finds words without looking at the letters around them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Final, NamedTuple

from enrichment.fold import fold, original

_ASCII: Final = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
# Vowel signs and the like that stand behind a letter and belong to its word; accents are gone after folding.
_MARKS: Final = "".join(chr(code) for code in range(0x370, 0x3000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_WORD: Final = re.compile(rf"[\w{_MARKS}]+")
BREAK: Final = "\n"  # stands as a word between title and text: no phrase reaches across
_APART: Final = 1_000_000  # words between title and text: nothing is near across


class Facts(NamedTuple):
    """What is known of a text besides its words."""

    site: str = ""
    author: str = ""
    language: str = ""
    source: str = ""
    channel: str = ""
    url: str = ""


NOTHING_KNOWN: Final = Facts()


def trimmed(text: str) -> tuple[int, int]:
    """How many signs stand before its first word and behind its last."""
    found = list(_WORD.finditer(text.replace("_", " ")))
    return (found[0].start(), len(text) - found[-1].end()) if found else (0, 0)


def words_of(text: str) -> str:
    """Its words with single blanks between them, without case and accents."""
    folded = text if text.isascii() else fold(text)[0]
    if folded.isascii():
        return " ".join(folded.translate(_ASCII).split())
    return " ".join(_WORD.findall(folded.replace("_", " ")))


class Document:
    """One text to be matched. Places are worked out only when somebody asks: most texts match nothing."""

    __slots__ = ("_blanks", "_facts", "_language", "_parts", "_places", "boundary", "joined", "padded")

    def __init__(
        self, title: str, text: str, facts: Facts = NOTHING_KNOWN, language: Callable[[], str] | None = None
    ) -> None:
        """`text` and `title` without lone surrogates. Places count code points of `joined`. `language` is called only if an
        expression asks for it and the rest may hold; without it `facts.language` counts."""
        self._parts = (title, text)
        self.joined = f"{title}\n\n{text}" if title else text
        before = words_of(title) if title else ""
        self.padded = f" {before} {BREAK} {words_of(text)} " if before else f" {words_of(text)} "
        self.boundary = len(before) + 2 if before else -1  # where the break stands; what lies behind is the text
        self._facts = facts
        self._language = language
        self._blanks: list[int] | None = None
        self._places: list[tuple[int, int]] | None = None

    def fact(self, field: str) -> str:
        """What is known of a field of `Facts`."""
        if field == "language" and self._language is not None:
            return self._language()
        value: str = getattr(self._facts, field)
        return value

    def numbers(self, start: int, end: int) -> tuple[int, int]:
        """First and last word touched by [start, end) of `padded`; those of the text far behind those of the title."""
        first, last = self._touched(start, end)
        return (first + _APART, last + _APART) if start > self.boundary >= 0 else (first, last)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The span in `joined` of the words touched by [start, end) of `padded`."""
        first, last = self._touched(start, end)
        if self._places is None:
            self._places = self._spans()
        return self._places[first][0], self._places[last][1]

    def word(self, start: int) -> str:
        """The word of `padded` around or behind `start`."""
        begin = self.padded.rfind(" ", 0, start + 1) + 1
        return self.padded[begin : self.padded.index(" ", begin)]

    def _touched(self, start: int, end: int) -> tuple[int, int]:
        if self._blanks is None:
            self._blanks = [place for place, letter in enumerate(self.padded) if letter == " "]
        if self.padded[end - 1] == " ":
            end -= 1
        return bisect_right(self._blanks, start) - 1, bisect_left(self._blanks, end) - 1

    def _spans(self) -> list[tuple[int, int]]:
        title, text = self._parts
        found = _placed(title, 0)
        if self.boundary >= 0:
            found.append((len(title), len(title)))  # the break
        return found + _placed(text, len(self.joined) - len(text))


def _placed(text: str, offset: int) -> list[tuple[int, int]]:
    """The span of every word of `text`, moved by `offset`."""
    folded, places = fold(text)
    found = []
    for match in _WORD.finditer(folded.replace("_", " ")):
        start, end = original(places, *match.span())
        found.append((start + offset, end + offset))
    return found
