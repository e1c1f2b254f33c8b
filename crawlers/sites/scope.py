"""Which addresses belong to a site: those on its host and below its folder. Pure.

"www.", "m." and the scheme make no other site. Traps (endlessly growing paths) and files that are no pages stay out.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urljoin, urlsplit

from crawlers.identity import canonical_key

LONGEST = 1_000  # characters of an address
SEGMENTS = 15  # of a path
REPEATED = 3  # times the same segment: a trap

_NO_PAGES = re.compile(
    r"\.(?:7z|aac|ai|apk|avi|avif|bin|bmp|bz2|cdr|css|csv|dmg|docx?|eps|epub|exe|flac|flv|gif|gz|ico|ics|iso|jar|jpe?g|js|json"
    r"|kml|m4a|m4v|mid|mkv|mov|mp3|mp4|mpe?g|msi|odg|odp|ods|odt|ogg|ogv|otf|pdf|png|pps|pptx?|psd|rar|rss|svg|swf|tar|tgz"
    r"|tiff?|ttf|vcf|wav|webm|webp|wma|wmv|woff2?|xlsx?|xml|xz|zip)$",
    re.IGNORECASE,
)


class Scope:
    """Host and folder of a site's address: "https://example.com/blog/index.html" is the site below "/blog/"."""

    def __init__(self, url: str) -> None:
        self._prefix = canonical_key(urljoin(url, ".")).rstrip("/")

    def key(self, url: str) -> str | None:
        """The identity of an address that may be visited; None where it may not."""
        if len(url) > LONGEST:
            return None
        try:
            key, path = canonical_key(url), urlsplit(url).path
        except ValueError:
            return None
        if key != self._prefix and not key.startswith((f"{self._prefix}/", f"{self._prefix}?")):
            return None
        return None if _NO_PAGES.search(path) or _is_trap(path) else key


def _is_trap(path: str) -> bool:
    segments = [segment for segment in path.split("/") if segment]
    return len(segments) > SEGMENTS or max(Counter(segments).values(), default=0) >= REPEATED
