"""English sentiment equals vaderSentiment's, to the last digit."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from enrichment.english import Vader

VADER = Vader()
REFERENCE = SentimentIntensityAnalyzer()
WORDS = st.sampled_from(
    ["good", "GOOD", "bad", "BAD", "love", "hate", "no", "not", "NOT", "never", "so", "this", "without",
     "doubt", "least", "at", "very", "VERY", "kind", "of", "sort", "but", "BUT", "or", "nor", "the", "shit",
     "bomb", "ass", "yeah", "right", "to", "die", "for", "kiss", "death", "hand", "isn't", "ain't", "n't",
     "really", "slightly", "barely", "happy!", "sad?", "great!!!", "what??", ":)", ":(", "😀", "💔", "x😡y",
     "flight", "United", "just", "enough", "beating", "heart", "incredible", "most", "despite", "great.",
     "\"fine\"", "u", "❤️"]
)  # fmt: skip


def ours(text: str) -> float:
    spelled = VADER.spell_emoji(text)
    return VADER.compound([VADER.word(token) for token in spelled.split()], spelled)


@given(st.lists(WORDS, max_size=22).map(" ".join))
@settings(max_examples=600)
@example("never so good but bad good but good")
@example("no one is the least bad or good kind of")
def test_equal_on_trigger_words(text: str) -> None:
    assert ours(text) == REFERENCE.polarity_scores(text)["compound"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_equal_on_junk(text: str) -> None:
    assert ours(text) == REFERENCE.polarity_scores(text)["compound"]


def test_tells_the_words_that_decided() -> None:
    words = [VADER.word(token) for token in ("not", "good", ",", "really", "bad")]
    score, found = VADER.score(words, "not good , really bad")
    assert score == REFERENCE.polarity_scores("not good , really bad")["compound"]
    assert [words[place].lower for place, _ in found] == ["good", "bad"]
    assert all(counted < 0 for _, counted in found)


@pytest.mark.parametrize("text", ["", " ", "\n", "!!!", "plain words only"])
def test_nothing_to_say_is_zero(text: str) -> None:
    assert ours(text) == 0.0
