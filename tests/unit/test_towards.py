"""What a text says of each brand: clauses, contrast, comparisons, only named; and what a human's word does to it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment import Enricher, EnrichmentSettings
from enrichment.scopes import scopes
from enrichment.sentiment import MASK, Judgement, Passage
from enrichment.towards import FEATURES, NUMBERS, Text, Towards, Weights, judged_parts, parts_of
from stream import Brand, Item, Mention

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
A, B = f"{MASK}0", f"{MASK}1"
SIGNS = {"+": "positive", "-": "negative", "0": "neutral", ".": "none"}


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher([Brand(name="Aurora"), Brand(name="Borea")], EnrichmentSettings(engine="lexicon"))


def tagged(enricher: Enricher, text: str) -> Mention:
    item = Item(id="00112233445566778899", source="s", channel="feed", fetched_at=NOW, published_at=NOW, text=text)
    [mention] = enricher.tag([msgspec.json.encode(item)])
    assert isinstance(mention, Mention)
    return mention


@pytest.mark.parametrize(
    ("text", "aurora", "borea"),
    [
        ("Love Aurora, but Borea is terrible", "+", "-"),
        ("Aurora è fantastica, mentre Borea è una delusione", "+", "-"),
        ("Aurora funziona benissimo, Borea mi ha deluso", "+", "-"),
        ("Grazie Aurora, siete gentilissimi. Borea vergognosi.", "+", "-"),
        ("I hate Aurora and I love Borea", "-", "+"),
        ("Bella l'app di Aurora, ma quella di Borea è orribile", "+", "-"),
        ("Aurora and Borea are both awful", "-", "-"),
        ("Aurora e Borea sono ottime", "+", "+"),
        ("Borea è meglio di Aurora", "-", "+"),
        ("Aurora non è meglio di Borea", "-", "+"),
        ("Aurora is worse than Borea", "-", "+"),
        ("Aurora > Borea", "+", "-"),
        ("La rete di Aurora è più affidabile di quella di Borea", "+", "-"),
        ("Switched from Aurora to Borea and I'm happy", "-", "+"),
        ("Ho lasciato Aurora per Borea", "-", "+"),
        ("Preferisco Aurora a Borea", "+", "-"),
        ("I prefer Borea over Aurora", "-", "+"),
        ("A differenza di Borea, Aurora ha un servizio eccellente", "+", "-"),
        ("Unlike Borea, Aurora has great support", "+", "-"),
        ("Aurora è ottima, Borea è pessima", "+", "-"),
        ("Aurora e' pessima, quella di Borea e' ottima", "-", "+"),
        ("Aurora è pessima e orribile, Borea ottima e fantastica", "-", "+"),
        ("Aurora è un disastro, Borea invece mi piace tantissimo", "-", "+"),
        ("Pessima Aurora, Borea invece ottima", "-", "+"),
        ("Sono delusa da Aurora, Borea è fantastica", "-", "+"),
        ("Come Aurora, Borea è pessima", "-", "-"),
        ("Aurora >>>>> Borea", "+", "-"),
        ("Sono passato ad Aurora da Borea", "+", "-"),
        ("Switched to Aurora from Borea", "+", "-"),
        ("Sono tornata ad Aurora dopo un anno con Borea", "+", "-"),
        ("I would never switch from Aurora to Borea", "+", "-"),
        ("Non cambierei mai Aurora con Borea", "+", "-"),
        ("Meglio Aurora di Borea", "+", "-"),
        ("Tra Aurora e Borea scelgo Aurora", "+", "-"),
        ("Tra Aurora e Borea meglio Aurora", "+", "-"),
        ("I'd rather have Aurora than Borea", "+", "-"),
        ("Aurora is cheaper than Borea", "+", "-"),
        ("Aurora costa più di Borea", "-", "+"),
        ("Aurora è meno affidabile di Borea", "-", "+"),
        ("Aurora is less friendly than Borea", "-", "+"),
        ("Aurora dà meno problemi di Borea", "+", "-"),
        ("Aurora should learn from Borea", "-", "+"),
        ("Aurora non è all'altezza di Borea", "-", "+"),
    ],
)
def test_two_brands_get_a_label_each(enricher: Enricher, text: str, aurora: str, borea: str) -> None:
    said = dict(one.split(":") for one in tagged(enricher, text).towards)
    assert said == {"aurora": SIGNS[aurora], "borea": SIGNS[borea]}


@pytest.mark.parametrize(
    "text", ["Aurora presenta il bilancio 2025 a Milano http://x.example/1", "Anyone going to the Aurora store today?"]
)
def test_a_text_that_only_names_a_brand_says_nothing_of_it(enricher: Enricher, text: str) -> None:
    mention = tagged(enricher, text)
    assert mention.towards == ("aurora:none",)
    assert [why.by for why in mention.why if why.tag == "towards:aurora:none"] == ["only names it"]


def test_with_one_brand_it_is_what_the_whole_says(enricher: Enricher) -> None:
    mention = tagged(enricher, "Aurora!!! Che servizio pessimo, sono furiosa")
    assert (mention.sentiment, mention.towards) == ("negative", ("aurora:negative",))
    assert not [why for why in mention.why if why.tag.startswith("towards:")], "nothing is told twice"


def test_a_long_text_is_judged_by_the_sentences_that_name_the_brand(enricher: Enricher) -> None:
    about = "Aurora ha un servizio eccellente e gentilissimo!"
    around = "La cronaca racconta di un incidente orribile, una tragedia terribile."
    text = " ".join([*[around] * 8, about, "Tutto perfetto.", *[around] * 8])
    mention = tagged(enricher, text)
    assert (mention.sentiment, mention.towards) == ("negative", ("aurora:positive",))


def test_the_clauses_of_a_brand() -> None:
    found = scopes(f"Che disastro {A}. Mai più. Invece {B}, che bella sorpresa".split(), (0, 1))
    assert found[0].tokens == f"Che disastro {A}. Mai più.".split()
    assert found[1].tokens == f"Invece {B}, che bella sorpresa".split()


def test_a_megabyte_of_names_comes_to_an_end() -> None:
    """Neither the brands of a list nor the words of a sentence without an end are multiplied with each other."""
    names = [f"{MASK}{number}" for number in range(500)]
    listed = scopes(names * 100, range(500))
    assert len(listed) == 500 and sum(len(scope.tokens) for scope in listed.values()) < 20 * len(names) * 100
    endless = scopes([A, "meglio", "di", B, "e"] * 20_000, (0, 1))
    assert endless[0].lean == 1
    for clause in (["x,", B, "ma"], [f"{A},", B, "x"]):
        assert scopes([A, *clause * 40_000], (0, 1)).keys() == {0, 1}


@given(
    st.lists(st.sampled_from([A, B, f"{A},", f"{B}.", "ma", "meglio", "di", ">", "and", "", ".", ",", "x", "as", "da"]))
)
def test_every_brand_has_words_whatever_stands_around_it(words: list[str]) -> None:
    tokens = [*[word for word in words if word], A, B]
    found = scopes(tokens, (0, 1))
    assert found.keys() == {0, 1}
    assert all(scope.tokens and scope.against in (-1, 0, 1) and scope.lean in (-1, 0, 1) for scope in found.values())


class _Loud:
    version = "loud"

    def judge(self, passages: list[Passage]) -> list[Judgement]:
        return [Judgement("positive", 0.5, 0.8, "loud") for _ in passages]


def test_features_for_training_are_what_is_asked_at_run_time() -> None:
    """The weights are trained on a matrix and used token by token."""
    chance = np.random.default_rng(4)
    weights = tuple(chance.normal(size=len(FEATURES)).round(3).tolist())
    edges = {"positive": 0.5, "neutral": 0.5, "negative": 0.5}
    towards = Towards(msgspec.json.encode(Weights(FEATURES, weights, edges)))  # type: ignore[arg-type]
    lines = [
        f"I love my {A}!!",
        f"RT @x: is {A} out? http://x",
        f"#{A} free codes today",
        f"{A} 👍",
        f"@{A} non funziona mai",
    ]
    judged = [Judgement(label, score, 0.6, "") for label, score in
              (("positive", 0.7), ("neutral", 0.0), ("neutral", 0.1), ("positive", 0.4), ("negative", -0.6))]  # fmt: skip
    texts = [Text(Passage(line.split(), "en"), (0,), one) for line, one in zip(lines, judged, strict=True)]
    parts = parts_of([(text.passage.tokens, text.brands) for text in texts], every=True)
    scores = towards.features(texts, parts, judged_parts(texts, parts, _Loud())) @ np.array(weights)  # type: ignore[arg-type]
    said = [found[0].label != "none" for found in towards.judge(texts, _Loud())]  # type: ignore[arg-type]
    assert said == (scores >= 0).tolist()
    assert len(set(said)) == 2 and len(NUMBERS) < len(FEATURES)
