"""Which engine judges sentiment: settings in, a `SentimentEngine` out."""

from __future__ import annotations

from collections.abc import Sequence

from enrichment.compact import CompactEngine
from enrichment.sentiment import LexiconEngine, SentimentEngine
from enrichment.settings import HUGGING_FACE, EnrichmentSettings


class EngineError(Exception):
    """The engine that `[enrichment] engine` names cannot be had; the message says why and what to do."""


def sentiment_engine(settings: EnrichmentSettings) -> SentimentEngine:
    """The engine that `settings.engine` names. Raises EngineError."""
    if settings.engine.startswith(HUGGING_FACE):
        return _hugging_face("[enrichment]", settings.engine, settings.hf_labels, settings.hf_threads)
    return CompactEngine() if settings.engine == "compact" else LexiconEngine()


def second_engine(settings: EnrichmentSettings) -> SentimentEngine:
    """The engine that gives second opinions; there must be one in the settings. Raises EngineError."""
    second = settings.second_opinion
    return _hugging_face("[enrichment.second_opinion]", second.engine, second.hf_labels, second.hf_threads)


def _hugging_face(table: str, engine: str, labels: Sequence[str], threads: int) -> SentimentEngine:
    from enrichment.hf import ModelError, TransformerEngine  # packages of an extra, and slow to load

    try:
        return TransformerEngine(engine.removeprefix(HUGGING_FACE), labels=labels, threads=threads)
    except ModelError as error:
        raise EngineError(f'{table} engine = "{engine}": {error}') from None
