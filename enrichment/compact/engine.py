"""The compact engine: a linear model for each of six languages, in a small file, behind `SentimentEngine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.corrections import Corrections
from enrichment.compact.features import Batch, Reader
from enrichment.compact.model import Model, Scores, pulls_of_pieces
from enrichment.compact.store import Shipped, shipped
from enrichment.compact.wordlist import WordList
from enrichment.sentiment import LONG, MASK, NAMING, Judgement, LexiconEngine, Passage, sentences
from enrichment.vocabulary import Numbered, Vocabulary
from stream import Sentiment

UNSURE_BELOW: Final = 0.40  # probability of the likeliest label; below it more are wrong than right
_SHOWN: Final = 3  # words that a reason names
_NAMED_FROM: Final = 0.4  # a word that pulls less is not named
_UNKNOWN: Final = -1  # the number of a language without a model
_BATCH: Final = 2048  # sentences looked at together

_Word = tuple[str, float, bool]  # as it is called, its pull towards positive, whether a negation turned it


class _Judged(NamedTuple):
    """A sentence or short text: what is likely, and the words that decided, strongest first."""

    negative: float
    neutral: float
    positive: float
    words: list[_Word]


_SILENT: Final = _Judged(0.0, 0.0, 0.0, [])  # neither word nor emoji: nothing to judge


class CompactEngine:
    """Judges Italian, English, Spanish, French, German and Portuguese; other languages by their emoji, or says that it
    cannot. Loads in half a second, 30 MB; remembers words, nothing of the passages. Not thread-safe."""

    def __init__(
        self,
        weights: Shipped | None = None,
        corrections: Corrections | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """`weights` instead of those that come with Ronzio; `corrections`: what people's corrections taught, on top;
        `vocabulary`: one that others use too."""
        weights = weights or shipped()
        self._numbers = {language: number for number, language in enumerate(weights.models)}
        self._reader = Reader(*map(WordList, weights.models), vocabulary=vocabulary)
        self.vocabulary = self._reader.vocabulary
        self._model = Model(*weights.models.values())
        added = {number: corrections.tables(of) for of, number in self._numbers.items()} if corrections else {}
        self._added = {number: one for number, one in added.items() if one is not None}
        self._weights = weights
        self._others = LexiconEngine()
        self.version = f"compact-{weights.digest}" + (f"+{corrections.version}" if corrections else "")

    def judge(self, passages: Sequence[Passage], numbered: Numbered | None = None) -> list[Judgement]:
        """One judgement for each passage, in order; never raises for what stands in a passage. `numbered`: the first of the
        passages, if their tokens have been looked up in `vocabulary` already."""
        if numbered is None:
            self.vocabulary.make_room()
            numbered = self.vocabulary.read([passage.tokens for passage in passages])
        elif len(numbered.starts) <= len(passages):
            rest = self.vocabulary.read([passage.tokens for passage in passages[len(numbered.starts) - 1 :]])
            numbered = numbered.followed_by(rest)
        numbers = [self._numbers.get(passage.language, _UNKNOWN) for passage in passages]
        if _UNKNOWN not in numbers:
            return self._judge([passage.tokens for passage in passages], numbered, numbers)
        known = np.array(numbers) != _UNKNOWN
        texts = [passage.tokens for passage in passages if passage.language in self._numbers]
        judged = iter(self._judge(texts, numbered.only(known), [number for number in numbers if number != _UNKNOWN]))
        others = iter(self._others.judge([one for one in passages if one.language not in self._numbers]))
        return [next(others if number == _UNKNOWN else judged) for number in numbers]

    def _judge(self, texts: Sequence[Sequence[str]], numbered: Numbered, languages: Sequence[int]) -> list[Judgement]:
        if all(len(tokens) <= LONG for tokens in texts):
            return list(map(_judgement, self._looked(numbered, np.array(languages, np.int64))))
        cut = [[tokens] if len(tokens) <= LONG else sentences(tokens) for tokens in texts]
        sizes = np.array([len(parts) for parts in cut])
        lengths = np.array([len(part) for parts in cut for part in parts])
        judged = self._looked(numbered.cut(lengths), np.repeat(np.array(languages, np.int64), sizes))
        answers = []
        start = 0
        for parts in cut:
            end = start + len(parts)
            answers.append(_judgement(judged[start] if len(parts) == 1 else _mean(judged[start:end], parts)))
            start = end
        return answers

    def _looked(self, texts: Numbered, languages: NDArray[np.int64]) -> list[_Judged]:
        judged: list[_Judged] = []
        for start in range(0, len(languages), _BATCH):
            some = slice(start, start + _BATCH)
            judged += self._look(texts[some] if len(languages) > _BATCH else texts, languages[some])
        return judged

    def _look(self, texts: Numbered, languages: NDArray[np.int64]) -> list[_Judged]:
        batch = self._reader.features(texts, languages)
        scores = self._model.score(batch)
        for language, added in self._added.items():
            added.to(scores, batch, language)
        chances = self._model.probabilities(scores.z, batch.languages).tolist()
        words = self._words(batch, scores)
        return [
            _Judged(negative, neutral, positive, found) if any_word else _SILENT
            for (negative, neutral, positive), found, any_word in zip(chances, words, batch.said.tolist(), strict=True)
        ]

    def _words(self, batch: Batch, scores: Scores) -> list[list[_Word]]:
        """The words of each text that pull most towards positive or negative, strongest first."""
        pull = pulls_of_pieces(self._model, batch, scores)
        strength = np.abs(pull)
        strong = np.flatnonzero((strength > _NAMED_FROM) & batch.names)
        strong = strong[np.argsort(-strength[strong], kind="stable")]
        found: list[list[_Word]] = [[] for _ in batch.starts]
        forms = self._reader.forms
        for place, text, row, pulled, turned in zip(
            strong.tolist(), batch.text[strong].tolist(), batch.rows[strong].tolist(), pull[strong].tolist(),
            batch.turned[strong].tolist(), strict=True,
        ):  # fmt: skip
            first = batch.phrases.get(place)
            rows = [row] if first is None else batch.rows[first : place + 1].tolist()
            found[text].append((" ".join([forms[one] for one in rows]), pulled, turned))
        return found

    @property
    def languages(self) -> Sequence[str]:
        """Those it has a model of, as ISO 639-1."""
        return tuple(self._numbers)

    def with_corrections(self, corrections: Corrections | None) -> CompactEngine:
        """The same engine with other corrections, or with none."""
        return CompactEngine(self._weights, corrections, self.vocabulary)

    def read(self, texts: Sequence[Sequence[str]], language: str) -> tuple[Batch, Scores]:
        """Features of `texts` as tokens, and what the shipped model, corrections left out, says of them. For those who train
        on top of it. Raises KeyError where the language is not among `languages`."""
        self.vocabulary.make_room()
        batch = self._reader.features(
            self.vocabulary.read(texts), np.full(len(texts), self._numbers[language], np.int64)
        )
        return batch, self._model.score(batch)


def _mean(parts: Sequence[_Judged], texts: Sequence[Sequence[str]]) -> _Judged:
    """Of a long text's sentences: those that name a brand count `NAMING` times, those that say little less."""
    negative = neutral = positive = total = 0.0
    if not any(part.negative for part in parts):
        return _SILENT
    words: list[_Word] = []
    for part, tokens in zip(parts, texts, strict=True):
        if part is _SILENT:
            continue
        weight = (NAMING if any(MASK in token for token in tokens) else 1.0) * (1.05 - part.neutral)
        negative += weight * part.negative
        neutral += weight * part.neutral
        positive += weight * part.positive
        total += weight
        words += [(word, pulled * weight, turned) for word, pulled, turned in part.words]
    words.sort(key=_strength)
    return _Judged(negative / total, neutral / total, positive / total, words)


