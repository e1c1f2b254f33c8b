"""Writes the generated pages: docs/cli.md from the commands' own help, docs/settings.md from the settings' own fields.

`python docs/generate.py` writes them; a test fails while they are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ronzio.cli import COMMANDS, root
from ronzio.settings import RonzioSettings

HERE = Path(__file__).parent


def cli_page() -> str:
    """The help of every command a user sees, as it prints."""
    parts = ["# The command line\n", "<!-- written by docs/generate.py -->\n", _help(root, "ronzio")]
    for name, entry in COMMANDS.items():
        if entry.hidden:
            continue
        command = root.get_command(click.Context(root), name)
        assert command is not None
        parts += [f"\n## ronzio {name}\n", _help(command, f"ronzio {name}")]
        if isinstance(command, click.Group):
            for below in command.commands.values():
                parts += [f"\n### ronzio {name} {below.name}\n", _help(below, f"ronzio {name} {below.name}")]
    return "\n".join(parts) + "\n"


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
    return f"```text\n{command.get_help(context).rstrip()}\n```"


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
        lines += [_row(name, field) for name, field in model.model_fields.items() if not _models(field)]
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


def _row(name: str, field: FieldInfo) -> str:
    kind = (
        str(getattr(field.annotation, "__name__", field.annotation))
        if not get_args(field.annotation)
        else str(field.annotation)
    )
    kind = kind.replace("typing.", "").replace("pathlib.", "").replace("|", "or")
    default = "required" if field.is_required() else f"`{field.default!r}`"
    return f"| `{field.alias or name}` | {kind} | {default} | {field.description or ''} |"


PAGES = {"cli.md": cli_page, "settings.md": settings_page}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), "utf-8")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
