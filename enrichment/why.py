"""Why a mention was tagged as it was: decisions in, one `Reason` for each tag and each span that decided out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from enrichment.brands import BrandRules, Naming
from enrichment.keywords import Hit, Keyword
from enrichment.sentiment import Judgement
from enrichment.topics import Topic, TopicRules
from enrichment.towards import Attitude
from stream import SENTIMENTS, Item, Reason

SHOWN: Final = 8  # spans told for a tag; a long article can name a brand a hundred times
_FEW_LETTERS: Final = 3
_SHARED: Final = 16_384  # reasons of departments remembered; some 200 bytes each
_OF_SENTIMENT: Final = {label: f"sentiment:{label}" for label in SENTIMENTS}


class Why:
    """Words and confidences are prepared once for each keyword."""

    def __init__(self, brands: BrandRules, topics: TopicRules) -> None:
        kinds = ["keyword"] * len(brands.keywords) + ["query"] * len(brands.queries.names)
        self._brands = [
            (brands.tag_of(number), f"brand:{brands.brand_of(number)}", f'{kind} "{name.text}"', _sureness(name))
            for number, (kind, name) in enumerate(zip(kinds, brands.names, strict=True))
        ]
        self._topics = [f'keyword "{keyword.text}"' for keyword in topics.keywords]
        self._first_topic = topics.first

    def reasons(
        self,
        item: Item,
        naming: Naming,
        topics: Sequence[Topic],
        language: tuple[str, float],
        judgement: Judgement,
        towards: Mapping[str, Attitude],
    ) -> tuple[Reason, ...]:
        """All of them, brands and products first."""
        title = len(item.title)
        found = self._of_names((*naming.hits, *naming.context) if naming.context else naming.hits, title)
        if topics:
            found += self._of_topics(topics, title)
        label, confidence = judgement.label, judgement.confidence
        found.append(Reason(tag=_OF_SENTIMENT[label], by=judgement.by, confidence=confidence))
        for brand, said in towards.items():
            if len(towards) > 1 or said.label != label:  # else the same again
                found.append(Reason(tag=f"towards:{brand}:{said.label}", by=said.by, confidence=said.confidence))
        hint = item.language
        by = f'words, the source says "{hint}"' if hint else "words"
        found.append(Reason(tag=f"language:{language[0]}", by=by, confidence=language[1]))
        return tuple(found)

    def _of_topics(self, topics: Sequence[Topic], title: int) -> list[Reason]:
        found = []
        for topic in topics:
            tag = f"topic:{topic.rule.id}"
            if topic.by:
                found.append(Reason(tag=tag, by=topic.by, confidence=topic.confidence))
            for hit in topic.hits[:SHOWN]:
                found.append(_spanned(tag, self._topics[hit[0] - self._first_topic], topic.confidence, hit, title))
        return found + _departments(tuple([(one.rule.department, one.rule.id, one.confidence) for one in topics]))

    def _of_names(self, hits: Sequence[Hit], title: int) -> list[Reason]:
        if len(hits) == 1:  # nearly always
            [hit] = hits
            tag, brand, by, sure = self._brands[hit[0]]
            if tag == brand:
                return [_spanned(tag, by, sure, hit, title)]
        found: list[Reason] = []
        told: dict[str, int] = {}
        by_product: list[tuple[str, str, float, Hit]] = []
        for hit in hits:
            tag, brand, by, sure = self._brands[hit[0]]
            told[tag] = times = told.get(tag, 0) + 1
            if times <= SHOWN:
                found.append(_spanned(tag, by, sure, hit, title))
            if tag != brand:
                by_product.append((brand, f"product {tag.partition(':')[2]}", sure, hit))
        for brand, by, sure, hit in by_product:
            if brand not in told:  # named by its products only
                told[brand] = 1
                found.append(_spanned(brand, by, sure, hit, title))
        return found


def _sureness(keyword: Keyword) -> float:
    """Of a name's tag: longer names and names found as written mean something else less often."""
    if keyword.exact or " " in keyword.text.strip():
        return 0.97
    return 0.75 if len(keyword.text) <= _FEW_LETTERS else 0.9


@lru_cache(_SHARED)
def _departments(topics: tuple[tuple[str, str, float], ...]) -> list[Reason]:
    """Of topics as (department, id, confidence)."""
    behind: dict[str, list[tuple[str, float]]] = {}
    for department, id, confidence in topics:
        behind.setdefault(department, []).append((id, confidence))
    return [
        Reason(
            tag=f"department:{department}",
            by="topic " + ", ".join([id for id, _ in those]),
            confidence=max([confidence for _, confidence in those]),
        )
        for department, those in behind.items()
    ]


def _spanned(tag: str, by: str, confidence: float, hit: Hit, title: int) -> Reason:
    """`hit` in title + two line ends + text, or in the text alone where there is no title."""
    _, start, end = hit
    if not title or start < 0:
        return Reason(tag=tag, by=by, confidence=confidence, start=start, end=end)
    if end <= title:
        return Reason(tag=tag, by=by, confidence=confidence, field="title", start=start, end=end)
    return Reason(tag=tag, by=by, confidence=confidence, start=start - title - 2, end=end - title - 2)
