"""What the hits of brands' keywords mean together."""

from __future__ import annotations

import pytest

from enrichment.brands import BrandRules, Naming
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


def test_ten_thousand_brands_are_told_apart() -> None:
    rules = BrandRules([Brand(name=f"marca{number}") for number in range(10_000)])
    matcher = KeywordMatcher(rules.keywords)
    assert rules.decide(matcher.find("marca77 contro MARCA9999, non marca10000")).brands == ("marca77", "marca9999")
