"""Titles and names around the demo's comments: review headings, forum threads, pen names."""

from __future__ import annotations

import random

from ronzio.demo.companies import Company, Language, ProductNames
from ronzio.demo.places import Place
from ronzio.demo.writer import load
from stream import Sentiment

_STARS: dict[Sentiment, tuple[int, ...]] = {"negative": (1, 1, 2), "neutral": (3,), "positive": (4, 5, 5)}


def author(rng: random.Random, language: Language) -> str:
    """A pen name."""
    names = load(f"texts_{language}")["names"]
    return f"{rng.choice(names['first'])}{rng.choice(('_', '.', ''))}{rng.choice(names['second'])}{rng.randint(1, 99)}"


def subject(
    rng: random.Random, place: Place, company: Company | None, product: ProductNames | None, sentiment: Sentiment
) -> str:
    """The title of a comment: a review's, a forum thread's, or none where people just talk."""
    if place.feed == "json":
        return ""
    if place.id == "pareri":
        about = product.settings["name"] if product else company.name if company else "Varie"
        stars = rng.choice(_STARS[sentiment])
        return f"{about}: {stars} {'stella' if stars == 1 else 'stelle'} su 5"
    threads: list[str] = load(f"texts_{place.language}")["threads"][company.domain if company else "other"]
    return rng.choice(threads)
