"""Elasticsearch query bodies as tantivy queries.

In: one query (`{"bool": {...}}`, `{"term": {...}}`, ...). Out: a `tantivy.Query` that finds the same mentions. Scores are not
computed: mentions are ordered by time, so `boost` is accepted and changes nothing. Everything outside the subset of
docs/query.md raises BadQuery with the name of the construct.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import tantivy

from index.analysis import fold, words
from index.arguments import boolean, brief, fuzziness, integer, least_of, not_too_many, one_field, operator, options_of
from index.fields import UNGROUPED, kind_of
from index.layout import SCHEMA, Query
from index.patterns import any_case, clean, escaped, pattern_query, wildcards
from index.ranges import between
from index.store import BadQuery, Json

_Q = tantivy.Query
_MUST, _SHOULD, _NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot

DEEPEST: Final = 60  # queries inside queries


class Translator:
    """Turns bodies into tantivy queries as of `now`."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._kinds: dict[str, Callable[[Any, int], Query]] = {
            "match_all": lambda body, depth: self._every(body),
            "match_none": lambda body, depth: _Q.empty_query(),
            "bool": self._bool,
            "constant_score": self._constant_score,
            "term": lambda body, depth: self._term(body),
            "terms": lambda body, depth: self._terms(body),
            "match": lambda body, depth: self._match(body),
            "match_phrase": lambda body, depth: self._match_phrase(body),
            "multi_match": lambda body, depth: self._multi_match(body),
            "range": lambda body, depth: self._range(body),
            "prefix": lambda body, depth: self._prefix(body),
            "wildcard": lambda body, depth: self._wildcard(body),
            "fuzzy": lambda body, depth: self._fuzzy(body),
            "exists": lambda body, depth: self._exists(body),
            "ids": lambda body, depth: self._ids(body),
        }

    def query(self, body: object, depth: int = 0) -> Query:
        """The tantivy query of one body. Raises BadQuery."""
        if depth > DEEPEST:
            raise BadQuery(f"queries are nested more than {DEEPEST} deep")
        if not isinstance(body, dict) or len(body) != 1:
            raise BadQuery(f"a query is an object with one key, the kind of query; got {brief(body)}")
        ((kind, inner),) = body.items()
        translate = self._kinds.get(kind)
        if translate is None:
            raise BadQuery(f'"{kind}" queries are not supported; supported are {", ".join(self._kinds)}')
        if not isinstance(inner, dict):
            raise BadQuery(f'"{kind}" wants an object; got {brief(inner)}')
        return translate(inner, depth)

    # -- compounds ----------------------------------------------------------------------------------------------------
    def _every(self, body: Json) -> Query:
        options_of("match_all", body)
        return _Q.all_query()

    def _constant_score(self, body: Json, depth: int) -> Query:
        options_of("constant_score", body, "filter")
        return self.query(body.get("filter"), depth + 1)

    def _bool(self, body: Json, depth: int) -> Query:
        options_of("bool", body, "must", "filter", "should", "must_not", "minimum_should_match")
        clauses = {key: self._clauses(body, key, depth) for key in ("must", "filter", "should", "must_not")}
        required = clauses["must"] + clauses["filter"]
        least = least_of(body.get("minimum_should_match", 0 if required else 1), len(clauses["should"]))
        parts = [(_MUST, clause) for clause in required]
        if clauses["should"] and least:
            some = [(_SHOULD, clause) for clause in clauses["should"]]
            parts.append((_MUST, _Q.boolean_query(some, minimum_number_should_match=least)))
        if not parts:  # tantivy finds nothing where nothing is required
            parts.append((_MUST, _Q.all_query()))
        return _Q.boolean_query(parts + [(_NOT, clause) for clause in clauses["must_not"]])

    def _clauses(self, body: Json, key: str, depth: int) -> list[Query]:
        given = body.get(key, [])
        return [self.query(clause, depth + 1) for clause in (given if isinstance(given, list) else [given])]

    # -- exact values -------------------------------------------------------------------------------------------------
    def _term(self, body: Json) -> Query:
        field, value, options = one_field("term", body, "value", "case_insensitive")
        if options.get("case_insensitive") and kind_of(field) == "keyword":
            return pattern_query(field, any_case(str(value)))
        return self._exact(field, value)

    def _terms(self, body: Json) -> Query:
        fields = [key for key in body if key != "boost"]
        if len(fields) != 1 or not isinstance(body[fields[0]], list):
            raise BadQuery('"terms" wants one field with a list of values')
        field = fields[0]
        values = not_too_many("terms", body[field])
        kind = kind_of(field)
        if kind == "keyword" and all(isinstance(value, str) for value in values):
            return _Q.term_set_query(SCHEMA, field, [clean(value) for value in values])
        return any_of([self._exact(field, value) for value in values])

    def _exact(self, field: str, value: object) -> Query:
        kind = kind_of(field)
        if isinstance(value, dict | list) or value is None:
            raise BadQuery(f'a value of "{field}" is a single one; got {brief(value)}')
        if kind == "boolean":
            return _Q.term_query(SCHEMA, field, boolean(field, value))
        if kind == "text":
            return _Q.term_query(SCHEMA, field, clean(str(value)))
        if kind == "keyword":
            return _Q.term_query(SCHEMA, field, clean(str(value)), "basic")
        return between(field, {"gte": value, "lte": value}, self.now)

    def _ids(self, body: Json) -> Query:
        options_of("ids", body, "values")
        values = body.get("values")
        if not isinstance(values, list):
            raise BadQuery('"ids" wants {"values": [...]}')
        return _Q.term_set_query(SCHEMA, "id", [clean(str(value)) for value in values])

    # -- words --------------------------------------------------------------------------------------------------------
    def _match(self, body: Json) -> Query:
        field, value, options = one_field(
            "match", body, "query", "operator", "minimum_should_match", "zero_terms_query"
        )
        return self._words(field, value, options)

    def _words(self, field: str, value: object, options: Json) -> Query:
        if kind_of(field) != "text":
            return self._exact(field, value)
        found = not_too_many("match", words(str(value)))
        if not found:
            return _Q.all_query() if options.get("zero_terms_query") == "all" else _Q.empty_query()
        clauses = [_Q.term_query(SCHEMA, field, word) for word in found]
        if operator(options) == "and":
            return all_of(clauses)
        least = least_of(options.get("minimum_should_match", 1), len(clauses))
        return _Q.boolean_query([(_SHOULD, clause) for clause in clauses], minimum_number_should_match=max(1, least))

    def _match_phrase(self, body: Json) -> Query:
        field, value, options = one_field("match_phrase", body, "query", "slop")
        return self._phrase(field, value, options)

    def _phrase(self, field: str, value: object, options: Json) -> Query:
        if kind_of(field) != "text":
            return self._exact(field, value)
        found = not_too_many("match_phrase", words(str(value)))
        if len(found) < 2:
            return _Q.term_query(SCHEMA, field, found[0]) if found else _Q.empty_query()
        return _Q.phrase_query(SCHEMA, field, found, integer("slop", options.get("slop", 0), 0, 1000))

    def _multi_match(self, body: Json) -> Query:
        options_of("multi_match", body, "query", "fields", "type", "operator", "slop", "zero_terms_query")
        fields, kind = body.get("fields"), body.get("type", "best_fields")
        if not isinstance(fields, list) or not fields or "query" not in body:
            raise BadQuery('"multi_match" wants "query" and a list of "fields"')
        if kind not in ("best_fields", "most_fields", "phrase"):
            raise BadQuery(
                f'multi_match "type": "{kind}" is not supported; supported are best_fields, most_fields, phrase'
            )
        one = self._phrase if kind == "phrase" else self._words
        return any_of([one(str(field).partition("^")[0], body["query"], body) for field in fields])

    def _fuzzy(self, body: Json) -> Query:
        field, value, options = one_field(
            "fuzzy", body, "value", "fuzziness", "transpositions", "prefix_length", "max_expansions"
        )
        if kind_of(field) not in ("text", "keyword") or options.get("prefix_length"):
            raise BadQuery('"fuzzy" works on words and keywords, without prefix_length')
        word = fold(str(value)) if kind_of(field) == "text" else clean(str(value))
        distance = fuzziness(options.get("fuzziness", "AUTO"), len(word))
        return _Q.fuzzy_term_query(SCHEMA, field, word, distance, bool(options.get("transpositions", True)))

    # -- patterns -----------------------------------------------------------------------------------------------------
    def _prefix(self, body: Json) -> Query:
        field, value, options = one_field("prefix", body, "value", "case_insensitive")
        return self._like(field, escaped(str(value)) + "*", options)

    def _wildcard(self, body: Json) -> Query:
        names = ("wildcard", "value", "case_insensitive")
        if isinstance(body, dict) and len(body) == 1 and isinstance(inner := next(iter(body.values())), dict):
            body = {next(iter(body)): {"value" if key == "wildcard" else key: item for key, item in inner.items()}}
        field, value, options = one_field(names[0], body, *names[1:])
        return self._like(field, str(value), options)

    def _like(self, field: str, pattern: str, options: Json) -> Query:
        kind = kind_of(field)
        if kind not in ("text", "keyword"):
            raise BadQuery(f'"{field}" holds {kind}s; wildcards work on words and keywords')
        if kind == "text":
            pattern = fold(pattern)
        return pattern_query(field, wildcards(pattern, either_case=bool(options.get("case_insensitive"))))

    def _exists(self, body: Json) -> Query:
        options_of("exists", body, "field")
        field = str(body.get("field"))
        if kind_of(field) == "text" or field in UNGROUPED:
            return pattern_query(field, ".+")
        return _Q.exists_query(field)

    # -- ranges -------------------------------------------------------------------------------------------------------
    def _range(self, body: Json) -> Query:
        fields = [key for key in body if key != "boost"]
        if len(fields) != 1 or not isinstance(body[fields[0]], dict):
            raise BadQuery('"range" wants one field with an object of bounds')
        return between(fields[0], body[fields[0]], self.now)


def all_of(clauses: Sequence[Query]) -> Query:
    """Mentions that all the queries find; all mentions where there is no query."""
    if not clauses:
        return _Q.all_query()
    return clauses[0] if len(clauses) == 1 else _Q.boolean_query([(_MUST, clause) for clause in clauses])


def any_of(clauses: Sequence[Query]) -> Query:
    """Mentions that one of the queries finds; none where there is no query."""
    if not clauses:
        return _Q.empty_query()
    return clauses[0] if len(clauses) == 1 else _Q.boolean_query([(_SHOULD, clause) for clause in clauses])


def without(query: Query, unwanted: Query) -> Query:
    """Mentions that `query` finds and `unwanted` does not."""
    return _Q.boolean_query([(_MUST, query), (_NOT, unwanted)])
