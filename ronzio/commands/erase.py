"""`ronzio erase`: the right to be forgotten."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path

import click
import msgspec

from ronzio.context import load_settings, opened_index, opened_log, with_settings
from stream import EDITS, Edit, Record, utc_now


@click.command("erase")
@click.argument("author")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def erase_command(author: str, yes: bool, config: Path | None, demo: bool, data: Path | None) -> None:
    """Erase everything AUTHOR wrote, for good: it does not come back when a source brings it again.

    The worker carries it out within seconds. "ronzio rebuild" then takes the words out of the search files too.
    """
    settings = load_settings(config, demo, data)
    with opened_index(settings) as index:
        count = index.count({"term": {"author": author}})
    if not yes:
        click.confirm(
            f'Erase {count} mention{"" if count == 1 else "s"} by "{author}", and any that may come?', abort=True
        )
    edit = Edit(id=uuid.uuid4().hex, at=utc_now(), by=getpass.getuser(), kind="erase-author", author=author)
    with opened_log(settings) as log:
        log.append(EDITS, [Record(author.encode(), msgspec.json.encode(edit))])
    click.echo(f'what "{author}" wrote is being erased: {count} mention{"" if count == 1 else "s"}')
