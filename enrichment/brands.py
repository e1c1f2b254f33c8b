"""Which brands and products a text names: rules of `ronzio.toml` in, ids with the keywords that decided out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from enrichment.keywords import Hit, Keyword
from stream import Brand


class _Named(NamedTuple):
    brand: str
    product: str  # "" for the brand itself
    needs_brand: bool


class Naming(NamedTuple):
    """What a text names. `hits` are those that count, with the index of their keyword."""

    brands: tuple[str, ...]
    products: tuple[str, ...]
    hits: tuple[Hit, ...]


NOTHING = Naming((), (), ())


class BrandRules:
    """The brands' keywords, and what their hits mean together: exclusions, products, products that need their brand."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self._owners: list[_Named] = []
        self._excluding: dict[int, int] = {}  # keyword -> owner it excludes
        self.keywords: list[Keyword] = []
        for brand in brands:
            self._add(_Named(brand.id, "", False), brand.keywords, brand.exact, brand.exclude)
            for product in brand.products:
                named = _Named(brand.id, product.id, product.needs_brand)
                self._add(named, product.keywords, product.exact, product.exclude)

    def _add(self, named: _Named, keywords: Iterable[str], exact: Iterable[str], exclude: Iterable[str]) -> None:
        owner = len(self._owners)
        self._owners.append(named)
        self.keywords += [Keyword(owner, word) for word in keywords]
        self.keywords += [Keyword(owner, word, exact=True) for word in exact]
        for word in exclude:
            self._excluding[len(self.keywords)] = owner
            self.keywords.append(Keyword(owner, word))

    def tag_of(self, keyword: int) -> str:
        """ "brand:acme" or "product:uno": what a hit of this keyword speaks for."""
        named = self._owners[self.keywords[keyword].owner]
        return f"product:{named.product}" if named.product else f"brand:{named.brand}"

    def brand_of(self, keyword: int) -> str:
        """The id of the brand that a hit of this keyword speaks for, also where it is a product's."""
        return self._owners[self.keywords[keyword].owner].brand

    def decide(self, hits: Sequence[Hit]) -> Naming:
        """`hits` hold only keywords of these rules. Ids come in the order of their first hit."""
        if not hits:
            return NOTHING
        excluded = {self._excluding[hit.keyword] for hit in hits if hit.keyword in self._excluding}
        good = [
            hit for hit in hits
            if hit.keyword not in self._excluding and self.keywords[hit.keyword].owner not in excluded
        ]  # fmt: skip
        owners = [self._owners[self.keywords[hit.keyword].owner] for hit in good]
        alone = {named.brand for named in owners if not named.needs_brand}
        kept = [(hit, named) for hit, named in zip(good, owners, strict=True) if named.brand in alone]
        if not kept:
            return NOTHING
        return Naming(
            tuple(dict.fromkeys(named.brand for _, named in kept)),
            tuple(dict.fromkeys(named.product for _, named in kept if named.product)),
            tuple(hit for hit, _ in kept),
        )
