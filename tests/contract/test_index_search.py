"""The store's answers, held against the slow and obvious ones: queries, aggregations, order, pages, sources, highlights."""

from __future__ import annotations

import contextlib
import random
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import index_oracle as oracle
import pytest
from index_backends import BACKENDS, START, found, mention, opened, settled

from benchmarks.naive_expressions import Invention, Text
from enrichment import Document, Expressions, Facts
from index import BadQuery, Index, Json, highlights, parse_query
from stream import Mention
from stream import expressions as ex

HOUR, DAY = 3_600_000, 86_400_000
ALL = {"match_all": {}}
CORPUS = oracle.corpus(400, seed=7)


@pytest.fixture(scope="module", params=BACKENDS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The corpus, written in two parts, some of it changed and some deleted in between."""
    with opened(request.param, tmp_path_factory.mktemp("store")) as stores:
        store = stores()
        store.write(
            [mention(number, digest="old", text="vecchio", source=CORPUS[number].source) for number in range(50)]
        )
        store.write([mention(9000 + number) for number in range(30)])
        settled(store)
        store.write(CORPUS)
        store.delete([mention(9000 + number).id for number in range(30)])
        yield settled(store)


def aggregate(index: Index, aggs: dict[str, Any], query: dict[str, Any] = ALL) -> dict[str, Any]:
    answer: dict[str, Any] = index.search({"query": query, "size": 0, "aggs": aggs})["aggregations"]
    return answer


def counts(part: dict[str, Any]) -> dict[Any, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in part["buckets"]}


@pytest.mark.parametrize("seed", range(300))
def test_a_query_finds_what_the_obvious_way_finds(index: Index, seed: int) -> None:
    query = oracle.queries(random.Random(seed), CORPUS)
    expected = [one.id for one in oracle.find(query, CORPUS)]
    assert found(index, query) == expected
    assert index.count(query) == len(expected)


TYPED = {
    "l'azienda": lambda one: any(oracle.phrase(text, ["l", "azienda"]) for text in (one.title, one.text)),
    "PERCHE": lambda one: "perche" in oracle.tokens(f"{one.title} {one.text}"),
    "info@acme.it -lingua:it": lambda one: (
        one.language != "it" and any(oracle.phrase(text, ["info", "acme", "it"]) for text in (one.title, one.text))
    ),
    "brand:acme AND sentimento:negativo": lambda one: "acme" in one.brand and one.sentiment == "negative",
    "brand:(beta OR gamma) -_exists_:product": lambda one: bool({"beta", "gamma"} & set(one.brand)) and not one.product,
    "autore:MARIA*": lambda one: one.author.lower().startswith("maria"),
    "score:<-0.3 reach:[5 TO 500]": lambda one: one.score < -0.3 and 5 <= one.reach <= 500,
    "data:2026-03-04": lambda one: one.published_at.date().isoformat() == "2026-03-04",
    "data:[05/03/2026 TO 2026-03-06]": lambda one: "2026-03-05" <= one.published_at.date().isoformat() <= "2026-03-06",
    "pessimi~1": lambda one: "pessimo" in oracle.tokens(f"{one.title} {one.text}"),
    "serv*": lambda one: "servizio" in oracle.tokens(f"{one.title} {one.text}"),
    'titolo:"info acme"': lambda one: oracle.phrase(one.title, ["info", "acme"]),
    "storico:sì": lambda one: one.backfill,
}


def test_an_expression_finds_in_the_store_what_it_matches_as_it_comes_in(index: Index) -> None:
    """One language: what the store does not refuse, the compiled expressions answer alike."""
    facts = [Facts(one.site, one.author, one.language, one.source, one.channel, one.url) for one in CORPUS]
    invention = Invention([Text(one.title, one.text, of) for one, of in zip(CORPUS, facts, strict=True)], seed=5)
    written = [invention.expression() for _ in range(400)]
    words = sorted({word for one in CORPUS for word in oracle.tokens(one.text) if word.isalpha()})
    chance = random.Random(6)
    for most in (0, 1, 2, 3, 7) * 10:
        one, other, third = chance.sample(words, 3)
        written.append(f"{one} NEAR/{most} ({other} OR {third}) OR {other} ONEAR/{most % 2} {third}")
    asked = []
    for text in written:
        with contextlib.suppress(BadQuery):
            asked.append((text, parse_query(text)))
    expressions = Expressions([ex.parse(text) for text, _ in asked])
    expected: list[set[str]] = [set() for _ in asked]
    for one, of in zip(CORPUS, facts, strict=True):
        for number in expressions.match(Document(one.title, one.text, of))[0]:
            expected[number].add(one.id)
    for (text, query), ids in zip(asked, expected, strict=True):
        assert set(found(index, query)) == ids, text
    assert sum("NEAR" in text for text, _ in asked) > 20 and sum(map(bool, expected)) > 100


@pytest.mark.parametrize("text", TYPED)
def test_a_typed_query_finds_what_it_means(index: Index, text: str) -> None:
    expected = {one.id for one in CORPUS if TYPED[text](one)}
    assert expected
    assert set(found(index, parse_query(text))) == expected


# -- dates --------------------------------------------------------------------------------------------------------------
def test_a_date_without_a_time_is_the_whole_day(index: Index) -> None:
    day = [one.id for one in CORPUS if one.published_at.date().isoformat() == "2026-03-05"]
    assert day
    both = {"range": {"published_at": {"gte": "2026-03-05", "lte": "2026-03-05"}}}
    assert sorted(found(index, both)) == sorted(day)
    assert index.count({"range": {"published_at": {"gt": "2026-03-05"}}}) == sum(
        one.published_at >= datetime(2026, 3, 6, tzinfo=UTC) for one in CORPUS
    )


def test_dates_relative_to_now_and_open_ends(index: Index) -> None:
    new = mention(50_000, published_at=datetime.now(UTC) - timedelta(hours=1))
    index.write([new])
    settled(index)
    try:
        assert found(index, {"range": {"published_at": {"gte": "now-2h"}}}) == [new.id]
        assert found(index, {"range": {"published_at": {"gte": "now-7d/d", "lte": "now"}}}) == [new.id]
        assert found(index, {"range": {"published_at": {"gte": "now-2h", "lt": "now-90m"}}}) == []
        assert index.count({"range": {"published_at": {"lt": "now-1d", "gte": None}}}) == len(CORPUS)
    finally:
        index.delete([new.id])
        settled(index)


# -- aggregations -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["brand", "topic", "author", "sentiment", "source", "story"])
def test_terms(index: Index, field: str) -> None:
    query = {"range": {"score": {"lt": 0.5}}}
    expected = oracle.terms(oracle.find(query, CORPUS), field)
    part = aggregate(index, {"x": {"terms": {"field": field, "size": 50}}}, query)["x"]
    assert list(counts(part).items()) == list(expected.items())
    part = aggregate(index, {"x": {"terms": {"field": field, "size": 2}}}, query)["x"]
    assert list(counts(part).items()) == list(expected.items())[:2]
    assert part["sum_other_doc_count"] == sum(list(expected.values())[2:])


def test_terms_ordered_narrowed_and_with_a_name_for_none(index: Index) -> None:
    expected = oracle.terms(CORPUS, "topic")
    ask = {"field": "topic", "size": 50}
    by_key = aggregate(index, {"x": {"terms": {**ask, "order": {"_key": "asc"}}}})["x"]
    assert list(counts(by_key)) == sorted(expected)
    few = aggregate(index, {"x": {"terms": {**ask, "include": ["hr", "legal"]}}})["x"]
    assert counts(few) == {key: expected[key] for key in ("hr", "legal")}
    none = aggregate(index, {"x": {"terms": {**ask, "missing": "?"}}})["x"]
    assert counts(none)["?"] == sum(not one.topic for one in CORPUS)
    least = aggregate(index, {"x": {"terms": {**ask, "min_doc_count": 130}}})["x"]
    assert counts(least) == {key: count for key, count in expected.items() if count >= 130}
    flags = aggregate(index, {"x": {"terms": {"field": "backfill"}}})["x"]["buckets"]
    assert {bucket["key_as_string"]: bucket["doc_count"] for bucket in flags} == {
        "true": sum(one.backfill for one in CORPUS),
        "false": sum(not one.backfill for one in CORPUS),
    }


def test_terms_ordered_by_a_metric_inside(index: Index) -> None:
    aggs = {"x": {"terms": {"field": "topic", "order": {"mean": "asc"}}, "aggs": {"mean": {"avg": {"field": "score"}}}}}
    buckets = aggregate(index, aggs)["x"]["buckets"]
    means = {
        topic: statistics.fmean(one.score for one in some) for topic, some in oracle.groups(CORPUS, "topic").items()
    }
    assert [bucket["key"] for bucket in buckets] == sorted(means, key=lambda topic: means[topic])
    assert {bucket["key"]: bucket["mean"]["value"] for bucket in buckets} == pytest.approx(means)


@pytest.mark.parametrize(
    ("ask", "interval", "offset"),
    [
        ({"fixed_interval": "6h"}, 6 * HOUR, 0),
        ({"fixed_interval": "15m"}, HOUR // 4, 0),
        ({"calendar_interval": "hour"}, HOUR, 0),
        ({"calendar_interval": "day"}, DAY, 0),
        ({"calendar_interval": "week"}, 7 * DAY, 4 * DAY),
        ({"fixed_interval": "1d", "offset": "-1h"}, DAY, -HOUR),
    ],
)
def test_histogram_over_time(index: Index, ask: dict[str, str], interval: int, offset: int) -> None:
    expected = oracle.histogram(CORPUS, interval, offset)
    part = aggregate(index, {"x": {"date_histogram": {"field": "published_at", **ask}}})["x"]
    filled = {key: expected.get(key, 0) for key in range(min(expected), max(expected) + 1, interval)}
    assert list(counts(part).items()) == list(filled.items())
    first = part["buckets"][0]
    assert datetime.fromisoformat(first["key_as_string"]).timestamp() * 1000 == first["key"]
    part = aggregate(index, {"x": {"date_histogram": {"field": "published_at", "min_doc_count": 1, **ask}}})["x"]
    assert counts(part) == expected


def test_histogram_with_bounds(index: Index) -> None:
    low, high = START - timedelta(days=3), START + timedelta(days=1)
    ask = {
        "field": "published_at",
        "fixed_interval": "1d",
        "extended_bounds": {"min": low.isoformat(), "max": high.isoformat()},
    }
    part = aggregate(index, {"x": {"date_histogram": ask}}, {"match_none": {}})["x"]
    assert [bucket["key_as_string"][:10] for bucket in part["buckets"]] == [f"2026-02-{d}" for d in (27, 28)] + [
        f"2026-03-0{d}" for d in (1, 2, 3)
    ]
    assert set(counts(part).values()) == {0}


def test_metrics(index: Index) -> None:
    query = {"term": {"brand": "acme"}}
    some = oracle.find(query, CORPUS)
    reach = [one.reach for one in some]
    names = {"avg": "avg", "sum": "sum", "min": "min", "max": "max", "value_count": "value_count"}
    got = aggregate(index, {name: {kind: {"field": "reach"}} for name, kind in names.items()}, query)
    assert {name: got[name]["value"] for name in names} == pytest.approx(
        {
            "avg": statistics.fmean(reach),
            "sum": sum(reach),
            "min": min(reach),
            "max": max(reach),
            "value_count": len(reach),
        }
    )
    got = aggregate(index, {"s": {"stats": {"field": "score"}}, "c": {"value_count": {"field": "topic"}}}, query)
    scores = [one.score for one in some]
    assert got["s"] == pytest.approx(
        {
            "count": len(scores),
            "sum": sum(scores),
            "min": min(scores),
            "max": max(scores),
            "avg": statistics.fmean(scores),
        }
    )
    assert got["c"]["value"] == sum(len(one.topic) for one in some)
    last = aggregate(index, {"x": {"max": {"field": "published_at"}}}, query)["x"]
    assert last["value"] == max(map(oracle.ms, some)) // 1000 * 1000


def test_estimates_are_near(index: Index) -> None:
    """Cardinality within 5 %, percentiles within 2 % of the range."""
    got = aggregate(
        index,
        {"c": {"cardinality": {"field": "author"}}, "p": {"percentiles": {"field": "confidence", "percents": [50]}}},
    )
    assert got["c"]["value"] == pytest.approx(len(oracle.groups(CORPUS, "author")), rel=0.05)
    assert got["p"]["values"]["50.0"] == pytest.approx(statistics.median(one.confidence for one in CORPUS), abs=0.02)
    empty = aggregate(
        index, {"p": {"percentiles": {"field": "score"}}, "a": {"avg": {"field": "score"}}}, {"match_none": {}}
    )
    assert set(empty["p"]["values"].values()) == {None} and empty["a"]["value"] is None


def test_filters_stand_anywhere(index: Index) -> None:
    negative = {"term": {"sentiment": "negative"}}
    reach = {"sum": {"field": "reach"}}
    aggs = {
        "days": {
            "date_histogram": {"field": "published_at", "fixed_interval": "1d"},
            "aggs": {
                "bad": {
                    "filter": negative,
                    "aggs": {"reach": reach, "topics": {"terms": {"field": "topic", "size": 2}}},
                },
                "brands": {
                    "terms": {"field": "brand"},
                    "aggs": {
                        "bad": {"filter": negative},
                        "kinds": {"filters": {"filters": {"n": negative, "all": ALL}}},
                    },
                },
            },
        },
        "bad": {"filter": negative, "aggs": {"reach": reach}},
    }
    got = aggregate(index, aggs)

    def bad(some: list[Mention]) -> list[Mention]:
        return [one for one in some if one.sentiment == "negative"]

    assert got["bad"] == {"doc_count": len(bad(CORPUS)), "reach": {"value": sum(one.reach for one in bad(CORPUS))}}
    for bucket in got["days"]["buckets"]:
        day = [one for one in CORPUS if bucket["key"] <= oracle.ms(one) < bucket["key"] + DAY]
        assert bucket["bad"]["doc_count"] == len(bad(day))
        assert bucket["bad"]["reach"]["value"] == sum(one.reach for one in bad(day))
        assert list(counts(bucket["bad"]["topics"]).items()) == list(oracle.terms(bad(day), "topic").items())[:2]
        for inner in bucket["brands"]["buckets"]:
            some = oracle.groups(day, "brand")[inner["key"]]
            assert inner["bad"]["doc_count"] == inner["kinds"]["buckets"]["n"]["doc_count"] == len(bad(some))
            assert inner["kinds"]["buckets"]["all"]["doc_count"] == inner["doc_count"] == len(some)


def test_ranges_and_missing(index: Index) -> None:
    aggs = {
        "r": {
            "range": {"field": "reach", "ranges": [{"to": 5}, {"from": 5, "to": 500, "key": "some"}, {"from": 0}]},
            "aggs": {"m": {"max": {"field": "reach"}}},
        },
        "none": {"missing": {"field": "product"}},
    }
    got = aggregate(index, aggs)
    sizes = {"*-5.0": [0, 1], "some": [5, 20], "0.0-*": [0, 1, 5, 20, 500, 10_000]}
    assert counts(got["r"]) == {key: sum(one.reach in reach for one in CORPUS) for key, reach in sizes.items()}
    assert [bucket["m"]["value"] for bucket in got["r"]["buckets"]] == [1, 20, 10_000]
    assert got["none"]["doc_count"] == sum(not one.product for one in CORPUS)


def test_top_hits_in_every_bucket(index: Index) -> None:
    aggs = {"x": {"terms": {"field": "brand"}, "aggs": {"newest": {"top_hits": {"size": 2, "_source": ["id"]}}}}}
    for bucket in aggregate(index, aggs)["x"]["buckets"]:
        some = oracle.find({"term": {"brand": bucket["key"]}}, CORPUS)
        hits = bucket["newest"]["hits"]
        assert hits["total"]["value"] == len(some)
        assert [hit["_source"] for hit in hits["hits"]] == [{"id": one.id} for one in some[:2]]


def test_significant_terms(index: Index) -> None:
    query = {"term": {"topic": "hr"}}
    front, total = oracle.find(query, CORPUS), len(CORPUS)
    behind = oracle.terms(CORPUS, "topic")
    got = aggregate(index, {"x": {"significant_terms": {"field": "topic"}}}, query)["x"]
    assert (got["doc_count"], got["bg_count"]) == (len(front), total)
    assert got["buckets"][0]["key"] == "hr"
    for bucket in got["buckets"]:
        share, usual = bucket["doc_count"] / len(front), behind[bucket["key"]] / total
        assert bucket["bg_count"] == behind[bucket["key"]] and share > usual
        assert bucket["score"] == pytest.approx((share - usual) * share / usual)


def test_composite_pages_through_every_combination(index: Index) -> None:
    sources = [
        {"b": {"terms": {"field": "brand"}}},
        {"d": {"date_histogram": {"field": "published_at", "fixed_interval": "1d"}}},
    ]
    seen: dict[tuple[str, int], int] = {}
    after: dict[str, Any] = {}
    while True:
        part = aggregate(index, {"x": {"composite": {"size": 7, "sources": sources, **after}}})["x"]
        if not part["buckets"]:
            break
        seen |= {(bucket["key"]["b"], bucket["key"]["d"]): bucket["doc_count"] for bucket in part["buckets"]}
        after = {"after": part["after_key"]}
    expected = {
        (brand, day): count
        for brand, some in oracle.groups(CORPUS, "brand").items()
        for day, count in oracle.histogram(some, DAY).items()
    }
    assert seen == expected


# -- order, pages, sources ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sort", [None, [{"published_at": "asc"}], [{"reach": "desc"}], [{"score": {"order": "asc"}}, {"sort_key": "desc"}]]
)
def test_pages_put_together_are_the_whole(index: Index, sort: Any) -> None:
    body: dict[str, Any] = {"size": 37, "_source": False, **({"sort": sort} if sort else {})}
    seen: list[str] = []
    while hits := index.search(body)["hits"]["hits"]:
        seen += [hit["_id"] for hit in hits]
        body["search_after"] = hits[-1]["sort"]
    field, way = next(iter(sort[0].items())) if sort else ("sort_key", "desc")
    sign = -1 if way == "desc" else 1
    expected = sorted(
        CORPUS,
        key=lambda one: (sign * (one.sort_key if field == "published_at" else getattr(one, field)), -one.sort_key),
    )
    assert seen == [one.id for one in expected]
    first = index.search({"size": 5, "from": 10, **({"sort": sort} if sort else {})})["hits"]["hits"]
    assert [hit["_id"] for hit in first] == seen[10:15]


def test_scan_brings_everything_once(index: Index) -> None:
    query = {"term": {"brand": "beta"}}
    batches = list(index.scan(query, batch=25))
    assert max(map(len, batches)) <= 25 and len(batches) > 2
    assert [body for batch in batches for body in batch] == [oracle.plain(one) for one in oracle.find(query, CORPUS)]


def test_scan_tells_mentions_of_one_sort_key_apart(index: Index) -> None:
    twins = [
        mention(60_000 + n, id=f"abcde{n:015x}", published_at=START - timedelta(days=99), digest=f"t{n}")
        for n in range(12)
    ]
    index.write(twins)
    settled(index)
    try:
        assert len({twin.sort_key for twin in twins}) == 1
        got = [
            body["id"]
            for batch in index.scan({"range": {"published_at": {"lt": START.isoformat()}}}, batch=5)
            for body in batch
        ]
        assert sorted(got) == sorted(twin.id for twin in twins)
    finally:
        index.delete([twin.id for twin in twins])
        settled(index)


def test_parts_of_the_source(index: Index) -> None:
    def source(wish: Any) -> Any:
        return index.search({"size": 1, "_source": wish})["hits"]["hits"][0].get("_source")

    whole = source(True)
    assert source(False) is None
    assert source(["id", "brand"]) == {"id": whole["id"], "brand": whole["brand"]}
    assert source("pub*") == {"published_at": whole["published_at"]}
    assert source({"excludes": ["t*"]}) == {key: value for key, value in whole.items() if not key.startswith("t")}


def test_many_questions_at_once_are_answered_as_one_by_one(index: Index) -> None:
    bodies: list[Json] = [
        {"size": 3, "query": {"term": {"topic": "hr"}}},
        {"size": 0, "aggs": {"x": {"terms": {"field": "brand"}}}},
        {"size": 0, "aggs": {"x": {"significant_terms": {"field": "topic"}}}, "query": {"term": {"topic": "hr"}}},
        {"track_total_hits": False, "_source": ["id"], "aggs": {}},
        {"query": {"term": {"topic": "nobody's"}}, "aggs": {"x": {"terms": {"field": "brand"}}}},
    ]
    assert index.search_many(bodies) == [index.search(body) for body in bodies]
    assert index.search_many([]) == []
    with pytest.raises(BadQuery, match="nonsense"):
        index.search_many([bodies[0], {"query": {"nonsense": {}}}])
    with pytest.raises(BadQuery, match="too many buckets"):
        index.search_many([bodies[0], REFUSED["too many buckets"]])


def test_total_can_be_left_out(index: Index) -> None:
    assert "total" not in index.search({"track_total_hits": False})["hits"]


def test_what_was_found_is_marked(index: Index) -> None:
    query = parse_query("l'azienda perche -brand:gamma")
    hits = index.search({"query": query, "highlight": {"fields": {"title": {}, "text": {}}, "number_of_fragments": 0}})[
        "hits"
    ]["hits"]
    assert hits
    for hit in hits:
        for field, (marked,) in hit["highlight"].items():
            assert marked.replace("<em>", "").replace("</em>", "") == hit["_source"][field]
            spans = highlights(hit["_source"][field], query, field)
            assert {hit["_source"][field][a:b].lower() for a, b in spans} <= {"l", "azienda", "perché"}
            assert marked.count("<em>") == len(spans) > 0


# -- what is refused ----------------------------------------------------------------------------------------------------
REFUSED: dict[str, dict[str, Any]] = {
    '"regexp"': {"query": {"regexp": {"text": "a.*"}}},
    '"query_string"': {"query": {"query_string": {"query": "a"}}},
    'did you mean "brand"': {"query": {"term": {"brnd": "acme"}}},
    'did you mean "sentiment"': {"aggs": {"x": {"terms": {"field": "sentimento"}}}},
    '"analyzer" in "match"': {"query": {"match": {"text": {"query": "a", "analyzer": "x"}}}},
    '"text" cannot be aggregated': {"aggs": {"x": {"terms": {"field": "text"}}}},
    '"time_zone"': {
        "aggs": {"x": {"date_histogram": {"field": "published_at", "fixed_interval": "1d", "time_zone": "Europe/Rome"}}}
    },
    '"month"': {"aggs": {"x": {"date_histogram": {"field": "published_at", "calendar_interval": "month"}}}},
    '"format"': {
        "aggs": {"x": {"date_histogram": {"field": "published_at", "fixed_interval": "1d", "format": "yyyy"}}}
    },
    '"derivative"': {"aggs": {"x": {"derivative": {"buckets_path": "a"}}}},
    '"avg" wants a number': {"aggs": {"x": {"avg": {"field": "brand"}}}},
    "too many buckets": {"aggs": {"x": {"date_histogram": {"field": "published_at", "fixed_interval": "1s"}}}},
    "is not a date": {"query": {"range": {"published_at": {"gte": "someday"}}}},
    "ranges work on dates and numbers": {"query": {"range": {"brand": {"gte": "a"}}}},
    "cannot be sorted": {"sort": ["author"]},
    '"search_after" wants': {"search_after": ["x"]},
    '"size" is a number': {"size": 20_000},
    '"from" + "size"': {"size": 9_000, "from": 9_000},
    '"knn"': {"knn": {}},
    "one key": {"query": {"term": {"brand": "a"}, "match_all": {}}},
    "nested more than": {
        "query": __import__("functools").reduce(lambda inner, _: {"bool": {"must": [inner]}}, range(90), ALL)
    },
    '"order" names "mean"': {"aggs": {"x": {"terms": {"field": "brand", "order": {"mean": "asc"}}}}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_outside_the_subset_is_refused_by_name(index: Index, message: str) -> None:
    with pytest.raises(BadQuery) as caught:
        index.search(REFUSED[message])
    assert message in str(caught.value)
