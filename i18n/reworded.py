"""What a program said in English, in the reader's language: finished text in, finished text out.

The catalogue "programs" holds the templates of such texts. The one that fits, the most particular first, gives the words; what
it was filled in with is looked at in the same way, so that no half of "the feed cannot be read: it is empty" stays English.
"""

from __future__ import annotations

import functools
import re
import string
from typing import Final, NamedTuple

from i18n.catalogue import catalogue_file

DOMAIN: Final = "programs"
_ASIDE: Final = re.compile(r"(.+) \((.+)\)", re.DOTALL)


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    translated: str


def reworded(text: str, language: str) -> str:
    """`text` in `language`, part by part where it has several or something stands behind it in brackets; as it is where no
    template fits."""
    whole = _found(text, language)
    if whole is not None:
        return whole
    for between in ("; ", ": "):
        if between in text:
            return between.join(reworded(part, language) for part in text.split(between))
    if aside := _ASIDE.fullmatch(text):
        return f"{reworded(aside[1], language)} ({reworded(aside[2], language)})"
    return text


def _found(text: str, language: str) -> str | None:
    for template in _templates(language):
        if match := template.pattern.fullmatch(text):
            return template.translated.format(*(reworded(part, language) for part in match.groups()))
    return None


@functools.cache
def _templates(language: str) -> list[_Template]:
    """Those with the most letters of their own first."""
    path = catalogue_file(DOMAIN, language)
    if not path.exists():
        return []
    from babel.messages.pofile import read_po

    with path.open("rb") as source:
        messages = [one for one in read_po(source, locale=language, domain=DOMAIN) if one.id and one.string]
    messages.sort(key=lambda one: (-sum(len(text) for text, *_ in string.Formatter().parse(str(one.id))), str(one.id)))
    return [_Template(_pattern(str(one.id)), str(one.string)) for one in messages if not one.fuzzy]


def _pattern(template: str) -> re.Pattern[str]:
    """Matches what was made from a template; its groups are {0}, {1}, ..."""
    parts = (
        re.escape(text) + ("" if name is None else "(.*?)") for text, name, _, _ in string.Formatter().parse(template)
    )
    return re.compile("".join(parts), re.DOTALL)
