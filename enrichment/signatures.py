"""Signatures of texts, by which copies are found: hashes of words in, short strings out that travel in the mention.

A signature holds a hash of all words (equal for equal texts), who published it, when, and, from four words on, a sketch: the
`ITEMS` smallest hashes of what stands in the text's beginning, and as many of what follows. What stands in a text are its
words that say something (as stems) and its pairs of neighbours. Sketches of two texts estimate how much the texts have in
common (Broder 1997, "bottom-k"), also when one is part of the other, and unlike MinHash values they can be compared without
what is no part of the item, such as a feed's boilerplate. A tweet's sketch is complete, so its estimate is exact. The beginning
has a sketch of its own because many feeds give no more than that of an article.
It is made from fixed constants only, so it is the same in every process and after every restart.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Sequence
from datetime import datetime
from struct import unpack
from typing import Final, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

ITEMS: Final = 32  # of each part, 128 bytes; the estimate's standard error is then 0.09
BEGINNING: Final = 100  # words
SHORTEST: Final = 4  # words; what is shorter is a copy only when it is equal and says something
SAYING: Final = 2  # words that say something, for equal short texts to be copies: "thank you" is none
_VERSION: Final = "2"
_EXACT: Final = 9  # bytes
_NO_COPY: Final = bytes(_EXACT)
_PUBLISHER: Final = 3
_HOUR: Final = 3  # hours since 1970: until the year 3883
_HEAD: Final = _EXACT + _PUBLISHER + _HOUR + 1  # and how many items are of the beginning
_FIRST, _SECOND, _MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xD6E8FEB86659FD93))


class Sketch(NamedTuple):
    """Items of a text, ascending; `rest` is empty where the beginning is all there is."""

    beginning: Sequence[int]
    rest: Sequence[int]


class Signature(NamedTuple):
    """A signature read back. `items` are those of the beginning, then the others, four bytes each, little end first; odd ones
    stand for words, even ones for pairs."""

    exact: bytes  # b"" where equal texts are no copies, or there is none
    publisher: int  # 0 = nobody in particular
    hour: int
    beginning: int  # how many items are of the beginning
    items: bytes

    def sketch(self) -> Sketch:
        """What is compared with others."""
        items = unpack(f"<{len(self.items) // 4}I", self.items)
        return Sketch(items[: self.beginning], items[self.beginning :])

    def words(self) -> list[int]:
        """The items that stand for words."""
        return [item for item in unpack(f"<{len(self.items) // 4}I", self.items) if item & 1]


def words_of(signatures: Sequence[Signature]) -> list[list[int]]:
    """`words` of many, in a fifth of the time."""
    items = np.frombuffer(b"".join([one.items for one in signatures]), "<u4")
    odd = np.flatnonzero(items & 1)
    ends = np.fromiter((len(one.items) // 4 for one in signatures), np.int64, len(signatures)).cumsum()
    words = items[odd].tolist()
    bounds = np.searchsorted(odd, ends).tolist()
    return [words[start:end] for start, end in zip([0, *bounds], bounds, strict=False)]


NONE: Final = Signature(b"", 0, 0, 0, b"")


def publisher_of(name: str) -> int:
    """The number of a publisher in signatures, 0 for "". Two of a thousand have the same with a chance of 3 %."""
    return xxhash.xxh3_64_intdigest(name.encode()) % (1 << 8 * _PUBLISHER) if name else 0


def hour_of(moment: datetime) -> int:
    """Whole hours since 1970."""
    return max(0, int(moment.timestamp()) // 3600)


def signatures(
    hashes: NDArray[np.uint64],
    contents: NDArray[np.uint64],
    starts: NDArray[np.int64],
    publishers: Sequence[int],
    hours: Sequence[int],
) -> list[str]:
    """A signature for each text, "" for one without words. `hashes` of the words of all, `starts[i]:starts[i + 1]` those of
    text i; `contents` are the hashes of their stems, 0 for words that say nothing."""
    items, ends = _sketches(hashes, contents, starts)
    raw, sketches = hashes.tobytes(), items.tobytes()
    saying = np.add.reduceat(np.append(contents != 0, False), starts[:-1]).tolist() if len(starts) > 1 else []
    found = []
    first = 0
    for text, (start, end) in enumerate(zip(starts.tolist(), starts[1:].tolist(), strict=False)):
        middle, last = ends[2 * text], ends[2 * text + 1]
        if start == end:
            found.append("")
        else:
            copyable = end - start >= SHORTEST or saying[text] >= SAYING
            exact = xxhash.xxh3_128_digest(raw[start * 8 : end * 8])[:_EXACT] if copyable else _NO_COPY
            head = exact + publishers[text].to_bytes(_PUBLISHER, "little") + hours[text].to_bytes(_HOUR, "little")
            body = head + bytes([middle - first]) + sketches[first * 4 : last * 4]
            found.append(_VERSION + b2a_base64(body, newline=False).decode())
        first = last
    return found


def _sketches(
    hashes: NDArray[np.uint64], contents: NDArray[np.uint64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], list[int]]:
    """The items of all texts one after another, and where those of each text's beginning and rest end."""
    lengths = np.diff(starts)
    later = np.arange(len(hashes)) - np.repeat(starts[:-1], lengths) >= BEGINNING
    part = np.repeat(2 * np.arange(len(lengths), dtype=np.uint64), lengths) + later.astype(np.uint64)
    long = np.repeat(lengths >= SHORTEST, lengths)
    has_next = long.copy()
    has_next[starts[1:][lengths > 0] - 1] = False
    pairs = np.flatnonzero(has_next)
    words = np.flatnonzero(long & (contents != 0))
    of_pairs = _mixed((hashes[pairs] * _FIRST) ^ (hashes[pairs + 1] * _SECOND)) & np.uint64(0xFFFFFFFE)
    of_words = _mixed(contents[words]) | np.uint64(1)
    keys = np.sort(np.concatenate([part[pairs] << np.uint64(32) | of_pairs, part[words] << np.uint64(32) | of_words]))
    keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]  # a third of the time of np.unique
    owner = (keys >> np.uint64(32)).astype(np.int64)
    counts = np.bincount(owner, minlength=2 * len(lengths))
    rank = np.arange(len(keys)) - (np.cumsum(counts) - counts)[owner]
    ends: list[int] = np.cumsum(np.minimum(counts, ITEMS)).tolist()
    return keys[rank < ITEMS].astype("<u4"), ends


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values * _MIX
    values ^= values >> np.uint64(32)
    return (values * _FIRST) >> np.uint64(32)


def parse(signature: str) -> Signature:
    """Reads a signature back; one of another version, or broken, counts as none."""
    if signature[:1] != _VERSION:
        return NONE
    try:
        raw = a2b_base64(signature[1:])
    except (Error, ValueError):
        return NONE
    if len(raw) < _HEAD or (len(raw) - _HEAD) % 4:
        return NONE
    beginning = raw[_HEAD - 1]
    if not (len(raw) - _HEAD) // 4 - ITEMS <= beginning <= min((len(raw) - _HEAD) // 4, ITEMS):
        return NONE
    exact = raw[:_EXACT]
    return Signature(
        exact if exact != _NO_COPY else b"",
        int.from_bytes(raw[_EXACT : _EXACT + _PUBLISHER], "little"),
        int.from_bytes(raw[_EXACT + _PUBLISHER : _HEAD - 1], "little"),
        beginning,
        raw[_HEAD:],
    )
