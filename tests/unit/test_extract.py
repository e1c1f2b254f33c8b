"""What a page becomes: identity, date, author, main text; what is no article; what a hostile page leaves."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from crawlers import BadPayload, Partial
from crawlers.entry import Origin
from crawlers.pool import Workers
from crawlers.sites.extract import PRELOAD, extract_page, read_page, read_page_safely
from crawlers.sites.page import title_and_description, utf8_of
from stream import Item, mention_id

URL = "https://www.example.com/notizie/pacco?utm_source=x"
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
ORIGIN = Origin(source="site:x", channel="site", url=URL, fetched_at=NOW, time_zone="Europe/Rome")
TEXT = "Il pacco ordinato lunedì non è ancora arrivato, e il servizio clienti dice di aspettare ancora un poco. "


def page(head: str = "", body: str = "", *, lang: str = "it", text: str = TEXT * 3) -> bytes:
    article = f"<article><h1>Il pacco</h1><p>{text}</p><p>Ultimo capoverso. {text}</p></article>"
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Il pacco | Giornale</title>{head}</head>'
        f"<body><nav><a href='/a'>Menu</a></nav>{article}{body}</body></html>"
    ).encode()


def item(body: bytes, content_type: str = "", origin: Origin = ORIGIN) -> Item:
    result = extract_page(body, URL, origin=origin, content_type=content_type)
    assert isinstance(result, Item), result
    return result


def linked(**values: object) -> str:
    data = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": "Il pacco", **values}
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def test_identity_is_that_of_the_canonical_address() -> None:
    found = item(page('<link rel="canonical" href="/notizie/pacco">'))
    assert found.url == "https://www.example.com/notizie/pacco"
    assert found.id == item(page()).id == mention_id("//example.com/notizie/pacco")
    assert found.site == "example.com"


@pytest.mark.parametrize(
    "canonical",
    ["https://altro.example/notizie/pacco", "https://www.example.com/", "http://[broken", "ftp://example.com/x"],
)
def test_a_canonical_address_elsewhere_is_not_believed(canonical: str) -> None:
    assert item(page(f'<link rel="canonical" href="{canonical}">')).url == URL


PUBLISHED = '<meta property="article:published_time" content="2026-03-04T10:30:00Z">'


@pytest.mark.parametrize(
    ("head", "at", "origin"),
    [
        (linked(datePublished="2026-03-04T10:30:00+01:00"), datetime(2026, 3, 4, 9, 30, tzinfo=UTC), "stated"),
        (PUBLISHED, datetime(2026, 3, 4, 10, 30, tzinfo=UTC), "stated"),
        ('<meta name="date" content="4 marzo 2026 10:30">', datetime(2026, 3, 4, 9, 30, tzinfo=UTC), "zone-assumed"),
        (linked(datePublished="2031-01-01"), NOW, "fetched"),
        ("", NOW, "fetched"),
    ],
)
def test_dates(head: str, at: datetime, origin: str) -> None:
    found = item(page(head))
    assert (found.published_at, found.date_origin) == (at, origin)


def test_linked_data_in_a_graph_with_several_authors() -> None:
    article = {"@type": ["Article"], "headline": "Dal grafo", "author": [{"name": "Ada"}, "Bruno"]}
    graph = {"@graph": [{"@type": "WebSite", "name": "x"}, article]}
    found = item(page(f'<script type="application/ld+json">{json.dumps(graph)}</script>'))
    assert (found.title, found.author) == ("Dal grafo", "Ada, Bruno")


def test_broken_linked_data_does_no_harm() -> None:
    for data in ("{", "[" * 100_000, json.dumps({"@type": "Article", "author": 7, "headline": None})):
        assert item(page(f'<script type="application/ld+json">{data}</script>')).text.startswith("Il pacco ordinato")


def test_text_is_the_article_alone() -> None:
    found = item(page(body="<footer><p>Abbonati alla newsletter</p></footer><script>evil()</script>"))
    assert "Menu" not in found.text and "newsletter" not in found.text and "evil" not in found.text
    assert found.text.count("Il pacco ordinato") == 6
    assert "Ultimo capoverso" in found.text
    assert found.title == "Il pacco" or found.title.startswith("Il pacco")


def test_a_headline_is_not_said_twice() -> None:
    assert not item(page(linked())).text.startswith("Il pacco\n")


def test_titles_are_plain_text() -> None:
    found = item(page('<meta property="og:title" content="Rossi &amp;amp; C. &lt;script&gt;x()&lt;/script&gt;">'))
    assert found.title == "Rossi & C."


@pytest.mark.parametrize(
    ("encoding", "content_type", "declared"),
    [
        ("cp1252", "text/html; charset=windows-1252", "utf-8"),
        ("cp1252", "text/html", "iso-8859-1"),
        ("utf-16", "text/html", "utf-8"),
        ("utf-8", "text/html; charset=iso-8859-1", "iso-8859-1"),  # what is valid UTF-8 is UTF-8
    ],
)
def test_charsets(encoding: str, content_type: str, declared: str) -> None:
    html = page(text="Perché la città è così? «Già» — 5 €. " * 8).decode().replace("utf-8", declared)
    assert "Perché la città è così? «Già» — 5 €." in item(html.encode(encoding), content_type).text


def test_language_is_the_settings_or_the_pages() -> None:
    assert item(page(lang="it-IT")).language == "it"
    english = Origin(source="site:x", channel="site", url=URL, fetched_at=NOW, language="en")
    assert item(page(lang="it"), origin=english).language == "en"
    assert item(page(lang="")).language == ""


def test_a_home_page_a_list_and_a_page_that_wants_no_index_are_no_items() -> None:
    assert isinstance(extract_page(page(), "https://example.com/", origin=ORIGIN), Partial)
    teasers = "".join(f"<h2><a href='/n{n}'>Titolo {n}</a></h2><p>{TEXT}</p>" for n in range(8))
    listing = f"<html><head><title>Cronaca</title></head><body><main>{teasers}</main></body></html>".encode()
    read = read_page(listing, "https://example.com/cronaca/", ORIGIN)
    assert isinstance(read.result, Partial)
    assert "a list of articles" in read.result.what
    assert len(read.links) == 8
    assert isinstance(extract_page(page('<meta name="robots" content="noindex">'), URL, origin=ORIGIN), Partial)


def test_linked_data_of_many_articles_makes_no_article() -> None:
    found = read_page(page(linked() + linked(headline="Un altro"), text="x"), "https://example.com/tutti", ORIGIN)
    assert isinstance(found.result, Partial)


@pytest.mark.parametrize("body", [b"", b"\0\0\0", b"   \n", b"%PDF-1.7 nothing", b"<", bytes(range(256)) * 40])
def test_what_is_no_page_is_an_error_and_no_crash(body: bytes) -> None:
    result = extract_page(body, URL, origin=ORIGIN)
    assert isinstance(result, BadPayload | Partial)
    assert result.url == URL


def test_an_article_without_main_text_keeps_its_description() -> None:
    head = linked() + '<meta name="description" content="In breve, il pacco manca.">'
    html = f"<html><head>{head}</head><body></body></html>".encode()
    assert item(html).text == "In breve, il pacco manca."


def test_links_are_absolute_and_of_the_web() -> None:
    anchors = (
        "<a href='b#x'>1</a><a href='b'>2</a><a href='file:///etc/passwd'>3</a><a href='javascript:x()'>4</a>"
        "<a href='http://[bad'>5</a><a rel='nofollow' href='/no'>6</a><a href='//altro.example/c'>7</a>"
    )
    links = read_page(page("<base href='https://www.example.com/base/'>", anchors), URL, ORIGIN).links
    assert links == (
        "https://www.example.com/a",
        "https://www.example.com/base/b",
        "https://altro.example/c",
    )
    assert read_page(page('<meta name="robots" content="nofollow">', anchors), URL, ORIGIN).links == ()


def test_a_page_that_harms_its_reader_leaves_title_and_description() -> None:
    head = b'<html><head><title>Rossi &amp; C.</title><meta name="description" content="Il testo breve.">'
    hostile = head + b"<body><table><tr>" + b"<td>" * 200_000

    async def main() -> None:
        workers = Workers(1, PRELOAD)
        try:
            read = await read_page_safely(workers, hostile, URL, ORIGIN, seconds=0.5)
            assert isinstance(read.result, Item)
            assert (read.result.title, read.result.text) == ("Rossi & C.", "Il testo breve.")
            poor = await read_page_safely(workers, hostile[len(head) :], URL, ORIGIN, seconds=0.5)
            assert isinstance(poor.result, BadPayload)
            good = await read_page_safely(workers, page(), URL, ORIGIN)
            assert isinstance(good.result, Item)
        finally:
            workers.close()

    asyncio.run(main())


def test_title_and_description_without_a_tree() -> None:
    assert title_and_description(b"<title>x") == ("x", "")
    assert title_and_description(b'<meta content="d" property=og:description>') == ("", "d")
    assert title_and_description(b"<meta " * 100_000) == ("", "")


def test_a_character_cut_at_the_end_does_not_change_the_charset() -> None:
    body = "città".encode() * 700_000
    assert utf8_of(body[:3_000_000], "text/html; charset=iso-8859-1").startswith("città".encode())
