"""Stories and events: copies found by their signatures, in a bounded window that can be rebuilt."""

from __future__ import annotations

import gc
import hashlib
import random
import string
import tracemalloc
import weakref
from itertools import combinations

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.events import HOURS, LASTS
from enrichment.signatures import NONE, parse, publisher_of, signatures
from enrichment.stories import Group, Stories
from enrichment.terms import content

ARTICLE = (
    "la società ha annunciato ieri il ritiro di mille macchine da caffè dopo che alcuni clienti avevano segnalato scosse "
    "elettriche il ministero ha aperto una indagine e chiede di non usare gli apparecchi fino a nuovo ordine"
).split()


def marks(*texts: str, publisher: str = "", hour: int = 0) -> list[str]:
    words = [text.split() for text in texts]
    hashes = np.array([xxhash.xxh3_64_intdigest(word.encode()) for text in words for word in text], np.uint64)
    stems = [content(word).stem for text in words for word in text]
    contents = np.array([xxhash.xxh3_64_intdigest(stem.encode()) if stem else 0 for stem in stems], np.uint64)
    starts = np.cumsum([0, *map(len, words)])
    return signatures(hashes, contents, starts, [publisher_of(publisher)] * len(texts), [hour] * len(texts))


def stories(window: Stories, *texts: tuple[str, str], publisher: str = "") -> list[str]:
    ids = [id for id, _ in texts]
    told = window.assign(ids, marks(*(text for _, text in texts), publisher=publisher))
    return [told[id].story for id in ids]


def changed(chance: random.Random, words: int) -> str:
    copy = list(ARTICLE)
    for place in chance.sample(range(len(copy)), words):
        copy[place] = "".join(chance.choices(string.ascii_lowercase, k=6))
    return " ".join(copy)


def test_copies_and_near_copies_are_the_story_of_the_first() -> None:
    window = Stories(1024)
    chance = random.Random(3)
    first = " ".join(ARTICLE)
    assert stories(window, ("a", first), ("b", first), ("c", changed(chance, 2))) == ["a", "a", "a"]
    assert stories(window, ("d", changed(chance, 3)), ("e", "tutt'altra cosa da dire oggi")) == ["a", "e"]


def test_a_copy_of_a_copy_belongs_to_the_first() -> None:
    window = Stories(1024)
    half = " ".join(ARTICLE[:24])
    assert stories(window, ("a", " ".join(ARTICLE))) == ["a"]
    assert stories(window, ("b", half + " " + " ".join(ARTICLE[24:30]))) == ["a"]
    assert stories(window, ("c", half)) == ["a"]


def test_short_texts_are_copies_only_when_equal_and_when_they_say_something() -> None:
    texts = (
        ("a", "volo cancellato"),
        ("b", "volo cancellato"),
        ("c", "volo"),
        ("d", "grazie mille"),
        ("e", "grazie mille"),
    )
    assert stories(Stories(1024), *texts) == ["a", "a", "c", "d", "e"]


def test_a_part_is_of_the_story_of_the_whole() -> None:
    whole = " ".join(ARTICLE + [f"parola{number}" for number in range(120)])
    assert stories(Stories(1024), ("a", whole), ("b", " ".join(ARTICLE))) == ["a", "a"]
    assert stories(Stories(1024), ("a", " ".join(ARTICLE)), ("b", whole)) == ["a", "a"]


def test_one_sentence_in_common_makes_no_story_of_two_long_texts() -> None:
    texts = [" ".join(ARTICLE[:15] + [f"{name}{number}" for number in range(150)]) for name in "xy"]
    assert stories(Stories(1024), ("a", texts[0]), ("b", texts[1])) == ["a", "b"]


def test_a_feeds_boilerplate_makes_no_story() -> None:
    """Once three items have shown what stands around each of them."""
    window = Stories(1024)
    items = [" ".join(f"{word}{number}" for word in ARTICLE[20:30]) for number in range(8)]
    wrapped = [f"{item} {' '.join(ARTICLE[:20])}" for item in items]
    found = [stories(window, (f"m{number}", text), publisher="feed")[0] for number, text in enumerate(wrapped)]
    assert found[3:] == ["m3", "m4", "m5", "m6", "m7"]
    assert stories(window, ("other", items[5] + " in breve"), publisher="elsewhere") == ["m5"]


def test_a_feed_that_tells_one_story_again_and_again_is_not_boilerplate() -> None:
    window = Stories(1024)
    for number in range(6):
        assert stories(window, (f"m{number}", " ".join(ARTICLE) + f" edizione{number}"), publisher="feed") == ["m0"]


