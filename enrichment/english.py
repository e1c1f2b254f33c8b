"""English sentiment: VADER's rules (Hutto & Gilbert 2014) with VADER's own lexicon and constants, in linear time.

`vaderSentiment` lower-cases every word anew for every hit, which makes it quadratic: 66 long texts a second. Here a
word's record is made once and remembered by the caller. `compound` equals vaderSentiment 3.3.2 to the last digit on
everything it was held against.
"""

from __future__ import annotations

import heapq
import math
import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from vaderSentiment import vaderSentiment as reference

_NEGATIONS = frozenset(reference.NEGATE)
_BOOSTERS: dict[str, float] = reference.BOOSTER_DICT
_IDIOMS: dict[str, float] = reference.SPECIAL_CASES
_IDIOM_WORDS = frozenset(word for idiom in _IDIOMS for word in idiom.split())
_IDIOM_STARTS = frozenset(idiom.split()[0] for idiom in _IDIOMS)
_PHRASE_BOOSTER_STARTS = frozenset(phrase.split()[0] for phrase in _BOOSTERS if " " in phrase)
_NEGATED: float = reference.N_SCALAR
_CAPITALS: float = reference.C_INCR


class Word(NamedTuple):
    """What VADER needs to know of one white-space token."""

    lower: str
    valence: float | None  # None where it has none, or is a booster
    booster: float
    capitals: bool
    negation: bool
    in_lexicon: bool
    is_booster: bool


class Vader:
    """The scorer. Stateless but for the lexicon, which is loaded once (0.05 s)."""

    def __init__(self) -> None:
        analyzer = reference.SentimentIntensityAnalyzer()
        self.lexicon: dict[str, float] = analyzer.lexicon
        self._emoji = {ord(key): f" {words}" for key, words in analyzer.emojis.items() if len(key) == 1}
        # One wide range, and the table decides: a class of 1,212 letters costs 30 us a text.
        self._maybe_emoji = re.compile("[\xa9\xae\u2000-\U0010ffff]")

    def spell_emoji(self, text: str) -> str:
        """Emoji replaced by the words VADER knows them by."""
        if text.isascii():
            return text
        return self._maybe_emoji.sub(lambda match: self._emoji.get(ord(match.group()), match.group()), text)

    def word(self, token: str) -> Word:
        """The record of a token, to be remembered by the caller."""
        bare = token.strip(string.punctuation)
        if len(bare) <= 2:
            bare = token
        lower = bare.lower()
        valence = self.lexicon.get(lower)
        booster = _BOOSTERS.get(lower)
        return Word(
            lower,
            None if booster is not None else valence,
            booster or 0.0,
            bare.isupper(),
            lower in _NEGATIONS or "n't" in lower,
            valence is not None,
            booster is not None,
        )

    def compound(self, words: Sequence[Word], text: str) -> float:
        """VADER's compound score, -1..1, of a text given as its tokens' records and as itself (for ! ? and "but")."""
        return self.score(words, text)[0]

    def score(self, words: Sequence[Word], text: str) -> tuple[float, list[tuple[int, float]]]:
        """(compound, the words that decided: place and what each counted)."""
        places = [place for place, word in enumerate(words) if word[1] is not None]
        if not places:
            return 0.0, []
        shouting = _Shouting(words)
        valences = [_valence(words, place, shouting) for place in places]
        if "but" in text.lower():
            for place, word in enumerate(words):
                if word[0] == "but":
                    valences = _weigh_around_but(valences, places, place)
                    break
        total = float(sum(valences))
        emphasis = min(text.count("!"), 4) * 0.292
        questions = text.count("?")
        emphasis += 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
        if total > 0:
            total += emphasis
        elif total < 0:
            total -= emphasis
        compound = round(max(-1.0, min(1.0, total / math.sqrt(total * total + 15))), 4)
        return compound, list(zip(places, valences, strict=True))


class _Shouting:
    """Whether some but not all words are in capitals; worked out when first asked."""

    __slots__ = ("_answer", "_words")

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._answer: bool | None = None

    def __call__(self) -> bool:
        if self._answer is None:
            capitals = sum(word[3] for word in self._words)
            self._answer = 0 < len(self._words) - capitals < len(self._words)
        return self._answer


