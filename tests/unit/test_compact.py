"""The compact engine: pieces of tokens, features, judgements on whatever people write, and what corrections teach."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.compact import CompactEngine, Corrections, CorrectionsError, Example, WeightsError, cross_validated, fit
from enrichment.compact.features import Reader
from enrichment.compact.pieces import pieces
from enrichment.compact.store import dumps, loads, shipped
from enrichment.compact.wordlist import LANGUAGES, WordList
from enrichment.sentiment import LONG, MASK, Judgement, Passage


@pytest.fixture(scope="module")
def engine() -> CompactEngine:
    return CompactEngine()


def judge(engine: CompactEngine, text: str, language: str = "it") -> Judgement:
    [judgement] = engine.judge([Passage(text.split(), language)])
    return judgement


@given(st.text("aZè'!?.,“”…#@1:)😍", min_size=1, max_size=12).filter(lambda token: token[0] != "@"))
def test_a_reader_that_knows_the_bare_word_reads_a_token_as_its_pieces(token: str) -> None:
    reader = Reader(WordList("it", []))
    reader.read([[token.strip(".,!?") or token], [token]])
    [*rows, _end] = reader.read([[token]]).rows.tolist()
    assert [reader.forms[row] for row in rows] == [piece.form for piece in pieces(token)]


@pytest.mark.parametrize(
    ("token", "forms"),
    [
        ("bellooo!!!", ["belloo", "!!"]),
        ("L'azienda,", ["l'", "azienda", ","]),
        ("#BuonaScuola", ["#buonascuola", "buona", "scuola"]),
        ("https://t.co/x", ["<address>"]),
        ("@anna:", ["<user>", ":"]),
        (f"@{MASK}12's", ["<brand>", "'", "s"]),
        ("ok:-)😍😍", ["ok", ":-)", "😍", "😍"]),
        ("3,50€", ["<number>", "€"]),
        ("83", ["<number>"]),
        ("x3", ["x", "3"]),
        ("8po", ["8", "po"]),
        ("8-)", ["8-)"]),
        ("8D", ["8d"]),
        ("<b>pessimo</b>", ["pessimo"]),
        ("...", ["…"]),
        ("\ud83d", ["\ud83d"]),
    ],
)
def test_pieces(token: str, forms: list[str]) -> None:
    assert [piece.form for piece in pieces(token)] == forms


def test_english_pieces() -> None:
    assert [piece.form for piece in pieces("don't", english=True)] == ["do", "n't"]


@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("servizio pessimo, il pacco non arriva", "it", "negative"),
        ("ottimo acquisto, consigliatissimo", "it", "positive"),
        ("the worst airline, my flight was cancelled", "en", "negative"),
        ("thank you so much, great crew", "en", "positive"),
        ("muchas gracias, me encanta", "es", "positive"),
        ("merci beaucoup, j'adore", "fr", "positive"),
        ("leider total kaputt, nie wieder", "de", "negative"),
        ("amei, muito bom", "pt", "positive"),
        ("😡😡", "it", "negative"),
        ("😍", "ar", "positive"),
    ],
)
def test_labels(engine: CompactEngine, text: str, language: str, label: str) -> None:
    assert judge(engine, text, language).label == label


def test_it_names_the_words_that_decided(engine: CompactEngine) -> None:
    told = judge(engine, "servizio pessimo, il pacco non arriva").by
    assert told.startswith("words: ")
    assert '"servizio pessimo" -' in told
    assert '"non arriva" -' in told


def test_a_word_is_named_once(engine: CompactEngine) -> None:
    told = judge(engine, "😍 bello 😍 😍 bello grazie").by
    assert told.count("😍") == told.count("bello") == told.count("grazie") == 1
    pulls = [float(pull) for pull in re.findall(r"[+-]\d+\.\d", told)]
    assert pulls == sorted(pulls, reverse=True)


@pytest.mark.parametrize("text", ["", "!!!", "https://t.co/x @anna", f"{MASK}1", "12 34"])
def test_it_says_when_there_is_nothing_to_judge(engine: CompactEngine, text: str) -> None:
    judgement = judge(engine, text)
    assert (judgement.label, judgement.unsure) == ("neutral", True)
    assert judgement.by == "cannot say: neither words nor emoji"


def test_what_it_cannot_tell_is_not_guessed(engine: CompactEngine) -> None:
    bad = ("brutto tempo a Roma", "il problema resta", "che caldo", "piove", "treno in ritardo", "mah", "caro")
    good = ("bella giornata", "grazie per la risposta", "il sole", "speriamo bene", "sono con amici", "ok", "buono")
    texts = [f"{one} ma {two}" for first in (bad, good) for one in first for two in (good if first is bad else bad)]
    judged = engine.judge([Passage(text.split(), "it") for text in texts])
    assert any(one.unsure for one in judged)
    for one in judged:
        assert not one.unsure or (one.label == "neutral" and one.by.startswith("cannot say: negative "))


def test_negation_turns(engine: CompactEngine) -> None:
    assert judge(engine, "mi piace").score > 0.2 > judge(engine, "non mi piace").score


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("non torno mai più", "negative"),
        ("non mi ha mai risposto", "negative"),
        ("non hanno nessun rispetto", "negative"),
        ("non ho avuto nessun problema", "positive"),
        ("non è mai una delusione", "positive"),
    ],
)
def test_a_negation_within_an_expression_is_not_turned_by_the_one_before_it(
    engine: CompactEngine, text: str, label: str
) -> None:
    judgement = judge(engine, text)
    assert judgement.label == label and "(negated)" not in judgement.by.split(",")[0]


def test_a_brand_s_name_never_colours(engine: CompactEngine) -> None:
    texts = [f"{name} arriva domani a Torino" for name in (f"{MASK}1", f"{MASK}23", f"#{MASK}4", f"@{MASK}5")]
    assert len({judge(engine, text) for text in texts}) == 1


def test_a_long_text_is_judged_by_its_sentences_most_of_all_those_that_name_the_brand(engine: CompactEngine) -> None:
    praise = "Una bella giornata, tutti felici e contenti. " * 8
    blame = f"Ma {{}} ha un servizio pessimo, una vergogna. {praise}"
    assert len((praise + blame).split()) > LONG
    assert judge(engine, praise + blame.format(MASK + "1")).score < judge(engine, praise + blame.format("Anna")).score


def test_a_megabyte_is_read(engine: CompactEngine) -> None:
    assert judge(engine, "un servizio pessimo e lento. " * 40_000).label == "negative"
    assert judge(engine, "x" * 1_000_000).label == "neutral"
    assert judge(engine, ":-" * 500_000).label in ("neutral", "negative", "positive")


@pytest.mark.parametrize(
    "text", ["ciao\ud83d bello", "\ud83d\ude00", "\u202eciao\u202c", "\u0301\u0301", "\x00 ciao", "Ⅷ ² ½"]
)
@pytest.mark.parametrize("language", [*LANGUAGES, "ar", "und"])
def test_broken_characters_are_judged(engine: CompactEngine, text: str, language: str) -> None:
    assert judge(engine, text, language).label in ("neutral", "negative", "positive")


@given(st.lists(st.tuples(st.text(max_size=60), st.sampled_from((*LANGUAGES, "und", "ar"))), max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_stands_there_is_judged_and_alone_as_among_others(
    engine: CompactEngine, texts: list[tuple[str, str]]
) -> None:
    passages = [Passage(text.split(), language) for text, language in texts]
    judged = engine.judge(passages)
    assert judged == [engine.judge([passage])[0] for passage in passages]
    for one in judged:
        assert -1 <= one.score <= 1
        assert 0 <= one.confidence <= 1


def test_tokens_looked_up_before_give_the_same(engine: CompactEngine) -> None:
    long = "Il pacco è in ritardo. Ottimo il prezzo! " * 10
    texts = [("servizio pessimo", "it"), ("great crew", "en"), (long, "it"), ("☹", "ar"), ("", "fr"), (long, "und")]
    passages = [Passage(text.split(), language) for text, language in texts]
    for some in range(len(texts) + 1):
        numbered = engine.vocabulary.read([passage.tokens for passage in passages[:some]])
        assert engine.judge(passages, numbered) == engine.judge(passages)


def test_the_memo_starts_afresh_without_changing_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrichment.vocabulary._TOKENS", 20)
    small, passages = CompactEngine(), [Passage(f"parola{n} bella e nuova{n}".split(), "it") for n in range(30)]
    assert [small.judge([one])[0] for one in passages] == CompactEngine().judge(passages)


def test_the_file_of_weights_is_small_and_holds_numbers_only() -> None:
    content = files("enrichment").joinpath("compact", "weights.npz").read_bytes()
    assert len(content) <= 25_000_000
    weights = shipped()
    assert set(weights.models) == set(LANGUAGES)
    assert dumps(weights.models) == content
    assert {one.table.dtype.kind + one.importance.dtype.kind for one in weights.models.values()} == {"iu"}


def test_broken_weights_are_refused() -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        loads(b"no archive")


def test_a_bad_line_of_a_word_list_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: expected entry<TAB>strength"):
        WordList("it", ["bello\t2", "brutto"])


LEARNT = [
    *(
        Example(Passage(f"il caffè {word} di oggi".split(), "it"), "negative")
        for word in ("zuzzo", "zuzzi", "zuzza") * 5
    ),
    *(Example(Passage(f"il caffè {word} di oggi".split(), "it"), "positive") for word in ("frello", "frelli") * 5),
    *(Example(Passage(f"il caffè {word} di oggi".split(), "it"), "neutral") for word in ("nero", "lungo") * 5),
]


def test_corrections_teach_and_stay(engine: CompactEngine) -> None:
    corrections = fit(engine, LEARNT)
    taught = engine.with_corrections(Corrections.loads(corrections.dumps()))
    assert judge(taught, "un panino zuzzo").label == "negative"
    assert judge(taught, "un panino frello").label == "positive"
    assert judge(taught, "thank you", "en") == judge(engine, "thank you", "en")
    assert taught.version == f"{engine.version}+{corrections.version}"
    assert fit(engine, LEARNT).version == corrections.version
    before, after = cross_validated(engine, LEARNT)
    assert before < 50 < 60 < after


def test_broken_corrections_are_refused() -> None:
    with pytest.raises(CorrectionsError, match="cannot be read"):
        Corrections.loads(b"no archive")
