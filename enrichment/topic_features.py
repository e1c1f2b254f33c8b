"""What a taught topic sees of a text: tokens in, hashed words, pairs of words and pieces of words out.

Pieces of words do for Italian and English what a stemmer would do for one of them. Every feature is one of `SIZE` numbers,
so weights are small, and no text can be read from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from enrichment.fold import fold
from enrichment.sentiment import MASK

SIZE: Final = 1 << 16
PIECES: Final = (3, 4, 5)  # letters, the ends of the word included
LONGEST: Final = 40  # letters of a word that are looked at
MOST_WORDS: Final = 2000  # of a text; a topic shows before
MOST_TOKENS: Final = 100_000  # remembered, then afresh: some 60 MB
_PAIR: Final = np.int64(0x9E3779B1)  # Knuth's multiplicative hash, to mix two words into one number
_WORD: Final = re.compile(r"[^\W_]+")


class Rows(NamedTuple):
    """Texts as sparse rows of ones: those of text n are `columns[starts[n]:starts[n + 1]]`, each once."""

    columns: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def pick(self, which: NDArray[np.int64]) -> Rows:
        """The rows of these numbers, in this order."""
        sizes = np.diff(self.starts)[which]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
        return Rows(self.columns[np.repeat(self.starts[:-1][which], sizes) + within], starts)

    def scale(self) -> NDArray[np.float64]:
        """1 / sqrt(features) of each text: what makes long and short texts comparable, and sums additive."""
        return np.asarray(1.0 / np.sqrt(np.maximum(1, np.diff(self.starts))))

    def dot(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the weights of each text's features."""
        sums = np.concatenate([np.zeros(1), np.cumsum(weights[self.columns])])
        return np.asarray(sums[self.starts[1:]] - sums[self.starts[:-1]])


class Features:
    """Makes rows; remembers words, nothing of the texts."""

    def __init__(self) -> None:
        self._memo: dict[str, tuple[tuple[int, ...], NDArray[np.int64]]] = {}

    def rows(self, texts: Sequence[Sequence[str]]) -> Rows:
        """`texts` as lists of tokens. Names of brands, addresses and @names are not looked at."""
        if len(self._memo) > MOST_TOKENS:
            self._memo.clear()
        found = [self._row(tokens) for tokens in texts]
        sizes = [len(row) for row in found]
        columns = np.concatenate(found) if found else np.zeros(0, np.int64)
        return Rows(columns, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)]))

    def _row(self, tokens: Sequence[str]) -> NDArray[np.int64]:
        words: list[int] = []
        pieces: list[NDArray[np.int64]] = []
        for token in tokens[:MOST_WORDS]:
            known = self._memo.get(token)
            if known is None:
                known = self._memo[token] = _of_token(token)
            words += known[0]
            pieces.append(known[1])
        if not words:
            return np.zeros(0, np.int64)
        hashes = np.array(words, np.int64)
        pairs = (hashes[:-1] * _PAIR + hashes[1:]) >> 7 & (SIZE - 1)
        return np.unique(np.concatenate([hashes & (SIZE - 1), pairs, *pieces]))


def _of_token(token: str) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """The hashes of a token's words, and the columns of their pieces."""
    if MASK in token or token[0] == "@" or token[:4].lower() in ("http", "www."):
        return (), np.zeros(0, np.int64)
    words = [word[:LONGEST] for word in _WORD.findall(fold(token)[0])]
    pieces = []
    for word in words:
        whole = f" {word} "
        pieces += [whole[at : at + size] for size in PIECES for at in range(len(whole) - size + 1)]
    columns = [_hash("p" + piece) & (SIZE - 1) for piece in pieces]
    return tuple(_hash("w" + word) for word in words), np.array(columns, np.int64)


def _hash(feature: str) -> int:
    return xxhash.xxh32_intdigest(feature.encode("utf-8", "replace"))
