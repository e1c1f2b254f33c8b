"""The demo's templates: enough of them, every place to fill in known, every comment naming what it is about."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ronzio.demo import writer
from ronzio.demo.companies import COMPANIES, CRISIS_PRODUCT, Company, Language
from stream import Sentiment

MOODS: tuple[Sentiment, ...] = ("positive", "neutral", "negative")


def templates(table: Any) -> list[str]:
    if isinstance(table, dict):
        return [
            text
            for key, value in table.items()
            if key not in ("words", "names", "threads")
            for text in templates(value)
        ]
    return [text for text in table if isinstance(text, str)]


@pytest.mark.parametrize(("language", "least"), [("it", 150), ("en", 80)])
def test_enough_different_templates(language: str, least: int) -> None:
    found = templates(writer.load(f"texts_{language}"))
    assert len(found) == len(set(found)) >= least


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: company.name)
@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("language", ["it", "en"])
def test_a_comment_names_its_company_or_product(language: Language, mood: Sentiment, company: Company) -> None:
    rng = random.Random(1)
    for product in (None, *company.products):
        words = (
            [company.name]
            if product is None
            else [company.name, *product.settings.get("keywords", [product.settings["name"]])]
        )
        for _ in range(150):
            text = writer.comment(rng, language, mood, company, product)
            assert "{" not in text
            assert any(word.lower() in text.lower() for word in words), text


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("language", ["it", "en"])
def test_crisis_comments_name_the_product(language: Language, mood: Sentiment) -> None:
    rng = random.Random(2)
    for _ in range(300):
        text = writer.comment(rng, language, mood, COMPANIES[0], CRISIS_PRODUCT, "crisis")
        assert any(word.lower() in text.lower() for word in CRISIS_PRODUCT.settings["keywords"]), text


@pytest.mark.parametrize("language", ["it", "en"])
def test_noise_names_nobody(language: Language) -> None:
    rng = random.Random(3)
    kept_out = re.compile(r"ondalba calcio|rifugio astrena", re.IGNORECASE)
    for _ in range(500):
        text = kept_out.sub("", writer.comment(rng, language, "neutral", None))
        assert not any(company.name.lower() in text.lower() for company in COMPANIES), text


def test_elisions() -> None:
    assert COMPANIES[0].slots("it")["di"] == "dell'Ondalba"
    assert COMPANIES[0].slots("it", "’")["a"] == "all’Ondalba"
    assert COMPANIES[2].slots("it")["di"] == "di Bellacorte"


def test_every_template_file_is_toml_with_known_tables() -> None:
    for name in ("texts_it", "texts_en", "news_it", "news_en"):
        table = tomllib.loads((Path(writer.__file__).parent / f"{name}.toml").read_text("utf-8"))
        assert set(table) <= {
            "names",
            "threads",
            "openers",
            "asides",
            "closers",
            "coffee",
            "ebike",
            "crisis",
            "noise",
            "words",
            "story",
        }