def test_a_text_that_repeats_two_stories_makes_them_one() -> None:
    first, second = " ".join(ARTICLE[:20]), " ".join(ARTICLE[14:])
    window = Stories(1024)
    assert stories(window, ("a", first), ("b", second)) == ["a", "b"]
    told = window.assign(["c"], marks(" ".join(ARTICLE)))
    assert {id: group.story for id, group in told.items()} == {"b": "a", "c": "a"}
    assert stories(window, ("d", second), ("b", second)) == ["a", "a"]


@given(st.permutations(range(12)), st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_the_order_of_arrival_does_not_matter(order: list[int], batch: int) -> None:
    chance = random.Random(4)
    other = [f"altro{number}" for number in range(24)]
    texts = [" ".join(ARTICLE), *(changed(chance, 1) for _ in range(4)), " ".join(ARTICLE[:24]), " ".join(ARTICLE[8:])]
    texts += [
        " ".join(other),
        " ".join(other[:18]),
        "prima " + " ".join(other),
        " ".join(other[6:]),
        "da solo qui resta lui",
    ]
    window = Stories(1024)
    told: dict[str, Group] = {}
    for start in range(0, 12, batch):
        ids = [str(number) for number in order[start : start + batch]]
        told |= window.assign(ids, marks(*(texts[int(id)] for id in ids)))
    groups: dict[str, set[int]] = {}
    for id, group in told.items():
        groups.setdefault(group.story, set()).add(int(id))
    assert sorted(map(sorted, groups.values())) == [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10], [11]]


EVENT = (
    "ritirate mille macchine da caffè aurora dopo le scosse elettriche ai clienti",
    "aurora ferma la vendita delle macchine da caffè: scosse ai clienti di Torino",
    "la borsa di Milano chiude in rialzo grazie ai titoli delle banche europee",
)


def test_stories_in_other_words_are_one_event() -> None:
    told = Stories(1024).assign(["a", "b", "c"], marks(*EVENT))
    assert told == {"a": Group("a", "a"), "b": Group("b", "a"), "c": Group("c", "c")}


def test_an_event_lasts_some_days() -> None:
    window = Stories(1024)
    window.assign(["a"], marks(EVENT[0], hour=1000))
    assert window.assign(["b"], marks(EVENT[1], hour=1000 + HOURS))["b"].event == "a"
    assert (
        window.assign(["c"], marks(EVENT[1] + " ieri e oggi ancora tanta paura fra la gente", hour=2000))["c"].story
        == "b"
    )
    window = Stories(1024)
    window.assign(["a"], marks(EVENT[0], hour=1000))
    assert window.assign(["b"], marks(EVENT[1], hour=1001 + HOURS))["b"].event == "b"


def filled() -> Stories:
    """A window in which words have the rarity of their own: thirty stories about other things."""
    window = Stories(1024)
    window.assign(
        [f"o{number}" for number in range(30)],
        marks(*(f"altro{number} cosa{number} tema{number} fatto{number}" for number in range(30))),
    )
    return window


def test_an_event_goes_no_further_than_what_is_near_its_first_story() -> None:
    """Of three stories, each near the next, the last is not near the first."""
    one, two, three, four = (ARTICLE[place : place + 5] for place in (0, 8, 18, 28))
    chain = [" ".join(words) for words in (one + two, two[::-1] + three, three[::-1] + four)]
    told = filled().assign(["a", "b"], marks(*chain[1:]))
    assert told["b"].event == "a"
    told = filled().assign(["a", "b", "c"], marks(*chain))
    assert [told[id].event for id in "abc"] == ["a", "a", "c"]


@pytest.mark.parametrize(("last", "event"), [(LASTS, "a"), (LASTS + 1, "d")])
def test_an_event_ends_a_while_after_it_began(last: int, event: str) -> None:
    """However often its first story is told again."""
    window = filled()
    for id, hour in ("a", 0), ("b", HOURS), ("c", 2 * HOURS):
        assert window.assign([id], marks(EVENT[0], hour=1000 + hour))[id].story == "a"
    assert window.assign(["d"], marks(EVENT[1], hour=1000 + last))["d"].event == event


def test_an_event_takes_no_more_in_when_its_first_story_is_forgotten() -> None:
    def event(others: int) -> str:
        window = Stories(24)
        window.assign(["a"], marks(EVENT[0]))
        fill = marks(*(f"altro{number} cosa{number} tema{number} fatto{number}" for number in range(40)))
        window.assign([f"o{number}" for number in range(20)], fill[:20])
        assert window.assign(["b"], marks(EVENT[1]))["b"].event == "a"
        window.assign([f"p{number}" for number in range(others)], fill[20 : 20 + others])
        return window.assign(["c"], marks("Torino clienti scosse caffè macchine aurora vendita ritirate mille"))[
            "c"
        ].event

    assert event(1) == "a"
    assert event(2) == "c"


