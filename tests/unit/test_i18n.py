"""Every text a user can see has a finished Italian translation with the same placeholders; formats are the language's."""

from __future__ import annotations

import ast
import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

import i18n
from i18n.catalogue import catalogue_file
from i18n.extraction import DOMAINS, texts, translated

MOMENT = datetime(2026, 1, 15, 23, 5, 59, tzinfo=UTC)


def italian(domain: str) -> Catalog:
    path = catalogue_file(domain, "it")
    if not path.exists():
        return Catalog(locale="it")
    with path.open("rb") as source:
        return read_po(source, locale="it", domain=domain)


def forms(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)  # type: ignore[arg-type]


def placeholders(text: str) -> set[str]:
    """The names in `{name:...}` and `%(name)s`."""
    braces = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    return braces | set(re.findall(r"%\((\w+)\)", text))


def used(message: Message) -> bool:
    return bool(message.id)


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_text_in_the_code_is_translated(domain: str) -> None:
    catalogue = italian(domain)
    missing = []
    for message in filter(used, texts(domain)):
        entry = catalogue.get(message.id, message.context)
        if entry is None or not translated(entry):
            missing.append(message.id)
    assert not missing, f"python -m i18n, then translate in {catalogue_file(domain, 'it')}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_nothing_is_translated_that_no_code_shows(domain: str) -> None:
    shown = texts(domain)
    stale = [m.id for m in filter(used, italian(domain)) if shown.get(m.id, m.context) is None]
    assert not stale, "python -m i18n takes them out"


@pytest.mark.parametrize("domain", DOMAINS)
def test_translations_keep_the_placeholders(domain: str) -> None:
    for message in filter(used, italian(domain)):
        wanted = set().union(*(placeholders(form) for form in forms(message.id)))
        for number, form in enumerate(forms(message.string)):
            # "one mention" may leave its number out, in either language
            spoken = {"count"} if message.pluralizable and number == 0 else set()
            assert wanted - spoken <= placeholders(form) <= wanted, message.id


def test_placeholders_are_found_in_both_styles() -> None:
    assert placeholders("{count:,} of %(total)s") == {"count", "total"}


def test_a_language_without_catalogue_shows_the_code_s_english() -> None:
    english = i18n.translator("alerts", "en")
    assert english.gettext("Hello") == "Hello"
    assert english.ngettext("{n} day", "{n} days", 2) == "{n} days"


def test_an_unknown_text_is_shown_as_it_is() -> None:
    assert i18n.translator("alerts", "it").gettext("no such text") == "no such text"


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("it-IT", "it"), ("it_CH", "it"), ("EN", "en"), ("en-GB", "en"), ("fr", "it"), ("", "it"), (None, "it")],
)
def test_language_or_default(wanted: str | None, language: str) -> None:
    assert i18n.language_or_default(wanted) == language


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (i18n.format_number(12345.678, "it", 1), "12.345,7"),
        (i18n.format_number(12345, "en"), "12,345"),
        (i18n.format_number(2.0, "it", 1), "2"),
        (i18n.format_compact(1_234_567, "en"), "1.2M"),
        (i18n.format_compact(9_999, "it"), "9.999"),
        (i18n.format_percent(0.1234, "it", 1), "12,3%"),
        (i18n.format_percent(0.5, "en"), "50%"),
        (i18n.format_time(MOMENT, "it", "Europe/Rome"), "00:05"),
        (i18n.format_datetime(MOMENT, "it", "Europe/Rome"), "16 gen 2026, 00:05"),
        (i18n.format_datetime(MOMENT, "en", "UTC", "short"), "Jan 15, 23:05"),
        (i18n.format_date(MOMENT, "it", "UTC", "long"), "15 gennaio 2026"),
        (i18n.format_date(date(2026, 3, 1), "en"), "Mar 1, 2026"),
        (i18n.format_delta(timedelta(minutes=12), "it", ago=True), "12 minuti fa"),
        (i18n.format_delta(timedelta(minutes=12), "it"), "12 minuti"),
        (i18n.format_delta(timedelta(hours=30), "en", ago=True), "30 hours ago"),
        (i18n.format_list(["a", "b", "c"], "it"), "a, b e c"),
    ],
)
def test_formats(shown: str, text: str) -> None:
    assert shown == text


def test_no_text_to_translate_stands_inside_an_f_string() -> None:
    """The extractor does not see it there before Python 3.12."""
    root = Path(__file__).parents[2]
    hidden = []
    for path in [*root.glob("dashboard/**/*.py"), *root.glob("alerts/**/*.py")]:
        for outer in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(outer, ast.JoinedStr):
                hidden += [
                    f"{path}:{call.lineno}"
                    for call in ast.walk(outer)
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("_", "ngettext")
                ]
    assert not hidden
