import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ronzio.cli import root
from ronzio.settings import SettingsError, build, load
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


def test_an_ambiguous_name_gets_its_rule_and_the_file_loads() -> None:
    text = starter("TIM", competitors=["Wind", "Vodafone"])
    tim, wind, vodafone = build(tomllib.loads(text), "ronzio.toml").brands
    assert "a first name" in text
    assert (tim.query[:5], tim.keywords, wind.query[:7]) == ("(=TIM", (), "windtre")
    assert (vodafone.query, vodafone.keywords) == ("", ("Vodafone",))
    plain = build(tomllib.loads(starter("TIM", rules=False)), "ronzio.toml").brands[0]
    assert (plain.query, plain.keywords) == ("", ("TIM",))


@pytest.mark.parametrize(("answer", "query"), [("y", True), ("n", False)])
def test_init_asks_whether_to_use_a_rule(tmp_path: Path, answer: str, query: bool) -> None:
    file = tmp_path / "ronzio.toml"
    said = CliRunner().invoke(root, ["init", "--out", str(file)], input=f"Apple\n\n\n{answer}\n")
    assert said.exit_code == 0 and "Apple is also a fruit" in said.output
    assert bool(load(file).brands[0].query) is query


def test_check_offers_a_rule_for_a_bare_ambiguous_name(tmp_path: Path) -> None:
    file = tmp_path / "ronzio.toml"
    file.write_text('[[brands]]\nname = "Eni"\n[[brands]]\nname = "Enel"\n', "utf-8")
    said = CliRunner().invoke(root, ["check", "--offline", "--config", str(file)])
    assert said.exit_code == 0
    assert 'brand "Eni": the name is also a first name' in said.stderr and "plenitude" in said.stderr
    assert "Enel" not in said.stderr


def test_a_query_that_cannot_be_asked_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "ronzio.toml"
    file.write_text(
        '[[brands]]\nname = "Eni"\nquery = "eni AND sentiment:negative"\nalert_query = "reach:many"\n', "utf-8"
    )
    with pytest.raises(SettingsError, match=r'"Eni": query: "sentiment" is known only .* \(at letter 9\)'):
        load(file)


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
