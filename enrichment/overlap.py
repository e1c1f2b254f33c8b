"""How much two texts have in common, estimated from their sketches (see signatures.py)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from enrichment.signatures import ITEMS


class Overlap(NamedTuple):
    """Items of two texts that can be compared: below the least hash at which one of them was cut off."""

    one: Set[int]
    other: Set[int]

    @property
    def shorter(self) -> int:
        """Items of the text that has fewer."""
        return min(len(self.one), len(self.other))

    @property
    def alike(self) -> float:
        """Share of common items among all (Jaccard), 0..1."""
        shared = len(self.one & self.other)
        return shared / max(1, len(self.one) + len(self.other) - shared)

    @property
    def part(self) -> float:
        """Share of common items among the shorter text's, 0..1."""
        return len(self.one & self.other) / max(1, self.shorter)

    def without(self, from_one: Set[int], from_other: Set[int]) -> Overlap:
        """Leaving out what is no part of the item."""
        return Overlap(self.one - from_one, self.other - from_other) if from_one or from_other else self


def overlap(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> Overlap:
    """Of two whole sketches, or of some parts of both."""
    cut = [part[-1] for part in (*one, *other) if len(part) == ITEMS]
    least = min(cut, default=1 << 32)
    return Overlap(*(frozenset([item for part in text for item in part if item <= least]) for text in (one, other)))
