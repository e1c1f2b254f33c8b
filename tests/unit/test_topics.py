"""Topics: rules from a file, keywords by language, departments; a bad file is named with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrichment.keywords import Hit, KeywordMatcher
from enrichment.topics import TopicRule, TopicRules, TopicsError, load_topics

SHIPPED = load_topics()


def topics(text: str, language: str) -> list[str]:
    rules = TopicRules(SHIPPED)
    return [topic.rule.id for topic in rules.decide(KeywordMatcher(rules.keywords).find(text), language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Il numero verde non risponde", "it", "customer-care"),
        ("your agent hung up on me", "en", "customer-care"),
        ("perde acqua dopo una settimana", "it", "product-quality"),
        ("it stopped working", "en", "product-quality"),
        ("troppo caro", "it", "price"),
        ("overpriced coffee", "en", "price"),
        ("il corriere ha perso il pacco", "it", "delivery"),
        ("my parcel never arrived", "en", "delivery"),
        ("voglio il rimborso", "it", "returns"),
        ("I want my money back", "en", "returns"),
        ("l'app si chiude da sola", "it", "website-app"),
        ("the app keeps crashing on login", "en", "website-app"),
        ("cassiera gentilissima", "it", "store-staff"),
        ("the staff were rude", "en", "store-staff"),
        ("ha preso fuoco la macchina", "it", "safety"),
        ("it caught fire", "en", "safety"),
        ("farò denuncia al garante", "it", "legal"),
        ("see you in court", "en", "legal"),
        ("licenziati cento dipendenti", "it", "work"),
        ("they are hiring", "en", "work"),
        ("cialde compostabili", "it", "sustainability"),
        ("plastic everywhere", "en", "sustainability"),
        ("sciopero e treni cancellati", "it", "punctuality"),
        ("flight delayed again", "en", "punctuality"),
        ("I need to return it to the shop", "en", "returns"),
        ("can I exchange it or return it next year?", "en", "returns"),
        ("you did not ship my new phone", "en", "delivery"),
        ("my charger is on fire", "en", "safety"),
        ("there is fire in the engine", "en", "safety"),
    ],
)
def test_shipped_topics(text: str, language: str, expected: str) -> None:
    assert expected in topics(text, language)


@pytest.mark.parametrize(
    ("text", "language", "topic"),
    [
        ("Ritardi a causa del maltempo", "it", "legal"),
        ("Mi sono reso conto che non ne vale la pena", "it", "returns"),
        ("L'azienda ha reso noto il bilancio", "it", "returns"),
        ("Ricavi per 3 miliardi di euro", "it", "price"),
        ("Cara Aurora, quando riaprite?", "it", "price"),
        ("Terzo giorno di fila senza risposta", "it", "punctuality"),
        ("Trecento in cassa integrazione", "it", "store-staff"),
        ("what kind of company does this?", "en", "store-staff"),
        ("it is out of stock", "en", "business"),
        ("M'avete rotto le scatole", "it", "product-quality"),
        ("Iron Maiden will return to Milan next year", "en", "returns"),
        ("Their return to Italy next year is sold out", "en", "returns"),
        ("Listed on the Milan stock exchange", "en", "returns"),
        ("Costa's new ship sets sail in May", "en", "delivery"),
        ("this track is fire", "en", "safety"),
    ],
)
def test_phrases_in_which_words_mean_something_else(text: str, language: str, topic: str) -> None:
    assert topic not in topics(text, language)


def test_an_excluded_phrase_takes_away_only_its_own_words() -> None:
    assert topics("Mi sono reso conto che il reso è gratuito", "it") == ["returns"]
    assert topics("Multa di 4 milioni di euro", "it") == ["legal"]
    [found] = TopicRules(
        [TopicRule(id="x", department="y", any=("reso",), exclude=("reso conto", "conto reso"))], 7
    ).decide([Hit(7, 0, 4), Hit(7, 11, 15), Hit(7, 30, 34), Hit(8, 0, 10), Hit(9, 5, 15)], "it")
    assert found.hits == (Hit(7, 30, 34),)


def test_words_of_one_language_do_not_count_in_the_other() -> None:
    assert "store-staff" in topics("la filiale", "it")
    assert "store-staff" not in topics("la filiale", "en")
    assert "delivery" in topics("shipping", "es")


def test_more_different_words_are_surer() -> None:
    rules = TopicRules(SHIPPED)
    matcher = KeywordMatcher(rules.keywords)
    [once] = rules.decide(matcher.find("consegna consegna"), "it")
    [twice] = rules.decide(matcher.find("consegna del pacco"), "it")
    assert once.confidence < twice.confidence < 1
    assert len(once.hits) == 2


def test_every_shipped_topic_has_names_and_words_in_both_languages() -> None:
    assert len({rule.id for rule in SHIPPED}) == len(SHIPPED) >= 12
    for rule in SHIPPED:
        assert set(rule.name) == {"it", "en"}
        assert len(rule.it) >= 10
        assert len(rule.en) >= 10
        for words in (rule.it, rule.en):
            assert len(set(words)) == len(words), rule.id


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[topic]]\nid = 'a b'\ndepartment = 'x'", 'topic "a b": id: .*is no id'),
        ("[[topic]]\nid = 'a'\ndepartment = 'x'\nkeyword = ['y']", 'unknown key "keyword"'),
        ("[[topic]]\nid = 'a'", "department"),
        ("[[topic]]\nid = 'a'\ndepartment = 'x'\nit = ['*']", "too short"),
        ("[[topic]]\nid = 'a'\ndepartment = 'x'\nname = {de = 'A'}", 'name in "de"'),
        ("[[topic]]\nid = 'a'\ndepartment = 'x'\n[[topic]]\nid = 'a'\ndepartment = 'x'", '"a" is there twice'),
        ("[[topics]]\nid = 'a'", 'unknown key "topics"'),
        ("topic = 3", r"written as \[\[topic\]\]"),
        ("[[topic]", "mine.toml: "),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(TopicsError, match=message) as caught:
        load_topics(path)
    assert "mine.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TopicsError, match=r"nowhere\.toml: cannot be read"):
        load_topics(tmp_path / "nowhere.toml")


def test_own_topics_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[[topic]]\nid = 'aroma'\ndepartment = 'product'\nany = ['aroma*']\n", "utf-8")
    [rule] = load_topics(path)
    assert (rule.id, rule.any) == ("aroma", ("aroma*",))
