"""Which engine judges sentiment: settings in, a `SentimentEngine` out."""

from __future__ import annotations

from enrichment.sentiment import LexiconEngine, SentimentEngine
from enrichment.settings import HUGGING_FACE, EnrichmentSettings


class EngineError(Exception):
    """The engine that `[enrichment] engine` names cannot be had; the message says why and what to do."""


def sentiment_engine(settings: EnrichmentSettings) -> SentimentEngine:
    """The engine that `settings.engine` names. Raises EngineError."""
    if settings.engine.startswith(HUGGING_FACE):
        return hugging_face(settings.engine, settings)
    return LexiconEngine()


def hugging_face(engine: str, settings: EnrichmentSettings) -> SentimentEngine:
    """The engine "hf:NAME-OR-FOLDER". Raises EngineError."""
    from enrichment.hf import ModelError, TransformerEngine  # packages of an extra, and slow to load

    name = engine.removeprefix(HUGGING_FACE)
    try:
        return TransformerEngine(name, labels=settings.hf_labels, threads=settings.hf_threads)
    except ModelError as error:
        raise EngineError(f'[enrichment] engine = "{engine}": {error}') from None
