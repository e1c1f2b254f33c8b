"""Who gets which partition."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stream.assignment import assign

NAMES = ["anna", "bruno", "carla", "dario", "elena"]
WANTED = st.dictionaries(st.integers(0, 20), st.one_of(st.none(), st.sampled_from(NAMES)), min_size=1)
MEMBERS = st.sets(st.sampled_from(NAMES), min_size=1)


@given(WANTED, MEMBERS)
def test_everything_is_given_out_and_shares_differ_by_one_at_most(
    wanted: dict[int, str | None], members: set[str]
) -> None:
    given_out = assign(wanted, members)
    assert given_out.keys() == wanted.keys()
    shares = Counter(given_out.values())
    assert set(shares) <= members
    sizes = [shares[member] for member in members]
    assert max(sizes) - min(sizes) <= 1


@given(WANTED, MEMBERS)
def test_nothing_moves_when_nothing_changed(wanted: dict[int, str | None], members: set[str]) -> None:
    settled = assign(wanted, members)
    assert assign(settled, members) == settled


@given(WANTED, MEMBERS)
def test_only_what_must_move_moves(wanted: dict[int, str | None], members: set[str]) -> None:
    share, rest = divmod(len(wanted), len(members))
    held = sorted((Counter(wanted.values())[member] for member in members), reverse=True)
    may_stay = sum(min(count, share + (rank < rest)) for rank, count in enumerate(held))
    given_out = assign(wanted, members)
    assert sum(wanted[p] == given_out[p] for p in wanted) == may_stay


def test_a_member_that_joins_takes_from_those_who_have_most() -> None:
    assert assign({0: "anna", 1: "anna", 2: "anna", 3: "bruno"}, ["anna", "bruno", "carla"]) == {
        0: "anna",
        1: "anna",
        2: "carla",
        3: "bruno",
    }