def _judgement(one: _Judged) -> Judgement:
    negative, neutral, positive, words = one
    if one is _SILENT:
        return Judgement("neutral", 0.0, 0.0, by="cannot say: neither words nor emoji", unsure=True)
    best = max(negative, neutral, positive)
    label: Sentiment = "neutral" if neutral == best else "positive" if positive == best else "negative"
    score = round(positive - negative, 4)
    if best >= UNSURE_BELOW:
        return Judgement(label, score, round(best, 3), _told(words, label))
    by = f"cannot say: negative {negative:.0%}, neutral {neutral:.0%}, positive {positive:.0%}"
    return Judgement("neutral", score, round(best, 3), f"{by}; {_told(words, 'neutral')}", unsure=True)


def _told(words: list[_Word], label: str) -> str:
    """The words that decided; of a label that is not neutral only those that speak for it."""
    named: list[str] = []
    told: list[str] = []
    for word in words:
        form, pull, turned = word
        if form in named or (pull < 0 if label == "positive" else pull > 0 and label == "negative"):
            continue
        told.append(f'"{form}" {pull:+.1f} (negated)' if turned else f'"{form}" {pull:+.1f}')
        if len(told) == _SHOWN:
            break
        named.append(form)  # once, where it pulls most
    return "words: " + ", ".join(told) if told else "no single word: all of it together"


def _strength(word: _Word) -> float:
    return -abs(word[1])
