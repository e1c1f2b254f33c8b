"""What an incident is about: how many mentions, which topics and story, which examples to show."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

import msgspec

from alerts.counts import Subject
from index import Index, Json
from stream import Incident, Mention

_LOOKED_AT = 200  # of the newest negative mentions, to choose examples among
MOST_EXAMPLES = 5
_MOST_TOPICS = 3
_MAJORITY = 0.6  # of a brand's negative mentions naming one product make it the product's incident
_STORY_SHARE = 0.4  # of the mentions belonging to one story make it what the incident is about


class Evidence(NamedTuple):
    """`mentions` negative ones since the start, from `authors` people and places; the examples are whole mentions."""

    mentions: int
    authors: int
    topics: tuple[str, ...]
    story: str
    story_mentions: int
    examples: tuple[Mention, ...]


def gather(index: Index, subject: Subject, since: datetime, until: datetime) -> Evidence:
    """Reads what the negative mentions published in [since, until) are about."""
    answer = index.search(
        {
            "query": subject.query(since, until),
            "size": _LOOKED_AT,
            "sort": [{"sort_key": "desc"}],
            "aggs": {
                "topics": {"terms": {"field": "topic", "size": _MOST_TOPICS}},
                "stories": {"terms": {"field": "story", "size": 1}},
                "authors": {"cardinality": {"field": "author"}},
            },
        }
    )
    mentions = int(answer["hits"]["total"]["value"])
    found = [msgspec.convert(hit["_source"], Mention) for hit in answer["hits"]["hits"]]
    told = answer["aggregations"]
    top: Json = next(iter(told["stories"]["buckets"]), {"key": "", "doc_count": 0})
    is_story = int(top["doc_count"]) >= max(2, _STORY_SHARE * mentions)
    return Evidence(
        mentions=mentions,
        authors=round(float(told["authors"]["value"] or 0)),
        topics=tuple(str(bucket["key"]) for bucket in told["topics"]["buckets"]),
        story=str(top["key"]) if is_story else "",
        story_mentions=int(top["doc_count"]) if is_story else 0,
        examples=choose(found),
    )


def choose(mentions: list[Mention]) -> tuple[Mention, ...]:
    """At most five mentions to show: one a story, author and text, the stories with the most copies first, then what is
    read by most, then what is most surely negative. Pure."""
    copies = Counter(mention.story or mention.id for mention in mentions)
    ranked = sorted(
        mentions,
        key=lambda mention: (
            -copies[mention.story or mention.id],
            -mention.reach,
            -mention.confidence,
            mention.published_at,
            mention.id,
        ),
    )
    chosen: list[Mention] = []
    told: set[str] = set()
    for mention in ranked:
        marks = {mention.story or mention.id, f"text:{' '.join((mention.text or mention.title).lower().split())}"}
        marks |= {f"author:{mention.author}"} if mention.author else set()
        if marks & told:
            continue
        told |= marks
        chosen.append(mention)
        if len(chosen) == MOST_EXAMPLES:
            break
    return tuple(chosen)


def with_evidence(incident: Incident, evidence: Evidence) -> Incident:
    """The incident with what it is about, as the store keeps it."""
    return msgspec.structs.replace(
        incident,
        mentions=evidence.mentions,
        topics=evidence.topics or incident.topics,
        story=evidence.story,
        examples=tuple(mention.id for mention in evidence.examples) or incident.examples,
    )


def product_to_blame(index: Index, subject: Subject, since: datetime, until: datetime) -> str:
    """The product that most of the negative mentions of the subject's brand name, or ""."""
    answer = index.search(
        {
            "size": 0,
            "query": Subject(subject.brand, limit=subject.limit).query(since, until),
            "aggs": {"products": {"terms": {"field": "product", "size": 1}}},
        }
    )
    top = next(iter(answer["aggregations"]["products"]["buckets"]), None)
    if top is None or int(top["doc_count"]) < _MAJORITY * int(answer["hits"]["total"]["value"]):
        return ""
    return str(top["key"])
