"""`ronzio init`: three questions, one commented file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.option("--brand", default=None, help="Your brand's name.")
@click.option("--product", "products", multiple=True, help="A product of it (repeatable).")
@click.option("--competitor", "competitors", multiple=True, help="A competitor (repeatable).")
@click.option("--source", "sources", multiple=True, help="A feed, site or OPML address or file (repeatable).")
@click.option("--mail-to", "mail_to", multiple=True, help="Who gets the alerts (repeatable).")
@click.option("--language", type=click.Choice(["it", "en"]), default="it", show_default=True, help="Of the mails.")
@click.option(
    "--rules/--no-rules", default=None, help="Tell ambiguous names (TIM, Apple ...) from what else they mean [yes]."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("ronzio.toml"), show_default=True)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init_command(
    brand: str | None, products: tuple[str, ...], competitors: tuple[str, ...], sources: tuple[str, ...],
    mail_to: tuple[str, ...], language: str, rules: bool | None, out: Path, force: bool,
) -> None:  # fmt: skip
    """Write a commented ronzio.toml for your own brands. Asks three questions where flags do not answer them, and a
    fourth where a name means something else as well."""
    from ronzio.starter import starter

    if out.exists() and not force:
        raise click.ClickException(f"{out} is already there; --force replaces it")
    asking = brand is None
    if brand is None:
        brand = click.prompt("Your brand's name").strip()
        competitors = competitors or _several("Competitors, separated by commas (may stay empty)")
        sources = sources or _several("Feeds or sites to watch, separated by commas (may stay empty)")
    if not brand:
        raise click.UsageError("the brand's name is empty")
    if rules is None:
        rules = all(_wanted(name) for name in (brand, *competitors)) if asking else True
    text = starter(
        brand,
        products=products,
        competitors=competitors,
        sources=sources,
        mail_to=mail_to,
        language=language,
        rules=rules,
    )
    out.write_text(text, "utf-8")
    click.echo(f'Wrote {out}. Next: "ronzio check", then "ronzio run".')


def _wanted(name: str) -> bool:
    from enrichment import rule_for

    rule = rule_for(name)
    return rule is None or click.confirm(
        f"{name} is also {rule.also['en']}: use a rule that tells them apart?", default=True
    )


def _several(question: str) -> tuple[str, ...]:
    answer: str = click.prompt(question, default="", show_default=False)
    return tuple(part.strip() for part in answer.split(",") if part.strip())
