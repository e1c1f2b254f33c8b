"""Which language a tweet is in, among six: UMSAB's validation tweets whole, cut to forty letters and to three words (without
addresses and names), and larger sets of Italian and English. `confidence` is what the program says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.quality.score import Score, digest
from benchmarks.quality.sets import LANGUAGES, airline, sentipolc, umsab
from enrichment import EnrichmentSettings
from enrichment.language import LanguageModel
from enrichment.tokens import Tokens

SHORT = 40  # letters
SURE = 0.8  # confidence


def measure() -> Iterator[Score]:
    model = LanguageModel(EnrichmentSettings().languages)
    sets = {name: umsab(name, "val") for name in LANGUAGES}
    all_six = digest(*(one.corpus for one in sets.values()))
    sure: list[bool] = []
    unsure: list[bool] = []
    words: list[bool] = []
    for name, language in LANGUAGES.items():
        texts = sets[name].texts
        whole, short, three = (told(model, some) for some in (texts, [cut(t) for t in texts], [few(t) for t in texts]))
        yield Score(f"language/{name}", right(whole, language), "right, %", sets[name].corpus, "UMSAB val")
        yield Score(
            f"language/{name}-short",
            right(short, language),
            "right, %",
            sets[name].corpus,
            f"UMSAB val, {SHORT} letters",
        )
        words += [found == language for found, _ in three]
        for found, confidence in short:
            (sure if confidence >= SURE else unsure).append(found == language)
    yield Score("language/three-words", 100 * sum(words) / len(words), "right, %", all_six, "UMSAB val, six languages")
    yield Score(
        "language/sure", 100 * sum(sure) / len(sure), "right, %", all_six, f"{SHORT} letters, confidence >= {SURE}"
    )
    yield Score("language/sure-share", 100 * len(sure) / len(sure + unsure), "of all, %", all_six, "the same")
    for name, found, language in (("sentipolc", sentipolc(), "it"), ("airline", airline(), "en")):
        yield Score(
            f"language/{name}", right(told(model, found.texts), language), "right, %", found.corpus, "whole set"
        )


def told(model: LanguageModel, texts: Sequence[str]) -> list[tuple[str, float]]:
    """(language, confidence) of each text, with no hint of its source."""
    sums = Tokens(model).add_up([text.split() for text in texts])
    return model.decide(sums.scores, sums.words, [""] * len(texts))


def right(found: Sequence[tuple[str, float]], language: str) -> float:
    """In per cent."""
    return 100 * sum(one == language for one, _ in found) / len(found)


def _words(text: str) -> list[str]:
    return [word for word in text.split() if word[0] != "@" and word[:4] != "http"]


def cut(text: str) -> str:
    return " ".join(_words(text))[:SHORT]


def few(text: str) -> str:
    """The first three words with letters."""
    return " ".join([word for word in _words(text) if any(map(str.isalpha, word))][:3])
