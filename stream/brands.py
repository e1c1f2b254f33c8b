"""Brands as a user writes them in `ronzio.toml`: names to look for, products, competitors."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pydantic import Field, field_validator, model_validator

from stream.expressions import ExpressionError, parse
from stream.settings import Settings


def slug(name: str) -> str:
    """An id from a name: ASCII letters, digits and hyphens, lower case ("Caffè Aurora" -> "caffe-aurora")."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "brand"


class Named(Settings):
    """Something to look for. A keyword matches whole words, without regard to case or accents, also behind an Italian
    elision (l'Aurora, dell’Aurora) and as #hashtag or @handle; `exact` matches only as written; `query` matches where the
    expression holds (docs/brands.md), whether or not a keyword does; a text in which an `exclude` word occurs does not
    match, and neither does a keyword inside an excluded phrase."""

    name: str = Field(min_length=1)  # as people see it
    id: str = ""  # in queries; none given: made of the name
    keywords: tuple[str, ...] = ()  # none given, nor exact, nor query: the name itself
    exact: tuple[str, ...] = ()  # case and accents count: "TIM"
    query: str = ""  # an expression: '=TIM AND (rete OR fibra OR offert*) AND NOT "tim cook"'
    exclude: tuple[str, ...] = ()  # words and phrases that show that something else is meant

    @model_validator(mode="after")
    def _fill(self) -> Named:
        if not self.id:
            object.__setattr__(self, "id", slug(self.name))
        if not self.keywords and not self.exact and not self.query:
            object.__setattr__(self, "keywords", (self.name,))
        return self

    @field_validator("query")
    @classmethod
    def _can_be_read(cls, query: str) -> str:
        if query.strip():
            try:
                parse(query)
            except ExpressionError as error:
                raise ValueError(f"{error} (at letter {error.column})") from None
        return query.strip()

    @field_validator("keywords", "exact", "exclude")
    @classmethod
    def _no_empty_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not any(ch.isalnum() for ch in word):
                raise ValueError(f'"{word}" has no letter or digit to look for')
        return words


class Product(Named):
    """A product of a brand. A text that names the product names the brand too, unless `needs_brand`."""

    needs_brand: bool = False  # a common word ("Classica"): counts only where the brand is named as well


class Brand(Named):
    """One brand to watch. `role="competitor"` is compared with (share of voice) and never alerts."""

    role: Literal["own", "competitor"] = "own"  # competitors are compared with and never alert
    language: Literal["it", "en"] = "it"  # of its mails
    time_zone: str = "Europe/Rome"  # of the times in its mails
    products: tuple[Product, ...] = ()
    competitors: tuple[str, ...] = ()  # ids or names of other brands in this file
    alert_to: tuple[str, ...] = ()  # e-mail addresses; none: [mail] to
    alert_query: str = ""  # only mentions in which it holds count for alerts: "reach:>=100 AND NOT channel:import"
