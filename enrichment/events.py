"""Events: stories that tell of the same thing in words of their own. Words in, how near two stories are out.

Nearness is the cosine of the stories' words, each weighted by how rare it is among the stories in the window (tf-idf with tf
0 or 1; Salton and Buckley 1988), as in the detection of first stories (Allan, Lavrenko and Jin 2000).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

NEAR: Final = 0.35  # cosine from which two stories are one event
WIDE: Final = 0.3  # the same to the event's first story, else events chain from one thing to the next
SHARED: Final = 3  # words they must have in common; one fewer where the shorter has at most
FEW: Final = 5  # words
HOURS: Final = 72  # between a story and the nearest one of its event, at most
LASTS: Final = 168  # hours between a story and the first one of its event, at most


class Rarity:
    """How many stories in the window have a word."""

    def __init__(self) -> None:
        self._stories = 0
        self._having: dict[int, int] = {}

    def add(self, words: Iterable[int]) -> None:
        """A story has come."""
        self._stories += 1
        having = self._having
        for word in words:
            having[word] = having.get(word, 0) + 1

    def remove(self, words: Iterable[int]) -> None:
        """A story has left the window, or turned out to be part of another."""
        self._stories -= 1
        for word in words:
            self._having[word] -= 1
            if not self._having[word]:
                del self._having[word]

    def near(self, words: frozenset[int], others: frozenset[int]) -> float:
        """0..1; 0 where they share too few words for it to mean anything."""
        shared = words & others
        if len(shared) < SHARED - (min(len(words), len(others)) <= FEW):
            return 0.0
        return self._square(shared) / math.sqrt(self._square(words) * self._square(others))

    def _square(self, words: frozenset[int]) -> float:
        """The sum of the squares of the words' weights: inverse document frequencies, above 0."""
        stories, having, log = self._stories + 2, self._having.get, math.log
        return sum([log(stories / (having(word, 0) + 1)) ** 2 for word in words])
