"""`python -m i18n`: brings the texts found in the code into the catalogues, for somebody to translate."""

import click

from i18n.extraction import update_all

for line in update_all():
    click.echo(line)
