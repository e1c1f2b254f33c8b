"""An entry of any feed format, and what makes an item of it: identity, link, date.

In: entries as parsers read them. Out: items, and a `Partial` for each entry that nothing identifies.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qs, urljoin, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from crawlers.dates import publication_date
from crawlers.identity import canonical_key
from crawlers.source import Partial
from stream import Item, mention_id

TRACKED_HOSTS = ("google.com", "www.google.com", "google.it", "www.google.it")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed says of one thing, as it says it; texts are plain already."""

    guid: str = ""
    link: str = ""
    title: str = ""
    text: str = ""
    dates: tuple[str, ...] = ()
    author: str = ""
    author_url: str = ""
    language: str = ""
    publisher: str = ""  # name of the place it was taken over from
    half: bool = False  # cut off in the middle


class Feed(NamedTuple):
    entries: tuple[Entry, ...]
    home: str = ""
    language: str = ""
    unreadable: int = 0  # entries that could not even be looked at


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What the items of one document have in common."""

    source: str
    channel: str
    url: str  # of the document: relative links count from it
    fetched_at: datetime
    time_zone: str = "UTC"
    language: str = ""


def items_of(feed: Feed, origin: Origin) -> tuple[list[Item], list[Partial]]:
    """Each thing once, the first of those with equal identity."""
    links = [_link(entry, origin.url) for entry in feed.entries]
    shared = {key for key, count in Counter(_key(link) for link in links if link).items() if count > 1}
    home = {_key(link) for link in (feed.home, origin.url) if _is_address(link)}
    items: dict[str, Item] = {}
    errors: list[Partial] = []
    for number, (entry, link) in enumerate(zip(feed.entries, links, strict=True), 1):
        own_link = bool(link) and _key(link) not in home and not (_key(link) in shared and entry.guid)
        key = _key(link) if own_link else _native_key(entry, origin.source)
        if not key or not (entry.title or entry.text):
            lacking = "neither link, id, title nor text" if not key else "neither title nor text"
            errors.append(Partial(what=f"entry {number} has {lacking}", url=link or origin.url))
            continue
        item = _item(entry, link, mention_id(key), feed, origin)
        items.setdefault(item.id, item)
    if feed.unreadable:
        errors.append(Partial(what=f"{feed.unreadable} entries are no entries at all", url=origin.url))
    return list(items.values()), errors


def _item(entry: Entry, link: str, identity: str, feed: Feed, origin: Origin) -> Item:
    language = origin.language or entry.language or feed.language
    at, date_origin = publication_date(
        entry.dates,
        origin.fetched_at,
        ZoneInfo(origin.time_zone),
        day_first=not language.lower().startswith("en-us"),
    )
    raw_date = next((text for text in entry.dates if text), "")
    return Item(
        id=identity,
        source=origin.source,
        channel=origin.channel,
        fetched_at=origin.fetched_at,
        published_at=at,
        date_origin=date_origin,
        url=link,
        site=(_host(link) or _host(origin.url)).removeprefix("www."),
        title=entry.title,
        text=entry.text,
        author=entry.author,
        author_url=entry.author_url if _is_address(entry.author_url) else "",
        language=language[:2].lower() if language[:2].isalpha() else "",
        extra={
            **({"date": raw_date[:80]} if date_origin == "fetched" and raw_date else {}),
            **({"publisher": entry.publisher} if entry.publisher else {}),
        },
    )


def _native_key(entry: Entry, source: str) -> str:
    """Identity of what has no address of its own."""
    if _is_address(entry.guid) and not entry.link:
        return _key(entry.guid)
    if entry.guid:
        return f"{source}:{entry.guid}"
    if entry.title or entry.text:
        content = "\0".join((entry.title, *entry.dates, entry.text)).encode("utf-8", "replace")
        return f"{source}:{hashlib.blake2b(content, digest_size=16).hexdigest()}"
    return ""


def _link(entry: Entry, base: str) -> str:
    """Where a reader finds it; a search service's detour is taken out. "" where there is none."""
    if not entry.link:
        return entry.guid if _is_address(entry.guid) else ""
    try:
        link = urljoin(base, entry.link.strip())
        parts = urlsplit(link)
        if parts.hostname in TRACKED_HOSTS and parts.path == "/url":
            asked = parse_qs(parts.query)
            link = next((to for to in asked.get("url", []) + asked.get("q", []) if _is_address(to)), link)
    except ValueError:
        return ""
    return link if _is_address(link) else ""


def _key(url: str) -> str:
    try:
        return canonical_key(url)
    except ValueError:
        return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 4000
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
