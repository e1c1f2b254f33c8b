"""Which engine judges: the setting, its errors, and what it leaves in a mention."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from pydantic import ValidationError

from enrichment import EngineError, Enricher, EnrichmentSettings, sentiment_engine
from stream import Brand, Item, Mention

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def tagged(settings: EnrichmentSettings, text: str) -> Mention:
    item = Item(id="00112233445566778899", source="s", channel="feed", fetched_at=NOW, published_at=NOW, text=text)
    [mention] = Enricher([Brand(name="Aurora")], settings).tag([msgspec.json.encode(item)])
    assert isinstance(mention, Mention)
    return mention


def test_lexicon_and_vader_are_one() -> None:
    names = {sentiment_engine(EnrichmentSettings(engine=name)).version for name in ("lexicon", "vader")}
    assert len(names) == 1
    assert names.pop().startswith("lexicon-")


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match=r'"gpt" is no engine; known are .*"lexicon".*"hf:NAME-OR-FOLDER"'):
        EnrichmentSettings(engine="gpt")


def test_a_model_that_cannot_be_had_says_so() -> None:
    with pytest.raises(EngineError, match="no-such/model"):
        sentiment_engine(EnrichmentSettings(engine="hf:no-such/model"))


def test_a_mention_carries_who_judged_and_whether_it_was_told() -> None:
    settings = EnrichmentSettings(engine="lexicon")
    told = tagged(settings, "Aurora: servizio pessimo, sono davvero arrabbiata")
    assert (told.sentiment, told.unsure) == ("negative", False)
    assert told.judged_by == sentiment_engine(settings).version
    untold = tagged(settings, "Aurora: no me ha llegado el paquete que compré el lunes")
    assert (untold.sentiment, untold.unsure) == ("neutral", True)
