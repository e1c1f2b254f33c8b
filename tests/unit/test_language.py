"""The language model: what a word says does not depend on the words it is looked up with."""

from __future__ import annotations

import numpy as np

from enrichment.language import LONGEST_WORD, LanguageModel

WORDS = ("perché", "", "the", "12", "straordinariamente" * 9, "😍", "l'azienda", "für", "ß", "e" * LONGEST_WORD)


def test_words_say_alone_what_they_say_together() -> None:
    model = LanguageModel(["it", "en", "de"])
    together = model.rows(WORDS)
    for word, row in zip(WORDS, together, strict=True):
        assert np.array_equal(model.rows([word])[0], row), word
    assert not together[[number for number, word in enumerate(WORDS) if not any(map(str.isalpha, word))]].any()
    assert [model.languages[column] for column in together[[0, 7]].argmax(axis=1)] == ["it", "de"]
