"""What a user writes under [[sources]], and what is said when it is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crawlers import CrawlerSettings


def settings(*sources: dict[str, Any]) -> CrawlerSettings:
    return CrawlerSettings.model_validate({"sources": sources})


FEED = {"kind": "feed", "url": "https://www.example.it/feed.xml"}


def test_kinds_and_durations() -> None:
    found = settings(
        {**FEED, "interval": "15m"}, {"kind": "site", "url": "https://e.it/"}, {"kind": "opml", "url": "a.opml"}
    )
    feed, site, opml = found.sources
    assert [place.interval for place in found.sources] == [900, 3600, 900]
    assert [place.id.partition(":")[0] for place in (feed, site, opml)] == ["feed", "site", "opml"]
    assert feed.title == "www.example.it/feed.xml"


def test_a_new_name_keeps_the_id() -> None:
    assert settings(FEED).sources[0].id == settings({**FEED, "name": "Nuovo"}).sources[0].id


def test_addresses_alike_to_the_eye_have_different_ids() -> None:
    ids = {place.id for place in settings(FEED, {**FEED, "url": FEED["url"] + "?"}).sources}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "www.example.it"}, "expected a web address"),
        ({"url": "ftp://example.it/x"}, "expected a web address"),
        ({"url": "http://[::1"}, "expected a web address"),
        ({"url": "http://a b/"}, "expected a web address"),
        ({"interval": "15 minutes"}, 'expected a duration such as "30s"'),
        ({"interval": 0}, "greater than or equal to 1"),
        ({"time_zone": "Roma"}, "expected a time zone"),
        ({"time_zone": "../etc"}, "expected a time zone"),
        ({"intervall": "5m"}, 'did you mean "interval"'),
        ({"kind": "fedd"}, "'feed', 'site', 'opml'"),
        ({"language": "italiano"}, "language"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        settings({**FEED, **change})
    assert said in str(error.value)


def test_a_source_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="stands there twice"):
        settings(FEED, FEED)
