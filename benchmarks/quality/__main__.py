"""How good the tags are, measured on public sets and held against floors.

    python -m benchmarks.quality                     every area: a table, and what misses its floor
    python -m benchmarks.quality sentiment language  some areas
    python -m benchmarks.quality --page [AREA ...]   and their part of docs/quality.md anew
    python -m benchmarks.quality --floor NAME=64.5   sets a floor, or raises it; may be said more than once
    python -m benchmarks.quality --ceiling NAME=0.9  the same where less is better
    python -m benchmarks.quality --floor NAME=60 --lower --because "..."   lowers it, with a line in the CHANGELOG

RONZIO_DATA names the folder with the sets (default: ../shared/data beside the checkout).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.quality import floors
from benchmarks.quality.floors import CHANGELOG, ROOT, Floor
from benchmarks.quality.score import NoData, Score

AREAS = ("brands", "detector", "extraction", "language", "sentiment", "stories", "terms", "topics", "towards")
PAGE = ROOT / "docs" / "quality.md"
HEAD = """# How good the tags are

Made by `python -m benchmarks.quality --page`. `tests/quality` holds each figure against a floor, on the set whose digest
stands beside it; a floor is lowered only with a line in the CHANGELOG. The sets are public research data and no
part of Ronzio.
"""


def measure(area: str) -> list[Score]:
    """Raises NoData."""
    run: Callable[[], Iterator[Score]] = importlib.import_module(f"benchmarks.quality.{area}").measure
    return list(run())


def table(scores: Sequence[Score]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| score | value | floor | unit | on | corpus |"
    yield "|---|---:|---:|---|---|---|"
    for score in scores:
        floor = floors.read(score.area).get(score.name)
        yield f"| {score.name} | {score.value:.2f} | {floor or ''} | {score.unit} | {score.about} | {score.corpus} |"


def page(scores: Sequence[Score], before: str) -> str:
    """docs/quality.md: what `before` said, with the areas of `scores` anew."""
    sections = {text.partition("\n")[0].lower(): text.rstrip() for text in before.split("\n## ")[1:]}
    for area in dict.fromkeys(score.area for score in scores):
        doc = (importlib.import_module(f"benchmarks.quality.{area}").__doc__ or "").strip()
        measured = f"Measured on {datetime.now(UTC):%d %B %Y}."
        rows = table([one for one in scores if one.area == area])
        sections[area] = "\n".join([area.capitalize(), "", doc, "", measured, "", *rows])
    parts = [HEAD, *(f"## {sections[area]}\n" for area in AREAS if area in sections)]
    return "\n".join(parts)


def change(wanted: Mapping[str, Floor], *, lower: bool, because: str) -> None:
    """Sets floors. Exits with a message where that would make one easier unasked."""
    for area in dict.fromkeys(name.partition("/")[0] for name in wanted):
        if area not in AREAS:
            sys.exit(f"{area}: no area of that name; there are {', '.join(AREAS)}")
        found = floors.read(area)
        corpora = {score.name: score.corpus for score in measure(area)}
        for name, floor in wanted.items():
            if name.startswith(f"{area}/"):
                if name not in corpora:
                    sys.exit(f"{name}: is not measured by benchmarks/quality/{area}.py")
                found[name] = _agreed(name, replace(floor, corpus=corpora[name]), found.get(name), lower, because)
                print(f"{name}: {found[name]}")
        floors.write(area, found)


def _agreed(name: str, floor: Floor, before: Floor | None, lower: bool, because: str) -> Floor:
    if before is None:
        return floor
    if not floor.easier_than(before):
        return replace(floor, lowered=before.lowered)
    if not (lower and because):
        sys.exit(f"{name}: {before} would become easier: say --lower and --because")
    _changelog(f"- Quality: `{name}` is held against {floor} instead of {before}: {because}")
    return replace(floor, lowered=because)


def _changelog(line: str) -> None:
    head, mark, rest = CHANGELOG.read_text("utf-8").partition("## [Unreleased]\n")
    changed = "\n### Changed\n"
    unreleased, below, released = rest.partition("\n## [")
    if changed in unreleased:
        unreleased = unreleased.replace(changed, f"{changed}{line}\n", 1)
    else:
        unreleased = f"{unreleased.rstrip()}\n{changed}{line}\n"
    CHANGELOG.write_text(head + mark + unreleased + below + released, "utf-8")


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}")
    parser.add_argument("--page", action="store_true", help="write their part of docs/quality.md")
    for kind in ("--floor", "--ceiling"):
        parser.add_argument(kind, metavar="NAME=VALUE", type=_setting, action="append", default=[])
    parser.add_argument("--lower", action="store_true", help="make it easier")
    parser.add_argument("--because", default="", help="why it is made easier")
    said = parser.parse_args()
    if unknown := set(said.areas) - set(AREAS):
        parser.error(f"no area {', '.join(sorted(unknown))}; there are {', '.join(AREAS)}")
    if said.floor or said.ceiling:
        wanted = {name: Floor("", floor=value) for name, value in said.floor}
        wanted |= {name: Floor("", ceiling=value) for name, value in said.ceiling}
        change(wanted, lower=said.lower, because=said.because)
    else:
        show(said.areas or AREAS, write=said.page)


def show(areas: Sequence[str], *, write: bool) -> None:
    """Prints the table; exits with what misses its floor."""
    scores: list[Score] = []
    wrong: list[str] = []
    for area in areas:
        try:
            found = measure(area)
        except NoData as error:
            sys.exit(str(error))
        wrong += floors.misses(found, floors.read(area))
        scores += found
    print("\n".join(table(scores)))
    if write:
        PAGE.write_text(page(scores, PAGE.read_text("utf-8") if PAGE.exists() else ""), "utf-8")
    if wrong:
        sys.exit("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
