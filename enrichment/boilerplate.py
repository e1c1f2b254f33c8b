"""Boilerplate: what a publisher puts around every item ("Read more on ...", a newsletter's invitation), learnt from its items.

Learnt where stories are told, in their one order, from nothing but the window: so it is the same after a restart, and workers
need not know it. A publisher's first two items cannot tell yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Final

import numpy as np

from enrichment.signatures import Sketch

LATEST: Final = 16  # items of a publisher that are looked at
OFTEN: Final = 3  # of them must have it, and a quarter
NOTHING: Final[frozenset[int]] = frozenset()


class Boilerplate:
    """`sketch(number)` is that of a text in the window."""

    def __init__(self, sketch: Callable[[int], Sketch]) -> None:
        self._sketch = sketch
        self._latest: dict[int, deque[tuple[int, bytes]]] = {}
        self._known: dict[int, frozenset[int]] = {}

    def of(self, publisher: int) -> frozenset[int]:
        """Items of sketches that are the publisher's boilerplate."""
        known = self._known.get(publisher)
        if known is None:
            known = self._known[publisher] = self._learnt(publisher) if self.is_known(publisher) else NOTHING
        return known

    def is_known(self, publisher: int) -> bool:
        """Whether there are enough of its items to tell."""
        return len(self._latest.get(publisher, ())) >= OFTEN

    def _learnt(self, publisher: int) -> frozenset[int]:
        texts = [{*chain(*self._sketch(number))} for number, _ in self._latest[publisher]]
        values, counts = np.unique(np.fromiter(chain.from_iterable(texts), np.int64), return_counts=True)
        return frozenset(values[counts >= max(OFTEN, len(texts) / 4)].tolist())

    def add(self, publisher: int, number: int, exact: bytes) -> None:
        """A text of the publisher, which is in the window. Copies of one text count once."""
        if not publisher:
            return
        latest = self._latest.setdefault(publisher, deque(maxlen=LATEST))
        if all(exact != other for _, other in latest):
            latest.append((number, exact))
            self._known.pop(publisher, None)

    def remove(self, publisher: int, number: int) -> None:
        """The text has left the window."""
        latest = self._latest.get(publisher)
        if latest and latest[0][0] == number:
            latest.popleft()
            self._known.pop(publisher, None)
            if not latest:
                del self._latest[publisher]
