"""Which of the texts seen last have most in common with a new one, as far as can be told quickly: sketches in, numbers out.

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
MOST: Final = 4  # texts found, of each kind
STEPS: Final = 2  # must lead to a copy; one where the text has few items
SHORT: Final = 10  # items
WORDS: Final = 2  # must lead to a related text
_MIX, _STEP = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x9E3779B97F4A7C15)
_PLACE: Final = 32  # bits of the place of a key among those of a batch
_AGE: Final = 32  # bits of a text's
_COUNT: Final = 7  # bits of a count of steps or words, of which a signature has at most 64


class Found(NamedTuple):
    """Numbers of texts in the window, at most `MOST` of each, the likeliest first and of equally likely ones the latest."""

    copies: list[int]  # to which steps lead
    related: list[int]  # to which words lead


class Neighbours:
    """The table, for a window of `size` texts."""

    def __init__(self, size: int) -> None:
        self._size = size
        bits = max(14, (size * PER_TEXT - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._table = np.full(1 << bits, -1, np.int64)

    def take(self, texts: Sequence[Signature], first: int) -> list[Found]:
        """Takes texts in, of which the first has number `first`, at most `size`; what is found for each among those before."""
        if not texts:
            return []
        keys, numbers, is_word = _keys(texts, first)
        slots = ((keys * _MIX) >> self._shift).astype(np.int64)
        holders = self._holders(slots, numbers)
        end = first + len(texts)
        holders[holders <= end - 1 - self._size] = -1
        self._table[slots] = numbers  # of equal ones the last holds
        led = (holders >= 0) & (holders < numbers)
        pairs = _counted(numbers[led] - first, end - holders[led], is_word[led])
        least = np.array([STEPS if len(one.items) > 4 * SHORT else 1 for one in texts])
        copies = _likeliest(pairs, pairs.steps, pairs.steps >= least[pairs.text], end, len(texts))
        related = _likeliest(pairs, pairs.words, pairs.words >= WORDS, end, len(texts))
        return list(map(Found, copies, related))

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


class _Pairs(NamedTuple):
    """Texts taken in and texts in the window to which keys lead, each pair once."""

    text: NDArray[np.int64]  # which of those taken in
    age: NDArray[np.int64]  # how far the other one is behind the end of those taken in
    steps: NDArray[np.int64]
    words: NDArray[np.int64]


def _counted(text: NDArray[np.int64], age: NDArray[np.int64], is_word: NDArray[np.bool_]) -> _Pairs:
    packed = np.sort(text << _AGE + 1 | age << 1 | is_word)
    keys = packed >> 1
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    words = np.add.reduceat(packed & 1, begins) if len(begins) else packed
    keys, counts = keys[begins], np.diff(begins, append=len(keys))
    return _Pairs(keys >> _AGE, keys & (1 << _AGE) - 1, counts - words, words)


def _likeliest(
    pairs: _Pairs, counts: NDArray[np.int64], wanted: NDArray[np.bool_], end: int, texts: int
) -> list[list[int]]:
    """Of each text the pairs `wanted` with the greatest counts."""
    few = (1 << _COUNT) - 1 - counts[wanted]
    packed = np.sort(pairs.text[wanted] << _AGE + _COUNT | few << _AGE | pairs.age[wanted])
    text = packed >> _AGE + _COUNT
    begins = np.searchsorted(text, np.arange(texts))
    best = np.arange(len(packed)) - begins[text] < MOST
    numbers = (end - (packed[best] & (1 << _AGE) - 1)).tolist()
    ends = np.searchsorted(text[best], np.arange(texts + 1)).tolist()
    return [numbers[start:stop] for start, stop in pairwise(ends)]
