"""Italian sentiment: negation, intensity, expressions, emoji."""

from __future__ import annotations

import pytest

from enrichment.italian import ItalianLexicon

LEXICON = ItalianLexicon()


def score(text: str, lexicon: ItalianLexicon = LEXICON) -> float:
    return lexicon.score([lexicon.word(token) for token in text.split()])[0]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("servizio ottimo", "servizio pessimo"),
        ("buono", "non buono"),
        ("non male", "male"),
        ("molto buono", "buono"),
        ("buono", "abbastanza buono"),
        ("buonissimo", "buono"),
        ("non vedo l'ora", "vedo"),
        ("non vedo l’ora", "vedo"),
        ("costa tanto ma è ottimo", "è ottimo ma costa tanto, brutto"),
        ("brutto. bello", "non bello"),
        ("mai avuto problemi", "problemi"),
        ("consegna arrivata prima del previsto", "consegna arrivata"),
        ("nessun problema", "problema"),
        ("BELLISSIMO", "bello"),
        ("bello :)", "bello"),
    ],
)
def test_one_is_better_than_the_other(better: str, worse: str) -> None:
    assert score(better) > score(worse)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("non funziona", -1),
        ("l'assistenza è pessima", -1),
        ("senza problemi", 1),
        ("non lo consiglio", -1),
        ("che schifo!", -1),
        ("#vergogna", -1),
        ("grazie mille", 1),
        ("soldi buttati", -1),
        ("la persona durante la riunione", 0),
        ("Persia e personale", 0),
        ("", 0),
        ("...", 0),
        ("non mi ha mai risposto", -1),
        ("non ho avuto nessun problema", 1),
    ],
)
def test_sign(text: str, sign: int) -> None:
    value = score(text)
    assert (value > 0) - (value < 0) == sign


def test_negation_stops_at_the_end_of_the_sentence() -> None:
    assert score("non so. bello") == score("so. bello")


def test_tells_the_words_that_decided() -> None:
    words = [LEXICON.word(token) for token in ("non", "è", "bello")]
    _, found = LEXICON.score(words)
    assert [(one.text, one.counted < 0, one.turned) for one in found] == [("bello", True, True)]


def test_an_expression_is_told_whole() -> None:
    words = [LEXICON.word(token) for token in ("un", "pessimo", "servizio", "davvero")]
    _, found = LEXICON.score(words)
    assert [one.text for one in found] == ["pessimo servizio"]


def test_stays_within_bounds() -> None:
    assert -1.0 <= score("pessimo " * 500) < -0.99
    assert 0.99 < score("ottimo " * 500) <= 1.0


def test_expressions_replace_their_words_whatever_their_length() -> None:
    lexicon = ItalianLexicon(["bello\t2", "che bello l'affare di ieri\t-3"])
    assert score("che bello l’affare di ieri", lexicon) < 0 < score("che bello l’affare", lexicon)


@pytest.mark.parametrize("line", ["bello 2", "bello\t", "bello\tdue"])
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="lexicon line 2"):
        ItalianLexicon(["buono\t2", line])


def test_the_lexicon_is_ours_and_large() -> None:
    from importlib.resources import files

    lines = files("enrichment").joinpath("lexicon_it.tsv").read_text("utf-8").splitlines()
    entries = [line.split("\t")[0] for line in lines if not line.startswith("#")]
    assert len(entries) >= 1500
    assert len(entries) == len(set(entries))
