"""Lists of feeds (OPML): bytes in, addresses and names out, and back.

listparser reads them: in 5 of 59 real files an XML parser that recovers from errors silently loses feeds, and it does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.etree import ElementTree as ET

import listparser

from crawlers.clean import line_of
from crawlers.settings import check_address

MOST = 10_000  # feeds in one list


class Listed(NamedTuple):
    url: str
    name: str


def looks_like_opml(body: bytes) -> bool:
    return b"<opml" in body[:2000].lower()


def read_opml(body: bytes) -> list[Listed]:
    """The feeds in it, each address once. Raises ValueError where it is no list."""
    if not looks_like_opml(body):
        raise ValueError("not an OPML file: there is no <opml> at its beginning")
    found: dict[str, str] = {}
    for feed in listparser.parse(body).feeds[:MOST]:
        try:
            found.setdefault(check_address(str(feed.url).strip()), line_of(str(feed.title or ""), longest=200))
        except ValueError:  # an address of another kind (feed:, itpc:) cannot be read
            continue
    return [Listed(url, name) for url, name in found.items()]


def write_opml(feeds: Iterable[tuple[str, str]], title: str = "Ronzio") -> bytes:
    """OPML 2.0 of (address, name)."""
    root = ET.Element("opml", version="2.0")
    ET.SubElement(ET.SubElement(root, "head"), "title").text = title
    body = ET.SubElement(root, "body")
    for url, name in feeds:
        ET.SubElement(body, "outline", type="rss", text=name or url, title=name or url, xmlUrl=url)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
