"""Which of the texts seen last may have something in common with a new one: sketches in, candidates out.

A table holds for each key the text seen last with it. Keys are a sketch's words, which lead to texts about the same thing, and
its steps, from one item to the next one: a step is rare even where both its items are common, so texts that share some are
nearly always copies. Bounded: `size` texts; a text whose keys others have taken is found through its copies, if it has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from enrichment.signatures import Signature

PER_TEXT: Final = 16  # places of the table for each text in the window
WORDS: Final = 2  # must lead to a candidate, or one step
_MIX, _STEP = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x9E3779B97F4A7C15)
_TEXT: Final = 40  # bits of a text's number
_PLACE: Final = 32  # bits of the place of a key among those of a batch


class Candidate(NamedTuple):
    """A text in the window, and how many steps and words lead to it."""

    number: int
    steps: int
    words: int


class Neighbours:
    """The table, for a window of `size` texts."""

    def __init__(self, size: int) -> None:
        self._size = size
        bits = max(14, (size * PER_TEXT - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._table = np.full(1 << bits, -1, np.int64)

    def take(self, texts: Sequence[Signature], first: int) -> list[list[Candidate]]:
        """Takes texts in, of which the first has number `first`, at most `size`; the candidates of each among those before."""
        if not texts:
            return []
        keys, numbers, is_word = _keys(texts, first)
        slots = ((keys * _MIX) >> self._shift).astype(np.int64)
        holders = self._holders(slots, numbers)
        holders[holders <= first + len(texts) - 1 - self._size] = -1
        self._table[slots] = numbers  # of equal ones the last holds
        return _counted(holders, numbers, is_word, first, len(texts))

    def _holders(self, slots: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Who held each slot when it was the text's turn, as if they came one by one."""
        holders = self._table[slots]
        packed = np.sort(slots << _PLACE | np.arange(len(slots)))  # in a quarter of the time of argsort
        order = packed & (1 << _PLACE) - 1
        ordered = packed >> _PLACE
        same = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        holders[order[same]] = numbers[order[same - 1]]
        return holders


def _keys(texts: Sequence[Signature], first: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of all texts in their order: keys, the number of the text of each, and whether it is a word's and not a step's."""
    items = np.frombuffer(b"".join([one.items for one in texts]), "<u4").astype(np.uint64)
    counts = np.array([(one.beginning, len(one.items) // 4 - one.beginning) for one in texts], np.int64).ravel()
    part = np.repeat(np.arange(len(counts)), counts)
    words = np.flatnonzero(items & np.uint64(1))
    steps = np.flatnonzero(part[1:] == part[:-1])
    keys = np.concatenate([items[words], (items[steps] * _STEP) ^ items[steps + 1] << np.uint64(17)])
    numbers = first + part[np.concatenate([words, steps])] // 2
    order = np.argsort(numbers, kind="stable")
    return keys[order], numbers[order], order < len(words)


def _counted(
    holders: NDArray[np.int64], numbers: NDArray[np.int64], is_word: NDArray[np.bool_], first: int, texts: int
) -> list[list[Candidate]]:
    led = (holders >= 0) & (holders < numbers)
    packed = np.sort((numbers[led] - first) << _TEXT + 1 | holders[led] << 1 | is_word[led])
    keys = packed >> 1
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    words = np.add.reduceat(packed & 1, begins) if len(begins) else packed
    steps = np.diff(begins, append=len(keys)) - words
    enough = (words >= WORDS) | (steps > 0)
    keys = keys[begins[enough]]  # ascending, so one text's candidates stand together
    candidates = list(
        map(Candidate, (keys & (1 << _TEXT) - 1).tolist(), steps[enough].tolist(), words[enough].tolist())
    )
    ends = np.searchsorted(keys >> _TEXT, np.arange(texts + 1)).tolist()
    return [candidates[start:end] for start, end in pairwise(ends)]
