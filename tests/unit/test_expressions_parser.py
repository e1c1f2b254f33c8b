"""The language of expressions: what a text is read as, and where a mistake is said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.expressions import And, Everything, Exists, ExpressionError, Like, Near, Node, Not, Or, Span, Term, parse


def shape(node: Node) -> object:
    """The tree without its columns."""
    match node:
        case Term():
            marks = "".join(
                mark
                for mark, on in (("=", node.exact), ("*", node.pattern), ('"', node.quoted), ("@", node.address))
                if on
            )
            return f"{node.field + ':' if node.field else ''}{marks}{node.text}"
        case And():
            return ("and", *map(shape, node.parts))
        case Or():
            return ("or", *map(shape, node.parts))
        case Not():
            return ("not", shape(node.part))
        case Near():
            return ("onear" if node.ordered else "near", node.most, shape(node.left), shape(node.right))
        case Like():
            return ("like", shape(node.term), node.distance)
        case Exists():
            return ("exists", node.field)
        case Span():
            return ("span", node.field, node.low, node.high)
        case Everything():
            return "everything"


SHAPES: dict[str, object] = {
    "a b OR c": ("or", ("and", "a", "b"), "c"),
    "a OR b NEAR/3 c d": ("or", "a", ("and", ("near", 3, "b", "c"), "d")),
    "NOT a NEAR/3 b": ("not", ("near", 3, "a", "b")),
    "a NEAR/3 b ONEAR/2 c": ("onear", 2, ("near", 3, "a", "b"), "c"),
    "(a OR b) NEAR/0 “c d”": ("near", 0, ("or", "a", "b"), '"c d'),
    "=TIM -=Tim": ("and", "=TIM", ("not", "=Tim")),
    '="Tim Cook" title:="X"': ("and", '="Tim Cook', 'title:="X'),
    "=TIM* off?rt*": ("and", "=*TIM*", "*off?rt*"),
    r"a\* C\=D": ("and", "a*", "C=D"),
    "!a -(b c)": ("and", ("not", "a"), ("not", ("and", "b", "c"))),
    "site:x.it autore:(rossi OR “Maria Bo”)": ("and", "site:x.it", ("or", "autore:rossi", 'autore:"Maria Bo')),
    "-https://x.it/a?b=c, d": ("and", ("not", "@https://x.it/a?b=c"), "d"),
    '"a b"~3 pacho~ c~1^2 d^2': ("and", ("like", '"a b', 3), ("like", "pacho", None), ("like", "c", 1), "d"),
    "brand:* reach:>-5": ("and", ("exists", "brand"), ("span", "reach", ("-5", False), None)),
    "l’Oréal — AT&T / C++": ("and", "l’Oréal", "AT&T", "C++"),
    "#acme @acme": ("and", "#acme", "@acme"),
    "E O NON e o non": ("and", "E", "O", "NON", "e", "o", "non"),
}


@pytest.mark.parametrize("text", SHAPES)
def test_what_a_text_is_read_as(text: str) -> None:
    assert shape(parse(text)) == SHAPES[text]


PROBLEMS = {
    "acme and rete": (6, 'write AND in capitals, or "and" in quotes'),
    "acme near/3 rete": (6, "write NEAR/3 in capitals"),
    "acme AND (rete OR fibra": (10, "parenthesis is opened"),
    "acme) AND rete": (5, '")" cannot stand here'),
    "acme “rete": (6, "quote is opened"),
    "acme OR OR rete": (9, '"OR" cannot stand here'),
    "acme AND": (9, "ends too early"),
    "acme NEAR rete": (6, "NEAR wants the number"),
    "acme ONEAR/51 rete": (6, "50 at most"),
    "acme NEAR/2 (a AND b)": (6, "NEAR stands between words"),
    "acme NEAR/2 NOT b": (13, '"NOT" cannot stand here'),
    "=acme~1": (6, "does not go with"),
    "site:": (1, "wants a value"),
    "site:(a brand:b)": (9, "another field"),
    "acme [x]": (6, '"[" cannot stand here'),
    "acme }": (6, '"}" cannot stand here'),
    "()": (2, '")" cannot stand here'),
    "NOT " * 200 + "a": (201, "too deeply"),
}


@pytest.mark.parametrize("text", PROBLEMS, ids=lambda text: text[:24])
def test_a_mistake_is_named_at_its_letter(text: str) -> None:
    column, message = PROBLEMS[text]
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column and message in str(caught.value)
    assert str(caught.value) == caught.value.template.format(**caught.value.values)


SIGNS = [
    "a",
    "è",
    "“",
    '"',
    "(",
    ")",
    "AND",
    "NOT",
    "NEAR/2",
    "-",
    "=",
    "~1",
    "^2",
    "*",
    "site:",
    "[a TO b]",
    "<",
    "😀",
    "\\",
    " ",
]


@given(st.lists(st.sampled_from(SIGNS), max_size=14).map("".join))
def test_any_text_is_read_or_refused_at_a_column_of_it(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        assert 1 <= error.column <= len(text) + 1
