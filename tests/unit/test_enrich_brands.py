"""What the hits of brands' keywords mean together."""

from __future__ import annotations

import pytest

from enrichment.brands import BrandRules, Naming
from enrichment.expressions import Document, Facts
from enrichment.keywords import KeywordMatcher
from stream import Brand, Product

BRANDS = (
    Brand(
        name="Aurora",
        exclude=("aurora boreale", "disney"),
        products=(
            Product(name="Aurora Mini", keywords=("aurora mini", "mini 3000")),
            Product(name="Classica", needs_brand=True),
        ),
    ),
    Brand(name="TIM", exact=("TIM",), exclude=("TIM Cup",)),
)


def named(text: str) -> Naming:
    rules = BrandRules(BRANDS)
    return rules.decide(KeywordMatcher(rules.keywords).find(text))


@pytest.mark.parametrize(
    ("text", "brands", "products"),
    [
        ("bella l'Aurora", ("aurora",), ()),
        ("niente", (), ()),
        ("la mini 3000 perde", ("aurora",), ("aurora-mini",)),
        ("la classica moka", (), ()),
        ("la classica di Aurora", ("aurora",), ("classica",)),
        ("l'aurora boreale in Norvegia", (), ()),
        ("l'aurora boreale vista bevendo Aurora", ("aurora",), ()),
        ("Aurora, la principessa Disney", (), ()),
        ("la mini 3000 alla Disney", ("aurora",), ("aurora-mini",)),
        ("tim cook", (), ()),
        ("TIM e Aurora Mini", ("tim", "aurora"), ("aurora-mini",)),
        ("finale di TIM Cup", (), ()),
        ("la TIM sponsor della TIM Cup", ("tim",), ()),
    ],
)
def test_names(text: str, brands: tuple[str, ...], products: tuple[str, ...]) -> None:
    naming = named(text)
    assert (naming.brands, naming.products) == (brands, products)


def test_only_hits_that_count_are_told() -> None:
    text = "l'aurora boreale vista bevendo Aurora, classica"
    naming = named(text)
    assert [text[hit.start : hit.end] for hit in naming.hits] == ["Aurora", "classica"]


QUERIED = (
    Brand(
        name="TIM",
        query='=TIM AND (rete OR fibra OR offert*) AND NOT "tim cook"',
        exclude=("tim cup",),
        products=(
            Product(name="Unica", query="unica NEAR/4 tim", needs_brand=True),
            Product(name="Timvision", keywords=("timvision",)),
        ),
    ),
    Brand(name="Acme", query="site:acme-forum.it OR (galaxy AND telefono)", keywords=("acme",)),
)


def asked(text: str, site: str = "") -> tuple[Naming, list[str]]:
    rules = BrandRules(QUERIED)
    document = Document("", text, Facts(site=site))
    naming = rules.decide(KeywordMatcher(rules.keywords).find(text), document)
    return naming, [
        f"{rules.tag_of(hit.keyword)} {text[hit.start : hit.end]}" for hit in (*naming.hits, *naming.context)
    ]


@pytest.mark.parametrize(
    ("text", "brands", "products", "told"),
    [
        ("offerte TIM", ("tim",), (), ["brand:tim TIM", "brand:tim offerte"]),
        ("offerte di Tim", (), (), []),
        ("la rete TIM secondo Tim Cook", (), (), []),
        ("rete allo stadio per la TIM Cup", (), (), []),
        ("rete TIM allo stadio per la Tim Cup", ("tim",), (), ["brand:tim TIM", "brand:tim rete"]),
        ("guardo Timvision", ("tim",), ("timvision",), ["product:timvision Timvision"]),
        ("la nuova Unica di Tim", (), (), []),
        (
            "offerta Unica di TIM", ("tim",), ("unica",),
            ["product:unica Unica", "brand:tim TIM", "product:unica TIM", "brand:tim offerta"],
        ),
        ("acme, galaxy e telefono", ("acme",), (), ["brand:acme acme", "brand:acme galaxy", "brand:acme telefono"]),
        ("il mio galaxy", (), (), []),
    ],
)  # fmt: skip
def test_queries_name_brands_where_they_hold(
    text: str, brands: tuple[str, ...], products: tuple[str, ...], told: list[str]
) -> None:
    naming, hits = asked(text)
    assert (naming.brands, naming.products, sorted(hits)) == (brands, products, sorted(told))


def test_a_query_that_asks_for_no_word_names_its_brand_without_a_span() -> None:
    naming, _hits = asked("tutto quello che c'è", site="www.acme-forum.it")
    assert naming.brands == ("acme",) and not naming.hits
    assert [(hit.start, hit.end) for hit in naming.context] == [(-1, -1)]


def test_ten_thousand_brands_are_told_apart() -> None:
    rules = BrandRules([Brand(name=f"marca{number}") for number in range(10_000)])
    matcher = KeywordMatcher(rules.keywords)
    assert rules.decide(matcher.find("marca77 contro MARCA9999, non marca10000")).brands == ("marca77", "marca9999")