def test_memory_is_bounded() -> None:
    """Also by what is kept of events: two stories of each, one after another."""
    window = Stories(64)
    held = []
    tracemalloc.start()
    for turn in range(2):
        for number in range(600):
            words = [f"{word}{turn}x{number}" for word in ARTICLE[:10]]
            ids = [f"{turn}-{number}-{place}" for place in "ab"]
            told = window.assign(ids, marks(" ".join(words), " ".join(words[::-1])))
            assert told[ids[1]] == Group(ids[1], ids[0])
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[1] < held[0] + 20_000, held


def test_where_stories_become_one_their_events_do_and_are_named_by_the_first() -> None:
    """Two halves of a text, each with an event of its own about it, then the whole."""
    halves = " ".join(ARTICLE[:18]), " ".join(ARTICLE[14:])
    about = " ".join(reversed(ARTICLE[18:])), " ".join(reversed(ARTICLE[:14]))
    window = Stories(1024)
    at = window.assign(["a", "b", "c", "d"], marks(about[0], halves[1], halves[0], about[1]))
    assert {id: at[id] for id in "abcd"} == {
        "a": Group("a", "a"), "b": Group("b", "a"), "c": Group("c", "c"), "d": Group("d", "c"),
    }  # fmt: skip
    at |= window.assign(["e"], marks(" ".join(ARTICLE)))
    assert {id: at[id] for id in "abcde"} == {
        "a": Group("a", "a"), "b": Group("b", "a"), "c": Group("b", "a"), "d": Group("d", "a"), "e": Group("b", "a"),
    }  # fmt: skip


PARTS = [(start, end) for start in (0, 7, 14, 21) for end in (14, 21, 28, 37) if start + 6 < end]
ARRIVALS = st.lists(
    st.tuples(st.sampled_from(PARTS), st.booleans(), st.sampled_from([0, 0, 0, 50, 100])), min_size=1, max_size=40
)


def arrived(arrivals: list[tuple[tuple[int, int], bool, int]]) -> dict[str, str]:
    """Parts of an article, some with their words turned round, so that they tell of the same without being copies."""
    found: dict[str, str] = {}
    for number, ((start, end), turned, hour) in enumerate(arrivals):
        words = ARTICLE[start:end]
        [mark] = marks(" ".join(words[::-1] if turned else words), hour=1000 + hour)
        found[f"m{number}"] = mark
    return found


