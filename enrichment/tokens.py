"""The memo of tokens: each white-space token of a batch, looked up once, gives its language scores and its hash.

Few words make up most of what is written, so after a while nearly every look-up is one in a dict. New words of a batch
are worked out together, in numpy.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from enrichment.fold import fold
from enrichment.language import LanguageModel
from enrichment.sentiment import MASK

EDGES = string.punctuation + "“”‘’«»…–—¿¡"
_NOTHING = 0  # the row of addresses, @names and punctuation: no language, no hash


class Sums(NamedTuple):
    """What a batch of texts adds up to."""

    scores: NDArray[np.float32]  # (texts, languages)
    words: NDArray[np.int64]  # words per text
    hashes: NDArray[np.uint64]  # of all words of all texts, in order; without addresses and @names
    starts: NDArray[np.int64]  # where each text's hashes start, and the end: texts + 1 numbers


class Tokens(dict[str, int]):
    """token -> row. Holds at most `capacity` forms (some 40 bytes each beside the words), then starts afresh."""

    def __init__(self, model: LanguageModel, capacity: int = 300_000) -> None:
        super().__init__()
        self._model = model
        self._capacity = capacity
        self._scores = np.zeros((capacity + 1, len(model.languages)), np.float32)
        self._hashes = np.zeros(capacity + 1, np.uint64)
        self._forms: dict[str, int] = {}
        self._new: list[str] = []
        self._filled = 1  # row 0 stays empty

    def __missing__(self, token: str) -> int:
        if token[0] == "@" or token[:4].lower() in ("http", "www."):
            return _NOTHING  # not remembered: nearly every one is new
        form = token.strip(EDGES).lower()
        if not form or form == "rt":
            return _NOTHING
        row = self._forms.get(form)
        if row is None:
            row = self._forms[form] = self._filled + len(self._new)
            self._new.append(form)
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
        hashes = self._hashes.take(index)
        kept = hashes != 0
        counted = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        starts = counted[edges]
        return Sums(scores, np.diff(starts), hashes[kept], starts)

    def _fill(self) -> None:
        if not self._new:
            return
        first, last = self._filled, self._filled + len(self._new)
        self._scores[first:last] = self._model.rows(["" if MASK in form else form for form in self._new])
        self._hashes[first:last] = [xxhash.xxh3_64_intdigest(fold(form)[0].encode()) or 1 for form in self._new]
        self._filled = last
        self._new.clear()

    def _start_afresh(self, room: int) -> None:
        self.clear()
        self._forms.clear()
        self._filled = 1
        if room > self._capacity:  # one batch of more different words than the memo holds
            self._capacity = room
            self._scores = np.zeros((room + 1, self._scores.shape[1]), np.float32)
            self._hashes = np.zeros(room + 1, np.uint64)
