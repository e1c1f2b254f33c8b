"""Which brands and products a text names: rules of `ronzio.toml` in, ids with the words that decided out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from enrichment.expressions import Document
from enrichment.fold import fold
from enrichment.keywords import Hit, Keyword
from enrichment.queries import Queries, Said
from stream import Brand
from stream import Product as BrandProduct


class _Named(NamedTuple):
    brand: str
    product: str  # "" for the brand itself
    needs_brand: bool


class Naming(NamedTuple):
    """What a text names. `hits` are the names in it, with their number in `BrandRules.names`; `context` is what else a query
    asked for and found."""

    brands: tuple[str, ...]
    products: tuple[str, ...]
    hits: tuple[Hit, ...]
    context: tuple[Hit, ...] = ()


NOTHING = Naming((), (), ())


class BrandRules:
    """The brands' keywords, and what their hits mean together: exclusions, products, products that need their brand.

    An `exclude` that holds one of the keywords it stands beside ("delta del Po" for Delta) takes away the hits inside it;
    any other takes away the whole text, for the brand or product it belongs to. A query counts like a keyword: it names its
    brand or product where it holds. `names` are the keywords, and behind them what the queries ask for.
    """

    def __init__(self, brands: Sequence[Brand]) -> None:
        self.keywords: list[Keyword] = []
        self._named: list[_Named] = []  # by keyword, as the rest
        self._plain: list[tuple[str, ...]] = []  # (brand,), one and the same for all of a brand's own; () for products
        self._refuses: dict[int, int] = {}  # keyword -> owner whose hits do not count in this text
        self._covers: dict[int, int] = {}  # keyword -> owner whose hits do not count inside it
        self._of_owner: list[_Named] = []
        self._queries: list[tuple[int, str, str]] = []  # owner, its name, what it asks for
        for brand in brands:
            self._add(_Named(brand.id, "", False), brand)
            for product in brand.products:
                self._add(_Named(brand.id, product.id, product.needs_brand), product)
        self.queries = Queries(self._queries, len(self.keywords))
        self.names = [*self.keywords, *self.queries.names]
        self._named += [self._of_owner[name.owner] for name in self.queries.names]

    def _add(self, named: _Named, rules: Brand | BrandProduct) -> None:
        owner = len(self._of_owner)
        self._of_owner.append(named)
        if rules.query:
            self._queries.append((owner, rules.name, rules.query))
        first = len(self.keywords)
        self.keywords += [Keyword(owner, word) for word in rules.keywords]
        self.keywords += [Keyword(owner, word, exact=True) for word in rules.exact]
        names = [_padded(keyword.text) for keyword in self.keywords[first:]]
        names += [_padded(rules.name)] if rules.query else []
        for word in rules.exclude:
            covers = any(name in _padded(word) for name in names)
            (self._covers if covers else self._refuses)[len(self.keywords)] = owner
            self.keywords.append(Keyword(owner, word))
        self._named += [named] * (len(self.keywords) - first)
        self._plain += [() if named.product else (named.brand,)] * (len(self.keywords) - first)

    def tag_of(self, keyword: int) -> str:
        """ "brand:acme" or "product:uno": what a hit of this number speaks for."""
        named = self._named[keyword]
        return f"product:{named.product}" if named.product else f"brand:{named.brand}"

    def brand_of(self, keyword: int) -> str:
        """The id of the brand that a hit of this keyword speaks for, also where it is a product's."""
        return self._named[keyword].brand

    def decide(self, hits: Sequence[Hit], document: Document | None = None) -> Naming:
        """`hits` hold only keywords of these rules; a `document` is held against the queries. Ids come in the order of their
        first hit."""
        said = self.queries.match(document) if document is not None else ()
        if said:
            return self._decide_all(hits, said)
        if self._refuses or self._covers:
            hits = self._not_excluded(hits)
        if not hits:
            return NOTHING
        plain = self._plain
        first = plain[hits[0][0]]
        if first and (len(hits) == 1 or all(plain[hit[0]] is first for hit in hits)):
            return Naming(first, (), tuple(hits))  # most texts name one brand and no product
        named = [self._named[hit[0]] for hit in hits]
        alone = {one[0] for one in named if not one[2]}
        kept = [(hit, one) for hit, one in zip(hits, named, strict=True) if one.brand in alone]
        return Naming(
            tuple(dict.fromkeys(one.brand for _, one in kept)),
            tuple(dict.fromkeys(one.product for _, one in kept if one.product)),
            tuple(hit for hit, _ in kept),
        )

    def _decide_all(self, hits: Sequence[Hit], said: Sequence[Said]) -> Naming:
        """With queries that hold. One whose names are all inside excluded phrases does not count."""
        names = self._not_excluded([*hits, *(hit for one in said for hit in one.names)])
        refused = {self._refuses[hit.keyword] for hit in hits if hit.keyword in self._refuses}
        good = [
            one for one in said if one.owner not in refused and (not one.names or not set(one.names).isdisjoint(names))
        ]
        firsts = [(hit.start, self._named[hit.keyword]) for hit in names]
        firsts += [(one.context[0].start, self._of_owner[one.owner]) for one in good if not one.names]
        alone = {one.brand for _, one in firsts if not one.needs_brand}
        kept = [one for _, one in sorted(firsts, key=lambda first: first[0]) if one.brand in alone]
        return Naming(
            tuple(dict.fromkeys(one.brand for one in kept)),
            tuple(dict.fromkeys(one.product for one in kept if one.product)),
            tuple(hit for hit in names if self._named[hit.keyword].brand in alone),
            tuple(hit for one in good for hit in one.context if self._of_owner[one.owner].brand in alone),
        )

    def _not_excluded(self, hits: Sequence[Hit]) -> list[Hit]:
        refused: set[int] = set()
        covered: list[tuple[int, int, int]] = []  # owner, start, end
        names: list[Hit] = []
        for hit in hits:
            keyword = hit.keyword
            if keyword in self._refuses:
                refused.add(self._refuses[keyword])
            elif keyword in self._covers:
                covered.append((self._covers[keyword], hit.start, hit.end))
            else:
                names.append(hit)
        if not refused and not covered:
            return names
        good = []
        for hit in names:
            owner = self.names[hit.keyword].owner
            inside = any(of == owner and start <= hit.start and hit.end <= end for of, start, end in covered)
            if owner not in refused and not inside:
                good.append(hit)
        return good


def _padded(text: str) -> str:
    """Folded, each run of what is no letter or digit a single blank: "L'Oréal" -> " l oreal "."""
    return f" {' '.join(''.join(ch if ch.isalnum() else ' ' for ch in fold(text)[0]).split())} "
