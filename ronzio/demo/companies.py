"""The invented companies of the demo: how texts name them, and how the configuration looks for them.

None of them exists. "Ondalba" is also a football club of the demo and "Astrena" a mountain hut: the exclusions of the
brands keep these out, as a real brand's would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Domain = Literal["coffee", "ebike"]
Language = Literal["it", "en"]


class ProductNames(NamedTuple):
    """A product: its configuration, and how Italian (with an article) and English texts name it."""

    settings: dict[str, Any]
    italian: tuple[str, ...]
    english: tuple[str, ...]
    weight: int


class Company(NamedTuple):
    """A company: its configuration as in `ronzio.toml`, its field, and its share of the talk."""

    name: str
    domain: Domain
    weight: int
    settings: dict[str, Any]
    products: tuple[ProductNames, ...] = ()

    def slots(self, language: Language, apostrophe: str = "'") -> dict[str, str]:
        """The forms a template may ask for: Italian articles and elisions, or the English possessive."""
        name = self.name
        if language == "en":
            return {"brand": name, "brands": f"{name}'s"}
        if name[0] in "AEIOU":
            forms = {
                "l": f"l'{name}",
                "di": f"dell'{name}",
                "a": f"all'{name}",
                "da": f"dall'{name}",
                "su": f"sull'{name}",
            }
        else:
            forms = {"l": name, "di": f"di {name}", "a": f"a {name}", "da": f"da {name}", "su": f"su {name}"}
        return {"brand": name} | {key: form.replace("'", apostrophe) for key, form in forms.items()}


def _product(weight: int, italian: Sequence[str], english: Sequence[str], **settings: Any) -> ProductNames:
    return ProductNames(settings, tuple(italian), tuple(english), weight)


LAMPO = _product(
    2,
    ["le capsule Lampo", "le capsule Lampo {di}", "le cialde Lampo", "le Lampo {di}"],
    ["the Lampo capsules", "Lampo pods", "the Ondalba Lampo capsules"],
    name="Lampo",
    keywords=["capsule Lampo", "cialde Lampo", "le Lampo", "Ondalba Lampo", "Lampo capsules", "Lampo pods"],
)

COMPANIES: tuple[Company, ...] = (
    Company(
        "Ondalba",
        "coffee",
        32,
        {
            "name": "Ondalba",
            "exclude": ["Ondalba Calcio"],
            "competitors": ["Bellacorte", "Nerocolle"],
        },
        (
            LAMPO,
            _product(
                3,
                ["la Crema Nobile {di}", "la miscela Crema Nobile", "la Crema Nobile"],
                ["Crema Nobile", "the Crema Nobile blend"],
                name="Crema Nobile",
            ),
            _product(
                2,
                ["la Classica {di}", "la {brand} Classica"],
                ["the {brand} Classica", "{brand} Classica"],
                name="Classica",
                needs_brand=True,
            ),
        ),
    ),
    Company(
        "Astrena",
        "ebike",
        24,
        {"name": "Astrena", "exclude": ["rifugio Astrena"], "competitors": ["Ruotaviva"]},
        (
            _product(
                3,
                ["la Volpina", "la Volpina {di}", "la {brand} Volpina"],
                ["the Volpina", "the {brand} Volpina"],
                name="Volpina",
            ),
            _product(
                2,
                ["la Lince {di}", "la {brand} Lince"],
                ["the {brand} Lince", "the Lince from {brand}"],
                name="Lince",
                needs_brand=True,
            ),
            _product(
                1,
                ["la cargo Tuttofare", "la Tuttofare {di}"],
                ["the Tuttofare cargo bike", "the {brand} Tuttofare"],
                name="Tuttofare",
                keywords=[
                    "cargo Tuttofare",
                    "Tuttofare Astrena",
                    "Astrena Tuttofare",
                    "Tuttofare cargo",
                    "Tuttofare dell'Astrena",
                ],
            ),
        ),
    ),
    Company("Bellacorte", "coffee", 14, {"name": "Bellacorte", "role": "competitor"}),
    Company("Nerocolle", "coffee", 8, {"name": "Nerocolle", "role": "competitor"}),
    Company("Ruotaviva", "ebike", 12, {"name": "Ruotaviva", "role": "competitor"}),
)

CRISIS_COMPANY = COMPANIES[0]
CRISIS_PRODUCT = LAMPO


def brand_settings() -> list[dict[str, Any]]:
    """The brands of the demo's configuration."""
    own = {"alert_to": ["marketing@ondalba.example"]}, {"alert_to": ["marketing@astrena.example"]}
    extra = dict(zip(("Ondalba", "Astrena"), own, strict=True))
    return [
        {**company.settings, **extra.get(company.name, {})}
        | ({"products": [product.settings for product in company.products]} if company.products else {})
        for company in COMPANIES
    ]
