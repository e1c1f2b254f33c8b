"""Writes the demo's comments and news from the templates in `texts_*.toml` and `news_*.toml`.

In: a seeded random generator and what the text is about. Out: plain text. The templates have enough places to fill in
that two texts rarely share more than one part, so that near-duplicate detection keeps them apart.
"""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ronzio.demo.companies import Company, Language, ProductNames
from stream import Sentiment

_SENTENCE_START = re.compile(r"(^|[.!?]\s+)([^\W\d_])")


class Article(NamedTuple):
    """A news item as its agency wrote it: headlines to choose from, and paragraphs."""

    titles: tuple[str, ...]
    paragraphs: tuple[str, ...]


@functools.cache
def load(name: str) -> dict[str, Any]:
    """The templates of a file beside this one, without its suffix."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))


def comment(
    rng: random.Random,
    language: Language,
    sentiment: Sentiment,
    company: Company | None,
    product: ProductNames | None = None,
    pool: str = "",
) -> str:
    """What one person says. `pool` names the table of sentences ("crisis"); without, the company's field.

    Without a company it is about anything else.
    """
    texts = load(f"texts_{language}")
    if company is None:
        sentences, closers = texts["noise"]["talk"], texts["closers"]["neutral"]
    else:
        table = texts[pool or company.domain]
        sentences = table["recovery"] if pool and sentiment == "positive" else table[sentiment]
        sentences = [sentence for sentence in sentences if ("{prod}" in sentence) == (product is not None)]
        closers = texts["closers"][sentiment]

    def part(choices: Sequence[str]) -> str:
        # filled in anew for every part: "stamattina a Lecco" twice in one breath is no Italian
        return rng.choice(choices).format_map(_slots(rng, texts["words"], language, company, product))

    text = part(sentences)
    opener, aside, closer = rng.choices(((1, 1, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)), (3, 2, 3, 2))[0]
    if opener:
        text = f"{part(texts['openers'])} {text}"
    if aside:
        text = f"{text}{'' if text.endswith('?') else '.'} {part(texts['asides'])}"
    if closer:
        text = _join(rng, text, part(closers))
    if company is not None and rng.random() < 0.12:
        text = f"{text} {rng.choice('#@')}{company.name}"
    return sentence_case(text) if rng.random() < 0.85 else text


def article(rng: random.Random, language: Language, story: dict[str, Any], company: Company | None) -> Article:
    """A news item from its template."""
    words = load(f"news_{language}")["words"]
    slots = _slots(rng, words, language, company, None)
    return Article(
        tuple(sentence_case(title.format_map(slots)) for title in story["titles"]),
        tuple(sentence_case(paragraph.format_map(slots)) for paragraph in story["paragraphs"]),
    )


def sentence_case(text: str) -> str:
    """Capitals where sentences begin."""
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def _slots(
    rng: random.Random,
    words: dict[str, list[str]],
    language: Language,
    company: Company | None,
    product: ProductNames | None,
) -> dict[str, str]:
    slots = {name: rng.choice(choices) for name, choices in words.items()}
    slots |= {"n": str(rng.randint(2, 40)), "m": str(rng.randint(3, 90))}
    if company is not None:
        slots |= company.slots(language, rng.choice("'’"))
        if product is not None:
            forms = product.italian if language == "it" else product.english
            slots["prod"] = rng.choice(forms).format_map(slots)
    return slots


def _join(rng: random.Random, text: str, closer: str) -> str:
    if text.endswith("?"):
        return f"{text} {closer}"
    if closer.startswith(("e ", "and ")):
        return f"{text}, {closer}"
    return text + rng.choice((". ", "! ", ", ", " - ", "... ")) + closer
