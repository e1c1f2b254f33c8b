"""The settings of [enrichment] in `ronzio.toml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from stream import Settings

KNOWN_LANGUAGES = ("it", "en", "es", "fr", "de", "pt", "ar", "hi")


class EnrichmentSettings(Settings):
    """How mentions are tagged."""

    languages: tuple[str, ...] = ("it", "en", "es", "fr", "de", "pt")  # fewer = surer on short texts
    topics_file: Path | None = None  # your own topics.toml instead of the built-in one
    story_window: int = Field(default=131_072, ge=1024, le=4_194_304)  # mentions in which copies are found
    batch: int = Field(default=512, ge=1, le=10_000)  # records tagged and stored at a time
    max_dead_in_a_row: int = Field(default=50, ge=1)  # then the worker stops instead of burying everything

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for language in languages:
            if language not in KNOWN_LANGUAGES:
                raise ValueError(f'"{language}" is no language it knows; known are {", ".join(KNOWN_LANGUAGES)}')
        return languages
