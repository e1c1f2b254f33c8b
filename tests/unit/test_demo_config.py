"""The demo's configuration is a valid one, and speaks only of this machine."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from alerts import AlertSettings, MailSettings
from crawlers import CrawlerSettings
from ronzio.demo import demo_config
from ronzio.demo.places import PLACES, TALK
from stream import Brand


@pytest.fixture
def config() -> dict[str, Any]:
    return demo_config(web_port=4711, mail_port=4712)


def test_every_part_is_valid(config: dict[str, Any]) -> None:
    brands = [Brand(**brand) for brand in config["brands"]]
    assert [brand.role for brand in brands].count("own") == 2
    assert all(2 <= len(brand.products) <= 3 for brand in brands if brand.role == "own")
    known = {brand.name for brand in brands}
    assert all(known.issuperset(brand.competitors) for brand in brands)
    AlertSettings(**config["alerts"])
    assert MailSettings(**config["mail"]).port == 4712
    crawler = CrawlerSettings(**config["crawler"], sources=config["sources"])
    assert len(crawler.sources) == len(PLACES) + len(TALK) + 1


def test_all_on_loopback(config: dict[str, Any]) -> None:
    addresses = [urlsplit(source["url"]) for source in config["sources"]]
    assert all(str(address.hostname).startswith("127.0.0.") and address.port == 4711 for address in addresses)
    assert all(source["local"] for source in config["sources"])
    assert config["mail"]["host"] == "127.0.0.1"


def test_the_same_every_time(config: dict[str, Any]) -> None:
    assert config == demo_config(web_port=4711, mail_port=4712)