def _valence(words: Sequence[Word], place: int, shouting: _Shouting) -> float:
    """One sentiment word's valence, changed by what stands before it: boosters, negations, capitals, idioms."""
    word = words[place]
    base = valence = word[1] or 0.0
    last = len(words) - 1
    one = words[place - 1] if place else None
    two = words[place - 2] if place > 1 else None
    three = words[place - 3] if place > 2 else None
    if word[0] == "kind" and place < last and words[place + 1][0] == "of":
        return 0.0
    if word[0] == "no" and place != last and words[place + 1][5]:
        valence = 0.0
    if one is not None and (
        one[0] == "no"
        or (two is not None and two[0] == "no")
        or (three is not None and three[0] == "no" and one[0] in ("or", "nor"))
    ):
        valence = base * _NEGATED
    if word[3] and shouting():
        valence += _CAPITALS if valence > 0 else -_CAPITALS
    if one is None:
        return valence
    if not one[5]:
        valence = _boosted(valence, one, 1.0, shouting)
        if one[4]:
            valence *= _NEGATED
    if two is not None and not two[5]:
        valence = _boosted(valence, two, 0.95, shouting)
        if two[0] == "never" and one[0] in ("so", "this"):
            valence *= 1.25
        elif not (two[0] == "without" and one[0] == "doubt") and two[4]:
            valence *= _NEGATED
    if two is not None and three is not None and not three[5]:
        valence = _boosted(valence, three, 0.9, shouting)
        if (three[0] == "never" and two[0] in ("so", "this")) or one[0] in ("so", "this"):
            valence *= 1.25
        elif not (three[0] == "without" and "doubt" in (two[0], one[0])) and three[4]:
            valence *= _NEGATED
        valence = _idiom(valence, words, place, (three[0], two[0], one[0]))
    if one[0] == "least" and not one[5] and (two is None or two[0] not in ("at", "very")):
        valence *= _NEGATED
    return valence


def _boosted(valence: float, word: Word, share: float, shouting: _Shouting) -> float:
    if not word[6]:
        return valence
    boost = -word[2] if valence < 0 else word[2]
    if word[3] and shouting():
        boost += _CAPITALS if valence > 0 else -_CAPITALS
    return valence + (boost * share if boost else boost)


def _idiom(valence: float, words: Sequence[Word], place: int, before: tuple[str, str, str]) -> float:
    three, two, one = before
    here = words[place][0]
    if one in _IDIOM_WORDS or two in _IDIOM_WORDS or three in _IDIOM_WORDS or here in _IDIOM_WORDS:
        for phrase in (
            f"{one} {here}",
            f"{two} {one} {here}",
            f"{two} {one}",
            f"{three} {two} {one}",
            f"{three} {two}",
        ):
            if phrase in _IDIOMS:
                valence = _IDIOMS[phrase]
                break
    if place < len(words) - 1 and here in _IDIOM_STARTS:
        phrase = f"{here} {words[place + 1][0]}"
        valence = _IDIOMS.get(phrase, valence)
        if place < len(words) - 2:
            valence = _IDIOMS.get(f"{phrase} {words[place + 2][0]}", valence)
    if three in _PHRASE_BOOSTER_STARTS or two in _PHRASE_BOOSTER_STARTS:
        for phrase in (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}"):
            valence += _BOOSTERS.get(phrase, 0.0)
    return valence


def _weigh_around_but(valences: list[float], places: Sequence[int], but: int) -> list[float]:
    """What stands before "but" counts half, what follows one and a half times.

    The reference finds each value's place by looking the value up in the list that it is changing, so the first equal
    value is taken; the heaps of places by value do the same in n log n.
    """
    result = list(valences)
    where: dict[float, list[int]] = {}
    for number, valence in enumerate(valences):
        if valence:
            where.setdefault(valence, []).append(number)
    for number in range(len(result)):
        valence = result[number]
        if not valence:
            continue
        first = where[valence][0]
        if places[first] == but:
            continue
        weighed = valence * (0.5 if places[first] < but else 1.5)
        heapq.heappop(where[valence])
        result[first] = weighed
        heapq.heappush(where.setdefault(weighed, []), first)
    return result
