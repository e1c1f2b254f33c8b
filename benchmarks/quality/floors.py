"""The floors: what each score must not fall below (or, where less is better, rise above).

One file an area, tests/quality/floors/<area>.toml, changed by `python -m benchmarks.quality` only: its last line is a seal
over the rest, so that a floor lowered by hand is noticed. Lowering one says why, there and in the CHANGELOG.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import tomlkit

from benchmarks.quality.score import Score, digest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "tests" / "quality" / "floors"
CHANGELOG: Final = ROOT / "CHANGELOG.md"
_SEAL: Final = "# sealed "


class BrokenSeal(Exception):
    """A file of floors was changed by hand; the message says what to do."""


@dataclass(frozen=True)
class Floor:
    """What a score is held against. Of `floor` and `ceiling` one is set."""

    corpus: str
    floor: float | None = None
    ceiling: float | None = None
    lowered: str = ""  # why, if it ever was made easier

    def held(self, score: Score) -> str:
        """What is wrong, in a line; "" if nothing is."""
        if score.corpus != self.corpus:
            return f"{score.name}: measured on {score.corpus}, its floor on {self.corpus}: another set"
        if self.floor is not None and score.value < self.floor:
            return f"{score.name}: {score.value:.2f} ({score.unit}) is below its floor, {self.floor}"
        if self.ceiling is not None and score.value > self.ceiling:
            return f"{score.name}: {score.value:.2f} ({score.unit}) is above its ceiling, {self.ceiling}"
        return ""

    def easier_than(self, other: Floor) -> bool:
        if self.floor is None or other.floor is None:
            return (self.ceiling or 0.0) > (other.ceiling or 0.0)
        return self.floor < other.floor

    def __str__(self) -> str:
        return f">= {self.floor:g}" if self.floor is not None else f"<= {self.ceiling:g}"


def read(area: str, folder: Path = FOLDER) -> dict[str, Floor]:
    """Name of a score -> its floor. Raises BrokenSeal; no file means no floors."""
    path = folder / f"{area}.toml"
    if not path.exists():
        return {}
    body, _, seal = path.read_text("utf-8").rpartition(_SEAL)
    if seal.strip() != digest(body):
        raise BrokenSeal(f"{path}: changed by hand; floors are changed with: python -m benchmarks.quality --help")
    return {name: Floor(**entry) for name, entry in tomllib.loads(body).items()}


def write(area: str, floors: Mapping[str, Floor], folder: Path = FOLDER) -> None:
    """Writes an area's file, sealed."""
    table = {
        name: {key: value for key, value in asdict(floor).items() if value not in (None, "")}
        for name, floor in sorted(floors.items())
    }
    body = tomlkit.dumps(table)
    (folder / f"{area}.toml").write_text(f"{body}{_SEAL}{digest(body)}\n", "utf-8")


def misses(scores: Iterable[Score], floors: Mapping[str, Floor]) -> list[str]:
    """What is wrong with the scores of one area, a line each: too low, of another set, without a floor, gone."""
    scores = list(scores)
    found = [floors[score.name].held(score) for score in scores if score.name in floors]
    found += [f"{score.name}: has no floor" for score in scores if score.name not in floors]
    found += [f"{name}: has a floor and is not measured" for name in floors.keys() - {score.name for score in scores}]
    return [line for line in found if line]
