"""The demo's feeds: posts in, bytes of RSS 2.0, Atom or JSON Feed out, as different publishers write them."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from ronzio.demo.places import Place
from ronzio.demo.scenario import Post

TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
ROME = ZoneInfo("Europe/Rome")
BROKEN_EVERY = 3  # of the Corriere's articles: beside the newest stands an entry nobody can use
_DAYS = ("lun", "mar", "mer", "gio", "ven", "sab", "dom")
_MONTHS = (
    *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
    *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
)

for prefix, namespace in (("atom", ATOM), ("content", CONTENT), ("dc", DC)):
    ET.register_namespace(prefix, namespace)


def render(place: Place, posts: Sequence[Post], base: str) -> bytes:
    """The place's feed with `posts`, newest first. The same posts always give the same bytes."""
    return {"rss": _rss, "atom": _atom, "json": json_feed}[place.feed](place, posts, base)


def italian_date(moment: datetime) -> str:
    """As an Italian paper's feed writes it: "mar, 24 novembre 2026 04:05:06 +0100"."""
    local = moment.astimezone(ROME)
    return f"{_DAYS[local.weekday()]}, {local.day:02} {_MONTHS[local.month - 1]} {local:%Y %H:%M:%S %z}"


def _rss(place: Place, posts: Sequence[Post], base: str) -> bytes:
    root = ET.Element("rss", version="2.0")
    channel = ET.SubElement(root, "channel")
    for tag, text in (("title", place.name), ("link", f"{base}/{place.id}/"), ("description", place.name)):
        ET.SubElement(channel, tag).text = text
    ET.SubElement(channel, "language").text = place.language
    for post in posts:
        item = ET.SubElement(channel, "item")
        ET.SubElement(item, "title").text = post.title
        ET.SubElement(item, "link").text = f"{base}{post.path}"
        ET.SubElement(item, "guid", isPermaLink="true").text = f"{base}{post.path}"
        date = italian_date(post.published_at) if place.dates == "italian" else format_datetime(post.published_at)
        ET.SubElement(item, "pubDate").text = date
        if post.author:
            ET.SubElement(item, f"{{{DC}}}creator").text = post.author
        ET.SubElement(item, "description").text = post.paragraphs[0]
        if post.story:
            ET.SubElement(item, f"{{{CONTENT}}}encoded").text = _markup(post)
    if place.id == "corriere" and posts and posts[0].published_at.minute % BROKEN_EVERY == 0:
        broken = ET.SubElement(channel, "item")
        ET.SubElement(broken, "pubDate").text = "domani, forse"
    return _bytes(root)


def _atom(place: Place, posts: Sequence[Post], base: str) -> bytes:
    root = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": place.language})
    ET.SubElement(root, f"{{{ATOM}}}title").text = place.name
    ET.SubElement(root, f"{{{ATOM}}}id").text = f"tag:{place.id}.example,2026:feed"
    ET.SubElement(root, f"{{{ATOM}}}link", rel="self", href=f"{base}{place.feed_path}")
    if posts:
        ET.SubElement(root, f"{{{ATOM}}}updated").text = posts[0].published_at.isoformat()
    for post in posts:
        entry = ET.SubElement(root, f"{{{ATOM}}}entry")
        ET.SubElement(entry, f"{{{ATOM}}}title").text = post.title
        ET.SubElement(entry, f"{{{ATOM}}}id").text = f"tag:{place.id}.example,2026:{post.key}"
        ET.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", href=f"{base}{post.path}")
        ET.SubElement(entry, f"{{{ATOM}}}published").text = post.published_at.isoformat()
        ET.SubElement(entry, f"{{{ATOM}}}updated").text = post.published_at.isoformat()
        if post.author:
            ET.SubElement(ET.SubElement(entry, f"{{{ATOM}}}author"), f"{{{ATOM}}}name").text = post.author
        ET.SubElement(entry, f"{{{ATOM}}}content", type="html").text = _markup(post)
    return _bytes(root)


def json_feed(place: Place, posts: Sequence[Post], base: str) -> bytes:
    """JSON Feed 1.1; short comments have no title there."""
    items = [
        {
            "id": f"{base}{post.path}",
            "url": f"{base}{post.path}",
            "date_published": post.published_at.isoformat(),
            **({"title": post.title} if post.title else {}),
            **({"authors": [{"name": post.author}]} if post.author else {}),
            **({"content_html": _markup(post)} if post.story else {"content_text": post.paragraphs[0]}),
        }
        for post in posts
    ]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": place.name,
        "language": place.language,
        "home_page_url": f"{base}/{place.id}/",
        "items": items,
    }
    return json.dumps(feed, ensure_ascii=False).encode()


def _markup(post: Post) -> str:
    return "".join(f"<p>{html.escape(paragraph, quote=False)}</p>" for paragraph in post.paragraphs)


def _bytes(root: ET.Element) -> bytes:
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
