"""Every score is held against its floor, on the set the floor was set on; floors are lowered only on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.quality import floors
from benchmarks.quality.__main__ import AREAS, PAGE, measure
from benchmarks.quality.floors import CHANGELOG, BrokenSeal, Floor, misses, read, write
from benchmarks.quality.score import DATA, Score, macro_f1, macro_recall


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the development data is not in {DATA} (RONZIO_DATA)")
@pytest.mark.parametrize("area", AREAS)
def test_no_score_falls_below_its_floor(area: str) -> None:
    assert misses(measure(area), read(area)) == []


def test_every_file_of_floors_is_of_an_area_and_sealed() -> None:
    assert sorted(path.stem for path in floors.FOLDER.glob("*.toml")) == sorted(AREAS)
    assert all(read(area) for area in AREAS)


def test_what_was_lowered_stands_in_the_changelog() -> None:
    changelog = CHANGELOG.read_text("utf-8")
    lowered = [name for area in AREAS for name, floor in read(area).items() if floor.lowered]
    assert [name for name in lowered if f"`{name}`" not in changelog] == []


def test_the_page_shows_every_score() -> None:
    page = PAGE.read_text("utf-8")
    missing = [name for area in AREAS for name in read(area) if f"| {name} |" not in page]
    assert missing == [], "make the page anew: python -m benchmarks.quality --page"


def test_a_floor_lowered_by_hand_is_noticed(tmp_path: Path) -> None:
    write("area", {"area/one": Floor("c0ffee", floor=64.5)}, tmp_path)
    assert read("area", tmp_path) == {"area/one": Floor("c0ffee", floor=64.5)}
    file = tmp_path / "area.toml"
    file.write_text(file.read_text().replace("64.5", "60"))
    with pytest.raises(BrokenSeal, match=r"area\.toml"):
        read("area", tmp_path)


def test_what_misses_its_floor_is_named() -> None:
    held = {
        "a/low": Floor("c", floor=10),
        "a/high": Floor("c", ceiling=1),
        "a/other": Floor("d", floor=0),
        "a/gone": Floor("c", floor=0),
        "a/good": Floor("c", floor=9.5),
    }
    scores = [Score(f"a/{name}", 9.5, "%", "c") for name in ("low", "high", "other", "good", "new")]
    found = sorted(line.split(":")[0] for line in misses(scores, held))
    assert found == ["a/gone", "a/high", "a/low", "a/new", "a/other"]


def test_easier_means_a_lower_floor_or_a_higher_ceiling() -> None:
    assert Floor("c", floor=1).easier_than(Floor("c", floor=2))
    assert not Floor("c", floor=2).easier_than(Floor("c", floor=1))
    assert Floor("c", ceiling=2).easier_than(Floor("c", ceiling=1))
    assert not Floor("c", ceiling=1).easier_than(Floor("c", ceiling=2))


def test_the_measures_are_those_of_the_books() -> None:
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    assert macro_recall(pairs) == pytest.approx(75)
    assert macro_f1(pairs) == pytest.approx(100 * (2 / 3 + 4 / 5) / 2)
