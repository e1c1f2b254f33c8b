"""Feeds' bytes in, items out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from crawlers.clean import DEEPEST, KEPT, line_of, nesting, text_of, text_of_markup
from crawlers.entry import Origin
from crawlers.feeds.parse import Parsed, parse_feed
from crawlers.source import BadPayload
from stream import mention_id

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ORIGIN = Origin(
    source="feed:x", channel="feed", url="https://www.example.it/feed.xml", fetched_at=NOW, time_zone="Europe/Rome"
)


def rss(items: str, head: str = "<link>https://www.example.it/</link><language>it-IT</language>") -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>{head}{items}</channel></rss>'.encode()


def parsed(body: bytes, content_type: str = "application/rss+xml", *, truncated: bool = False) -> Parsed:
    return parse_feed(body, content_type, truncated, ORIGIN)


def test_an_rss_entry() -> None:
    (item,) = parsed(
        rss(
            "<item><title>Rossi &amp;amp; C. &lt;b&gt;apre&lt;/b&gt;</title><link>/a?utm_source=rss&amp;id=7</link>"
            "<guid>17</guid><author>Anna Neri</author><pubDate>mar 3 marzo 2026</pubDate>"
            "<description>&lt;p&gt;Primo&lt;/p&gt;&lt;p&gt;dell&amp;#8217;anno&lt;/p&gt;</description></item>"
        )
    ).items
    assert item.id == mention_id("//example.it/a?id=7")
    assert item.url == "https://www.example.it/a?utm_source=rss&id=7"
    assert (item.title, item.text) == ("Rossi & C. apre", "Primo\ndell’anno")
    assert (item.site, item.author, item.language) == ("example.it", "Anna Neri", "it")
    assert (item.published_at, item.date_origin) == (datetime(2026, 3, 2, 23, tzinfo=UTC), "zone-assumed")


def test_valid_entries_stay_beside_broken_ones() -> None:
    body = rss("<item><title>A</title><link>/a</link></item><item><pubDate>domani</pubDate></item><item/>"
               "<item><link>/b</link></item><item><title>C &nope; </title><link>/c</link></item>")  # fmt: skip
    found = parsed(body)
    assert [item.title[0] for item in found.items] == ["A", "C"]
    assert len(found.errors) == 3
    assert all(error.what.startswith("entry ") for error in found.errors)


def test_the_longest_of_content_and_summary_is_the_text() -> None:
    body = rss(
        '<item xmlns:content="http://purl.org/rss/1.0/modules/content/"><link>/a</link><description>breve</description>'
        "<content:encoded><![CDATA[<p>molto più lungo</p>]]></content:encoded></item>"
    )
    assert [item.text for item in parsed(body).items] == ["molto più lungo"]


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("<guid>17</guid>", "feed:x:17"),
        ("<guid>https://www.example.it/p</guid>", "//example.it/p"),
        ('<guid isPermaLink="false">https://www.example.it/p</guid><link>/q</link>', "//example.it/q"),
        ("<guid>17</guid><link>https://www.example.it/</link>", "feed:x:17"),  # the home page is no identity
    ],
)
def test_identity(entry: str, key: str) -> None:
    assert [item.id for item in parsed(rss(f"<item><title>T</title>{entry}</item>")).items] == [mention_id(key)]


def test_without_link_and_id_the_content_is_the_identity() -> None:
    same = "<item><title>T</title><description>x</description></item>"
    other = "<item><title>T</title><description>y</description></item>"
    first, second = parsed(rss(same + other + same)).items
    assert first.id != second.id
    assert parsed(rss(same)).items[0].id == first.id


def test_entries_that_share_a_link_are_told_apart_by_their_ids() -> None:
    items = parsed(rss("".join(f"<item><title>{i}</title><link>/page</link><guid>{i}</guid></item>" for i in range(3))))
    assert len({item.id for item in items.items}) == 3


def test_google_alerts() -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:google.com,2005:reader/user/1/state/com.google/alerts/2</id>
    <title>Google Alert - aurora</title><entry><id>tag:google.com,2013:googlealerts/feed:123</id>
    <title type="html">Il &lt;b&gt;Caff\xc3\xa8 Aurora&lt;/b&gt; riapre</title>
    <link href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://www.gazzetta.example/cronaca/1%3Fp%3D2&amp;ct=ga&amp;cd=x"/>
    <published>2026-11-24T08:15:00Z</published>
    <content type="html">Dopo i lavori &lt;b&gt;Aurora&lt;/b&gt;</content></entry></feed>"""
    (item,) = parsed(body, "application/atom+xml").items
    assert item.url == "https://www.gazzetta.example/cronaca/1?p=2"
    assert item.id == mention_id("//gazzetta.example/cronaca/1?p=2")
    assert (item.site, item.title) == ("gazzetta.example", "Il Caffè Aurora riapre")
    assert item.text == "Dopo i lavori Aurora"


