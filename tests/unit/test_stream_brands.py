"""Brands as a user writes them, and the words for what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream import Brand, slug


def test_a_slug_is_what_one_would_type() -> None:
    assert slug("Caffè Aurora") == "caffe-aurora"
    assert slug("L’Aurora & figli, S.p.A.") == "laurora-figli-s-p-a"
    assert slug("???") == "brand"


@given(st.text())
def test_any_name_has_a_slug_and_a_slug_is_its_own(name: str) -> None:
    made = slug(name)
    assert made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(made) == made


def test_a_brand_of_only_a_name_is_looked_for_by_its_name() -> None:
    brand = Brand(name="Caffè Aurora")
    assert (brand.id, brand.keywords) == ("caffe-aurora", ("Caffè Aurora",))


def test_a_brand_that_counts_only_as_written_is_not_looked_for_otherwise() -> None:
    assert Brand(name="TIM", exact=("TIM",)).keywords == ()


def test_products_are_brands_in_small() -> None:
    brand = Brand.model_validate({"name": "Aurora", "products": [{"name": "Mini", "needs_brand": True}]})
    assert (brand.products[0].id, brand.products[0].needs_brand) == ("mini", True)


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ValidationError, match='unknown key "keyword"; did you mean "keywords"'):
        Brand.model_validate({"name": "Aurora", "keyword": ["aurora"]})


def test_an_unknown_key_near_nothing_is_refused_with_all_known_ones() -> None:
    with pytest.raises(ValidationError, match=r'unknown key "zzz"; known are alert_query, alert_to, .*time_zone'):
        Brand.model_validate({"name": "Aurora", "zzz": 1})


@pytest.mark.parametrize("field", ["keywords", "exact", "exclude"])
def test_a_word_without_a_letter_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match='"!!" has no letter or digit'):
        Brand.model_validate({"name": "Aurora", field: ["aurora", "!!"]})


def test_settings_do_not_change_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Brand(name="Aurora").name = "Alba"  # type: ignore[misc]


def test_a_query_is_read_at_once_and_stands_for_the_name() -> None:
    assert Brand(name="TIM", query=" =TIM AND rete ").query == "=TIM AND rete"
    assert Brand(name="TIM", query="=TIM").keywords == ()
    with pytest.raises(ValidationError, match=r"not closed \(at letter 6\)"):
        Brand(name="TIM", query="=TIM (rete")
