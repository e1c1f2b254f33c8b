"""The store's pure parts: what humans say over what the machine says, marks in a text, names of authors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import highlights, parse_query
from index.bodies import decode, encode, normal
from index.overlay import overlaid
from index.people import author_key
from stream import Edit, Mention, mention_id, sort_key

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ID = mention_id("x")
PLAIN = Mention(
    id=ID,
    source="s",
    channel="feed",
    fetched_at=AT,
    published_at=AT,
    date_origin="stated",
    sort_key=sort_key(AT, ID),
    language="it",
    brand=("acme",),
    sentiment="neutral",
    score=0.0,
    confidence=0.5,
    status="new",
    reach=0,
    backfill=False,
    engine="1",
    digest="d",
)


def edit(minute: int, **changes: str | list[str]) -> Edit:
    return Edit(id=f"e{minute}", at=AT + timedelta(minutes=minute), by="anna", mention=ID, changes=changes)


@given(st.permutations([edit(1, status="open", note="a"), edit(2, status="closed"), edit(3, brand=["b", "", "b"])]))
def test_edits_mean_the_same_in_any_order(edits: list[Edit]) -> None:
    shown = overlaid(PLAIN, edits)
    assert (shown.status, shown.note, shown.brand) == ("closed", "a", ("b",))
    assert set(shown.edited) == {"status", "note", "brand"}


def test_no_edits_change_nothing() -> None:
    assert overlaid(PLAIN, []) is PLAIN


@given(st.text(), st.text(), st.floats(), st.integers(-(1 << 80), 1 << 80), st.datetimes())
def test_whatever_a_mention_holds_its_body_is_json_that_reads_back(
    title: str, author: str, score: float, reach: int, when: datetime
) -> None:
    mention = msgspec.structs.replace(
        PLAIN, title=title, author=author, score=score, reach=reach, published_at=when.replace(tzinfo=UTC)
    )
    body = encode(normal(mention))
    back = decode(body)
    assert encode(back) == body and b"null" not in body.replace(title.encode("utf-8", "replace"), b"").replace(
        author.encode("utf-8", "replace"), b""
    )
    assert -1 <= back.score <= 1 and 0 <= back.reach < 1 << 63 and 1970 <= back.published_at.year < 2200


def test_a_sound_mention_is_not_copied() -> None:
    assert normal(PLAIN) is PLAIN


@pytest.mark.parametrize("name", ["maria rossi", " Maria Rossi ", "ＭＡＲＩＡ ROSSI"])
def test_an_author_is_one_person_in_any_writing(name: str) -> None:
    assert author_key(name) == author_key("Maria Rossi")


def test_no_name_is_nobody() -> None:
    assert author_key("") is None and author_key("  ") is None and author_key("a") != author_key("b")


MARKED = {
    "perche": "[Perché] no? [PERCHÉ] sì",
    "l'azienda": "[L]'[azienda] e l'altra; dell'azienda",
    '"il pacco"': "ecco [il] [pacco], il mio pacco",
    '"il pacco"~1': "ecco [il] [pacco], [il] mio [pacco]",
    "pacc*": "[pacco] [pacchi] impacco",
    "pacho~1": "[pacco] pacchetto",
    "pacco -lento": "[pacco] lento",
    "pacco OR (lento brand:acme)": "[pacco] [lento] acme",
    "titolo:pacco": "pacco",
    "brand:pacco": "pacco",
    "pacco": "😀 è il [pacco]",
}


@pytest.mark.parametrize("query", MARKED)
def test_what_is_marked(query: str) -> None:
    wanted = MARKED[query]
    text = wanted.replace("[", "").replace("]", "")
    parts, place = [], 0
    for start, end in highlights(text, parse_query(query)):
        parts += [text[place:start], "[", text[start:end], "]"]
        place = end
    assert "".join([*parts, text[place:]]) == wanted


@given(st.text(max_size=60), st.text(max_size=20))
def test_marks_lie_in_the_text_in_order_and_apart(text: str, word: str) -> None:
    spans = highlights(text, {"multi_match": {"query": word, "fields": ["text"], "type": "best_fields"}})
    ends = [place for span in spans for place in span]
    assert ends == sorted(ends) and all(0 <= start < end <= len(text) for start, end in spans)
