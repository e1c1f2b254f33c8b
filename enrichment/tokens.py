"""The memo of tokens: each white-space token of a batch, looked up once, gives its language scores, its hash and its term.

Few words make up most of what is written, so after a while nearly every look-up is one in a dict. New words of a batch
are worked out together, in numpy.
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


class Tokens(dict[str, int]):
    """token -> row. Holds at most `capacity` forms (some 40 bytes each beside the words), then starts afresh."""

    def __init__(self, model: LanguageModel, capacity: int = 300_000) -> None:
        super().__init__()
        self._model = model
        self._capacity = capacity
        self._scores = np.zeros((capacity + 1, len(model.languages)), np.float32)
        self._hashes = np.zeros((capacity + 1, 2), np.uint64)  # of the word, and of its stem
        self._kinds = np.zeros((capacity + 1, 2), np.bool_)  # is a term; has a pause behind it
        self._terms = [""]
        self._forms: dict[str, int] = {}
        self._new: list[str] = []
        self._filled = 1  # row 0 stays empty

    def __missing__(self, token: str) -> int:
        if token[0] == "@" or token[:4].lower() in ("http", "www."):
            if MASK in token[:3]:  # "@" or ".@" and a brand; of all others nearly every one is new
                self[token] = _NOTHING
            return _NOTHING
        form = token.strip(EDGES).lower()
        if not form or form == "rt":
            return _NOTHING
        if len(form) > _LONGEST:
            form = xxhash.xxh3_128_hexdigest(form.encode())
        if token[-1] in _PAUSES:
            form += _PAUSE
        row = self._forms.get(form)
        if row is None:
            row = self._forms[form] = self._filled + len(self._new)
            self._new.append(form)
        if len(token) <= _LONGEST:
            self[token] = row
        return row

    def add_up(self, texts: Sequence[Sequence[str]]) -> Sums:
        """`texts` as lists of tokens, none of them empty strings."""
        most = sum(map(len, texts))
        if self._filled + most > self._capacity or len(self) > 4 * self._capacity:
            self._start_afresh(most + 1)
        rows: list[int] = []
        ends = [0]
        look_up = self.__getitem__
        for tokens in texts:
            rows += map(look_up, tokens)
            rows.append(_NOTHING)  # so that no text is without rows
            ends.append(len(rows))
        self._fill()
        index = np.array(rows, np.int64)
        edges = np.array(ends, np.int64)
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
        together = np.flatnonzero((np.diff(places) == 1) & ~kinds[places[:-1], 1]).tolist()
        phrases = [f"{words[one]} {words[one + 1]}" for one in together]
        bounds_of_phrases = np.searchsorted(together, bounds).tolist()
        return [
            chosen(words[start : min(end, start + LOOKED_AT)], phrases[first : min(last, first + LOOKED_AT)])
            for (start, end), (first, last) in zip(pairwise(bounds), pairwise(bounds_of_phrases), strict=True)
        ]

    def _fill(self) -> None:
        if not self._new:
            return
        first, last = self._filled, self._filled + len(self._new)
        forms = [form.rstrip(_PAUSE) for form in self._new]
        masked = [MASK in form for form in forms]
        self._scores[first:last] = self._model.rows(
            ["" if mask else form for form, mask in zip(forms, masked, strict=True)]
        )
        said = [NO_CONTENT if mask else content(form) for form, mask in zip(forms, masked, strict=True)]
        self._hashes[first:last, 0] = [_hash(fold(form)[0]) for form in forms]
        self._hashes[first:last, 1] = [_hash(one.stem) if one.stem else 0 for one in said]
        self._kinds[first:last, 0] = [bool(one.term) for one in said]
        self._kinds[first:last, 1] = [form.endswith(_PAUSE) for form in self._new]
        self._terms += [one.term for one in said]
        self._filled = last
        self._new.clear()

    def _start_afresh(self, room: int) -> None:
        self.clear()
        self._forms.clear()
        self._terms = [""]
        self._filled = 1
        if room > self._capacity:  # one batch of more different words than the memo holds
            self._capacity = room
            self._scores = np.zeros((room + 1, self._scores.shape[1]), np.float32)
            self._hashes = np.zeros((room + 1, 2), np.uint64)
            self._kinds = np.zeros((room + 1, 2), np.bool_)


def _hash(word: str) -> int:
    return xxhash.xxh3_64_intdigest(word.encode()) or 1
