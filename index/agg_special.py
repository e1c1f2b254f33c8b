"""Two aggregations that tantivy does not answer as Elasticsearch does: `significant_terms` and `composite`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from index.agg_bodies import MOST_BUCKETS, SEGMENT_SIZE, date_histogram_body, grouped
from index.arguments import integer, options_of
from index.fields import kind_of
from index.layout import Query
from index.queries import Translator
from index.store import BadQuery, Json

CANDIDATES: Final = 1000  # the most frequent terms, among which the significant ones are looked for


def significant_terms(searcher: Any, query: Query, body: Json, translator: Translator) -> Json:
    """Terms that are more frequent in what `query` finds than in all mentions (or those of `background_filter`).

    The score is Elasticsearch's default, JLH: (p - q) * p / q with p the share in front, q the one behind.
    """
    options_of("significant_terms", body, "field", "size", "min_doc_count", "background_filter", "jlh")
    field = grouped(body.get("field"))
    if kind_of(field) != "keyword":
        raise BadQuery(f'"significant_terms" wants a keyword; "{field}" holds {kind_of(field)}s')
    size = integer("size", body.get("size", 10), 1, CANDIDATES)
    least = integer("min_doc_count", body.get("min_doc_count", 3), 1, 1 << 31)
    behind = translator.query(body.get("background_filter", {"match_all": {}}))
    front_total, behind_total = (searcher.search(each, 1).count for each in (query, behind))
    front = _counts(searcher, query, field, {"min_doc_count": least, "size": CANDIDATES})
    back = _counts(searcher, behind, field, {"include": list(front), "size": max(1, len(front))}) if front else {}
    buckets = jlh(front, back, front_total, behind_total)[:size]
    return {"doc_count": front_total, "bg_count": behind_total, "buckets": buckets}


def jlh(front: Mapping[str, int], back: Mapping[str, int], front_total: int, behind_total: int) -> list[Json]:
    """Buckets of the terms more frequent in front than behind, the highest score first, equal ones by key."""
    buckets: list[Json] = []
    for key, count in front.items():
        share, usual = count / front_total, back.get(key, 0) / max(1, behind_total)
        if share > usual > 0:
            score = (share - usual) * share / usual
            buckets.append({"key": key, "doc_count": count, "score": score, "bg_count": back[key]})
    buckets.sort(key=lambda bucket: (-bucket["score"], bucket["key"]))
    return buckets


def _counts(searcher: Any, query: Query, field: str, options: Json) -> dict[str, int]:
    body = {"terms": {"field": field, "segment_size": SEGMENT_SIZE, **options}}
    answer = searcher.aggregate(query, {"counts": body})
    return {bucket["key"]: bucket["doc_count"] for bucket in answer["counts"]["buckets"]}


def composite(searcher: Any, query: Query, body: Json, now: datetime) -> Json:
    """Every combination of some values with its count, in pages: `after` takes the `after_key` of the page before."""
    options_of("composite", body, "sources", "size", "after")
    size = integer("size", body.get("size", 10), 1, MOST_BUCKETS)
    given = body.get("sources")
    if not isinstance(given, list) or not given:
        raise BadQuery('"composite" wants a list of "sources"')
    sources = [_source(each, now) for each in given]
    kinds = {name: kind for name, kind, _ in sources}
    asked: Json = {"size": size, "sources": [{name: {kind: inner}} for name, kind, inner in sources]}
    if "after" in body:
        if not isinstance(body["after"], dict) or set(body["after"]) != set(kinds):
            raise BadQuery('composite "after" wants a value for every source')
        asked["after"] = {name: _mark(kinds[name], body["after"][name]) for name in kinds}
    answer = searcher.aggregate(query, {"all": {"composite": asked}})["all"]
    buckets = answer["buckets"]
    return {"buckets": buckets, **({"after_key": buckets[-1]["key"]} if buckets else {})}


def _source(given: Any, now: datetime) -> tuple[str, str, Json]:
    try:
        ((name, ((kind, inner),)),) = ((name, tuple(inner.items())) for name, inner in given.items())
    except (AttributeError, ValueError) as error:
        raise BadQuery('a source of "composite" is {name: {"terms": {...}}}') from error
    if kind == "terms":
        options_of("composite terms", inner, "field")
        if kind_of(grouped(inner.get("field"))) != "keyword":
            raise BadQuery('"terms" in "composite" wants a keyword')
        return name, kind, inner
    if kind == "date_histogram":
        options_of("composite date_histogram", inner, "field", "fixed_interval", "calendar_interval")
        whole = date_histogram_body(inner, now)
        if "offset" in whole:
            raise BadQuery('weeks in "composite" are not supported')
        return name, kind, {key: whole[key] for key in ("field", "fixed_interval")}
    raise BadQuery(f'"{kind}" in "composite" is not supported; terms and date_histogram are')


def _mark(kind: str, value: Any) -> str:
    """A value as tantivy wants it in `after`: it tells types apart by a prefix."""
    return f"str:{value}" if kind == "terms" else f"dt:{integer('after', value, 0, 1 << 53) * 1_000_000}"
