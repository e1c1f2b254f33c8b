"""What is known of tokens: their language scores, hashes and terms, added up for the texts of a batch.

It is worked out once for each form of a word; new words of a batch together, in numpy.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from enrichment.fold import fold
from enrichment.language import LanguageModel
from enrichment.sentiment import MASK
from enrichment.terms import LOOKED_AT, NO_CONTENT, chosen, content
from enrichment.vocabulary import Numbered, Vocabulary, grown

EDGES = string.punctuation + "“”‘’«»…–—¿¡"
_NOTHING = 0  # the row of addresses, @names and punctuation: no language, no hash
_PAUSES = ".,;:!?…)]»”"  # behind a word: the next one begins another phrase
_LONGEST = 100  # letters of a token; what is longer is no word, and the memo must not grow by it
_PAUSE = "\n"  # marks the row of a form with a pause behind it; in no token


class Sums(NamedTuple):
    """What a batch of texts adds up to."""

    scores: NDArray[np.float32]  # (texts, languages)
    words: NDArray[np.int64]  # words per text
    hashes: NDArray[np.uint64]  # of all words of all texts, in order; without addresses and @names
    contents: NDArray[np.uint64]  # beside each hash that of the word's stem; 0 where the word says nothing
    starts: NDArray[np.int64]  # where each text's hashes start, and the end: texts + 1 numbers
    terms: list[tuple[str, ...]]  # what each text talks about


class Tokens:
    """Knows of each token's form (lower case, no punctuation around it) its language scores, its hash and its term."""

    def __init__(self, model: LanguageModel, vocabulary: Vocabulary | None = None) -> None:
        self._model = model
        self._vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._generation = self._vocabulary.generation
        self._known = 0  # tokens
        self._rows = np.zeros(4096, np.int64)  # (tokens)
        self._forms: dict[str, int] = {"": _NOTHING, "rt": _NOTHING}
        self._scores = np.zeros((4096, len(self._model.languages)), np.float32)  # (forms, languages)
        self._hashes = np.zeros((4096, 2), np.uint64)  # of the word, and of its stem
        self._kinds = np.zeros((4096, 2), np.bool_)  # is a term; has a pause behind it
        self._terms = [""]

    def add_up(self, texts: Sequence[Sequence[str]]) -> Sums:
        """`texts` as lists of tokens, none of them empty strings."""
        self._vocabulary.make_room()
        return self.sums(self._vocabulary.read(texts))

    def sums(self, texts: Numbered) -> Sums:
        """The same of texts whose tokens have been looked up in this vocabulary."""
        self._fill()
        index = self._rows.take(texts.numbers)
        edges = texts.starts
        scores = np.add.reduceat(self._scores.take(index, axis=0), edges[:-1], axis=0)
        hashes = self._hashes.take(index, axis=0)
        kept = hashes[:, 0] != 0
        counted = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        starts = counted[edges]
        terms = self._terms_of(index, edges)
        return Sums(scores, np.diff(starts), hashes[kept, 0], hashes[kept, 1], starts, terms)

    def _terms_of(self, index: NDArray[np.int64], edges: NDArray[np.int64]) -> list[tuple[str, ...]]:
        kinds = self._kinds.take(index, axis=0)
        places = np.flatnonzero(kinds[:, 0])
        bounds = np.searchsorted(places, edges).tolist()
        words = list(map(self._terms.__getitem__, index[places].tolist()))
        together = np.flatnonzero((np.diff(places) == 1) & ~kinds[places[:-1], 1])
        bounds_of_phrases = np.searchsorted(together, bounds).tolist()
        firsts = together.tolist()
        return [
            chosen(words[start : min(end, start + LOOKED_AT)], words, firsts[first : min(last, first + LOOKED_AT)])
            for (start, end), (first, last) in zip(pairwise(bounds), pairwise(bounds_of_phrases), strict=True)
        ]

    def _fill(self) -> None:
        """Works out what is not known yet of the vocabulary's tokens."""
        if self._generation != self._vocabulary.generation:
            self._start_afresh()
        tokens = self._vocabulary.tokens
        if self._known == len(tokens):
            return
        new: list[str] = []
        rows = [self._row(token, new) for token in tokens[self._known :]]
        self._rows = grown(self._rows, len(tokens))
        self._rows[self._known : len(tokens)] = rows
        self._known = len(tokens)
        if new:
            self._learn(new)

    def _row(self, token: str, new: list[str]) -> int:
        if token[:1] == "@" or token[:4].lower() in ("http", "www."):
            return _NOTHING
        form = token.strip(EDGES).lower()
        if len(form) > _LONGEST:
            form = xxhash.xxh3_128_hexdigest(form.encode())
        if form and form != "rt" and token[-1] in _PAUSES:
            form += _PAUSE
        row = self._forms.get(form)
        if row is None:
            row = self._forms[form] = len(self._terms) + len(new)
            new.append(form)
        return row

    def _learn(self, new: list[str]) -> None:
        first, last = len(self._terms), len(self._terms) + len(new)
        self._scores, self._hashes = grown(self._scores, last), grown(self._hashes, last)
        self._kinds = grown(self._kinds, last)
        forms = [form.rstrip(_PAUSE) for form in new]
        masked = [MASK in form for form in forms]
        self._scores[first:last] = self._model.rows(
            ["" if mask else form for form, mask in zip(forms, masked, strict=True)]
        )
        said = [NO_CONTENT if mask else content(form) for form, mask in zip(forms, masked, strict=True)]
        self._hashes[first:last, 0] = [_hash(fold(form)[0]) for form in forms]
        self._hashes[first:last, 1] = [_hash(one.stem) if one.stem else 0 for one in said]
        self._kinds[first:last, 0] = [bool(one.term) for one in said]
        self._kinds[first:last, 1] = [form.endswith(_PAUSE) for form in new]
        self._terms += [one.term for one in said]


def _hash(word: str) -> int:
    return xxhash.xxh3_64_intdigest(word.encode()) or 1
