"""Sentiment: passages in; label, score, confidence and the words that decided out.

`SentimentEngine` is the interface; engines.py chooses one by the settings. `LexiconEngine` judges by lists of words: VADER
for English, our own lexicon for Italian, emoji and smileys for every other language.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from enrichment.english import Vader, Word
from enrichment.italian import ItalianLexicon, ItalianWord
from stream import Sentiment


class Passage(NamedTuple):
    """What an engine gets: white-space tokens, a brand's name replaced by `MASK` and a number."""

    tokens: Sequence[str]
    language: str  # ISO 639-1 or "und"


class Judgement(NamedTuple):
    """`score` -1..1, `confidence` of the label 0..1; `by`: what decided, in words a user reads.

    `unsure`: it could not be told well enough; then `label` is "neutral", not a guess. `version` is the engine's that
    judged; "" stands for the one that was asked.
    """

    label: Sentiment
    score: float
    confidence: float
    by: str
    unsure: bool = False
    version: str = ""


class SentimentEngine(Protocol):
    """Judges passages in batches. `version` changes with anything that can change an answer."""

    version: str

    def judge(self, passages: Sequence[Passage]) -> list[Judgement]: ...


MASK: Final = "\x02"  # begins what stands for a brand's name; plain ASCII, and in no text that people write
LONG: Final = 60  # tokens; longer texts are judged sentence by sentence: the sum over an article is always extreme
NAMING: Final = 3.0  # weight of a sentence that names a brand
_MEMO: Final = 300_000
_EMOJI: Final = re.compile("([\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff])")
_SENTENCE_ENDS: Final = (".", "!", "?", "…", '."', '!"', '?"', ".»", ".”", "!”", "?”")
_LABEL_FROM: Final = {"en": 0.05, "it": 0.2}  # |score| from which it is positive or negative; VADER's own for English
_SHOWN: Final = 4  # words that a reason names

# |score| -> share of right labels, measured on 49,000 English and 7,000 Italian tweets
_STEPS: Final = (0.05, 0.2, 0.4, 0.6, 0.8)
_RIGHT: Final = {
    "en": (0.62, 0.35, 0.37, 0.50, 0.64, 0.80),
    "it": (0.60, 0.40, 0.40, 0.46, 0.55, 0.72),
}
_CANNOT_SAY: Final = 0.35
_Found = list[tuple[str, float, bool]]  # word, what it counted, whether a negation turned it


class _English(dict[str, Word]):
    """token -> VADER's record of it."""

    def __init__(self, vader: Vader) -> None:
        super().__init__()
        self._word = vader.word

    def __missing__(self, token: str) -> Word:
        word = self[token] = self._word(token)
        return word


class LexiconEngine:
    """Judges by lists of words. Holds a memo of words; no other state."""

    def __init__(self) -> None:
        self._vader = Vader()
        self._lexicon = ItalianLexicon()
        self.version = f"lexicon-{self._lexicon.digest}"
        self._english = _English(self._vader)
        self._italian: dict[str, tuple[ItalianWord, ...]] = {}

    def judge(self, passages: Sequence[Passage]) -> list[Judgement]:
        """One judgement for each passage, in order."""
        for memo in (self._english, self._italian):
            if len(memo) > _MEMO:
                memo.clear()
        return [self._judge(passage.tokens, passage.language) for passage in passages]

    def _judge(self, tokens: Sequence[str], language: str) -> Judgement:
        score = self._score_english if language == "en" else self._score_italian
        if language not in ("en", "it"):
            return self._by_emoji(tokens, language)
        if len(tokens) <= LONG:
            value, found = score(tokens)
        else:
            value, found = _mean([(sentence, *score(sentence)) for sentence in sentences(tokens)])
        return _judgement(value, found, language)

    def _score_english(self, tokens: Sequence[str]) -> tuple[float, _Found]:
        text = " ".join(tokens)
        if text.isascii():  # without emoji a token is one word
            words = list(map(self._english.__getitem__, tokens))
        else:
            words = [self._english[piece] for piece in self._vader.spell_emoji(text).split()]
        value, found = self._vader.score(words, text)
        return value, [
            (words[place].lower, counted, counted * (words[place].valence or 0.0) < 0) for place, counted in found
        ]

    def _score_italian(self, tokens: Sequence[str]) -> tuple[float, _Found]:
        words = self._italian_words(tokens)
        value, found = self._lexicon.score(words)
        return value, [(one.text, one.counted, one.turned) for one in found if one.counted]

    def _italian_words(self, tokens: Sequence[str]) -> list[ItalianWord]:
        memo = self._italian
        words: list[ItalianWord] = []
        for token in tokens:
            records = memo.get(token)
            if records is None:
                pieces = [token] if token.isascii() else _EMOJI.sub(r" \1 ", token).split()
                records = memo[token] = tuple(map(self._lexicon.word, pieces))
            words += records
        return words

    def _by_emoji(self, tokens: Sequence[str], language: str) -> Judgement:
        words = [word for word in self._italian_words(tokens) if word.value and not any(map(str.isalpha, word.key))]
        if not words:
            return Judgement(
                "neutral", 0.0, _CANNOT_SAY, by=f'cannot say: no words of sentiment known for "{language}"', unsure=True
            )
        value, _ = self._lexicon.score(words)
        found = [(word.key or "☺", word.value, False) for word in words]
        return _judgement(value, found, "it")._replace(confidence=0.5)


def sentences(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Tokens cut behind . ! ? and …; no sentence is empty or longer than `LONG` tokens."""
    found = []
    start = 0
    for place, token in enumerate(tokens, 1):
        if token.endswith(_SENTENCE_ENDS) or place - start >= LONG:
            found.append(tokens[start:place])
            start = place
    if start < len(tokens):
        found.append(tokens[start:])
    return found


def _mean(scored: Sequence[tuple[Sequence[str], float, _Found]]) -> tuple[float, _Found]:
    """The mean over the sentences that say anything, those that name a brand counting `NAMING` times."""
    total = weights = 0.0
    found: _Found = []
    for tokens, value, words in scored:
        if words:
            weight = NAMING if any(MASK in token for token in tokens) else 1.0
            total += weight * value
            weights += weight
            found += [(word, counted * weight, turned) for word, counted, turned in words]
    return (round(total / weights, 4) if weights else 0.0), found


def _judgement(value: float, found: _Found, language: str) -> Judgement:
    edge = _LABEL_FROM[language]
    label: Sentiment = "positive" if value >= edge else "negative" if value <= -edge else "neutral"
    confidence = _RIGHT[language][bisect(_STEPS, abs(value))]
    return Judgement(label, round(value, 4), confidence, _words(found))


def _words(found: _Found) -> str:
    """The words that decided, strongest first."""
    if not found:
        return "no word of sentiment"
    strongest = sorted(found, key=lambda entry: -abs(entry[1]))[:_SHOWN] if len(found) > 1 else found
    return "words: " + ", ".join(
        f'"{word}" {counted:+.1f}{" (negated)" if turned else ""}' for word, counted, turned in strongest
    )
