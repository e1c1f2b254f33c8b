"""Italian sentiment: our own lexicon with negation, intensity and two-word expressions.

Words come in as tokens, each looked up once (`ItalianLexicon.word`); a text's score is the sum of its sentiment words
after what stands before them, squeezed into -1..1 like VADER's. A trained model will take this place; the interface
stays.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple

import Stemmer

from enrichment.fold import fold


def _words(text: str) -> list[str]:
    return text.split()


NEGATIONS = frozenset(
    _words("non nn mai senza neanche nemmeno neppure né mica niente nulla nessun nessuno nessuna macché tutt'altro")
)
INTENSIFIERS = {
    **dict.fromkeys(
        _words("molto molta molti molte tanto tanta davvero veramente proprio così troppo troppa troppi"), 1.4
    ),
    **dict.fromkeys(_words("assolutamente estremamente incredibilmente decisamente super iper stra totalmente"), 1.6),
    **dict.fromkeys(_words("completamente sempre ogni ancora enormemente tantissimo moltissimo assai sommamente"), 1.3),
    **dict.fromkeys(_words("poco poca pochi poche abbastanza piuttosto quasi leggermente parzialmente"), 0.6),
}
LONGEST = 40  # letters of a word; what is longer is none
CONTRAST = frozenset(_words("ma però tuttavia eppure peccato purtroppo"))
NEGATED = -0.7  # "non bello" is less bad than "brutto"
REACH = 4  # words a negation or an intensifier reaches over
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
SUPERLATIVE = re.compile(r"issim[oaie]$")
_SOFTEN = 6.0  # in s / sqrt(s^2 + soften): one word of strength 2 gives 0.63
_EDGES = ".,;:!?()[]{}\"'«»“”…-–—*/\\|<>"
_STOPS = frozenset(".!?;:,…")


class ItalianWord(NamedTuple):
    """What a token means here. `key` is its folded form; `stop`: a sentence or clause ends behind it."""

    key: str
    value: float
    negates: bool
    intensity: float  # 1.0 = none
    contrast: bool
    stop: bool
    second: bool  # may be the second word of an expression


class Decisive(NamedTuple):
    """A word or expression that decided: where it ends, what it counted, as it is called, whether a negation turned it."""

    place: int
    counted: float
    text: str
    turned: bool


class ItalianLexicon:
    """The lexicon and its rules. Built once (0.05 s)."""

    def __init__(self, lines: Iterable[str] | None = None) -> None:
        """`lines`: "entry<TAB>strength[<TAB>class]", -3..3 (classes are for the trained model);
        `*` at the end means any ending; several words are an expression whose strength replaces its words'.
        Default: the one that comes with Ronzio. Raises ValueError naming a bad line."""
        self._forms: dict[str, float] = {}
        self._prefixes: dict[str, float] = {}
        self._expressions: dict[str, float] = {}
        self._stems: dict[str, float] = {}
        self._stemmer = Stemmer.Stemmer("italian")
        expressions: dict[str, float] = {}
        lines = _shipped() if lines is None else list(lines)
        self.digest = hashlib.blake2b("\n".join(lines).encode(), digest_size=4).hexdigest()
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                self._add(line, number, expressions)
        for expression, value in expressions.items():  # their words as texts give them: "l'ora" is "ora"
            self._expressions[" ".join(map(self._key, expression.split()))] = value
        self._ends = frozenset(expression.split()[-1] for expression in self._expressions)
        self._lengths = sorted({len(expression.split()) for expression in self._expressions}, reverse=True)
        self._negations = frozenset(fold(word)[0] for word in NEGATIONS)
        self._intensifiers = {fold(word)[0]: factor for word, factor in INTENSIFIERS.items()}

    def _add(self, line: str, number: int, expressions: dict[str, float]) -> None:
        entry, *rest = line.rstrip("\n").split("\t")
        try:
            value = float(rest[0])
        except (IndexError, ValueError):
            raise ValueError(f"lexicon line {number}: expected entry<TAB>strength, got {line!r}") from None
        folded = fold(entry.strip())[0]
        if " " in folded:
            expressions[folded] = value
        elif folded.endswith("*"):
            self._prefixes[folded[:-1]] = value
        else:
            self._forms[folded] = value
            stem = self._stemmer.stemWord(folded)
            if value and len(stem) > 3:  # short stems are shared by words of other meaning
                self._stems.setdefault(stem, value)

    def word(self, token: str) -> ItalianWord:
        """The record of a white-space token, to be remembered by the caller."""
        folded = fold(token)[0]
        key = self._key(folded)
        stop = bool(folded) and folded[-1] in _STOPS
        contrast = key in CONTRAST or key in ("pero",)
        value = self._value(key)
        if value == 0.0 and not key:
            value = self._forms.get(folded, 0.0)  # :-) and the like
        if value and token.isupper() and len(key) > 3:
            value *= 1.3
        return ItalianWord(
            key, value, key in self._negations, self._intensifiers.get(key, 1.0), contrast, stop, key in self._ends
        )

    def _key(self, folded: str) -> str:
        """Without punctuation, article and letters drawn out: "l'ora!" -> "ora", "belloooo" -> "belloo"."""
        bare = folded.strip(_EDGES + "#")
        if bare in self._forms:
            return bare
        if "'" in bare:
            head, _, tail = bare.rpartition("'")
            bare = tail if len(tail) > 1 else head
        return _DRAWN_OUT.sub(r"\1\1", bare) if bare not in self._forms else bare

    def _value(self, key: str) -> float:
        if key in self._forms:
            return self._forms[key]
        if key in self._negations or key in self._intensifiers or not 3 <= len(key) <= LONGEST:
            return 0.0
        if SUPERLATIVE.search(key):
            base = self._value(SUPERLATIVE.sub("o", key)) or self._value(SUPERLATIVE.sub("e", key))
            return max(-3.0, min(3.0, base * 1.5))
        for size in range(len(key), 2, -1):
            if key[:size] in self._prefixes:
                return self._prefixes[key[:size]]
        if not key.isprintable():  # half a character from a cut emoji: the stemmer refuses it
            return 0.0
        return self._stems.get(self._stemmer.stemWord(key), 0.0)

    def score(self, words: Sequence[ItalianWord]) -> tuple[float, list[Decisive]]:
        """(-1..1, what decided it): negations reach four words, not past a stop; what follows "ma" counts more than what
        stands before it."""
        found: list[Decisive] = []
        contrast = -1
        for place, word in enumerate(words):
            if word[4]:
                contrast = place
            if word[6] and place:
                phrase = self._expression(words, place)
                if phrase:
                    first = place - phrase.count(" ")
                    found = [one for one in found if one.place < first]
                    found.append(_decisive(words, first, place, phrase, self._expressions[phrase]))
                    continue
            if word[1]:
                found.append(_decisive(words, place, place, word[0] or "☺", word[1]))
        if contrast > 0:
            found = [one._replace(counted=one.counted * (0.6 if one.place < contrast else 1.3)) for one in found]
        total = math.fsum([one.counted for one in found])
        return total / math.sqrt(total * total + _SOFTEN), found

    def _expression(self, words: Sequence[ItalianWord], place: int) -> str:
        """The longest expression that ends at this word, "" for none."""
        for length in self._lengths:
            if place + 1 >= length:
                phrase = " ".join([word[0] for word in words[place - length + 1 : place + 1]])
                if phrase in self._expressions:
                    return phrase
        return ""


def _decisive(words: Sequence[ItalianWord], first: int, place: int, text: str, value: float) -> Decisive:
    factor = _before(words, first, its_own=first < place and words[first][2])
    return Decisive(place, value * factor, text, factor < 0)


def _before(words: Sequence[ItalianWord], place: int, *, its_own: bool) -> float:
    """The factor of what stands before: negations and intensifiers within reach and within the clause. An expression with a
    negation of `its_own` is not negated twice: "non è mai arrivato"."""
    factor = 1.0
    negated = False
    for back in range(place - 1, max(-1, place - 1 - REACH), -1):
        word = words[back]
        if word[5]:
            break
        if word[2]:
            negated = not negated or word[0] != "non"  # "non ... niente" is one negation
        elif word[3] != 1.0 and place - back <= 2:
            factor *= word[3]
    return factor * (NEGATED if negated and not its_own else 1.0)


def _shipped() -> list[str]:
    return files("enrichment").joinpath("lexicon_it.tsv").read_text("utf-8").splitlines()
