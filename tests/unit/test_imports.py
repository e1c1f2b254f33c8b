"""Imports point one way: docs/architecture.md's table, held against the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "stream": set(),
    "i18n": set(),
    "index": {"stream"},
    "crawlers": {"stream", "index"},
    "enrichment": {"stream", "index"},
    "alerts": {"stream", "index", "i18n"},
    "dashboard": {"stream", "index", "i18n", "enrichment"},
}
OURS = {*MAY_IMPORT, "ronzio", "infra"}


def imported(folder: str) -> set[tuple[str, str]]:
    found = set()
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {(str(file.relative_to(ROOT)), name) for name in names if name.split(".")[0] in OURS - {folder}}
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_those_before_it(folder: str) -> None:
    wrong = {(file, name) for file, name in imported(folder) if name.split(".")[0] not in MAY_IMPORT[folder]}
    assert not wrong


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_and_only_through_their_front_door(folder: str) -> None:
    assert not {(file, name) for file, name in imported(folder) if "." in name}


def test_the_table_in_the_docs_says_the_same() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for folder, allowed in MAY_IMPORT.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{folder}/`"))
        last = row.rstrip("| ").rsplit("|", 1)[1]
        assert {name for name in OURS if f"`{name}`" in last} == allowed
