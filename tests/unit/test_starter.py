import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronzio.starter import kind_of, starter

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(words, st.lists(words, max_size=3), st.lists(words, max_size=3), st.lists(words, max_size=2))
def test_whatever_is_typed_the_file_can_be_read_back(
    brand: str, products: list[str], competitors: list[str], sources: list[str]
) -> None:
    table = tomllib.loads(starter(brand, products=products, competitors=competitors, sources=sources))
    assert table["brands"][0]["name"] == brand
    assert [product["name"] for product in table["brands"][0].get("products", [])] == products
    assert [rival["name"] for rival in table["brands"][1:]] == competitors
    assert [source["url"] for source in table.get("sources", [])] == sources


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://www.acme.it/feed/", "feed"),
        ("https://www.acme.it/rss.xml?x=1", "feed"),
        ("https://www.google.com/alerts/feeds/123/456", "feed"),
        ("lista.opml", "opml"),
        ("https://www.acme.it/", "site"),
        ("https://www.acme.it/blog/feedback", "site"),
    ],
)
def test_the_kind_of_a_source_is_guessed_by_its_address(url: str, kind: str) -> None:
    assert kind_of(url) == kind
