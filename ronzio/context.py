"""What commands share: the options that say which configuration, and the stores it names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from index import Index
    from ronzio.settings import RonzioSettings
    from stream import Log

Function = TypeVar("Function", bound=Callable[..., Any])

DEMO_DIR = Path("ronzio-data/demo")


def with_settings(function: Function) -> Function:
    """Adds --config, --demo and --data to a command; `load_settings` takes them."""
    for option in (
        click.option(
            "--data", type=click.Path(path_type=Path), default=None, help="Data directory (else as configured)."
        ),
        click.option("--demo", is_flag=True, help="The built-in demo instead of a configuration file."),
        click.option(
            "--config", "-c", type=click.Path(path_type=Path), default=None, help="Configuration file [ronzio.toml]."
        ),
    ):
        function = option(function)
    return function


def load_settings(config: Path | None, demo: bool, data: Path | None) -> RonzioSettings:
    """The settings these options mean. Without any: ronzio.toml if there is one, else the demo.

    Raises click.ClickException with what is wrong.
    """
    from ronzio.settings import DEFAULT_FILE, SettingsError, build, load

    try:
        if demo or is_demo(config):
            from ronzio.demo import demo_config

            settings = build({"data_dir": str(DEMO_DIR), **demo_config()}, "demo")
        else:
            settings = load(config or DEFAULT_FILE)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return settings.model_copy(update={"data_dir": data.absolute()}) if data else settings


def is_demo(config: Path | None) -> bool:
    """Without a file named or present, Ronzio shows its demo."""
    return config is None and not Path("ronzio.toml").exists()


def pointed(text: str, problem: str, column: int) -> str:
    """What is wrong with a typed text, with a sign under the letter it starts at."""
    if not column:
        return problem
    line_start = text.rfind("\n", 0, column - 1) + 1
    line = text[line_start:].partition("\n")[0]
    return f"{problem}\n  {line}\n  {' ' * (column - 1 - line_start)}^"


@contextlib.contextmanager
def opened_index(settings: RonzioSettings) -> Iterator[Index]:
    """The store, closed at the end; a user's mistakes in a query become plain error messages."""
    from index import BadQuery, open_index

    index = open_index(settings.index_place)
    try:
        yield index
    except BadQuery as error:
        at = f" (column {error.column})" if error.column else ""
        raise click.ClickException(f"{error}{at}") from None
    finally:
        index.close()


@contextlib.contextmanager
def opened_log(settings: RonzioSettings) -> Iterator[Log]:
    from stream import open_log

    log = open_log(settings.log_place, partitions=settings.partitions)
    try:
        yield log
    finally:
        log.close()
