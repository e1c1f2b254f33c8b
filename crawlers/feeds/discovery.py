"""Which feeds a page offers: bytes in, addresses out, the best first; feeds of comments are left out.

Measured on 202 pages: 99 offer 252 feeds, 101 of them of comments.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

from lxml import etree, html

from crawlers.settings import check_address

TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
LONGEST = 3_000_000  # bytes of a page that are looked at
_COMMENTS = re.compile(r"comment|kommentar|commenti|commentaires", re.IGNORECASE)
_SECTION = re.compile(r"/(?:tag|tags|category|categoria|author|autore|search)/", re.IGNORECASE)


def feeds_of_page(body: bytes, url: str) -> list[str]:
    """Absolute addresses. A page that cannot be read offers none."""
    try:
        page = html.document_fromstring(body[:LONGEST])
    except (
        etree.ParserError,
        etree.XMLSyntaxError,
        ValueError,
    ):  # whoever asks says that there is no feed behind the page
        return []
    base = urljoin(url, next(iter(page.xpath("//base/@href")), ""))
    ranked: list[tuple[int, int, str]] = []
    for place, link in enumerate(page.xpath("//link[@rel and @href and @type]")):
        if "alternate" not in link.get("rel").lower().split() or link.get("type").strip().lower() not in TYPES:
            continue
        try:
            address = check_address(urljoin(base, link.get("href").strip()))
        except ValueError:  # an address of another kind (feed:, itpc:) cannot be read
            continue
        if not _COMMENTS.search(f"{address} {link.get('title') or ''}"):
            ranked.append((bool(_SECTION.search(address)), place, address))
    return list(dict.fromkeys(address for _, _, address in sorted(ranked)))
