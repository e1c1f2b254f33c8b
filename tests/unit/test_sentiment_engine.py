"""The lexicon engine: which rules for which language, sentences of long texts, what it says of its reasons."""

from __future__ import annotations

import pytest

from enrichment.sentiment import LONG, MASK, LexiconEngine, Passage, sentences


@pytest.fixture(scope="module")
def engine() -> LexiconEngine:
    return LexiconEngine()


def judge(engine: LexiconEngine, text: str, language: str):  # type: ignore[no-untyped-def]
    [judgement] = engine.judge([Passage(text.split(), language)])
    return judgement


@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("the worst service ever", "en", "negative"),
        ("thank you, great crew", "en", "positive"),
        ("the flight is at nine", "en", "neutral"),
        ("servizio pessimo", "it", "negative"),
        ("ottimo caffè", "it", "positive"),
        ("il bar apre alle nove", "it", "neutral"),
        ("bello😍😍", "it", "positive"),
        ("muy malo", "es", "neutral"),
        ("kaputt 😡", "de", "negative"),
        ("génial 😍", "fr", "positive"),
        ("", "und", "neutral"),
    ],
)
def test_labels(engine: LexiconEngine, text: str, language: str, label: str) -> None:
    assert judge(engine, text, language).label == label


def test_it_says_when_it_cannot_say(engine: LexiconEngine) -> None:
    silent = judge(engine, "no me gusta", "es")
    assert silent.confidence < 0.4
    assert silent.by == 'cannot say: no words of sentiment known for "es"'


def test_it_names_the_words_and_what_turned_them(engine: LexiconEngine) -> None:
    assert (
        judge(engine, "servizio pessimo, non bello", "it").by
        == 'words: "servizio pessimo" -3.0, "bello" -1.4 (negated)'
    )
    assert judge(engine, "il bar", "it").by == "no word of sentiment"


def test_masked_names_have_no_sentiment(engine: LexiconEngine) -> None:
    assert judge(engine, "@united flies", "en").score > 0
    assert judge(engine, f"@{MASK}1 flies", "en").score == 0


def test_a_long_text_is_judged_by_its_sentences_most_of_all_those_that_name_the_brand(engine: LexiconEngine) -> None:
    praise = "The weather was lovely and the people were happy. " * 6
    blame = f"But {MASK}1 was terrible. "
    filler = "We walked along the river to the old town and back. " * 6
    assert len((praise + filler + blame).split()) > LONG
    with_brand = judge(engine, praise + filler + blame, "en")
    without = judge(engine, praise + filler + blame.replace(MASK + "1", "it"), "en")
    assert with_brand.score < without.score
    assert abs(with_brand.score) < 0.9


def test_sentences_hold_every_token_once() -> None:
    tokens = ("Uno due. Tre! " + "quattro " * (2 * LONG) + "Fine").split()
    found = sentences(tokens)
    assert [token for sentence in found for token in sentence] == tokens
    assert all(0 < len(sentence) <= LONG for sentence in found)
    assert list(found[0]) == ["Uno", "due."]
    assert sentences([]) == []


def test_the_version_names_the_lexicon(engine: LexiconEngine) -> None:
    assert engine.version == LexiconEngine().version
    assert engine.version.startswith("lexicon-")
