"""Stories: copies of one text, found among the mentions seen last. Signatures in, story ids out.

A mention's story is the id of the first mention whose text it repeats, wholly or nearly; its own id when it repeats none.
The window is bounded: `size` mentions, then the oldest is forgotten. Candidates come from locality-sensitive hashing: 16
tables keyed by three MinHash values each, newest wins a slot; the signatures themselves decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from enrichment.signatures import VALUES, parse

BANDS: Final = 16
ROWS: Final = 3
ALIKE: Final = 0.5  # share of equal values from which two texts are one story
_BAND_MIX: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
_FINAL_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)
_BAND: Final = np.arange(BANDS)
_RESTORED_AT_ONCE: Final = 1024


class Stories:
    """The window. Same mentions in the same order give the same stories; not shared between processes."""

    def __init__(self, size: int = 131_072) -> None:
        self._size = size
        slots = max(10, (size - 1).bit_length())
        self._shift = np.uint64(64 - slots)
        self._tables = np.full((BANDS, 1 << slots), -1, np.int64)  # number of the mention seen last with that key
        self._values = np.zeros((size, VALUES), np.uint16)
        self._ids: list[str] = [""] * size
        self._story: list[str] = [""] * size
        self._keys: list[str] = [""] * size
        self._by_id: dict[str, int] = {}
        self._by_key: dict[str, int] = {}
        self._next = 0  # mentions ever taken; number n sits in place n % size

    def __len__(self) -> int:
        return len(self._by_id)

    def assign(self, ids: Sequence[str], signatures: Sequence[str]) -> list[str]:
        """The story of each mention; one seen before keeps the story it had. Takes the new ones in."""
        return self._take(ids, signatures, None)

    def restore(self, mentions: Iterable[Mapping[str, Any]]) -> None:
        """Takes in mentions as stored, oldest first, with the stories they have: the window after a restart."""
        ids: list[str] = []
        marks: list[str] = []
        stories: list[str] = []
        for mention in mentions:
            ids.append(mention["id"])
            marks.append(mention.get("signature", ""))
            stories.append(mention.get("story") or mention["id"])
            if len(ids) == _RESTORED_AT_ONCE:
                self._take(ids, marks, stories)
                ids, marks, stories = [], [], []
        if ids:
            self._take(ids, marks, stories)

    def _take(self, ids: Sequence[str], signatures: Sequence[str], known: Sequence[str] | None) -> list[str]:
        found: list[str] = []
        for start in range(0, len(ids), self._size):  # more at once than the window holds: piece by piece
            piece = slice(start, start + self._size)
            found += self._take_piece(ids[piece], signatures[piece], None if known is None else known[piece])
        return found

    def _take_piece(self, ids: Sequence[str], signatures: Sequence[str], known: Sequence[str] | None) -> list[str]:
        told = {id: self._story[self._by_id[id] % self._size] for id in ids if id in self._by_id}
        fresh = self._fresh(ids)
        marks = parse([signatures[place] for place in fresh])
        partners = self._partners(marks.values, marks.long)
        for row, place in enumerate(fresh):
            story = self._story_of(marks.exact[row], int(partners[row]), ids[place]) if known is None else known[place]
            self._put(ids[place], story, marks.exact[row])
            told[ids[place]] = story
        return [told[id] for id in ids]

    def _fresh(self, ids: Sequence[str]) -> list[int]:
        """Places of the ids not in the window, each id once."""
        seen: set[str] = set()
        fresh = []
        for place, id in enumerate(ids):
            if id not in self._by_id and id not in seen:
                seen.add(id)
                fresh.append(place)
        return fresh

    def _story_of(self, key: str, partner: int, id: str) -> str:
        same = self._by_key.get(key) if key else None
        if same is not None:
            return self._story[same % self._size]
        return self._story[partner % self._size] if partner >= 0 else id

    def _put(self, id: str, story: str, key: str) -> None:
        place = self._next % self._size
        if self._next >= self._size:
            gone = self._next - self._size
            if self._by_id.get(self._ids[place]) == gone:
                del self._by_id[self._ids[place]]
            if self._by_key.get(self._keys[place]) == gone:
                del self._by_key[self._keys[place]]
        self._ids[place], self._story[place], self._keys[place] = id, story, key
        self._by_id[id] = self._next
        if key:
            self._by_key[key] = self._next
        self._next += 1

    def _partners(self, values: NDArray[np.uint16], long: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The number of the mention each one repeats, -1 for none; takes their values into the tables."""
        count = len(values)
        first = self._next
        numbers = np.arange(first, first + count)
        best = np.full(count, -1, np.int64)
        self._values[numbers % self._size] = values
        slots = self._slots(values)
        within = self._within(slots, long, first)
        candidates = np.where(within >= 0, within, self._tables[_BAND, slots])  # as if they came one by one
        candidates[candidates <= first + count - 1 - self._size] = -1
        candidates[~long] = -1
        rows, columns = np.nonzero(candidates >= 0)
        if len(rows):
            pairs = np.unique(np.stack([rows, candidates[rows, columns]], axis=1), axis=0)
            rows, others = pairs[:, 0], pairs[:, 1]
            alike = (self._values[others % self._size] == values[rows]).mean(axis=1)
            good = alike >= ALIKE
            rows, others, alike = rows[good], others[good], alike[good]
            order = np.lexsort((-others, alike))  # the most alike last, of equals the earliest
            best[rows[order]] = others[order]
        self._tables[_BAND, slots[long]] = numbers[long][:, None]
        return best

    def _slots(self, values: NDArray[np.uint16]) -> NDArray[np.int64]:
        bands = values[:, : BANDS * ROWS].reshape(len(values), BANDS, ROWS).astype(np.uint64)
        keys = (bands * _BAND_MIX).sum(axis=2, dtype=np.uint64)
        keys ^= keys >> np.uint64(29)
        keys *= _FINAL_MIX
        slots: NDArray[np.int64] = (keys >> self._shift).astype(np.int64)
        return slots

    def _within(self, slots: NDArray[np.int64], long: NDArray[np.bool_], first: int) -> NDArray[np.int64]:
        """For each text and band, the one before it in the same batch with the same key, or -1."""
        count = len(slots)
        flat = (slots + (_BAND << np.int64(40))).ravel()
        flat[np.repeat(~long, BANDS)] = -1
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        same = np.flatnonzero((ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)) + 1
        found = np.full(count * BANDS, -1, np.int64)
        found[order[same]] = first + order[same - 1] // BANDS
        return found.reshape(count, BANDS)
