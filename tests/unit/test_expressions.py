"""Compiled expressions: what holds, where, what is refused, and no disagreement with the plain way."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.naive_expressions import Invention, Text, holds
from enrichment.expressions import Document, Expressions, Facts, check
from stream.expressions import ExpressionError, parse

TEXT = (
    "Dell’AURORA nessuna notizia: l'assistenza di Caffè-Aurora non risponde da giorni, TIM invece sì. C++ e AT&T #coop"
)
FACTS = Facts(
    site="forum.acme.it", author="Maria Rossi", language="it", source="feed:acme", channel="feed", url="https://a.it/x"
)

HOLD = {
    "aurora": True,
    '"caffe aurora"': True,
    "dell'aurora": True,
    "L’Assistenza": True,
    "assist* AND risp*de": True,
    "*enza": True,
    "ass?stenza": True,
    "=TIM": True,
    "=Tim": False,
    "=AURORA": True,
    "=aurora": False,
    '="Caffè-Aurora"': True,
    '="Caffe-Aurora"': False,
    "=C++": True,
    "=C#": False,
    "c": True,
    "=AT&T": True,
    "at": True,
    "=#coop": True,
    "=@coop": False,
    "=TIM*": True,
    "=Tim*": False,
    "aurora NEAR/2 notizia": True,
    "notizia NEAR/1 aurora": True,
    "notizia NEAR/0 aurora": False,
    "notizia ONEAR/5 aurora": False,
    "aurora ONEAR/1 notizia": True,
    "risponde ONEAR/9 assistenza": False,
    "(tim OR vodafone) NEAR/1 (invece OR anche)": True,
    '"non risponde" NEAR/2 giorni': True,
    "(non NEAR/0 risponde) NEAR/2 giorni": True,
    "aurora -tim": False,
    "aurora AND NOT =Tim": True,
    "site:acme.it": True,
    "sito:forum.acme.it": True,
    "site:cme.it": False,
    "autore:“MARIA rossi”": True,
    "author:mar*": True,
    "lingua:italiano": True,
    "lang:(en OR it) aurora": True,
    "source:feed:acme": True,
    "https://a.it/x": True,
    "https://a.it/y": False,
    "title:notizia": True,
    "text:notizia": False,
    "titolo:(nessuna OR altra) text:tim": True,
    '"notizia l assistenza"': False,
    "notizia NEAR/5 assistenza": False,
}


@pytest.mark.parametrize("expression", HOLD)
def test_what_holds(expression: str) -> None:
    title, text = TEXT.split(": ")
    matched, _found = Expressions([parse(expression)]).match(Document(title, text, FACTS))
    assert bool(matched) is HOLD[expression]


@pytest.mark.parametrize(
    ("expression", "marked"),
    [
        ("aurora AND NOT pizza", ["AURORA", "Aurora"]),
        ('"caffe aurora" OR pizza', ["Caffè-Aurora"]),
        ("(tim AND pizza) OR assist*", ["assistenza"]),
        ("(aurora OR tim) NEAR/1 (notizia OR invece)", ["AURORA", "notizia", "TIM", "invece"]),
        ("=TIM lang:it", ["TIM"]),
        ("*ist* text:*rni", ["assistenza", "giorni"]),
    ],
)
def test_the_spans_that_made_it_hold(expression: str, marked: list[str]) -> None:
    title, text = TEXT.split(": ")
    document = Document(title, text, FACTS)
    expressions = Expressions([parse(expression)])
    _matched, found = expressions.match(document)
    hits = expressions.hits(0, document, found)
    assert [document.joined[hit.start : hit.end] for hit in hits if hit.start < hit.end] == marked


def test_expressions_that_say_the_same_hold_together() -> None:
    nodes = [parse(one) for one in ("aurora", "AURORA", "tim rete", "(tim AND rete)", "tim OR rete", "rete")]
    for text, numbers in (("Aurora", {0, 1}), ("rete TIM", {2, 3, 4, 5}), ("tim", {4})):
        assert Expressions(nodes).match(Document("", text))[0] == numbers


REFUSED = {
    "NOT acme": (1, "NOT only takes away"),
    "acme OR -rete": (9, "NOT only takes away"),
    "acme AND sentiment:negative": (10, "only of mentions that are stored"),
    "acme reach:>5": (12, "comparisons are for stored"),
    "acme~": (1, "~ is for stored"),
    "ab* acme": (1, "at least 3 letters"),
    "acme l'aur*": (6, "one word"),
    "acme NEAR/3 site:x.it": (6, "beside NEAR"),
    'acme "guast* rete"': (6, "ONEAR/0 between"),
    'acme "..."': (6, "no word to search for"),
    "acme OR *": (9, "matches everything"),
    "acme brnd:x": (6, 'did you mean "brand"'),
    "acme site:=x": (12, "= stands before words"),
}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_cannot_be_asked_of_what_comes_in_is_refused_at_its_letter(expression: str) -> None:
    column, message = REFUSED[expression]
    with pytest.raises(ExpressionError, match=message) as caught:
        check(expression)
    assert caught.value.column == column


def test_every_example_of_the_docs_can_be_asked() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "brands.md").read_text("utf-8")
    table = docs.partition("## Expressions")[2].partition("\n\nField names")[0]
    examples = [
        code for row in table.splitlines() for code in re.findall(r"`([^`]+)`", row.split("|")[1] if "|" in row else "")
    ]
    assert len(examples) > 20
    for example in examples:
        assert check(example)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _texts() -> list[tuple[str, str, Facts]]:
    """The demo's own texts, Italian and English, some with a title."""
    found = []
    for language in ("it", "en"):
        file = Path(__file__).parents[2] / "ronzio" / "demo" / f"texts_{language}.toml"
        texts = [text for text in _strings(tomllib.loads(file.read_text("utf-8"))) if " " in text]
        for number, text in enumerate(texts):
            facts = Facts(f"{'www' if number % 2 else 'forum'}.site{number % 3}.it", f"Anna B{number % 7}", language)
            found.append(
                (texts[number - 1] if number % 4 == 0 else "", text.upper() if number % 9 == 0 else text, facts)
            )
    return found


