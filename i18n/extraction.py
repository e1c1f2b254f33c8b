"""Which texts a folder shows: found in its Python files and Jinja templates, and brought into its catalogues.

A text is the argument of `_()`, `gettext()`, `ngettext()` or `pgettext()`, stands in a template's `{% trans %}`, or is what an
ExpressionError says. The catalogue of a folder has the folder's name; what is wrong with an expression has one of its own, and so
has what programs say in English until a page shows it (i18n/program_texts.py).
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from i18n.catalogue import LANGUAGES, catalogue_file
from i18n.program_texts import program_texts
from i18n.reworded import DOMAIN

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "alerts": ("alerts",),
    "dashboard": ("dashboard",),
    "expressions": ("stream/expressions", "index", "enrichment/expressions"),
}
PROGRAMS = (
    "crawlers", "enrichment", "index/dates.py", "index/elastic/client.py", "index/embedded.py", "index/patterns.py",
    "ronzio/commands/topic.py", "ronzio/commands/train.py", "stream/kafka/clients.py", "stream/kafka/producing.py",
)  # fmt: skip
DOMAINS = (*FOLDERS, DOMAIN)

_METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "ExpressionError": (1,),
}


def texts(domain: str) -> Catalog:
    """The texts in the code of `domain`, with nothing translated."""
    found = Catalog(domain=domain, project="ronzio", charset="utf-8", fuzzy=False)
    if domain == DOMAIN:
        for path in _program_files():
            for text in program_texts(path):
                found.add(text, None, [(path.relative_to(ROOT).as_posix(), 0)])
        return found
    for folder in FOLDERS[domain]:
        rows = extract_from_dir(ROOT / folder, method_map=_METHODS, keywords=_KEYWORDS, comment_tags=("L10N:",))
        for file, _line, message, comments, context in rows:
            found.add(message, None, [(f"{folder}/{file}", 0)], auto_comments=comments, context=context)
    return found


def _program_files() -> list[Path]:
    places = [ROOT / name for name in PROGRAMS]
    return [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]


def update(domain: str, language: str) -> tuple[int, int]:
    """Adds new texts of `domain` to its catalogue and takes out those no longer in the code.

    Returns how many texts there are and how many have no translation yet.
    """
    path = catalogue_file(domain, language)
    if path.exists():
        with path.open("rb") as source:
            catalogue = read_po(source, locale=language, domain=domain)
    else:
        catalogue = Catalog(locale=language, domain=domain, project="ronzio", charset="utf-8", fuzzy=False)
    catalogue.update(texts(domain), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        write_po(target, catalogue, omit_header=False, include_lineno=False, sort_output=True, width=110)
    missing = [message.id for message in catalogue if message.id and not translated(message)]
    return len(catalogue), len(missing)


def translated(message: Message) -> bool:
    """Whether `message` has a finished translation, in all its plural forms."""
    strings = message.string or ""
    return bool(strings) and all((strings,) if isinstance(strings, str) else strings) and not message.fuzzy


def update_all() -> list[str]:
    """Brings every catalogue up to date; a line for each to tell the developer."""
    lines = []
    for domain in DOMAINS:
        for language in LANGUAGES:
            if language == "en":  # the language of the code
                continue
            total, missing = update(domain, language)
            lines.append(f"{catalogue_file(domain, language).relative_to(ROOT)}: {total} texts, {missing} to translate")
    return lines
