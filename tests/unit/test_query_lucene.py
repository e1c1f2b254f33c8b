"""Typed queries: what each becomes, and that no text does worse than a BadQuery with a column."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import FIELDS, BadQuery, parse_query
from index.fields import ALIASES
from index.queries import Translator

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def typed(text: str, **options: Any) -> dict[str, Any]:
    return {"multi_match": {"query": text, "fields": ["title", "text"], "type": "phrase", **options}}


def every(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"must": list(bodies)}}


def some(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"should": list(bodies), "minimum_should_match": 1}}


def term(field: str, value: object) -> dict[str, Any]:
    return {"term": {field: value}}


def date(**bounds: str) -> dict[str, Any]:
    return {"range": {"published_at": bounds}}


A, B, C = typed("a"), typed("b"), typed("c")
MEANINGS: dict[str, dict[str, Any]] = {
    "": {"match_all": {}},
    " * ": {"match_all": {}},
    "*:*": {"match_all": {}},
    "ritardo": typed("ritardo"),
    "l'azienda": typed("l'azienda"),
    "l’azienda": typed("l’azienda"),
    '"servizio clienti"': typed("servizio clienti"),
    "“servizio clienti”": typed("servizio clienti"),
    "«servizio clienti»": typed("servizio clienti"),
    '"clienti servizio"~2': typed("clienti servizio", slop=2),
    "info@acme.it": typed("info@acme.it"),
    "a b": every(A, B),
    "a AND b": every(A, B),
    "a && b": every(A, B),
    "a OR b": some(A, B),
    "a || b": some(A, B),
    "a AND b OR c": some(every(A, B), C),
    "a OR b AND c": some(A, every(B, C)),
    "a (b OR c)": every(A, some(B, C)),
    "a -b": {"bool": {"must": [A], "must_not": [B]}},
    "a !b": {"bool": {"must": [A], "must_not": [B]}},
    "a AND NOT b": {"bool": {"must": [A], "must_not": [B]}},
    "a -(b c)": {"bool": {"must": [A], "must_not": [every(B, C)]}},
    "NOT a": {"bool": {"must_not": [A]}},
    "a OR NOT b": some(A, {"bool": {"must_not": [B]}}),
    "+a b": every(A, B),
    "a - b": every(A, B),
    "a — b": every(A, B),
    "a^3": A,
    "'a'": typed("a'"),
    "brand:acme AND sentiment:negative": every(term("brand", "acme"), term("sentiment", "negative")),
    "marca:Acme sentimento:NEGATIVO": every(term("brand", "acme"), term("sentiment", "negative")),
    "stato:aperta lingua:italiano": every(term("status", "open"), term("language", "it")),
    "brand:(acme OR beta)": some(term("brand", "acme"), term("brand", "beta")),
    "brand: acme": term("brand", "acme"),
    "backfill:sì": term("backfill", "true"),
    "author:Rossi": {"term": {"author": {"value": "Rossi", "case_insensitive": True}}},
    'autore:"Maria Rossi"': {"term": {"author": {"value": "Maria Rossi", "case_insensitive": True}}},
    "autore:Mar*": {"wildcard": {"author": {"value": "Mar*", "case_insensitive": True}}},
    "source:feed\\:acme": term("source", "feed:acme"),
    "source:feed:acme": term("source", "feed:acme"),
    "titolo:l'azienda": {"match_phrase": {"title": "l'azienda"}},
    'text:"a b"~3': {"match_phrase": {"text": {"query": "a b", "slop": 3}}},
    "Perch*": some({"wildcard": {"title": {"value": "perch*"}}}, {"wildcard": {"text": {"value": "perch*"}}}),
    "brand:*": {"exists": {"field": "brand"}},
    "_exists_:prodotto": {"exists": {"field": "product"}},
    "pacho~": some(*({"fuzzy": {field: {"value": "pacho", "fuzziness": "AUTO"}}} for field in ("title", "text"))),
    "text:pacho~1": {"fuzzy": {"text": {"value": "pacho", "fuzziness": 1}}},
    "reach:>=500": {"range": {"reach": {"gte": 500}}},
    "reach:500": term("reach", 500),
    "score:[-1 TO 0]": {"range": {"score": {"gte": -1, "lte": 0}}},
    "score:{-0.5 TO 0}": {"range": {"score": {"gt": -0.5, "lt": 0}}},
    "score:<-1": {"range": {"score": {"lt": -1}}},
    "score:<= -0,5": {"range": {"score": {"lte": -0.5}}},
    "reach:[500 TO *]": {"range": {"reach": {"gte": 500}}},
    "reach:[* TO *]": {"exists": {"field": "reach"}},
    "data:2026-11-20": date(gte="2026-11-20", lte="2026-11-20"),
    "data:20/11/2026": date(gte="2026-11-20", lte="2026-11-20"),
    "data:oggi": date(gte="now/d", lte="now/d"),
    "published_at:>now-7d/d": date(gt="now-7d/d"),
    "published_at:[2026-01-01 TO 2026-01-02T10:30:00]": date(gte="2026-01-01", lte="2026-01-02T10:30:00"),
    "https://acme.it/a?b=c": some(term("url", "https://acme.it/a?b=c"), typed("https://acme.it/a?b=c")),
    "www.acme.it": typed("www.acme.it"),
    "a NEAR/3 b": some(typed("a b", slop=3), typed("b a", slop=3)),
    "a NEAR/0 b": some(typed("a b"), typed("b a")),
    "a ONEAR/1 b": typed("a b", slop=1),
    "(a OR b) ONEAR/0 c": some(typed("a c"), typed("b c")),
    "c -a NEAR/1 b": {"bool": {"must": [C], "must_not": [some(typed("a b", slop=1), typed("b a", slop=1))]}},
    "text:(a NEAR/2 b)": some(
        {"match_phrase": {"text": {"query": "a b", "slop": 2}}}, {"match_phrase": {"text": {"query": "b a", "slop": 2}}}
    ),
    "sito:Acme.it": some(term("site", "acme.it"), {"wildcard": {"site": {"value": "*.acme.it"}}}),
    "url:https://acme.it/a": term("url", "https://acme.it/a"),
    "10:30": typed("10:30"),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_what_a_typed_query_means(text: str) -> None:
    assert parse_query(text) == MEANINGS[text]


PROBLEMS = {
    "foo:bar": (1, 'unknown field "foo"'),
    "a brnd:acme": (3, 'did you mean "brand"'),
    "a AND": (6, "ends too early"),
    "(a OR b": (1, "opened and not closed"),
    "a (b (c d)": (3, "opened and not closed"),
    "a)": (2, '")" cannot stand here'),
    "AND a": (1, '"AND" cannot stand here'),
    'a "b c': (3, "not closed"),
    "a 😀": (3, "no letter or digit"),
    "—": (1, "no word to search for"),
    '"..."': (1, "no word to search for"),
    "a reach:abc": (9, '"reach" is a number'),
    "data:ieri-l-altro": (6, "not a date"),
    "a >5": (3, "needs a field"),
    "brand:>5": (7, "comparisons work on dates and numbers"),
    "backfill:maybe": (10, "true or false"),
    "text:/a.*b/": (6, "regular expressions"),
    "brand:(product:x)": (8, "inside the parentheses"),
    "a~7": (1, "1 or 2"),
    "a~..": (2, "cannot be read"),
    "(" * 3000 + "a" + ")" * 3000: (51, "too deeply"),
    "rete and fibra": (6, "write AND in capitals"),
    "a NEAR b": (3, "NEAR/5"),
    "a NEAR/900 b": (3, "50 at most"),
    "a NEAR/3 (b AND c)": (3, "between words, phrases or alternatives"),
    "a NEAR/3": (9, "ends too early"),
    "a ONEAR/2 b": (3, "NEAR/2"),
    'a NEAR/2 "b c"': (10, "single words"),
    "a NEAR/2 title:b": (3, "the same field"),
    "site:a NEAR/2 site:b": (1, "no words in an order"),
    "a NEAR/2 A": (10, "the same word"),
    "=TIM": (2, "have no capitals"),
    "a" * 10_001: (0, "longer than"),
}


@pytest.mark.parametrize("text", PROBLEMS, ids=lambda text: text[:20])
def test_a_mistake_is_named_with_its_column(text: str) -> None:
    column, message = PROBLEMS[text]
    with pytest.raises(BadQuery, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        parse_query(text)
    assert caught.value.column == column


SIGNS = ["*", "?", "~", "^", '"', "(", ")", "[", "]", "{", "}", "-", "+", "!", "<", ">=", "\\", "/", "'", "’", ":", " "]
WORDS = [
    "brand:",
    "text:",
    "reach:",
    "data:",
    "_exists_:",
    " TO ",
    " NEAR/2 ",
    " ONEAR/1 ",
    " =",
    " AND ",
    " OR ",
    " NOT ",
    "https://a.b/c",
    "acme",
    "now-7d",
]
PIECES = st.sampled_from([*SIGNS, *WORDS, "1", "-2.5", "😀", "\ud800", "\x00", "à"])


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_gives_a_body_that_can_be_run_or_a_bad_query(text: str) -> None:
    try:
        body = parse_query(text)
    except BadQuery as error:
        assert 0 <= error.column <= len(text) + 1 and str(error)
    else:
        json.dumps(body)
        Translator(NOW).query(body)


@given(st.text())
def test_any_text_in_quotes_is_text(text: str) -> None:
    escaped = text.replace("\\", "\\\\")
    for quote in '"“”„‟«»″':
        escaped = escaped.replace(quote, "\\" + quote)
    try:
        body = parse_query(f'text:"{escaped}"')
    except BadQuery as error:
        assert "no word" in str(error)
    else:
        plain = text
        for quote in "“”„‟«»″":
            plain = plain.replace(quote, '"')
        assert body == {"match_phrase": {"text": plain}}


def test_every_example_of_the_docs_can_be_run() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "query.md").read_text("utf-8")
    examples = re.findall(r"^\| `([^`]+)` \|", docs.partition("## The bodies")[0], re.MULTILINE)
    assert len(examples) > 25
    for example in examples:
        Translator(NOW).query(parse_query(example.replace("\\|", "|")))


def test_the_docs_name_every_field_and_alias() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "query.md").read_text("utf-8")
    assert [name for name in (*FIELDS, *ALIASES) if f"`{name}`" not in docs] == []
