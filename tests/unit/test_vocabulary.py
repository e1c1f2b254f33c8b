"""Numbers of tokens: cut, chosen and joined as the texts themselves would be, and forgotten without changing an answer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.sentiment import MASK
from enrichment.vocabulary import ADDRESS, END, USER, Numbered, Vocabulary, grown

TOKENS = st.lists(st.sampled_from(["uno", "due", "tre", "due.", "#tre"]), max_size=6)
TEXTS = st.lists(TOKENS, max_size=6)


def spelt(vocabulary: Vocabulary, texts: Numbered) -> list[list[str]]:
    """The tokens behind the numbers."""
    bounds = texts.starts.tolist()
    found = [texts.numbers[start:end].tolist() for start, end in pairwise(bounds)]
    assert all(numbers[-1] == END and END not in numbers[:-1] for numbers in found)
    return [[vocabulary.tokens[number] for number in numbers[:-1]] for numbers in found]


@given(TEXTS, TEXTS)
def test_numbers_stand_for_the_tokens(texts: list[list[str]], others: list[list[str]]) -> None:
    vocabulary = Vocabulary()
    one, other = vocabulary.read(texts), vocabulary.read(others)
    assert spelt(vocabulary, one) == texts
    assert spelt(vocabulary, one.followed_by(other)) == texts + others
    chosen = np.arange(len(texts)) % 2 == 0
    assert spelt(vocabulary, one.only(chosen)) == texts[::2]
    assert spelt(vocabulary, one[1:3]) == texts[1:3]
    assert spelt(vocabulary, one[4:2]) == []


@given(TEXTS, st.integers(1, 3))
def test_texts_are_cut(texts: list[list[str]], size: int) -> None:
    vocabulary = Vocabulary()
    cut = [tokens[start : start + size] for tokens in texts for start in range(0, len(tokens), size)]
    lengths = np.array([len(part) for part in cut], np.int64)
    assert spelt(vocabulary, vocabulary.read(texts).cut(lengths)) == cut


@pytest.mark.parametrize(
    ("token", "number"),
    [
        ("@anna", USER),
        ("@Anna_99", USER),
        ("https://a.example", ADDRESS),
        ("@anna:", None),
        (".@anna", None),
        (f"@{MASK}1", None),
        (f"http://{MASK}1.example", None),
        ("@", None),
    ],
)
def test_people_and_addresses_share_a_number_but_where_more_stands_there(token: str, number: int | None) -> None:
    vocabulary = Vocabulary()
    assert (vocabulary[token] in (USER, ADDRESS)) == (number is not None)
    assert number is None or vocabulary[token] == number


def test_it_starts_afresh_where_too_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = Vocabulary()
    first = vocabulary["parola"]
    vocabulary.make_room()
    assert (vocabulary.generation, vocabulary["parola"]) == (0, first)
    monkeypatch.setattr("enrichment.vocabulary._LETTERS", 5)
    vocabulary.make_room()
    assert (vocabulary.generation, len(vocabulary)) == (1, 0)
    assert vocabulary["altra"] == first


def test_grown_keeps_what_was_there() -> None:
    array = np.arange(6).reshape(3, 2)
    longer = grown(array, 4)
    assert grown(array, 3) is array
    assert len(longer) >= 4
    assert longer[:3].tolist() == array.tolist()
    assert not longer[3:].any()