@pytest.mark.parametrize("seed", range(4))
def test_no_disagreement_with_the_plain_way(seed: int) -> None:
    texts = _texts()[seed::4][:120]
    plain = [Text(*one) for one in texts]
    invention = Invention(plain, seed)
    written = [invention.expression() for _ in range(150)]
    nodes = [parse(one) for one in written]
    expressions = Expressions(nodes)
    decisions = true = 0
    for one, text in zip(texts, plain, strict=True):
        matched, _found = expressions.match(Document(*one))
        wanted = {number for number, node in enumerate(nodes) if holds(node, text)}
        assert matched == wanted, [written[number] for number in matched ^ wanted] + [str(one)]
        decisions, true = decisions + len(nodes), true + len(wanted)
    assert true > decisions / 50


def test_as_deep_as_can_be_typed_can_be_compiled() -> None:
    deep = "acme"
    for level in range(49):
        deep = f"(w{level} {deep} OR v{level} -u{level})"
    matched, _found = Expressions([parse(deep)]).match(Document("", "v48 " + " ".join(f"w{n} u{n}" for n in range(48))))
    assert matched == {0}


def test_a_long_text_full_of_hits_takes_no_quadratic_time() -> None:
    text = "rete guasta " * 40_000
    matched, _found = Expressions([parse("rete NEAR/50 guasta NEAR/3 fibra"), parse("guasta NEAR/2 rete")]).match(
        Document("", text)
    )
    assert matched == {1}


@pytest.mark.parametrize("text", ["", " ", "😀", "\n\n", "e\u0301", "हिन्दी पाठ", "ﬁne ßtraße", "\u202eabc", "_ _"])
def test_odd_texts_are_matched_without_an_error(text: str) -> None:
    expressions = Expressions([parse("acme OR =Fine OR strasse OR abc NEAR/2 acme OR =हिन्दी")])
    for title in ("", text, "acme"):
        document = Document(title, text)
        matched, found = expressions.match(document)
        hits = expressions.hits(0, document, found) if matched else []
        assert all(0 <= hit.start < hit.end <= len(document.joined) for hit in hits)
