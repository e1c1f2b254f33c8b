"""The vocabulary: white-space tokens in, their numbers out, so that all who remember something of tokens look them up once.

Few words make up most of what is written: after a while nearly every token is an old one. Whoever needs more of a token keeps an
array with a place for each number, and works out what is missing for the new tokens of a whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from enrichment.sentiment import MASK

END: Final = 0  # the number behind each text's last token, so that no text is without numbers
USER: Final = 1  # of every "@name": nearly every one is new, and what it is called says nothing
ADDRESS: Final = 2  # of every address
_FIRST: Final = ("", "@user", "http")
_TOKENS: Final = 200_000  # remembered; some 500 bytes each, with all that is known of them
_LETTERS: Final = 1 << 24


@dataclass(frozen=True)
class Numbered:
    """Texts as numbers of tokens, one text after another."""

    numbers: NDArray[np.int64]  # (tokens + texts) each text ended by `END`
    starts: NDArray[np.int64]  # (texts + 1) where each text begins, and the end

    def followed_by(self, others: Numbered) -> Numbered:
        """These texts and then `others`."""
        return Numbered(
            np.concatenate([self.numbers, others.numbers]),
            np.concatenate([self.starts, others.starts[1:] + self.starts[-1]]),
        )

    def __getitem__(self, texts: slice) -> Numbered:
        """Some that stand together, by a slice without a step."""
        first, last, _ = texts.indices(len(self.starts) - 1)
        start, end = int(self.starts[first]), int(self.starts[last])
        return Numbered(self.numbers[start:end], self.starts[first : last + 1] - start)

    def only(self, chosen: NDArray[np.bool_]) -> Numbered:
        """Those chosen, in their order."""
        sizes = np.diff(self.starts)
        return Numbered(self.numbers[np.repeat(chosen, sizes)], np.append(0, np.cumsum(sizes[chosen])))

    def cut(self, lengths: NDArray[np.int64]) -> Numbered:
        """The same tokens cut into texts of other lengths, in tokens, where each text is cut into whole ones."""
        tokens = np.delete(self.numbers, self.starts[1:] - 1)
        return _ended(tokens, lengths)


class Vocabulary(dict[str, int]):
    """token -> number, counted from 0 in the order of their first coming. Holds only what was written since it last started
    afresh, which `generation` counts; numbers of an earlier generation mean nothing. Not thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = 0
        self.tokens: list[str] = list(_FIRST)  # by number
        self._letters = 0

    def __missing__(self, token: str) -> int:
        if token[0] == "@":
            if token[1:].isidentifier():
                return USER
        elif token[:4] == "http" and MASK not in token:
            return ADDRESS
        number = self[token] = len(self.tokens)
        self.tokens.append(token)
        self._letters += len(token)
        return number

    def make_room(self) -> None:
        """Starts afresh where too much is remembered. To be called when nobody holds numbers."""
        if len(self.tokens) > _TOKENS or self._letters > _LETTERS:
            self.clear()
            self.tokens = list(_FIRST)
            self._letters = 0
            self.generation += 1

    def read(self, texts: Sequence[Sequence[str]]) -> Numbered:
        """The numbers of `texts`, each a list of tokens without white space, none of them empty."""
        look_up = self.__getitem__
        numbers = np.fromiter(map(look_up, chain.from_iterable(texts)), np.int64)
        return _ended(numbers, np.fromiter(map(len, texts), np.int64, len(texts)))


def _ended(numbers: NDArray[np.int64], lengths: NDArray[np.int64]) -> Numbered:
    ends = np.cumsum(lengths)
    return Numbered(np.insert(numbers, ends, END), np.append(0, ends + np.arange(1, len(ends) + 1)))


def grown(array: NDArray, rows: int) -> NDArray:  # type: ignore[type-arg]
    """The array, or where it has fewer than `rows` rows a longer copy with zeros behind."""
    if rows <= len(array):
        return array
    longer = np.zeros((2 * rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
