"""Names that mean something else as well: the rules can be read and used, and know the sentences they were written with."""

from __future__ import annotations

import pytest

from benchmarks.quality.brands import TEXTS, right_and_wrong, sentences
from enrichment import ambiguous_names, check_expression, rule_for, unruled
from stream import Brand


def test_every_rule_can_be_used_and_says_what_else_its_name_means() -> None:
    for one in ambiguous_names():
        check_expression(one.query)
        assert set(one.also) == {"it", "en"}
        assert Brand(name=one.name, query=one.query).query
    assert len({one.name for one in ambiguous_names()}) >= 20


def test_the_rules_tell_the_sentences_they_were_written_with() -> None:
    rows = sentences(TEXTS / "ambiguous.toml")
    assert {name for name, _, _ in rows} == {one.name for one in ambiguous_names()}
    right, _wrong, _missed, wrong = right_and_wrong(rows)
    assert wrong == [] and right > 150


@pytest.mark.parametrize(
    ("brand", "offered"),
    [
        (Brand(name="TIM"), "TIM"),
        (Brand(name="tim", keywords=("tim", "telecom italia")), "TIM"),
        (Brand(name="TIM", exact=("TIM",)), None),
        (Brand(name="TIM", query="=TIM rete"), None),
        (Brand(name="Eni", exclude=("nonna",)), None),
        (Brand(name="Apple", keywords=("apple watch",)), None),
        (Brand(name="Vodafone"), None),
    ],
)
def test_a_rule_is_offered_where_a_bare_ambiguous_name_is_looked_for(brand: Brand, offered: str | None) -> None:
    rule = unruled(brand)
    assert (rule.name if rule else None) == offered


def test_a_rule_is_found_by_its_name_in_any_writing() -> None:
    assert rule_for("acqua panna") is not None
    assert rule_for("Panna") is None