@given(ARRIVALS, st.sampled_from([4, 9, 20, 1024]), st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_groups_are_named_by_their_first_and_never_taken_apart(
    arrivals: list[tuple[tuple[int, int], bool, int]], size: int, batch: int
) -> None:
    """As the index has them, also of what has left the window."""
    signed = arrived(arrivals)
    window = Stories(size)
    at: dict[str, Group] = {}
    for start in range(0, len(signed), batch):
        ids = list(signed)[start : start + batch]
        before = dict(at)
        at |= window.assign(ids, [signed[id] for id in ids])
        for group in set(at.values()):
            assert at[group.story].story == group.story
            assert at[group.event] == Group(group.event, group.event)
            if size == 1024:
                assert at[group.story].event == group.event
                assert int(group.event[1:]) <= int(group.story[1:])
        if size == 1024:
            for one, other in combinations(before, 2):
                assert before[one].story != before[other].story or at[one].story == at[other].story
                assert before[one].event != before[other].event or at[one].event == at[other].event


@given(ARRIVALS, st.sampled_from([9, 20, 1024]), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_a_window_made_anew_goes_on_as_the_old_one_would(
    arrivals: list[tuple[tuple[int, int], bool, int]], size: int, cut: int
) -> None:
    signed = arrived(arrivals)
    old = Stories(size)
    at: dict[str, Group] = {}
    for id, mark in list(signed.items())[:cut]:
        at |= old.assign([id], [mark])
    new = Stories(size)
    new.restore(
        {"id": id, "signature": signed[id], "story": group.story, "event": group.event} for id, group in at.items()
    )
    for id, mark in list(signed.items())[cut:]:
        assert new.assign([id], [mark]) == old.assign([id], [mark])


def test_copies_are_of_the_event_of_their_story_also_after_a_restart() -> None:
    window = Stories(1024)
    signed = marks(*EVENT)
    told = window.assign(["a", "b", "c"], signed)
    again = Stories(1024)
    again.restore(
        {"id": id, "signature": mark, "story": told[id].story, "event": told[id].event}
        for id, mark in zip("abc", signed, strict=True)
    )
    for one in (window, again):
        assert one.assign(["d"], marks(EVENT[1]))["d"] == Group("b", "a")


def test_of_what_is_stored_the_last_word_about_a_story_holds() -> None:
    """A window may be made anew wider than it was when its mentions were told."""
    signed = marks(EVENT[0], EVENT[2], EVENT[1], EVENT[1])
    window = Stories(1024)
    window.restore(
        {"id": id, "signature": mark, "story": story, "event": event}
        for id, mark, story, event in zip("abcd", signed, "abcc", "abab", strict=True)
    )
    assert window.assign(["e"], signed[3:])["e"] == Group("c", "b")


def test_texts_without_words_are_stories_of_their_own() -> None:
    assert stories(Stories(1024), ("a", ""), ("b", "")) == ["a", "b"]


def test_the_same_mention_again_keeps_its_story() -> None:
    window = Stories(1024)
    text = " ".join(ARTICLE)
    assert stories(window, ("a", text), ("b", text), ("b", "altro testo molto diverso da quello")) == ["a", "a", "a"]
    assert stories(window, ("b", "altro testo molto diverso da quello"), ("a", text)) == ["a", "a"]
    assert len(window) == 2


def test_what_left_the_window_is_forgotten() -> None:
    window = Stories(1024)
    text = " ".join(ARTICLE)
    stories(window, ("a", text))
    stories(
        window,
        *((f"n{number}", f"parola{number} altra{number} terza{number} quarta{number}") for number in range(1024)),
    )
    assert len(window) == 1024
    assert stories(window, ("b", text)) == ["b"]


def test_a_batch_larger_than_the_window_forgets_no_more_than_one_by_one() -> None:
    window = Stories(1024)
    text = " ".join(ARTICLE)
    others = [(f"n{number}", f"parola{number} altra{number} terza{number} quarta{number}") for number in range(2900)]
    stories(window, ("a", text))
    told = stories(window, ("b", text), *others[:2000], ("c", text), *others[2000:], ("d", text))
    assert (told[0], told[2001], told[-1]) == ("a", "c", "c")


def test_a_story_lives_as_long_as_copies_come() -> None:
    window = Stories(1024)
    text = " ".join(ARTICLE)
    stories(window, ("a", text))
    for round in range(4):
        stories(
            window,
            *((f"{round}-{number}", f"uno{round} due{number} tre quattro{number} x{number}") for number in range(600)),
        )
        assert stories(window, (f"copy{round}", text)) == ["a"]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=60), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_batches_and_restarts_change_nothing(arrivals: list[tuple[int, int]], cut: int) -> None:
    texts = [f"{number} {' '.join(ARTICLE[number : number + 12])}" for number in range(13)]
    ids = [f"m{id}" for id, _ in arrivals]
    signed = marks(*(texts[text] for _, text in arrivals)) if arrivals else []
    whole = Stories(1024)
    expected: dict[str, Group] = {}
    for id, mark in zip(ids, signed, strict=True):
        expected |= whole.assign([id], [mark])
    first = Stories(1024)
    found = first.assign(ids[:cut], signed[:cut])
    second = Stories(1024)
    seen: dict[str, dict[str, str]] = {}
    for id, mark in zip(ids[:cut], signed[:cut], strict=True):
        seen.setdefault(id, {"id": id, "signature": mark, "story": found[id].story, "event": found[id].event})
    second.restore(seen.values())
    assert found | second.assign(ids[cut:], signed[cut:]) == expected


def test_signatures_survive_the_way_through_json() -> None:
    texts = ["uno volo tre quattro cinque", "", "volo treno", " ".join(ARTICLE)]
    found = [parse(mark) for mark in marks(*texts, publisher="feed", hour=491_000)]
    assert [len(one.items) > 0 for one in found] == [True, False, False, True]
    assert [bool(one.exact) for one in found] == [True, False, True, True]
    assert [one.hour for one in found] == [491_000, 0, 491_000, 491_000]
    assert found[0].publisher == publisher_of("feed")
    assert marks(*texts) == [marks(text)[0] for text in texts]


def test_signatures_of_another_version_or_broken_count_as_none() -> None:
    [mark] = marks(" ".join(ARTICLE))
    for broken in ("1" + mark[1:], mark[:20], "2!", "2" + "A" * 23, mark[:-3], "2é"):
        assert parse(broken) == NONE or not len(parse(broken).items), broken
    window = Stories(1024)
    assert window.assign(["a", "b"], [mark, "1" + mark[1:]])["b"] == Group("b", "b")


def test_a_signature_is_the_same_for_ever() -> None:
    """Stored ones are compared with new ones: a change of constants must raise the signature's version."""
    [mark] = marks(" ".join(ARTICLE), publisher="feed:x", hour=491_000)
    assert hashlib.sha256(mark.encode()).hexdigest()[:16] == "f672c77187d889e8"


def test_a_window_that_is_dropped_is_gone_at_once() -> None:
    window = Stories(1024)
    stories(window, ("a", "uno due tre quattro cinque"), ("b", "sei sette otto nove dieci"), publisher="feed:a")
    gone = weakref.ref(window)
    gc.disable()
    try:
        del window
        assert gone() is None
    finally:
        gc.enable()
