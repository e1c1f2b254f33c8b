"""The compact engine: a linear model for each of six languages, in a small file, behind `SentimentEngine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from enrichment.compact.corrections import Added, Corrections
from enrichment.compact.features import Batch, Reader
from enrichment.compact.model import Model, Scores, pulls_of_pieces
from enrichment.compact.store import Shipped, shipped
from enrichment.compact.wordlist import WordList
from enrichment.sentiment import LONG, MASK, NAMING, Judgement, LexiconEngine, Passage, sentences
from stream import Sentiment

UNSURE_BELOW: Final = 0.42  # probability of the likeliest label; below it as many are wrong as right
_SHOWN: Final = 3  # words that a reason names
_NAMED_FROM: Final = 0.4  # a word that pulls less is not named
_BATCH: Final = 2048  # sentences looked at together

_Word = tuple[str, float, bool]  # as it is called, its pull towards positive, whether a negation turned it


class _Judged(NamedTuple):
    """A sentence or short text: what is likely, and the words that decided."""

    negative: float
    neutral: float
    positive: float
    words: list[_Word]


_SILENT: Final = _Judged(0.0, 0.0, 0.0, [])  # neither word nor emoji: nothing to judge


@dataclass(frozen=True)
class _Language:
    reader: Reader
    model: Model
    added: Added | None


class CompactEngine:
    """Judges Italian, English, Spanish, French, German and Portuguese; other languages by their emoji, or says that it
    cannot. Loads in half a second, 30 MB; remembers words, nothing of the passages. Not thread-safe."""

    def __init__(self, weights: Shipped | None = None, corrections: Corrections | None = None) -> None:
        """`weights` instead of those that come with Ronzio; `corrections`: what people's corrections taught, on top."""
        weights = weights or shipped()
        self._languages = {
            language: _Language(
                Reader(WordList(language)), Model(one), corrections.tables(language) if corrections else None
            )
            for language, one in weights.models.items()
        }
        self._weights = weights
        self._others = LexiconEngine()
        self.version = f"compact-{weights.digest}" + (f"+{corrections.version}" if corrections else "")

    def judge(self, passages: Sequence[Passage]) -> list[Judgement]:
        """One judgement for each passage, in order; never raises for what stands in a passage."""
        answers: list[Judgement | None] = [None] * len(passages)
        by_language: dict[str, list[int]] = {}
        for place, passage in enumerate(passages):
            by_language.setdefault(passage.language, []).append(place)
        for language, places in by_language.items():
            chosen = [passages[place] for place in places]
            known = self._languages.get(language)
            judged = self._others.judge(chosen) if known is None else _judge(known, chosen)
            for place, judgement in zip(places, judged, strict=True):
                answers[place] = judgement
        return [answer for answer in answers if answer is not None]

    @property
    def languages(self) -> Sequence[str]:
        """Those it has a model of, as ISO 639-1."""
        return tuple(self._languages)

    def with_corrections(self, corrections: Corrections | None) -> CompactEngine:
        """The same engine with other corrections, or with none."""
        return CompactEngine(self._weights, corrections)

    def read(self, texts: Sequence[Sequence[str]], language: str) -> tuple[Batch, Scores]:
        """Features of `texts` as tokens, and what the shipped model, corrections left out, says of them. For those who train
        on top of it. Raises KeyError where the language is not among `languages`."""
        known = self._languages[language]
        batch = known.reader.read(texts)
        return batch, known.model.score(batch)


def _judge(known: _Language, passages: Sequence[Passage]) -> list[Judgement]:
    texts: list[Sequence[str]] = []
    sizes = []
    for tokens, _ in passages:
        parts = [tokens] if len(tokens) <= LONG else sentences(tokens)
        texts += parts
        sizes.append(len(parts))
    judged: list[_Judged] = []
    for start in range(0, len(texts), _BATCH):
        judged += _look(known, texts[start : start + _BATCH])
    answers = []
    end = 0
    for size in sizes:
        start, end = end, end + size
        one = judged[start] if size == 1 else _mean(judged[start:end], texts[start:end])
        answers.append(_judgement(one))
    return answers


def _look(known: _Language, texts: Sequence[Sequence[str]]) -> list[_Judged]:
    batch = known.reader.read(texts)
    scores = known.model.score(batch)
    if known.added is not None:
        known.added.to(scores, batch)
    chances = known.model.probabilities(scores.z).tolist()
    words = _words(known, batch, scores)
    return [
        _Judged(negative, neutral, positive, found) if any_word else _SILENT
        for (negative, neutral, positive), found, any_word in zip(chances, words, batch.said.tolist(), strict=True)
    ]


def _words(known: _Language, batch: Batch, scores: Scores) -> list[list[_Word]]:
    """The words of each text that pull most towards positive or negative."""
    pull = pulls_of_pieces(known.model, batch, scores)
    strong = np.flatnonzero((np.abs(pull) > _NAMED_FROM) & batch.names)
    found: list[list[_Word]] = [[] for _ in batch.starts]
    forms = known.reader.forms
    for place, text, row, pulled, turned in zip(
        strong.tolist(), batch.text[strong].tolist(), batch.rows[strong].tolist(), pull[strong].tolist(),
        batch.turned[strong].tolist(), strict=True,
    ):  # fmt: skip
        first = batch.phrases.get(place)
        form = forms[row] if first is None else " ".join([forms[one] for one in batch.rows[first : place + 1].tolist()])
        found[text].append((form, pulled, turned))
    return found


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
    return _Judged(negative / total, neutral / total, positive / total, words)


def _judgement(one: _Judged) -> Judgement:
    negative, neutral, positive, words = one
    if one is _SILENT:
        return Judgement("neutral", 0.0, 0.0, "cannot say: neither words nor emoji", unsure=True)
    best = max(negative, neutral, positive)
    label: Sentiment = "neutral" if neutral == best else "positive" if positive == best else "negative"
    score = round(positive - negative, 4)
    if best >= UNSURE_BELOW:
        return Judgement(label, score, round(best, 3), _told(words, label))
    shares = f"negative {negative:.0%}, neutral {neutral:.0%}, positive {positive:.0%}"
    return Judgement("neutral", score, round(best, 3), f"cannot say: {shares}; {_told(words, 'neutral')}", unsure=True)


def _told(words: list[_Word], label: str) -> str:
    """The words that decided, strongest first; of a label that is not neutral only those that speak for it."""
    if label == "positive":
        words = [word for word in words if word[1] > 0]
    elif label == "negative":
        words = [word for word in words if word[1] < 0]
    if not words:
        return "no single word: all of it together"
    if len(words) > 1:
        words.sort(key=_strength)
        once: dict[str, _Word] = {}
        for word in words:
            once.setdefault(word[0], word)  # where it pulls most
        words = list(once.values())
    return "words: " + ", ".join(
        ['"%s" %+.1f (negated)' % word[:2] if word[2] else '"%s" %+.1f' % word[:2] for word in words[:_SHOWN]]  # noqa: UP031
    )


def _strength(word: _Word) -> float:
    return -abs(word[1])
