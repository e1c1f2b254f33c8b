"""What a model's outputs mean: its configuration in, a polarity for each output out.

Models name their outputs as they like: "negative", "NEG", "LABEL_0", "4 stars". Where the names do not say it, the user does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream import SENTIMENTS, Sentiment

_WORDS: Final[dict[str, Sentiment]] = {
    "neg": "negative", "negative": "negative", "negativo": "negative", "negatif": "negative", "bad": "negative",
    "very negative": "negative", "neu": "neutral", "neutral": "neutral", "neutro": "neutral", "mixed": "neutral",
    "pos": "positive", "positive": "positive", "positivo": "positive", "positif": "positive", "good": "positive",
    "very positive": "positive",
}  # fmt: skip
_STARS: Final = re.compile(r"([1-5])(?:[ _]?stars?)?|stars?[ _]?([1-5])")
_OF_STARS: Final[tuple[Sentiment, ...]] = ("negative", "negative", "neutral", "positive", "positive")


class LabelsError(ValueError):
    """The outputs' names do not say which is positive and which negative; the message shows them and what to set."""


def polarities(config: Mapping[str, Any], given: Sequence[str] = ()) -> tuple[Sentiment, ...]:
    """A polarity for each output of the model with this `config.json`, in order.

    `given`: what the user says they are ([enrichment] hf_labels); () = what `id2label` says. Raises LabelsError.
    """
    names = _names(config)
    if given:
        found: list[Sentiment | None] = [_polarity(name) for name in given]
        if names and len(given) != len(names):
            raise LabelsError(f"hf_labels has {len(given)} names, the model {len(names)} outputs: {', '.join(names)}")
    else:
        found = [_polarity(name) for name in names]
    known = [one for one in found if one is not None]
    if len(known) < len(found) or not {"positive", "negative"} <= set(known):
        shown = ", ".join(f'"{name}"' for name in given or names) or "none"
        raise LabelsError(
            f"its outputs are called {shown}, which does not say what is positive and what negative. Say it, in their order: "
            'hf_labels = ["negative", "neutral", "positive"]'
        )
    return tuple(known)


def _names(config: Mapping[str, Any]) -> list[str]:
    table = config.get("id2label")
    if not isinstance(table, Mapping):
        return []
    try:
        return [str(table[key]) for key in sorted(table, key=int)]
    except ValueError:
        return []


def _polarity(name: str) -> Sentiment | None:
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    if plain in SENTIMENTS:
        return _WORDS[plain]
    stars = _STARS.fullmatch(plain)
    if stars:
        return _OF_STARS[int(stars[1] or stars[2]) - 1]
    return _WORDS.get(plain)
