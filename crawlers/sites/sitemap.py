"""A sitemap's bytes in, the addresses in it out. Plain or packed with gzip, XML or text, pages or further sitemaps.

Runs in a process that can be killed; see `crawlers.pool`. A document that breaks off gives what came before.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from lxml import etree

from crawlers.dates import parse_date
from crawlers.inflate import GZIP_MAGIC, Inflater, Oversize

MOST = 50_000  # addresses; the protocol allows no more in one file
LONGEST = 50_000_000  # bytes unpacked; the protocol's limit
PIECE = 65_536


class Listed(NamedTuple):
    url: str
    changed: float  # when its publisher last changed it, seconds since 1970; 0 where it does not say
    is_sitemap: bool


def read_sitemap(body: bytes, url: str, time_zone: str = "UTC") -> list[Listed]:
    """Raises ValueError where it is none. `time_zone` is of dates that state none."""
    body = _unpacked(body)
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _text_lines(body)
    entries, root = _entries(body)
    if not entries and root not in ("urlset", "sitemapindex"):
        raise ValueError("this is no sitemap")
    zone = ZoneInfo(time_zone)
    found = []
    for name, address, changed in entries:
        dated = parse_date(changed, zone) if changed else None
        found.append(Listed(urljoin(url, address), dated.at.timestamp() if dated else 0.0, name == "sitemap"))
    return found


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(GZIP_MAGIC):
        return body
    try:
        return Inflater("gzip", LONGEST).feed(body)
    except Oversize as error:
        raise ValueError(f"the sitemap is too big: more than {LONGEST:,} bytes ({error})") from None
    except zlib.error as error:
        raise ValueError(f"the sitemap cannot be unpacked: {error}") from None


def _entries(body: bytes) -> tuple[list[tuple[str, str, str]], str]:
    """("url" or "sitemap", address, date) of each entry, and the name of the element that ended last."""
    parser = etree.XMLPullParser(events=("end",), recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    found: list[tuple[str, str, str]] = []
    address = changed = name = ""
    for start in range(0, len(body), PIECE):
        parser.feed(body[start : start + PIECE])
        for _, element in parser.read_events():
            name = etree.QName(element).localname if isinstance(element.tag, str) else ""
            if name == "loc":
                address = address or (element.text or "").strip()  # images and videos have one as well
            elif name == "lastmod":
                changed = (element.text or "").strip()
            elif name in ("url", "sitemap"):
                if address and len(found) < MOST:
                    found.append((name, address, changed))
                address = changed = ""
                element.clear()
    return found, name


def _text_lines(body: bytes) -> list[Listed]:
    lines = [line.strip() for line in body.decode("utf-8", "replace").splitlines()[:MOST]]
    found = [Listed(line, 0.0, False) for line in lines if line.startswith(("http://", "https://"))]
    if not found:
        raise ValueError("this is no sitemap")
    return found
