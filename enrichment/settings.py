"""The settings of [enrichment] in `ronzio.toml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from stream import Settings

HUGGING_FACE = "hf:"  # begins the name of an engine that is a Hugging Face model: "hf:NAME-OR-FOLDER"
ENGINES = ("compact", "lexicon", "vader")  # "vader" is another name of "lexicon"
KNOWN_LANGUAGES = ("it", "en", "es", "fr", "de", "pt", "ar", "hi")


class SecondOpinionSettings(Settings):
    """A second, better and slower engine, asked about what matters most and what the first one is unsure of."""

    engine: str = ""  # "hf:NAME-OR-FOLDER"; "" = nobody is asked
    budget: float = Field(default=2.0, gt=0, le=1000)  # texts a second at most
    below: float = Field(default=0.5, ge=0, le=1)  # the first engine's confidence under which it is asked
    reach: int = Field(default=10_000, ge=0)  # followers or views from which it is always asked; 0 = never for that
    incidents: bool = True  # always asked about what an open incident is about
    hours: float = Field(default=48.0, gt=0, le=2160)  # how old a mention may be
    hf_labels: tuple[str, ...] = ()  # as in [enrichment], for this engine
    hf_threads: int = Field(default=1, ge=1, le=64)  # as in [enrichment], for this engine

    @field_validator("engine")
    @classmethod
    def _an_engine(cls, engine: str) -> str:
        if engine and not (engine.startswith(HUGGING_FACE) and engine != HUGGING_FACE):
            raise ValueError(f'"{engine}" is no second engine; it is "{HUGGING_FACE}NAME-OR-FOLDER"')
        return engine


class EnrichmentSettings(Settings):
    """How mentions are tagged."""

    languages: tuple[str, ...] = ("it", "en", "es", "fr", "de", "pt")  # fewer = surer on short texts
    engine: str = "compact"  # what judges sentiment: "compact" (trained), "lexicon" (word lists), "hf:NAME-OR-FOLDER"
    hf_labels: tuple[str, ...] = ()  # what a model's outputs mean, in order, where its own names do not say it
    hf_threads: int = Field(default=1, ge=1, le=64)  # cores that a Hugging Face model may use
    second_opinion: SecondOpinionSettings = SecondOpinionSettings()
    topics_file: Path | None = None  # your own topics.toml instead of the built-in one
    story_window: int = Field(default=131_072, ge=1024, le=4_194_304)  # mentions in which copies are found
    batch: int = Field(default=1024, ge=1, le=10_000)  # records tagged and stored at a time
    max_dead_in_a_row: int = Field(default=50, ge=1)  # then the worker stops instead of burying everything

    @field_validator("engine")
    @classmethod
    def _an_engine(cls, engine: str) -> str:
        if engine not in ENGINES and not (engine.startswith(HUGGING_FACE) and engine != HUGGING_FACE):
            known = ", ".join(f'"{name}"' for name in ENGINES)
            raise ValueError(f'"{engine}" is no engine; known are {known} and "{HUGGING_FACE}NAME-OR-FOLDER"')
        return engine

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for language in languages:
            if language not in KNOWN_LANGUAGES:
                raise ValueError(f'"{language}" is no language it knows; known are {", ".join(KNOWN_LANGUAGES)}')
        return languages
