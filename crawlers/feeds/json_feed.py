"""JSON Feed (https://www.jsonfeed.org/version/1.1/): bytes in, entries out; feedparser does not read it."""

from __future__ import annotations

import json
from typing import Any

from crawlers.clean import line_of, text_of, text_of_markup
from crawlers.entry import Entry, Feed

VERSION = "https://jsonfeed.org/version/"
BARE_VERSIONS = ("1", "1.0", "1.1")  # as some write it


def looks_like_json_feed(body: bytes) -> bool:
    """A JSON object that says so somewhere, or has what a feed has: cheap, before parsing."""
    if body[:100].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
        return False
    return b"jsonfeed.org/version" in body.replace(b"\\/", b"/") or (b'"version"' in body and b'"items"' in body)


def read_json_feed(body: bytes) -> Feed:
    """Raises ValueError where it is not one."""
    data = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    version = str(data.get("version", "")) if isinstance(data, dict) else ""
    if not version.startswith(VERSION) and version not in BARE_VERSIONS:
        raise ValueError(f'no "version" that begins with {VERSION}')
    items = data.get("items")
    if not isinstance(items, list):
        raise ValueError('"items" is missing or no list')
    entries = tuple(_entry(item) for item in items if isinstance(item, dict))
    home = str(data.get("home_page_url") or "")
    return Feed(
        entries=entries, home=home, language=str(data.get("language") or ""), unreadable=len(items) - len(entries)
    )


def _entry(item: dict[str, Any]) -> Entry:
    authors = item.get("authors")
    author = authors[0] if isinstance(authors, list) and authors else item.get("author")
    author = author if isinstance(author, dict) else {}
    texts = (
        text_of_markup(_text(item.get("content_html"))),
        text_of(_text(item.get("content_text")), plain=True),
        text_of(_text(item.get("summary")), plain=True),
    )
    return Entry(
        guid=_text(item.get("id")),
        link=_text(item.get("url")) or _text(item.get("external_url")),
        title=line_of(_text(item.get("title")), plain=True),
        text=max(texts, key=len),
        dates=(_text(item.get("date_published")), _text(item.get("date_modified"))),
        author=line_of(_text(author.get("name")), plain=True, longest=200),
        author_url=_text(author.get("url"))[:2000],
        language=_text(item.get("language")),
    )


def _text(value: object) -> str:
    """Strings, and the numbers some write as ids."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
