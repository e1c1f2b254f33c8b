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
from hypothesis import given
from hypothesis import strategies as st

import i18n
from i18n.catalogue import catalogue_file
from i18n.extraction import DOMAINS, texts, translated
from i18n.program_texts import program_texts

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


@pytest.mark.parametrize(
    ("said", "italian"),
    [
        ("no answer in time", "nessuna risposta in tempo"),
        ("the server answers with status 503", "il server risponde con lo stato 503"),
        (
            "entry 3 has neither title nor text (and 2 more); it has moved to https://x.example/feed",
            "alla voce 3 mancano titolo e testo (e altri 2); si è spostata a https://x.example/feed",
        ),
        (
            "robots.txt cannot be read, so that nothing may be visited: the server refuses us (403)",
            "robots.txt non si può leggere, quindi non si può visitare nulla: il server ci rifiuta (403)",
        ),
        (
            "3 of 10 pages could not be read: the page has no main text (https://x.example/a)",
            "3 pagine su 10 non si sono potute leggere: la pagina non ha un testo principale (https://x.example/a)",
        ),
        (
            "4 different examples; at least 5 are needed, 10 to 20 are good",
            "4 esempi diversi; ne servono almeno 5, da 10 a 20 vanno bene",
        ),
        (
            "1 different example; at least 5 are needed, 10 to 20 are good",
            "1 solo esempio, copie a parte; ne servono almeno 5, da 10 a 20 vanno bene",
        ),
        ("undone: topic bags: version 2 on", "annullato: argomento bags: versione 2 attivata"),
        ("SSL: CERTIFICATE_VERIFY_FAILED {0}", "SSL: CERTIFICATE_VERIFY_FAILED {0}"),
        ("", ""),
    ],
)
def test_what_a_program_said_is_put_into_the_reader_s_language(said: str, italian: str) -> None:
    assert i18n.reworded(said, "it") == italian
    assert i18n.reworded(said, "en") == said


@given(st.text(max_size=200))
def test_any_text_can_be_put(said: str) -> None:
    assert i18n.reworded(said, "en") == said
    assert isinstance(i18n.reworded(said, "it"), str)


def test_texts_of_programs_are_found_in_their_code(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(
        "what = f\"page {number} of {url[:200]} is {'gone'}\"[:300]\n"
        'raise Unreachable(what="no answer" if late else f"it is {{odd}} {here}", url="https://x.example/")\n'
        'logger.info("not for readers", extra={"action": "no-text"})\n'
    )
    assert sorted(program_texts(file)) == ["it is {{odd}} {0}", "no answer", "page {0} of {1} is {2}"]
