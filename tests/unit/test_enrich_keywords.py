"""Keywords in texts: whole words, elision, tags and handles, exact names, and spans that fit the original text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.fold import fold, original
from enrichment.keywords import Keyword, KeywordMatcher


def spans(keyword: str, text: str, exact: bool = False) -> list[str]:
    return [text[hit.start : hit.end] for hit in KeywordMatcher([Keyword(0, keyword, exact)]).find(text)]


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("acme", "Acme, ACME e acme!", ["Acme", "ACME", "acme"]),
        ("acme", "acmetta lacme acme2 acme_shop", []),
        ("acme", "l'Acme dell’ACME un´acme", ["Acme", "ACME", "acme"]),
        ("acme", "#acme @acme (acme)", ["acme", "acme", "acme"]),
        ("caffè aurora", "Caffe Aurora, CAFFÈ\nAURORA, #caffeaurora", ["Caffe Aurora", "CAFFÈ\nAURORA", "caffeaurora"]),
        ("caffè aurora", "caffeaurora", []),
        ("caffè", "cafe\u0301 caffe\u0300, caffè", ["caffe\u0300", "caffè"]),
        ("l'oréal", "L’Oreal e L'ORÉAL", ["L’Oreal", "L'ORÉAL"]),
        ("at&t", "AT&T e at&tx", ["AT&T"]),
        ("c++", "C++ e c+++, xc++", ["C++", "c++"]),
        ("straße", "STRASSE Straße strasse", ["STRASSE", "Straße", "strasse"]),
        ("istanbul", "İstanbul'da", ["İstanbul"]),
        ("acme", "ＡＣＭＥ", ["ＡＣＭＥ"]),
        ("rimbors*", "rimborso Rimborsati rimbor", ["rimborso", "Rimborsati"]),
    ],
)
def test_finds_whole_words_however_they_are_written(keyword: str, text: str, found: list[str]) -> None:
    assert spans(keyword, text) == found


def test_exact_names_count_as_written_only() -> None:
    assert spans("TIM", "TIM, Tim, tim, #TIM, TIMES", exact=True) == ["TIM", "TIM"]


def test_overlapping_keywords_are_all_found() -> None:
    matcher = KeywordMatcher([Keyword(0, "caffè aurora"), Keyword(1, "aurora"), Keyword(2, "aurora mini")])
    assert [hit.keyword for hit in matcher.find("caffè aurora mini")] == [0, 1, 2]


def test_a_keyword_does_not_reach_over_a_paragraph() -> None:
    assert spans("aurora mini", "ecco aurora\n\nmini gonne") == []


def test_a_keyword_without_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        KeywordMatcher([Keyword(0, "!!")])


def test_no_keywords_find_nothing() -> None:
    assert KeywordMatcher([]).find("acme") == []


WORDS = st.sampled_from(["acme", "acm", "me", "a", "caffè", "uno due", "due", "l'uno", "x2", "è"])
PIECES = st.sampled_from(
    ["acme", "ACME", "acm", "me", "a", "caffè", "CAFFE", "uno", "due", "l’uno", "x2", "È", " ", " ", " ", ".", "#", "@", "'", "’",
     "\u0301", "ß", "ﬁ", "İ", "😀", "_", "-", "\u200d", "日本", "\u00ad"]
)  # fmt: skip


def naive(keyword: str, text: str) -> set[tuple[int, int]]:
    """By a regular expression on the folded text."""
    folded, places = fold(text)
    words = re.escape(fold(keyword)[0])
    pattern = re.compile(rf"(?<![^\W_])(?<!_){words}(?![\w])")
    return {original(places, match.start(), match.end()) for match in pattern.finditer(folded)}


@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.lists(PIECES, max_size=25).map("".join))
def test_agrees_with_a_regular_expression(keywords: list[str], text: str) -> None:
    hits = KeywordMatcher([Keyword(number, word) for number, word in enumerate(keywords)]).find(text)
    for number, word in enumerate(keywords):
        found = {(hit.start, hit.end) for hit in hits if hit.keyword == number}
        together = {(start, end) for start, end in found if " " in word and " " not in text[start:end]}
        assert found - together == naive(word, text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), st.text(max_size=20), st.booleans())
def test_spans_fit_in_any_junk(before: str, after: str, tight: bool) -> None:
    gap = "" if tight else " "
    text = f"{before}{gap}Aurora{gap}{after.encode('utf-8', 'replace').decode()}"
    for hit in KeywordMatcher([Keyword(0, "aurora")]).find(text):
        assert fold(text[hit.start : hit.end])[0].replace("\u0300", "") == "aurora"
    if not tight:
        assert any(text[hit.start : hit.end] == "Aurora" for hit in KeywordMatcher([Keyword(0, "aurora")]).find(text))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_folding_keeps_track_of_places(text: str) -> None:
    folded, places = fold(text)
    if places is None:
        assert len(folded) == len(text)
    else:
        assert len(places) == len(folded) + 1
        assert places == sorted(places)
        assert places[-1] == len(text)
