"""Terms: the words and short phrases a mention talks about, as users read them."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment import Enricher, EnrichmentSettings
from enrichment.terms import LONGEST, MOST, PHRASES, chosen, content, stopwords
from stream import Brand, Item, Mention, mention_id

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher([Brand(name="Caffè Aurora", keywords=("aurora",))], EnrichmentSettings())


def terms(enricher: Enricher, text: str, title: str = "") -> tuple[str, ...]:
    item = Item(
        id=mention_id(text), source="s", channel="import", fetched_at=NOW, published_at=NOW, text=text, title=title
    )
    [mention] = enricher.tag([msgspec.json.encode(item)])
    assert isinstance(mention, Mention)
    return mention.terms


@pytest.mark.parametrize(
    ("form", "term"),
    [
        ("l'azienda", "azienda"), ("dell'app", "app"), ("un’assistenza", "assistenza"), ("dall'aeroporto", "aeroporto"),
        ("quest'offerta", "offerta"), ("d'acqua", "acqua"), ("c'è", ""), ("dov'è", ""), ("com'è", ""), ("perché", ""),
        ("qualità", "qualità"), ("caffè", "caffè"), ("più", ""), ("aria condizionata", ""), ("company's", "company"),
        ("don't", ""), ("isn't", ""), ("i've", ""), ("dont", ""), ("flight", "flight"), ("the", ""), ("della", ""), ("5g", ""),
        ("737", ""), ("737max", "737max"), ("wi-fi", "wi-fi"), ("all-inclusive", "all-inclusive"), ("#", ""), ("a.b", ""),
        ("volo✈️", "volo"), ("l'", ""), ("x" * (LONGEST + 1), ""), ("o'neill", "o'neill"), ("l'aquila", "aquila"),
        ("gliel'ho", ""), ("neanch'io", ""), ("quand'ero", ""), ("ch'io", ""), ("grand'affare", "affare"),
    ],
)  # fmt: skip
def test_a_term_is_a_word_that_says_something_without_its_elision(form: str, term: str) -> None:
    assert content(form).term == term


@pytest.mark.parametrize(
    ("one", "other"),
    [("volo", "voli"), ("azienda", "aziende"), ("flight", "flights"), ("l'azienda", "azienda"), ("qualita", "qualità")],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert content(one).stem == content(other).stem != ""


def test_words_and_phrases_of_a_mention(enricher: Enricher) -> None:
    text = "Il servizio clienti di Aurora non risponde, l'app è bloccata e la macchina perde acqua"
    assert terms(enricher, text) == (
        "servizio", "clienti", "risponde", "app", "bloccata", "servizio clienti", "macchina perde", "perde acqua",
    )  # fmt: skip


def test_hashtags_are_words_and_addresses_and_names_are_not(enricher: Enricher) -> None:
    text = "#Scossa con @aurora_it: https://example.com/scossa #richiamo @ministero"
    assert terms(enricher, text + " aurora") == ("scossa", "richiamo")


def test_no_phrase_goes_over_a_full_stop_or_over_a_brand(enricher: Enricher) -> None:
    assert terms(enricher, "Volo cancellato. Albergo Aurora rimborso") == (
        "volo",
        "cancellato",
        "albergo",
        "rimborso",
        "volo cancellato",
    )


def test_in_a_long_text_what_is_said_most_often_comes_first(enricher: Enricher) -> None:
    filler = " ".join(f"parola{number}" for number in range(60))
    found = terms(enricher, f"aurora {filler} richiamo macchine; richiamo macchine; richiamo macchine.")
    assert found[:2] == ("richiamo", "macchine") and "richiamo macchine" in found


@given(st.lists(st.text("abcd", min_size=1, max_size=6), max_size=80), st.data())
def test_never_more_than_a_few_and_none_twice(words: list[str], data: st.DataObject) -> None:
    pairs = sorted(data.draw(st.sets(st.integers(0, max(0, len(words) - 2))))) if len(words) > 1 else []
    found = chosen(words, words, pairs)
    phrases = {f"{words[one]} {words[one + 1]}" for one in pairs}
    assert len(found) <= MOST and len(set(found)) == len(found)
    assert set(found) <= {*words, *phrases}
    assert len(phrases.intersection(found)) <= PHRASES


def test_stop_words_are_as_they_are_looked_up() -> None:
    assert all(word == word.lower() and word.isascii() for word in stopwords())
