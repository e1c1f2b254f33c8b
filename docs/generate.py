"""Writes the generated pages: docs/cli.md from the commands' own help, docs/settings.md from the settings' own fields.

`python docs/generate.py` writes them; a test fails while they are out of date.
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from click.testing import CliRunner
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from crawlers.settings import parse_duration
from ronzio.cli import COMMANDS, root
from ronzio.settings import RonzioSettings

HERE = Path(__file__).parent


def cli_page() -> str:
    """The help of every command a user sees, as it prints."""
    parts = ["# The command line\n", "<!-- written by docs/generate.py -->\n", _help()]
    for name, entry in COMMANDS.items():
        if entry.hidden:
            continue
        command = root.get_command(click.Context(root), name)
        assert command is not None
        parts += [f"\n## ronzio {name}\n", _help(name)]
        if isinstance(command, click.Group):
            for below in command.commands.values():
                parts += [f"\n### ronzio {name} {below.name}\n", _help(name, str(below.name))]
    return "\n".join(parts) + "\n"


def _help(*path: str) -> str:
    """What the command prints when asked for its help."""
    asked = CliRunner().invoke(root, [*path, "--help"], prog_name="ronzio", terminal_width=100, max_content_width=100)
    assert asked.exit_code == 0, asked.output
    return f"```text\n{asked.output.rstrip()}\n```"


def settings_page() -> str:
    """Every table and key of ronzio.toml with type, default and meaning."""
    lines = ["# Settings", "", "<!-- written by docs/generate.py -->", ""]
    lines += [
        "Everything stands in one file, `ronzio.toml`; `ronzio init` writes a commented one, `ronzio check` checks it.",
        "",
    ]
    for title, model in _tables(RonzioSettings, ""):
        lines += [
            f"## {title or 'top of the file'}",
            "",
            *(_paragraph(model)),
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        meanings = _meanings(model)
        lines += [
            _row(name, field, meanings.get(name, ""))
            for name, field in model.model_fields.items()
            if not _models(field) and not field.exclude and name != "kind"
        ]
        lines.append("")
    return "\n".join(lines)


def _paragraph(model: type[BaseModel]) -> list[str]:
    return [" ".join((model.__doc__ or "").split())]


def _tables(model: type[BaseModel], path: str, many: bool = False) -> Iterator[tuple[str, type[BaseModel]]]:
    yield (f"[[{path}]]" if many else f"[{path}]") if path else "", model
    for name, field in model.model_fields.items():
        for below in _models(field):
            inner = field.alias or name
            repeated = "tuple" in str(field.annotation)
            kind = below.model_fields.get("kind")
            suffix = f', kind = "{get_args(kind.annotation)[0]}"' if kind else ""
            where = "sources" if (path, inner) == ("crawler", "sources") else f"{path}.{inner}".strip(".")
            for title, found in _tables(below, where, repeated):
                yield title + suffix, found


def _models(field: FieldInfo) -> list[type[BaseModel]]:
    return _inside(field.annotation)


def _inside(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _inside(part)]


def _row(name: str, field: FieldInfo, meaning: str) -> str:
    default = "" if field.is_required() else f"`{_as_toml(field.default)}`"
    duration = any(getattr(one, "func", None) is parse_duration for one in field.metadata)
    kind = 'duration such as `"15m"`, or seconds' if duration else _kind(field.annotation)
    return f"| `{field.alias or name}` | {kind} | {default} | {meaning} |"


def _kind(annotation: Any) -> str:
    """A type in the words of a configuration file."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in inside)
    if origin is Annotated:
        return _kind(inside[0])
    if origin in (Union, UnionType):
        return " or ".join(_kind(one) for one in inside if one is not type(None))
    if origin is tuple:
        return f"list of {_kind(inside[0])}s"
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Path: "path",
        time: "time of day",
    }
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _as_toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """field -> the comment beside it in the code, its own or what it inherits."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        source = textwrap.dedent(inspect.getsource(owner))
        comments = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT and not token.string.startswith("# fmt")
        }
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                said = "; ".join(comments[line] for line in lines if line in comments).replace("|", "/")
                found[node.target.id] = said or found.get(node.target.id, "")
    return found


PAGES = {"cli.md": cli_page, "settings.md": settings_page}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), "utf-8")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
