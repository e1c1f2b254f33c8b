"""Stories and events: copies found by their signatures, in a bounded window that can be rebuilt."""

from __future__ import annotations

import hashlib
import random
import string

import numpy as np
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.events import HOURS
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
