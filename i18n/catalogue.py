"""Translations from `.po` files, read as they are: nothing to compile, nothing to install.

In: a domain and a language. Out: an object with `gettext` and `ngettext`. Where a language has no catalogue or a text
no translation, the English of the code is shown.
"""

from __future__ import annotations

import functools
import gettext
import io
from pathlib import Path

LANGUAGES = ("it", "en")
DEFAULT_LANGUAGE = "it"
LOCALE_DIR = Path(__file__).parent / "locale"


def language_or_default(wanted: str | None, default: str = DEFAULT_LANGUAGE) -> str:
    """The language of ours that `wanted` means ("it-IT" and "it_CH" are "it"), else `default`."""
    base = (wanted or "").replace("_", "-").split("-")[0].lower()
    return base if base in LANGUAGES else default


def catalogue_file(domain: str, language: str) -> Path:
    return LOCALE_DIR / language / "LC_MESSAGES" / f"{domain}.po"


@functools.cache
def translator(domain: str, language: str) -> gettext.NullTranslations:
    """The translations of `domain` into `language`; English, the language of the code, where there is no catalogue.

    Read once a process. An unfinished ("fuzzy") translation is not shown.
    """
    path = catalogue_file(domain, language)
    if not path.exists():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with path.open("rb") as source:
        catalogue = read_po(source, locale=language, domain=domain)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
