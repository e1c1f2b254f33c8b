"""Signatures of texts, by which copies are found: hashes of words in, short strings out that travel in the mention.

A signature holds a hash of all words (equal for equal texts) and, from four words on, 60 MinHash values over words and
pairs of neighbours, whose share of equal ones estimates how much two texts have in common (Broder 1997). It is made from
fixed constants only, so it is the same in every process and after every restart.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray
from rensa import RMinHash

VALUES: Final = 60
SHORTEST: Final = 4  # words; what is shorter is a copy only when it is equal
_VERSION: Final = "1"
_SEED: Final = 42
_EXACT: Final = 9  # bytes; with the values 129 in all, which base64 turns into 172 letters without padding
_EXACT_LETTERS: Final = _EXACT // 3 * 4
_FULL_LETTERS: Final = (_EXACT + 2 * VALUES) // 3 * 4
_FIRST, _SECOND, _MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xD6E8FEB86659FD93))


class Parsed(NamedTuple):
    """Signatures read back. `values[i]` is meaningless where `long[i]` is false; `exact[i]` is "" where there is none."""

    exact: list[str]
    long: NDArray[np.bool_]
    values: NDArray[np.uint16]


def signatures(hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> list[str]:
    """A signature for each text: `hashes` of the words of all, `starts[i]:starts[i + 1]` those of text i. "" for none."""
    lengths = np.diff(starts)
    long = np.flatnonzero(lengths >= SHORTEST)
    values = _minhash(hashes, starts, long)
    raw = hashes.tobytes()
    found = []
    rows = iter(values)
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=False):
        if not length:
            found.append("")
            continue
        key = xxhash.xxh3_128_digest(raw[start * 8 : (start + length) * 8])[:_EXACT]
        if length >= SHORTEST:
            key += next(rows).tobytes()
        found.append(_VERSION + b2a_base64(key, newline=False).decode())
    return found


def _minhash(hashes: NDArray[np.uint64], starts: NDArray[np.int64], which: NDArray[np.intp]) -> NDArray[np.uint16]:
    if not len(which):
        return np.zeros((0, VALUES), np.uint16)
    pairs = hashes.copy()  # a text's last word has no neighbour and stands for itself
    pairs[:-1] = (hashes[:-1] * _FIRST) ^ (hashes[1:] * _SECOND)
    pairs *= _MIX
    pairs ^= pairs >> np.uint64(32)
    ends = starts[1:][np.diff(starts) > 0] - 1
    pairs[ends] = hashes[ends]
    shingles = np.empty((len(hashes), 2), np.uint64)
    shingles[:, 0], shingles[:, 1] = hashes, pairs
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles.ravel(), (starts * 2).astype(np.uint64), VALUES, _SEED
    )
    return np.array(matrix.to_rows(), np.uint32)[which].astype("<u2")


def parse(texts: Sequence[str]) -> Parsed:
    """Reads signatures back; one of another version, or broken, counts as none."""
    exact: list[str] = []
    full: list[str] = []
    long = np.zeros(len(texts), np.bool_)
    for place, text in enumerate(texts):
        body = text[1:] if text[:1] == _VERSION else ""
        exact.append(body[:_EXACT_LETTERS])
        if len(body) == _FULL_LETTERS:
            long[place] = True
            full.append(body)
    values = np.zeros((len(texts), VALUES), np.uint16)
    if full:
        raw = np.frombuffer(b64decode("".join(full)), np.uint8).reshape(len(full), -1)
        values[long] = np.ascontiguousarray(raw[:, _EXACT:]).view("<u2")
    return Parsed(exact, long, values)
