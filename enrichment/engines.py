"""Which engine judges sentiment: settings in, a `SentimentEngine` out."""

from __future__ import annotations

from enrichment.sentiment import LexiconEngine, SentimentEngine
from enrichment.settings import HUGGING_FACE, EnrichmentSettings


class EngineError(Exception):
    """The engine that `[enrichment] engine` names cannot be had; the message says why and what to do."""


def sentiment_engine(settings: EnrichmentSettings) -> SentimentEngine:
    """The engine that `settings.engine` names. Raises EngineError."""
    if settings.engine.startswith(HUGGING_FACE):
        raise EngineError(f'[enrichment] engine = "{settings.engine}": no Hugging Face models yet; use "lexicon"')
    return LexiconEngine()
