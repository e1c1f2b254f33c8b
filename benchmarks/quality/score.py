"""What a measure of quality answers, and what its figures are made with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATA: Final = Path(os.environ.get("RONZIO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


class NoData(Exception):
    """The development data is not there; the message names the folder."""


@dataclass(frozen=True)
class Score:
    """One figure. `name` is "<area>/<what>" and stays for ever; `corpus` is the digest of what it was measured on."""

    name: str
    value: float
    unit: str  # "macro-F1, %", "of 16"
    corpus: str
    about: str = ""  # for readers of docs/quality.md: which set, which split, what others have on it

    @property
    def area(self) -> str:
        return self.name.partition("/")[0]


def digest(*contents: str | bytes) -> str:
    """12 hexadecimal digits of SHA-256 over all of it."""
    found = hashlib.sha256()
    for content in contents:
        found.update(content.encode() if isinstance(content, str) else content)
    return found.hexdigest()[:12]


def data(*parts: str) -> Path:
    """A file or folder of the development data. Raises NoData if it is not there."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise NoData(f"{path} is not there: RONZIO_DATA names the folder with the public sets")
    return path


def accuracy(pairs: Sequence[tuple[str, str]]) -> float:
    """Share of (true, told) pairs that agree, in per cent."""
    return 100 * sum(true == told for true, told in pairs) / len(pairs)


def recalls(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Of (true, told) pairs: true label -> share of it that was told so, in per cent."""
    return {label: accuracy([pair for pair in pairs if pair[0] == label]) for label in sorted({p[0] for p in pairs})}


def macro_recall(pairs: Sequence[tuple[str, str]]) -> float:
    """The mean of `recalls`, each true label counting the same (SemEval-2017 task 4's measure)."""
    found = recalls(pairs)
    return sum(found.values()) / len(found)


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """The mean over the true labels of F1 = 2 TP / (2 TP + FP + FN), in per cent; pairs are (true, told)."""
    scores = []
    for label in sorted({true for true, _ in pairs}):
        right = sum(true == told == label for true, told in pairs)
        named = sum((true == label) + (told == label) for true, told in pairs)
        scores.append(2 * right / named)
    return 100 * sum(scores) / len(scores)
