"""The user's language: translated words, and numbers, times and shares as that language writes them.

Texts stand in English in the code, inside `_()` or `ngettext()`; other languages come from
`i18n/locale/<language>/LC_MESSAGES/<domain>.po`, one domain a folder ("alerts", "dashboard"), one for what
is wrong with an expression ("expressions"), and one for what programs say in English until a page shows it ("programs").
`python -m i18n` adds the texts found in the code to the catalogues.
"""

from i18n.catalogue import DEFAULT_LANGUAGE, LANGUAGES, language_or_default, translator
from i18n.formats import (
    format_compact,
    format_date,
    format_datetime,
    format_delta,
    format_list,
    format_number,
    format_percent,
    format_time,
)
from i18n.reworded import reworded

__all__ = [
    "DEFAULT_LANGUAGE",
    "LANGUAGES",
    "format_compact",
    "format_date",
    "format_datetime",
    "format_delta",
    "format_list",
    "format_number",
    "format_percent",
    "format_time",
    "language_or_default",
    "reworded",
    "translator",
]
