"""The pure parts of the pages: questions, marks, edits, what user text becomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dashboard import bodies
from dashboard.bodies import stretch
from dashboard.detail import changed
from dashboard.exports import address
from dashboard.marked import Span, pieces
from dashboard.parts import shortened, web_url
from dashboard.words import inert, problem
from index import BadQuery, parse_query
from stream import Incident

NOW = datetime(2026, 11, 24, 14, 37, 12, tzinfo=UTC)


@pytest.mark.parametrize("period", bodies.PERIODS.values(), ids=list(bodies.PERIODS))
def test_a_period_is_whole_steps_up_to_and_with_the_running_one(period: bodies.Period) -> None:
    start, end = bodies.span(period, NOW)
    assert start.timestamp() % period.step == end.timestamp() % period.step == 0
    assert end - start == period.length
    assert end - timedelta(seconds=period.step) <= NOW < end
    assert period.length.total_seconds() / period.step <= 125


def test_filters_and_typed_words_all_count() -> None:
    parts = bodies.chosen({"brand": ["a", "b"], "topic": []}, "delivery")
    assert parts[0] == {"terms": {"brand": ["a", "b"]}}
    assert len(parts) == 2
    assert bodies.chosen({"brand": []}, "  ") == []
    with pytest.raises(BadQuery):
        bodies.chosen({}, "brand:(")


@pytest.mark.parametrize(
    ("typed", "english", "italian"),
    [("fonta", "source", "fonte"), ("sorce", "source", "fonte"), ("marhcio", "brand", "marchio"), ("brnd", "brand", "marca"),
     ("titl", "title", "titolo"), ("dat", "date", "data"), ("scor", "score", "punteggio"), ("lan", "lang", "lingua")],
)  # fmt: skip
def test_a_field_is_suggested_by_its_name_in_the_visitors_language(typed: str, english: str, italian: str) -> None:
    with pytest.raises(BadQuery) as caught:
        parse_query(f"{typed}:x")
    assert f'did you mean "{english}"?' in problem(caught.value, "en")
    assert f'did you mean "{english}"?' in str(caught.value)
    assert f'forse "{italian}"?' in problem(caught.value, "it")


def test_the_fields_are_listed_in_the_visitors_language() -> None:
    with pytest.raises(BadQuery) as caught:
        parse_query("xyzq:x")
    assert "brand, product, topic" in problem(caught.value, "en")
    assert "marca, prodotto, argomento" in problem(caught.value, "it")


def test_marks_do_not_lose_a_letter() -> None:
    text = "Le capsule Lampo sanno di bruciato"
    brand, query = Span(11, 16, "brand", "Marca: Lampo"), Span(3, 16, "query", "")
    assert pieces(text, [query, brand]) == [
        ("Le ", "", ""),
        ("capsule Lampo", "query", ""),
        (" sanno di bruciato", "", ""),
    ]
    assert pieces(text, [brand]) == [
        ("Le capsule ", "", ""),
        ("Lampo", "brand", "Marca: Lampo"),
        (" sanno di bruciato", "", ""),
    ]
    assert pieces("", [brand]) == []


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50)), max_size=5))
def test_pieces_put_together_are_the_text(text: str, places: list[tuple[int, int]]) -> None:
    spans = [Span(*sorted(place), "topic", "") for place in places]  # type: ignore[misc]
    assert "".join(piece for piece, _kind, _title in pieces(text, spans)) == text


HOSTILE = (
    "![x](http://evil.example/p.png)",
    "[x](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "# title",
    "**bold** _it_ `code` ~~gone~~",
    "http://evil.example www.evil.example",
    "- list",
    "| a | b |\n|---|---|\n| c | d |",
    "&lt;b&gt;",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_user_text_in_a_label_stays_text(text: str) -> None:
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(inert(text)).strip()
    for tag in ("<img", "<a ", "<h1", "<strong", "<em", "<code", "<s>", "<ul", "<table"):
        assert tag not in html
    assert ":" not in inert(":red[x] :smile: $x$").replace("&#58;", "")
    assert "$" not in inert("$x$")
    assert "http:" not in inert(text)
    assert "www" not in inert(text)


def test_only_what_was_changed_is_said() -> None:
    mention = {"id": "x", "status": "new", "sentiment": "negative", "brand": ["acme"]}
    given_back = {"status": "open", "sentiment": "negative", "brand": ["acme"], "topic": [], "note": "", "assignee": ""}
    assert changed(mention, given_back) == {"status": "open"}
    assert changed(mention, {**given_back, "status": "new", "brand": [], "note": "call"}) == {
        "brand": [],
        "note": "call",
    }


@pytest.mark.parametrize(
    ("url", "kept"),
    [("https://a.example/x", True), ("javascript:alert(1)", False), ("data:text/html,x", False), ("http://", False),
     ("http://[::1", False), ("", False)],
)  # fmt: skip
def test_links_lead_to_the_web_only(url: str, kept: bool) -> None:
    assert web_url(url) == (url if kept else "")


def test_a_shortened_text_says_that_it_was() -> None:
    assert shortened("a  b\nc", 10) == "a b c"
    assert shortened("x" * 20, 10) == "x" * 9 + "…"


def test_an_export_has_the_address_of_its_page() -> None:
    filters = {"brand": ["x", "y"], "topic": []}
    assert address("csv", "a b", None, filters, "it") == "/export/csv?q=a+b&lang=it&brand=x&brand=y"


@pytest.mark.parametrize("hours", [0.01, 0.5, 5, 200])
def test_the_chart_of_an_incident_shows_what_was_before_it(hours: float) -> None:
    began = NOW - timedelta(hours=hours)
    one = Incident(
        id="i", brand="a", started_at=began, peak_at=began, updated_at=NOW, bucket_seconds=40, observed=9, expected=1.0,
        mentions=9,
    )  # fmt: skip
    start, end, step = stretch(one, NOW)
    assert start <= began - timedelta(minutes=59)
    assert end > NOW
    assert (end - start).total_seconds() / step <= 122
    assert step % one.bucket_seconds == 0


@given(st.text("abz0 \"\\:()*?~^[]{}/+-!&|'.#@", min_size=1, max_size=40).filter(lambda text: text.strip()))
def test_a_phrase_finds_the_value_and_nothing_else(value: str) -> None:
    assert parse_query(bodies.phrase("terms", value)) == {"term": {"terms": value}}
