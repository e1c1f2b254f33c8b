"""Identities and the order of mentions by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream import EDITABLE, SENTIMENTS, Edit, Item, Mention, mention_id, sort_key, utc_now

TIMES = st.integers(0, 7 * 10**12).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
KEYS = st.text(min_size=1)


@given(KEYS, KEYS)
def test_equal_keys_and_only_they_have_equal_ids(one: str, two: str) -> None:
    assert (mention_id(one) == mention_id(two)) == (one == two)
    assert len(mention_id(one)) == 20
    assert int(mention_id(one), 16) >= 0


def test_an_id_never_changes_between_versions() -> None:
    assert mention_id("https://blog.gusto.example/2026/03/cialde-aurora") == "69ac0b13b1b590106b37"


def test_a_key_with_half_a_surrogate_pair_has_an_id_too() -> None:
    assert mention_id("\ud83d") != mention_id("\ud83e")


@given(TIMES, KEYS, KEYS, st.integers(1, 10**9))
def test_a_later_millisecond_sorts_later_whatever_the_ids(at: datetime, one: str, two: str, later: int) -> None:
    first = at.replace(microsecond=0)
    after = first + timedelta(milliseconds=later)
    assert sort_key(first, mention_id(one)) < sort_key(after, mention_id(two))


@given(TIMES, KEYS)
def test_a_sort_key_fits_64_bits_and_holds_the_millisecond(at: datetime, key: str) -> None:
    found = sort_key(at, mention_id(key))
    assert 0 <= found < 2**63
    assert found >> 20 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_before_1970_counts_as_1970() -> None:
    assert sort_key(datetime(1901, 1, 1, tzinfo=UTC), "0" * 20) == 0


def test_the_present_is_aware() -> None:
    assert utc_now().tzinfo is UTC


def test_an_item_leaves_out_what_is_at_its_default() -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)
    item = Item(id="0" * 20, source="s", channel="feed", fetched_at=at, published_at=at)
    assert set(msgspec.json.decode(msgspec.json.encode(item))) == set(Item.__struct_fields__[:5])


def test_what_can_be_edited_is_a_field_of_a_mention() -> None:
    assert set(EDITABLE) <= set(Mention.__struct_fields__)
    assert "erase-author" in msgspec.json.schema(Edit)["$defs"]["Edit"]["properties"]["kind"]["enum"]
    assert set(msgspec.json.schema(Mention)["$defs"]["Mention"]["properties"]["sentiment"]["enum"]) == set(SENTIMENTS)
