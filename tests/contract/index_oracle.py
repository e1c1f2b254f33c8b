"""Queries and aggregations answered the slow and obvious way over plain mentions: what every backend is held against."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from index_backends import START, mention

from stream import Mention

Body = dict[str, Any]

WORDS = ["perché", "il", "pacco", "della", "spedizione", "non", "arriva", "mai", "servizio", "clienti", "pessimo"]
WORDS += ["l'azienda", "dell'azienda", "info@acme.it", "3,50", "don't", "È"]
NAMES = ["Maria Rossi", "maria rossi", "Luigi", "ANNA", ""]


def corpus(count: int, seed: int) -> list[Mention]:
    """Mentions with everything in them that queries can ask for."""
    chance = random.Random(seed)

    def several(values: str, most: int) -> tuple[str, ...]:
        return tuple(sorted(chance.sample(values.split(), chance.randint(0, most))))

    made = []
    for number in range(count):
        score = chance.choice([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
        made.append(
            mention(
                number,
                published_at=START + timedelta(milliseconds=chance.randrange(20 * 86_400_000)),
                brand=several("acme beta gamma", 2) or ("acme",),
                product=several("phone watch", 1),
                topic=several("price delivery hr legal quality", 3),
                sentiment="negative" if score < 0 else "positive" if score > 0 else "neutral",
                score=score,
                confidence=chance.randrange(100) / 100,
                reach=chance.choice([0, 1, 5, 20, 500, 10_000]),
                language=chance.choice(["it", "en", "und"]),
                backfill=chance.random() < 0.2,
                source=chance.choice(["feed:one", "feed:two"]),
                author=chance.choice(NAMES),
                story=chance.choice(["", "s1", "s2", "s3"]),
                title=" ".join(chance.choices(WORDS, k=chance.randint(0, 4))),
                text=" ".join(chance.choices(WORDS, k=chance.randint(1, 12))),
            )
        )
    return made


def tokens(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def values(one: Mention, field: str) -> list[Any]:
    """What `field` holds, as exact values; nothing for an empty one."""
    value = getattr(one, field)
    if value == "" or value == ():
        return []
    return list(value) if isinstance(value, tuple) else [value]


def ms(one: Mention) -> int:
    return one.sort_key >> 20


def matches(query: Body, one: Mention) -> bool:
    ((kind, body),) = query.items()
    return bool(_KINDS[kind](body, one))


def _bool(body: Body, one: Mention) -> bool:
    required = [*body.get("must", []), *body.get("filter", [])]
    should = body.get("should", [])
    least = body.get("minimum_should_match", 0 if required or not should else 1)
    hits = sum(matches(each, one) for each in should)
    return (
        all(matches(each, one) for each in required)
        and hits >= least
        and not any(matches(each, one) for each in body.get("must_not", []))
    )


def _match(body: Body, one: Mention) -> bool:
    ((field, wish),) = body.items()
    wish = wish if isinstance(wish, dict) else {"query": wish}
    held, wanted = tokens(getattr(one, field)), tokens(wish["query"])
    quantifier = all if wish.get("operator") == "and" else any
    return bool(wanted) and quantifier(word in held for word in wanted)


def phrase(text: str, wanted: list[str]) -> bool:
    held = tokens(text)
    return bool(wanted) and any(held[i : i + len(wanted)] == wanted for i in range(len(held)))


def _range(body: Body, one: Mention) -> bool:
    ((field, bounds),) = body.items()
    value = ms(one) if field == "published_at" else getattr(one, field)
    checks = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    return all(checks[key](bound) for key, bound in bounds.items())


def _wildcard(body: Body, one: Mention) -> bool:
    ((field, wish),) = body.items()
    held = tokens(getattr(one, field)) if field in ("title", "text") else values(one, field)
    return any(fnmatchcase(value, wish["value"]) for value in held)


_KINDS: dict[str, Any] = {
    "match_all": lambda body, one: True,
    "match_none": lambda body, one: False,
    "bool": _bool,
    "term": lambda body, one: next(iter(body.values())) in values(one, next(iter(body))),
    "terms": lambda body, one: set(next(iter(body.values()))) & set(values(one, next(iter(body)))),
    "match": _match,
    "match_phrase": lambda body, one: phrase(getattr(one, next(iter(body))), tokens(next(iter(body.values())))),
    "multi_match": lambda body, one: any(
        phrase(getattr(one, field), tokens(body["query"])) for field in body["fields"]
    ),
    "range": _range,
    "prefix": lambda body, one: any(
        str(v).startswith(next(iter(body.values()))) for v in values(one, next(iter(body)))
    ),
    "wildcard": _wildcard,
    "exists": lambda body, one: values(one, body["field"]),
    "ids": lambda body, one: one.id in body["values"],
}


def find(query: Body, corpus: Iterable[Mention]) -> list[Mention]:
    """Newest first."""
    return sorted((one for one in corpus if matches(query, one)), key=lambda one: -one.sort_key)


def queries(chance: random.Random, some: list[Mention], depth: int = 0) -> Body:
    """A query of any kind, of fields and values that the corpus has."""
    one = chance.choice(some)
    field = chance.choice(["brand", "product", "topic", "language", "sentiment", "source", "author", "story"])
    word = chance.choice(WORDS)
    low, high = sorted(ms(chance.choice(some)) for _ in range(2))
    simple: list[Body] = [
        {"term": {field: chance.choice(values(one, field) or ["nothing"])}},
        {"term": {"backfill": chance.choice([True, False])}},
        {"terms": {field: values(one, field) + values(chance.choice(some), field)}},
        {"match": {chance.choice(["title", "text"]): f"{word} {chance.choice(WORDS)}"}},
        {"match": {"text": {"query": f"{word} {chance.choice(WORDS)}", "operator": "and"}}},
        {"match_phrase": {"text": " ".join(one.text.split()[:2])}},
        {"multi_match": {"query": word, "fields": ["title", "text"], "type": "phrase"}},
        {"range": {"published_at": {chance.choice(["gt", "gte"]): low, chance.choice(["lt", "lte"]): high}}},
        {"range": {"score": {chance.choice(["gt", "gte", "lt", "lte"]): chance.choice([-0.5, -0.25, 0, 0.3])}}},
        {"range": {"reach": {chance.choice(["gt", "gte"]): 1, chance.choice(["lt", "lte"]): 500}}},
        {"wildcard": {"text": {"value": chance.choice(["p*", "*a", "s?rviz*", "*end*"])}}},
        {"wildcard": {"brand": {"value": chance.choice(["a*", "*a", "?eta"])}}},
        {"prefix": {"author": chance.choice(["Mar", "m", "L"])}},
        {"exists": {"field": chance.choice(["product", "topic", "author", "story", "title", "url"])}},
        {"ids": {"values": [one.id, chance.choice(some).id, "nothing"]}},
        {"match_all": {}},
    ]
    if depth > 2 or chance.random() < 0.5:
        return chance.choice(simple)
    body: Body = {}
    for clause in chance.sample(["must", "filter", "should", "must_not"], chance.randint(1, 3)):
        body[clause] = [queries(chance, some, depth + 1) for _ in range(chance.randint(1, 3))]
    return {"bool": body}


def groups(some: Iterable[Mention], field: str) -> dict[Any, list[Mention]]:
    found: dict[Any, list[Mention]] = {}
    for one in some:
        for value in values(one, field):
            found.setdefault(value, []).append(one)
    return found


def terms(some: Iterable[Mention], field: str) -> dict[Any, int]:
    """value -> count, the most frequent first, equal counts by value."""
    counted = {value: len(members) for value, members in groups(some, field).items()}
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def histogram(some: Iterable[Mention], interval: int, offset: int = 0) -> dict[int, int]:
    """start of the bucket -> count, without empty ones."""
    found: dict[int, int] = {}
    for one in sorted(some, key=lambda each: each.sort_key):
        start = (ms(one) - offset) // interval * interval + offset
        found[start] = found.get(start, 0) + 1
    return found


def plain(one: Mention) -> Body:
    body: Body = msgspec.json.decode(msgspec.json.encode(one))
    return body
