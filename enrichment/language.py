"""Which language a text is in: py3langid's naive-Bayes tables, restricted to our languages, added up word by word.

A word's scores never change, so they are worked out once and remembered (see tokens.py); a text is then a sum of rows.
That costs a twentieth of asking py3langid and is better on short texts: restricting the set alone is worth 5 points on
texts of 40 characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNKNOWN = "und"
LONGEST_WORD = 40  # letters looked at; what is longer is no word
_ONCE = np.float32(np.log1p(1.0))  # weight of a feature that occurs once, as in py3langid
_HINT = 2.5  # what a source's own word for the language is worth, in units of the scaled scores below
_SCALE = 6.0  # scores are divided by sqrt(_SCALE * words): measured confidences then fit the share that is right


class LanguageModel:
    """Scores of words and decisions on their sums. Built once (1.1 s, 76 MB)."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Raises ValueError for a language that py3langid does not know."""
        identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        identifier.set_languages(list(languages))
        self.languages: tuple[str, ...] = tuple(identifier.nb_classes)
        self._next = np.asarray(identifier.tk_nextmove)  # 10 million, not copied
        self._rows = np.array(identifier._rowbase, np.int64)
        self._features = np.array(identifier.tk_output, np.int64)
        # In row order and one row longer: taking rows of the original order copies the whole table each time.
        self._table = np.zeros((identifier.nb_ptc.shape[0] + 1, len(self.languages)), np.float32)
        self._table[:-1] = identifier.nb_ptc * _ONCE

    def rows(self, words: Sequence[str]) -> NDArray[np.float32]:
        """One row of scores, with mean 0, for each word; all zero where the word says nothing."""
        features = self._walk([_bytes(word) for word in words])
        features[:, -1] = len(self._table) - 1  # all zero, so that no word is without features
        kept = features >= 0
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept.sum(axis=1))[:-1]])
        sums = np.add.reduceat(self._table.take(features[kept], axis=0), starts, axis=0)
        centred: NDArray[np.float32] = sums - sums.mean(axis=1, keepdims=True)
        return centred

    def _walk(self, words: Sequence[bytes]) -> NDArray[np.int64]:
        """(words, their longest + 1) the feature at each byte, -1 where there is none. All words take a step together."""
        lengths = np.array([len(word) for word in words])
        longest = int(lengths.max())
        inside = np.arange(longest) < lengths[:, None]
        letters = np.zeros((len(words), longest), np.uint8)
        letters[inside] = np.frombuffer(b"".join(words), np.uint8)
        found = np.full((len(words), longest + 1), -1, np.int64)
        state = np.zeros(len(words), self._next.dtype)
        for place in range(longest):
            state = self._next.take(self._rows.take(state) + letters[:, place])
            found[:, place] = self._features.take(state)
        found[:, :-1][~inside] = -1
        return found

    def decide(
        self, sums: NDArray[np.float32], words: NDArray[np.int64], hints: Sequence[str]
    ) -> list[tuple[str, float]]:
        """(language, confidence 0..1) for each text, from the sum of its words' rows and their number.

        `hints`: what the sources say ("it", "en-GB", ""); one that is among our languages weighs in, and decides alone
        where the text says nothing. Without either the answer is ("und", 0).
        """
        scaled = sums / np.sqrt(np.maximum(words * _SCALE, 1.0))[:, None]
        silent = ~np.any(sums, axis=1)
        known = {language: column for column, language in enumerate(self.languages)}
        for row, hint in enumerate(hints):
            if hint:
                column = known.get(hint[:2].lower())
                if column is not None:
                    scaled[row, column] += _HINT
                    silent[row] = False
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        best = odds.argmax(axis=1).tolist()
        share = (odds.max(axis=1) / odds.sum(axis=1)).tolist()
        return [
            (UNKNOWN, 0.0) if nothing else (self.languages[column], round(confidence, 3))
            for nothing, column, confidence in zip(silent.tolist(), best, share, strict=True)
        ]


def _bytes(word: str) -> bytes:
    if not word.isalpha() and not any(map(str.isalpha, word)):
        return b""
    return f" {word[:LONGEST_WORD]} ".encode("utf-8", "replace")
