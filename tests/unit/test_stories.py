"""Stories: copies found by their signatures, in a bounded window that can be rebuilt."""

from __future__ import annotations

import hashlib
import random
import string

import numpy as np
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.signatures import SHORTEST, parse, signatures
from enrichment.stories import Stories

ARTICLE = (
    "la società ha annunciato ieri il ritiro di mille macchine da caffè dopo che alcuni clienti avevano segnalato scosse "
    "elettriche il ministero ha aperto una indagine e chiede di non usare gli apparecchi fino a nuovo ordine"
).split()


def marks(*texts: str) -> list[str]:
    hashes = [[xxhash.xxh3_64_intdigest(word.encode()) for word in text.split()] for text in texts]
    starts = np.cumsum([0, *map(len, hashes)])
    return signatures(np.array([one for text in hashes for one in text], np.uint64), starts)


def stories(window: Stories, *texts: tuple[str, str]) -> list[str]:
    return window.assign([id for id, _ in texts], marks(*(text for _, text in texts)))


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


def test_short_texts_are_copies_only_when_equal() -> None:
    assert stories(Stories(1024), ("a", "uno due tre"), ("b", "uno due tre"), ("c", "uno due")) == ["a", "a", "c"]


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
    expected = [whole.assign([id], [mark])[0] for id, mark in zip(ids, signed, strict=True)]
    first = Stories(1024)
    found = first.assign(ids[:cut], signed[:cut])
    second = Stories(1024)
    seen: dict[str, dict[str, str]] = {}
    for id, mark, story in zip(ids, signed, found, strict=False):
        seen.setdefault(id, {"id": id, "signature": mark, "story": story})
    second.restore(seen.values())
    assert found + second.assign(ids[cut:], signed[cut:]) == expected


def test_signatures_survive_the_way_through_json() -> None:
    texts = ["uno due tre quattro cinque", "", "uno due", " ".join(ARTICLE)]
    found = parse(marks(*texts))
    assert found.long.tolist() == [len(text.split()) >= SHORTEST for text in texts]
    assert [bool(key) for key in found.exact] == [True, False, True, True]
    assert marks(*texts) == [marks(text)[0] for text in texts]


def test_signatures_of_another_version_count_as_none() -> None:
    [mark] = marks(" ".join(ARTICLE))
    assert parse(["9" + mark[1:], mark, "", "1!"]).exact[0] == ""
    window = Stories(1024)
    assert window.assign(["a", "b"], [mark, "9" + mark[1:]]) == ["a", "b"]


def test_a_signature_is_the_same_for_ever() -> None:
    """Stored ones are compared with new ones: a change of library or constants must raise the signature's version."""
    [mark] = marks(" ".join(ARTICLE))
    assert hashlib.sha256(mark.encode()).hexdigest()[:16] == "3f46cbdc87fd793b"
