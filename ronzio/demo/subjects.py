"""Titles and names around the demo's comments: review headings, forum threads, pen names."""

from __future__ import annotations

import random

from ronzio.demo.companies import Company, Language, ProductNames
from ronzio.demo.places import Place
from stream import Sentiment

_STARS: dict[Sentiment, tuple[int, ...]] = {"negative": (1, 1, 2), "neutral": (3,), "positive": (4, 5, 5)}
_THREADS = {
    "coffee": ("Moka, espresso e capsule", "Cosa bevete oggi?", "Torrefazioni: pareri", "Dove comprate il caffè?"),
    "ebike": ("Bici elettriche: esperienze", "Pedalare in città", "Batterie e autonomia", "Officina e ricambi"),
    "other": ("Quattro chiacchiere", "Fuori tema", "Saluti e presentazioni"),
}
_BOARD = {
    "coffee": ("What are you brewing?", "Roaster talk", "Pods, beans and grinders"),
    "ebike": ("E-bike diaries", "Commuter corner", "Workshop questions"),
    "other": ("Off topic", "Small talk"),
}
_FIRST = {
    "it": [
        "anna",
        "beppe",
        "cinzia",
        "dario",
        "elisa",
        "fabio",
        "gaia",
        "ivan",
        "lia",
        "mauro",
        "nina",
        "oscar",
        "paola",
        "rocco",
        "silvia",
        "tito",
        "ugo",
        "vera",
        "zeno",
    ],
    "en": [
        "abby",
        "ben",
        "cleo",
        "dan",
        "ella",
        "finn",
        "gwen",
        "hugo",
        "iris",
        "jack",
        "kate",
        "leo",
        "mona",
        "nate",
        "olive",
        "pete",
        "ruby",
        "sean",
        "tess",
        "will",
    ],
}
_SECOND = {
    "it": [
        "alpino",
        "bionda",
        "caffettiera",
        "dellavalle",
        "esse",
        "fiume",
        "grigio",
        "lupa",
        "mezzanotte",
        "nebbia",
        "onda",
        "pepe",
        "rossa",
        "sereno",
        "volante",
    ],
    "en": [
        "brook",
        "cedar",
        "dusk",
        "ember",
        "fox",
        "grove",
        "hill",
        "island",
        "june",
        "kettle",
        "lane",
        "moss",
        "north",
        "oak",
        "pine",
        "quill",
        "river",
        "stone",
    ],
}


def author(rng: random.Random, language: Language) -> str:
    """A pen name."""
    return (
        f"{rng.choice(_FIRST[language])}{rng.choice(('_', '.', ''))}{rng.choice(_SECOND[language])}{rng.randint(1, 99)}"
    )


def subject(
    rng: random.Random, place: Place, company: Company | None, product: ProductNames | None, sentiment: Sentiment
) -> str:
    """The title of a comment: a review's, a forum thread's, or none where people just talk."""
    if place.feed == "json":
        return ""
    if place.id == "pareri":
        about = product.settings["name"] if product else company.name if company else "Varie"
        return f"{about}: {rng.choice(_STARS[sentiment])} stelle su 5"
    threads = _THREADS if place.language == "it" else _BOARD
    return rng.choice(threads[company.domain if company else "other"])
