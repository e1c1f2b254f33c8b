"""Whatever stands in a text: a tag or an honest "cannot say", never an exception, and in linear time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment import Enricher, EnrichmentSettings, Stories
from enrichment.terms import MOST
from stream import SENTIMENTS, Brand, Mention

BRANDS = (Brand(name="Aurora"), Brand(name="Velox", query='velox NEAR/5 (volo OR aereo) AND NOT "velox bike"'))
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC).isoformat()


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(BRANDS, EnrichmentSettings())


def tagged(enricher: Enricher, text: str, title: str = "") -> Mention:
    """As a source may send it: plain JSON, halves of characters included."""
    value = {"id": "a" * 20, "source": "s", "channel": "feed", "fetched_at": NOW, "published_at": NOW}
    [mention] = enricher.tag([json.dumps(value | {"text": text, "title": title}).encode()])
    assert isinstance(mention, Mention), mention
    return mention


def whole(mention: Mention) -> bool:
    """Everything is said, in values that the store takes; and it can be told a story of."""
    assert mention.sentiment in SENTIMENTS and -1 <= mention.score <= 1 and 0 <= mention.confidence <= 1
    assert len(mention.terms) <= MOST and all(mention.terms) and len(mention.signature) < 400
    assert msgspec.json.decode(msgspec.json.encode(mention), type=Mention) == mention
    assert Stories(1024).assign(["a"], [mention.signature])["a"].story == "a"
    return True


PIECES = st.sampled_from(
    [
        *(
            "\u202e",
            "\u200f",
            "\u200b",
            "\x00",
            "\ud83d",
            "\udc00",
            "\u2028",
            "\n",
            "\x02",
            "\x020",
            "e\u0301",
            "ß",
            "İ",
            "ﬁ",
        ),
        *(
            "😀",
            "👩\u200d👩\u200d👧",
            "<br>",
            "&nbsp;",
            "&#0;",
            "&lt;p&gt;",
            "</",
            "שלום",
            "مرحبا",
            "l'",
            "’",
            "''",
            "#",
            "@",
        ),
        *("http://", ".", "!!", "non", "not", "perché no", "don't"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=40), st.booleans())
@settings(max_examples=250, deadline=None)
def test_anything_around_a_name_is_tagged(enricher: Enricher, pieces: list[str], glued: bool) -> None:
    text = ("" if glued else " ").join(pieces)
    assert whole(tagged(enricher, f"Aurora {text}", text[:30]))
    assert whole(tagged(enricher, f"{text} Aurora"))


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud83d", "\u202e\u200f", "...", "12 34", "#", "@aurora"])
def test_what_says_nothing_is_told_to_say_nothing(enricher: Enricher, text: str) -> None:
    mention = tagged(enricher, f"Aurora {text}")
    assert (mention.language, mention.sentiment, mention.terms) == ("und", "neutral", ())
    assert mention.unsure


def test_emoji_alone_are_judged_but_have_no_language(enricher: Enricher) -> None:
    mention = tagged(enricher, "Aurora 😡😡😡")
    assert mention.language == "und" and mention.terms == () and whole(mention)


def test_two_languages_in_one_text_have_one_tag(enricher: Enricher) -> None:
    mention = tagged(
        enricher, "Aurora è una vergogna, pessimo servizio clienti. Worst customer service ever, shame on you!"
    )
    assert mention.language in ("it", "en") and mention.sentiment == "negative"


def test_marks_of_direction_and_leftovers_of_html_do_not_get_into_terms(enricher: Enricher) -> None:
    mention = tagged(enricher, "Aurora \u202emacchina\u202c <b>difettosa</b>&nbsp;rimborso&amp;scuse")
    assert not any(ch in term for term in mention.terms for ch in "<>&;\u202e\u202c")


SIZES: dict[str, Callable[[int], str]] = {
    "one word": lambda size: "x" * size,
    "hashtags": lambda size: " ".join(f"#tag{number}" for number in range(size // 10)),
    "words": lambda size: "pessima macchina, " * (size // 18),
    "emoji in one": lambda size: "😀" * size,
    "emoji": lambda size: "😀 " * (size // 2),
    "directions": lambda size: "\u202e\u200fשלום " * (size // 7),
    "html": lambda size: "<br/>&nbsp;&lt;p&gt; " * (size // 21),
    "nothing": lambda size: "\x00" * size,
    "apostrophes": lambda size: "l'" * (size // 2),
    "accents": lambda size: "a" + "\u0301" * size,
    "address": lambda size: "http://" + "a/" * (size // 2),
    "negations": lambda size: "non not " * (size // 8),
    "contrasts": lambda size: "good but bad " * (size // 13),
    "names": lambda size: "aurora " * (size // 7),
    "names near words": lambda size: "velox volo " * (size // 11),
    "punctuation": lambda size: ". ! " * (size // 4),
}


def steps(work: Callable[[], object]) -> int:
    """How many lines of our code run: a measure of time that a busy machine does not change."""
    count = 0

    def line(frame: FrameType, event: str, _arg: object) -> object:
        nonlocal count
        count += event == "line"
        return line if "/enrichment/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", SIZES)
def test_the_work_grows_no_faster_than_the_text(enricher: Enricher, kind: str) -> None:
    small, large = (f"Aurora {SIZES[kind](size)}" for size in (6_000, 24_000))
    tagged(enricher, large)  # words are known from now on
    once, four_times = (steps(lambda text=text: tagged(enricher, text)) for text in (small, large))  # type: ignore[misc]
    assert four_times < 6 * once + 2000


@pytest.mark.parametrize("kind", SIZES)
def test_a_megabyte_is_tagged(enricher: Enricher, kind: str) -> None:
    """Or a fifth of one where it takes seconds; a quadratic step would take an hour."""
    size = 200_000 if kind in ("names near words", "emoji", "punctuation", "words") else 1_000_000
    assert whole(tagged(enricher, f"Aurora {SIZES[kind](size)}"))
