"""A language's list of words: what a word or an expression is worth, and of which class it is.

A list is a file of lines "entry<TAB>strength[<TAB>class]": strength -3..3; `*` at the end means any ending; several words are
an expression, whose strength and class replace those of its words. Classes say what a word does to others: "not", "but",
"more", "less".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final, NamedTuple

import Stemmer
from vaderSentiment import vaderSentiment as reference

from enrichment.compact.pieces import WORD, pieces
from enrichment.fold import fold
from enrichment.italian import SUPERLATIVE

STEMMERS: Final = {
    "it": "italian",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "pt": "portuguese",
}
LANGUAGES: Final = tuple(STEMMERS)
CLASSES: Final = ("", "not", "but", "more", "less")
_OF_CLASS: Final = {name: number for number, name in enumerate(CLASSES)}
NEGATES: Final = _OF_CLASS["not"]
_SHORTEST_STEM: Final = 4  # shorter stems are shared by words of other meaning
_SHORTEST_PREFIX: Final = 3


class Worth(NamedTuple):
    """Strength -3..3, and the number of a class in `CLASSES`."""

    value: float
    kind: int


NOTHING: Final = Worth(0.0, 0)


class WordList:
    """The list of one language. `expressions`: keys of the pieces of an expression -> its worth."""

    def __init__(self, language: str, lines: Iterable[str] | None = None) -> None:
        """`lines` instead of those that come with Ronzio. Raises ValueError naming a bad line."""
        self.language = language
        self.stem = Stemmer.Stemmer(STEMMERS[language], 0).stemWord  # its own memory of words costs more than it saves
        self.expressions: dict[tuple[str, ...], Worth] = {}
        self._forms: dict[str, Worth] = dict(_vader()) if language == "en" and lines is None else {}
        self._prefixes: dict[str, Worth] = {}
        self._stems: dict[str, Worth] = {}
        for number, line in enumerate(_shipped(language) if lines is None else lines, 1):
            if line.strip() and not line.startswith("#"):
                self._add(line, number)
        self._starts = {prefix[:_SHORTEST_PREFIX] for prefix in self._prefixes}

    def _add(self, line: str, number: int) -> None:
        entry, *rest = line.rstrip("\n").split("\t")
        try:
            worth = Worth(float(rest[0]), _OF_CLASS[rest[1] if len(rest) > 1 else ""])
        except (IndexError, ValueError, KeyError):
            raise ValueError(
                f"{self.language} word list, line {number}: expected entry<TAB>strength[<TAB>class], got {line!r}"
            ) from None
        key = fold(entry.strip())[0]
        if key.endswith("*") and " " not in key:
            self._prefixes[key[:-1]] = worth
            return
        found = [piece for token in key.split() for piece in pieces(token, self.language == "en")]
        if len(found) == 1 or (" " not in key and found[0].kind != WORD):
            self._forms[key if found[0].kind != WORD else found[0].key] = worth
            stem = self.stem(key)
            if worth.value and len(stem) >= _SHORTEST_STEM:
                self._stems.setdefault(stem, worth)
        else:
            self.expressions[tuple(piece.key for piece in found)] = worth

    def worth(self, key: str, stem: str = "") -> Worth:
        """By the whole word, else as a superlative, else by the longest beginning, else by the stem, if it is known already."""
        known = self._forms.get(key)
        if known is not None or len(key) < _SHORTEST_PREFIX:
            return known or NOTHING
        if self.language == "it" and SUPERLATIVE.search(key):
            base = self.worth(SUPERLATIVE.sub("o", key))
            base = base if base.value else self.worth(SUPERLATIVE.sub("e", key))
            if base.value:
                return Worth(max(-3.0, min(3.0, base.value * 1.5)), base.kind)
        if key[:_SHORTEST_PREFIX] in self._starts:
            for size in range(len(key), _SHORTEST_PREFIX - 1, -1):
                if key[:size] in self._prefixes:
                    return self._prefixes[key[:size]]
        return self._stems.get(stem or self.stem(key), NOTHING)


def _vader() -> Mapping[str, Worth]:
    """VADER's words, -4..4 there, by their own forms."""
    lexicon: dict[str, float] = reference.SentimentIntensityAnalyzer().lexicon
    return {word: Worth(round(value * 0.75, 2), 0) for word, value in lexicon.items()}


def _shipped(language: str) -> list[str]:
    shared = files("enrichment").joinpath("compact", "lists", "marks.tsv").read_text("utf-8").splitlines()
    name = ("lexicon_it.tsv",) if language == "it" else ("compact", "lists", f"{language}.tsv")
    own = files("enrichment").joinpath(*name)
    return [*shared, *(own.read_text("utf-8").splitlines() if own.is_file() else [])]
