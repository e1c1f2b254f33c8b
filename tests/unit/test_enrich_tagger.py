"""The enricher: what one record becomes, whatever stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment import Enricher, EnrichmentSettings, Rejected
from stream import Brand, Item, Mention, Product, sort_key

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
BRANDS = (
    Brand(name="Aurora", products=(Product(name="Aurora Mini"), Product(name="Turbo 3000", keywords=("turbo 3000",)))),
    Brand(name="United", keywords=("united", "united airlines")),
)


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(BRANDS, EnrichmentSettings())


def raw(**fields: Any) -> bytes:
    known = {
        "id": "1234567890abcdef0000",
        "source": "feed:a",
        "channel": "feed",
        "fetched_at": NOW,
        "published_at": NOW,
    }
    return msgspec.json.encode(Item(**(known | fields)))


def tag(enricher: Enricher, **fields: Any) -> Mention:
    [answer] = enricher.tag([raw(**fields)])
    assert isinstance(answer, Mention), answer
    return answer


def spans(mention: Mention, tag: str) -> list[str]:
    fields = {"title": mention.title, "text": mention.text}
    return [fields[why.field][why.start : why.end] for why in mention.why if why.tag == tag and why.start >= 0]


def test_a_query_decides_says_why_and_masks_its_names_only() -> None:
    brand = Brand(name="Target", query="=Target AND (negozio OR scont* OR orrendo) AND lang:it")
    enricher = Enricher((brand, BRANDS[1]), EnrichmentSettings())
    mention = tag(
        enricher, title="Sconti nel negozio", text="Ma il servizio di Target oggi è stato davvero orrendo e lento"
    )
    assert mention.brand == ("target",) and mention.sentiment == "negative"
    assert spans(mention, "brand:target") == ["Target", "Sconti", "negozio", "orrendo"]
    assert {why.by for why in mention.why if why.tag == "brand:target"} >= {'query "Target"', 'query "scont*"'}
    english = raw(text="The service at Target with its negozio sign was really awful this morning")
    assert isinstance(enricher.tag([english])[0], Rejected)


@pytest.mark.parametrize("text", ["", "😀", "https://x.example/1", "pessimo " * 300])
def test_a_query_that_asks_for_no_word_takes_any_text(text: str) -> None:
    enricher = Enricher((Brand(name="Forum", query="site:acme-forum.it"), BRANDS[1]), EnrichmentSettings())
    mention = tag(enricher, text=text, site="www.acme-forum.it")
    assert mention.brand == ("forum",)
    assert [(why.by, why.start) for why in mention.why if why.tag == "brand:forum"] == [
        ('query "site:acme-forum.it"', -1)
    ]


def test_a_changed_query_changes_the_version_of_the_tagging() -> None:
    versions = {
        Enricher((Brand(name="Target", query=query),), EnrichmentSettings()).engine
        for query in ("=Target", "=Target lang:it")
    }
    assert len(versions) == 2


def test_carries_the_item_over(enricher: Enricher) -> None:
    fields: dict[str, Any] = {
        "title": "Aurora", "text": "buona", "url": "https://a.example/1", "site": "a.example", "author": "Anna",
        "author_url": "u", "reach": 7, "backfill": True, "extra": {"k": "v"}, "date_origin": "zone-assumed",
    }  # fmt: skip
    mention = tag(enricher, **fields)
    for field, value in fields.items():
        assert getattr(mention, field) == value
    assert (mention.id, mention.source, mention.channel) == ("1234567890abcdef0000", "feed:a", "feed")
    assert mention.sort_key == sort_key(NOW, "1234567890abcdef0000")
    assert (mention.status, mention.story, mention.edited, mention.assignee) == ("new", mention.id, {}, "")


def test_spans_are_right_in_title_and_text_behind_odd_letters(enricher: Enricher) -> None:
    mention = tag(enricher, title="😀İ L’AURORA ﬁne", text="ß🇮🇹 dell’Aurora  Mini, #auroramini\nla consegna é arrivata")
    assert spans(mention, "brand:aurora") == ["AURORA", "Aurora"]
    assert spans(mention, "product:aurora-mini") == ["auroramini"]
    assert spans(mention, "topic:delivery") == ["consegna"]


def test_a_name_does_not_reach_from_the_title_into_the_text(enricher: Enricher) -> None:
    assert tag(enricher, title="Aurora", text="Mini moto").product == ()


def test_every_tag_has_its_reason_and_confidence(enricher: Enricher) -> None:
    mention = tag(enricher, title="Consegna in ritardo", text="l'Aurora Mini non è arrivata, pessimo servizio clienti")
    tags = {why.tag for why in mention.why}
    assert tags >= {
        "brand:aurora", "product:aurora-mini", "topic:delivery", "department:logistics", "language:it", "sentiment:negative",
    }  # fmt: skip
    assert tags >= {f"topic:{topic}" for topic in mention.topic} | {f"department:{one}" for one in mention.department}
    assert all(0 < why.confidence <= 1 and why.by for why in mention.why)
    assert '"pessimo servizio"' in next(why.by for why in mention.why if why.tag == "sentiment:negative")


def test_a_product_names_its_brand_and_says_so(enricher: Enricher) -> None:
    mention = tag(enricher, text="il turbo 3000 è buono")
    assert (mention.brand, mention.product) == (("aurora",), ("turbo-3000",))
    assert [why.by for why in mention.why if why.tag == "brand:aurora"] == ["product turbo-3000"]
    assert spans(mention, "brand:aurora") == ["turbo 3000"]


def test_a_brand_s_own_name_has_no_sentiment(enricher: Enricher) -> None:
    flight = "{} flight at nine from gate four"
    assert tag(enricher, text=flight.format("@united")).score == tag(enricher, text=flight.format("@aurora")).score
    assert tag(enricher, text=flight.format("United")).score == tag(enricher, text=flight.format("Aurora")).score
    assert tag(enricher, text="United Airlines, the worst airline ever").sentiment == "negative"


def test_entities_are_read(enricher: Enricher) -> None:
    plain = tag(enricher, text="Aurora is not good & not bad")
    assert tag(enricher, text="Aurora is not good &amp; not bad").score == plain.score


def test_many_spans_of_one_tag_are_cut(enricher: Enricher) -> None:
    mention = tag(enricher, text="Aurora " * 500)
    assert len(mention.why) < 20


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (b"", "dead", "not the JSON"),
        (b"\xff\xfe", "dead", "not the JSON"),
        (b"[" * 200_000, "dead", "not"),
        (b'{"a":' * 200_000, "dead", "not"),
        (b"null", "dead", "Expected `object`"),
        (b'{"id":"x","source":"feed:b"}', "dead", "missing required field"),
        (raw(text="Aurora").replace(b'"feed:a"', b"7"), "dead", "Expected `str`"),
        (raw(text="Aurora", id=""), "dead", "no id"),
        (raw(text="Aurora", id="post-17"), "dead", "not made of the digits"),
        (raw(text="Aurora", id="A" * 20), "dead", "not made of the digits"),
        (raw(text="Aurora").replace(b"2026-03-03T12:00:00Z", b"2026-03-03T12:00:00"), "dead", "no time with a zone"),
        (raw(text="Aurora").replace(b"2026-03-03T12:00:00Z", b"yesterday"), "dead", "RFC3339"),
        (raw(text="niente"), "not-a-mention", "names none of the brands"),
        (raw(kind="tombstone", text="Aurora"), "tombstone", "gone"),
    ],
)
def test_what_is_no_mention_says_why(enricher: Enricher, value: bytes, kind: str, reason: str) -> None:
    [answer] = enricher.tag([value])
    assert isinstance(answer, Rejected)
    assert answer.kind == kind
    assert reason in answer.reason


def test_what_is_known_of_a_dead_record_is_told(enricher: Enricher) -> None:
    [answer] = enricher.tag([b'{"id":"x","source":"feed:b"}'])
    assert isinstance(answer, Rejected)
    assert (answer.id, answer.source) == ("x", "feed:b")


def test_half_characters_are_mended_and_counted(enricher: Enricher) -> None:
    before = enricher.repaired
    [answer] = enricher.tag([raw(text="Aurora X").replace(b" X", b" \\ud83d fine")])
    assert isinstance(answer, Mention)
    assert answer.text == "Aurora ? fine"
    assert enricher.repaired == before + 1


def test_absurd_times_give_way_to_the_time_of_fetching(enricher: Enricher) -> None:
    value = raw(text="Aurora", published_at=datetime(1, 1, 1, tzinfo=UTC))
    [answer] = enricher.tag([value])
    assert isinstance(answer, Mention)
    assert (answer.published_at, answer.date_origin) == (NOW, "fetched")


def test_one_bad_record_does_not_touch_the_others(enricher: Enricher) -> None:
    answers = enricher.tag(
        [raw(text="Aurora", id="aaaaa"), b"{", raw(text="no", id="bbbbb"), raw(text="United", id="ccccc")]
    )
    assert [type(one).__name__ for one in answers] == ["Mention", "Rejected", "Rejected", "Mention"]
    assert [one.id for one in answers] == ["aaaaa", "", "bbbbb", "ccccc"]


def test_the_same_record_gives_the_same_whatever_came_before(enricher: Enricher) -> None:
    value = raw(text="l'Aurora Mini non mi piace :(", title="prova")
    alone = Enricher(BRANDS, EnrichmentSettings()).tag([value])
    enricher.tag([raw(text=f"Aurora parola{number}") for number in range(300)])
    assert enricher.tag([raw(text="Aurora"), value])[1:] == alone


def test_the_digest_is_content_and_engine(enricher: Enricher) -> None:
    first = tag(enricher, text="Aurora", author="a", url="u")
    later = datetime(2026, 3, 4, tzinfo=UTC)
    assert tag(enricher, text="Aurora", author="a", url="u", fetched_at=later, reach=9).digest == first.digest
    for change in ({"text": "Aurora!"}, {"title": "x"}, {"author": "b"}, {"url": "v"}, {"published_at": later}):
        assert tag(enricher, **({"text": "Aurora", "author": "a", "url": "u"} | change)).digest != first.digest
    fetched = {"text": "Aurora", "date_origin": "fetched"}
    assert tag(enricher, **fetched).digest == tag(enricher, **fetched, published_at=later).digest


def test_the_engine_changes_with_brands_and_settings(enricher: Enricher) -> None:
    assert Enricher(BRANDS, EnrichmentSettings()).engine == enricher.engine
    assert Enricher(BRANDS[:1], EnrichmentSettings()).engine != enricher.engine
    assert Enricher(BRANDS, EnrichmentSettings(languages=("it", "en"))).engine != enricher.engine


def test_the_sources_hint_helps_where_words_do_not(enricher: Enricher) -> None:
    assert tag(enricher, text="Aurora ok").language in ("it", "en", "es", "fr", "de", "pt", "und")
    assert tag(enricher, text="Aurora 100", language="it-IT").language == "it"
    assert tag(enricher, text="Aurora 100").language == "und"
    sure = tag(enricher, text="Aurora: questa macchina perde acqua da tutte le parti", language="en")
    assert sure.language == "it"


JUNK = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)


@given(JUNK, JUNK, JUNK)
@settings(max_examples=150, deadline=None)
def test_junk_around_a_name_is_tagged_with_spans_that_fit(
    enricher: Enricher, title: str, before: str, after: str
) -> None:
    mention = tag(enricher, title=title, text=f"{before} Aurora {after}")
    assert "Aurora" in spans(mention, "brand:aurora")
    assert -1 <= mention.score <= 1
    assert json.loads(msgspec.json.encode(mention))["brand"][0]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | JUNK,
        lambda inner: st.lists(inner) | st.dictionaries(JUNK, inner),
        max_leaves=8,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_json_has_an_answer(enricher: Enricher, value: object) -> None:
    whole = json.loads(raw(text="Aurora"))
    for sent in (value, whole | {"text": value}, whole | {"extra": value}, whole | {"published_at": value}):
        [answer] = enricher.tag([json.dumps(sent).encode()])
        assert isinstance(answer, Mention | Rejected)


def test_long_texts_take_linear_time_and_one_word_of_a_megabyte_is_no_trouble(enricher: Enricher) -> None:
    assert tag(enricher, text="Aurora " + "x" * 1_000_000).brand == ("aurora",)
    assert tag(enricher, text="Aurora è buona. " * 20_000).sentiment == "positive"


def test_words_that_are_forgotten_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        f"Aurora parola{number} e United non arriva{number % 7}, @anna{number} che delusione" for number in range(60)
    ]
    records = [raw(text=text) for text in texts]
    expected = Enricher(BRANDS, EnrichmentSettings()).tag(records)
    forgetful = Enricher(BRANDS, EnrichmentSettings())
    monkeypatch.setattr("enrichment.vocabulary._TOKENS", 20)
    assert [forgetful.tag(records[start : start + 3]) for start in range(0, 60, 3)] == [
        expected[start : start + 3] for start in range(0, 60, 3)
    ]