def test_feedburner_links_are_the_true_ones() -> None:
    body = rss(
        '<item xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"><title>T</title><link>http://feeds.x/~r/1</link>'
        "<feedburner:origLink>https://blog.example/1</feedburner:origLink></item>"
    )
    assert [item.url for item in parsed(body).items] == ["https://blog.example/1"]


def json_feed(**item: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [item]}).encode()


def test_json_feed() -> None:
    body = json_feed(
        id=5, url="https://example.it/5", content_html="<p>Uno</p><script>no()</script>", title="a < b",
        date_published="2026-11-24T08:00:00+01:00", authors=[{"name": "Ada", "url": "https://example.it/ada"}],
    )  # fmt: skip
    (item,) = parsed(body, "application/feed+json").items
    assert (item.title, item.text, item.author, item.author_url) == ("a < b", "Uno", "Ada", "https://example.it/ada")
    assert item.published_at == datetime(2026, 11, 24, 7, tzinfo=UTC)


def test_json_feed_with_items_that_are_none() -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1", "items": [3, None, {"id": "a", "title": "A"}]})
    found = parsed(body.encode())
    assert ([item.title for item in found.items], len(found.errors)) == (["A"], 1)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"   ", b"<html><body>niente</body></html>", b"\x00\xff\xfe", b'{"version": "https://jsonfeed.org/version/1"}',
        b'{"version": "https://jsonfeed.org/version/1", "items": 3}', b"testo", b'{"x": "jsonfeed.org/version"',
        b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_feed_says_so_and_shows_its_beginning(body: bytes) -> None:
    found = parsed(body, "text/html")
    assert not found.is_feed
    (error,) = found.errors
    assert isinstance(error, BadPayload)
    assert error.raw == body[:2000].decode("utf-8", "replace")


def test_half_of_the_last_entry_is_left_out() -> None:
    whole = rss("".join(f"<item><title>Numero {i}</title><link>/{i}</link></item>" for i in range(5)))
    cut = whole[: whole.index(b"<title>Numero 4") + 12]
    assert [item.title for item in parsed(cut, truncated=True).items] == [f"Numero {i}" for i in range(4)]


def test_scripts_in_titles_are_inert() -> None:
    titles = [
        "&lt;script&gt;alert(1)&lt;/script&gt;Sconto", "<![CDATA[<img src=x onerror=alert(1)>Sconto]]>",
        "Sconto &amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;", "&lt;svg/onload=alert(1)&gt;Sconto",
    ]  # fmt: skip
    body = rss("".join(f"<item><title>{title}</title><guid>{i}</guid></item>" for i, title in enumerate(titles)))
    found = [item.title for item in parsed(body).items]
    assert found == ["Sconto", "Sconto", "Sconto <script>alert(1)</script>", "Sconto"]  # the third is text, as meant


def test_entity_bombs_and_files_are_not_unfolded() -> None:
    entities = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    body = (
        f'<?xml version="1.0"?>{entities}<!ENTITY file SYSTEM "file:///etc/passwd">]>'
        "<rss version='2.0'><channel><item><title>&i;</title><description>&file;</description><link>http://e.it/1</link>"
        "</item></channel></rss>"
    )
    found = parsed(body.encode())
    assert all(len(item.title) <= 1000 and "root:" not in item.text for item in found.items)


def test_text_of_markup() -> None:
    assert text_of_markup("<p>a</p><p>b<br>c</p><style>x{}</style>") == "a\nb\nc"
    assert text_of("prezzi < 5 € & > 3") == "prezzi < 5 € & > 3"
    assert text_of("uno <due> tre") == "uno <due> tre"
    assert text_of("<b>x</b>", plain=True) == "<b>x</b>"
    assert line_of("a\n\n b\u202e\x00c") == "a bc"
    assert len(text_of("x" * 300_000)) == KEPT


def test_deep_markup_is_stripped_without_a_parser() -> None:
    deep = "<div>" * 100_000 + "fondo"
    assert nesting(deep) > DEEPEST
    assert text_of_markup(deep[:150_000] + "fondo").endswith("fondo")
    assert nesting("<p>a<br>b</p>" * 1000) == 1
