"""The store's query bodies as Elasticsearch is to run them.

The language is Elasticsearch's own, but a few constructs mean something of our own on both backends: words are analysed by us,
a bare date is a whole day, times of fetching count in whole seconds, patterns on words are folded. Those are put into constructs
that mean the same everywhere. What is outside the subset is refused by the very code that refuses it on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from index.analysis import fold, words
from index.arguments import boolean, fuzziness, integer, least_of, one_field, operator
from index.fields import UNGROUPED, kind_of
from index.patterns import clean, escaped
from index.queries import Translator
from index.ranges import Nothing, limits
from index.store import Json

ALL: Json = {"match_all": {}}
NONE: Json = {"match_none": {}}
_LONG: Final = (-(1 << 63), (1 << 63) - 1)  # beyond these, infinities included, a bound is none


class Rewriter:
    """Rewrites bodies as of `now`. Nothing is scored: everything stands in filters."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._check = Translator(now)
        self._kinds: dict[str, Callable[[Any], Json]] = {
            "match_all": lambda body: ALL,
            "match_none": lambda body: NONE,
            "bool": self._bool,
            "constant_score": lambda body: self._one(body["filter"]),
            "term": self._term,
            "terms": self._terms,
            "match": self._match,
            "match_phrase": self._match_phrase,
            "multi_match": self._multi_match,
            "range": self._range,
            "prefix": self._prefix,
            "wildcard": self._wildcard,
            "fuzzy": self._fuzzy,
            "exists": lambda body: exists(str(body["field"])),
            "ids": lambda body: {"terms": {"id": [clean(str(value)) for value in body["values"]]}},
        }

    def query(self, body: object) -> Json:
        """The query for Elasticsearch. Raises BadQuery for what is outside the subset."""
        self._check.query(body)
        return self._one(body)

    def _one(self, body: Any) -> Json:
        ((kind, inner),) = body.items()
        return self._kinds[kind](inner)

    # -- compounds ----------------------------------------------------------------------------------------------------
    def _bool(self, body: Json) -> Json:
        clauses = {key: self._clauses(body.get(key, [])) for key in ("must", "filter", "should", "must_not")}
        required = clauses["must"] + clauses["filter"]
        least = least_of(body.get("minimum_should_match", 0 if required else 1), len(clauses["should"]))
        out: Json = {}
        if required:
            out["filter"] = required
        if clauses["should"] and least:
            out |= {"should": clauses["should"], "minimum_should_match": least}
        if clauses["must_not"]:
            out["must_not"] = clauses["must_not"]
        return {"bool": out} if out else ALL

    def _clauses(self, given: Any) -> list[Json]:
        return [self._one(clause) for clause in (given if isinstance(given, list) else [given])]

    # -- exact values -------------------------------------------------------------------------------------------------
    def _term(self, body: Json) -> Json:
        field, value, options = one_field("term", body, "value", "case_insensitive")
        if options.get("case_insensitive") and kind_of(field) == "keyword":
            return {"term": {field: {"value": clean(str(value)), "case_insensitive": True}}}
        return self._exact(field, value)

    def _terms(self, body: Json) -> Json:
        ((field, values),) = ((key, value) for key, value in body.items() if key != "boost")
        if kind_of(field) == "keyword" and all(isinstance(value, str) for value in values):
            return {"terms": {field: [clean(value) for value in values]}} if values else NONE
        return any_of([self._exact(field, value) for value in values])

    def _exact(self, field: str, value: object) -> Json:
        kind = kind_of(field)
        if kind == "boolean":
            return {"term": {field: boolean(field, value)}}
        if kind in ("text", "keyword"):
            return {"term": {field: clean(str(value))}}
        return self.between(field, {"gte": value, "lte": value})

    # -- words --------------------------------------------------------------------------------------------------------
    def _match(self, body: Json) -> Json:
        field, value, options = one_field(
            "match", body, "query", "operator", "minimum_should_match", "zero_terms_query"
        )
        return self._words(field, value, options)

    def _words(self, field: str, value: object, options: Json) -> Json:
        if kind_of(field) != "text":
            return self._exact(field, value)
        found = words(str(value))
        if not found:
            return ALL if options.get("zero_terms_query") == "all" else NONE
        clauses: list[Json] = [{"term": {field: word}} for word in found]
        if operator(options) == "and":
            return all_of(clauses)
        least = least_of(options.get("minimum_should_match", 1), len(clauses))
        return {"bool": {"should": clauses, "minimum_should_match": max(1, least)}}

    def _match_phrase(self, body: Json) -> Json:
        field, value, options = one_field("match_phrase", body, "query", "slop")
        return self._phrase(field, value, options)

    def _phrase(self, field: str, value: object, options: Json) -> Json:
        if kind_of(field) != "text":
            return self._exact(field, value)
        found = words(str(value))
        if len(found) < 2:
            return {"term": {field: found[0]}} if found else NONE
        slop = integer("slop", options.get("slop", 0), 0, 1000)
        return {"match_phrase": {field: {"query": " ".join(found), "slop": slop}}}

    def _multi_match(self, body: Json) -> Json:
        one = self._phrase if body.get("type") == "phrase" else self._words
        return any_of([one(str(field).partition("^")[0], body["query"], body) for field in body["fields"]])

    def _fuzzy(self, body: Json) -> Json:
        field, value, options = one_field(
            "fuzzy", body, "value", "fuzziness", "transpositions", "prefix_length", "max_expansions"
        )
        word = fold(str(value)) if kind_of(field) == "text" else clean(str(value))
        distance = fuzziness(options.get("fuzziness", "AUTO"), len(word))
        if not distance:
            return {"term": {field: word}}
        asked = {
            "value": word, "fuzziness": distance, "transpositions": bool(options.get("transpositions", True)),
            "rewrite": "constant_score",  # every word that is near enough, not the 50 most frequent
        }  # fmt: skip
        return {"fuzzy": {field: asked}}

    # -- patterns -----------------------------------------------------------------------------------------------------
    def _prefix(self, body: Json) -> Json:
        field, value, options = one_field("prefix", body, "value", "case_insensitive")
        return self._like(field, escaped(str(value)) + "*", options)

    def _wildcard(self, body: Json) -> Json:
        ((field, inner),) = ((key, value) for key, value in body.items() if key != "boost")
        options = inner if isinstance(inner, dict) else {"value": inner}
        return self._like(field, str(options.get("value", options.get("wildcard"))), options)

    def _like(self, field: str, pattern: str, options: Json) -> Json:
        pattern = fold(pattern) if kind_of(field) == "text" else clean(pattern)
        asked = {"value": pattern, "case_insensitive": bool(options.get("case_insensitive"))}
        return {"wildcard": {field: asked}}

    # -- ranges -------------------------------------------------------------------------------------------------------
    def _range(self, body: Json) -> Json:
        ((field, bounds),) = ((key, value) for key, value in body.items() if key != "boost")
        return self.between(field, bounds)

    def between(self, field: str, bounds: Json) -> Json:
        """A range over a date or a number."""
        found = limits(field, bounds, self.now)
        if isinstance(found, Nothing):
            return NONE
        low, high = found.low, found.high
        if kind_of(found.field) == "date":  # in whole seconds; published_at is asked of sort_key
            edges: Json = {"format": "epoch_millis"}
            edges |= {"gte": low * 1000} if low > _LONG[0] else {}
            edges |= {"lte": high * 1000 + 999} if high < _LONG[1] else {}  # an open end has no milliseconds
            return {"range": {found.field: edges}}
        edges = {}
        if low > _LONG[0]:
            edges["gt" if found.open_low else "gte"] = low
        if high < _LONG[1]:
            edges["lt" if found.open_high else "lte"] = high
        return {"range": {found.field: edges}}


def exists(field: str) -> Json:
    """Mentions in which the field has a value; of words, at least one word."""
    if kind_of(field) == "text" or field in UNGROUPED:
        return {"wildcard": {field: {"value": "?*"}}}
    return {"exists": {"field": field}}


def all_of(clauses: Sequence[Json]) -> Json:
    return clauses[0] if len(clauses) == 1 else {"bool": {"filter": list(clauses)}} if clauses else ALL


def any_of(clauses: Sequence[Json]) -> Json:
    if not clauses:
        return NONE
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def without(query: Json, unwanted: Json) -> Json:
    return {"bool": {"filter": [query], "must_not": [unwanted]}}
