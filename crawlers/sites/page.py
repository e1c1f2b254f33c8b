"""What a web page says of itself: bytes in, facts out (title, dates, author, canonical address, language, links).

Runs in a process that can be killed; see `crawlers.pool`. Linked data (schema.org) goes before meta elements: it has the time
and the zone of publication where others keep the day only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
from w3lib.encoding import html_to_unicode

from crawlers.identity import canonical_key, site_of

LONGEST = 3_000_000  # bytes that are looked at; 1 MB of hostile tables took 20 s
LINKS = 5_000  # of one page
LINKED_DATA = 500_000  # characters of one block; 1.8 MB of it took 400 MB of memory
DEEPEST = 6  # nested linked data
ADDRESS = 2_000  # characters of a link

_POSTS = ("Article", "Posting", "Report", "Review")  # ends of schema.org's names of things people publish
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^>]{0,3000}>", re.IGNORECASE)
_CONTENT = re.compile(rb"""content\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_DESCRIBES = re.compile(rb"""(?:name|property)\s*=\s*["']?(?:og:)?description\b""", re.IGNORECASE)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """As the page says it: not cleaned, not believed yet."""

    title: str = ""
    description: str = ""
    author: str = ""
    dates: tuple[str, ...] = ()  # of publication, the best first
    canonical: str = ""  # absolute; "" where none can be believed
    language: str = ""
    is_post: bool = False  # it says that it is an article, a review or the like
    keeps_out: bool = False  # asks not to be indexed
    links: tuple[str, ...] = ()  # absolute, without fragments, each once; none where it asks not to be followed


def utf8_of(body: bytes, content_type: str = "") -> bytes:
    """The page in UTF-8. Bytes that are valid UTF-8 are just that; then byte order mark, header and meta element count."""
    body = body[:LONGEST]
    if b"\0" not in body[:1000]:
        try:
            body[:-4].decode("utf-8")  # the end may be cut in the middle of a character
        except UnicodeDecodeError:  # in another encoding, which the page or the header names
            pass
        else:
            return body
    _, text = html_to_unicode(content_type or None, body, default_encoding="cp1252")
    return str(text).encode("utf-8", "replace")


def facts_of(tree: Any, url: str) -> Facts:
    """`tree` is lxml's; `url` is where the page came from."""
    meta = _meta(tree)
    post, several = _post(tree, url)
    base = _join(url, next(iter(tree.xpath("//base/@href")), ""))
    robots = f"{meta.get('robots', '')},{meta.get('ronzio', '')}".lower()
    published = ("article:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "parsely-pub-date")
    dates = [
        _text(post.get("datePublished")),
        _text(post.get("dateCreated")),
        *(meta.get(name, "") for name in published),
    ]
    dates += tree.xpath("//time[@pubdate or @itemprop='datePublished']/@datetime")[:1]
    return Facts(
        title=_text(post.get("headline")) or meta.get("og:title", ""),
        description=meta.get("description") or meta.get("og:description", ""),
        author=_author(post.get("author")) or _name(meta.get("author", "")),
        dates=tuple(date.strip() for date in dates if date.strip()),
        canonical=_canonical(tree, url, base),
        language=(tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip(),
        is_post=bool(post) or (not several and _says_article(meta)),
        keeps_out="noindex" in robots or "none" in robots.split(","),
        links=() if "nofollow" in robots or "none" in robots.split(",") else tuple(_links(tree, base)),
    )


def title_and_description(body: bytes) -> tuple[str, str]:
    """What can be had of a page without reading it as a tree, in linear time: markup of the title and of the description."""
    head = body[:200_000]
    title = _TITLE.search(head)
    for meta in _META.finditer(head):
        content = _CONTENT.search(meta[0]) if _DESCRIBES.search(meta[0]) else None
        if content is not None:
            described = content[1] or content[2] or b""
            break
    else:
        described = b""
    return (title[1] if title else b"").decode("utf-8", "replace"), described.decode("utf-8", "replace")


def _meta(tree: Any) -> dict[str, str]:
    """Names and properties in lower case; the first of each counts."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        if name and element.get("content"):
            found.setdefault(name.strip().lower(), element.get("content").strip())
    return found


def _says_article(meta: dict[str, str]) -> bool:
    return meta.get("og:type", "").lower() in ("article", "blog") or "article:published_time" in meta


def _post(tree: Any, url: str) -> tuple[dict[str, Any], bool]:
    """The linked data of what the page is about; {} and True where it lists several things and none is the page."""
    found = [node for block in _linked_data(tree) for node in _nodes(block) if _is_post(node)]
    headlines = {_text(node.get("headline") or node.get("name")) for node in found}
    if len(headlines) <= 1:
        return (found[0] if found else {}), False
    here = next((node for node in found if _is_about(node, url)), None)
    return here or {}, here is None


def _linked_data(tree: Any) -> Iterator[Any]:
    for script in tree.iter("script"):
        if (script.get("type") or "").strip().lower() != "application/ld+json" or not script.text:
            continue
        if len(script.text) > LINKED_DATA:
            continue
        try:
            yield json.loads(script.text, strict=False)
        except (ValueError, RecursionError):
            continue  # publishers' mistakes are many; the page says it in other ways too


def _nodes(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _nodes(one, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in ("@graph", "mainEntity", "itemListElement", "item", "blogPost", "hasPart"):
            yield from _nodes(value.get(name), depth + 1)


def _is_post(node: dict[str, Any]) -> bool:
    types = node.get("@type")
    return any(isinstance(one, str) and one.endswith(_POSTS) for one in (types if isinstance(types, list) else [types]))


def _is_about(node: dict[str, Any], url: str) -> bool:
    entity = node.get("mainEntityOfPage")
    named = (node.get("url"), node.get("@id"), entity, entity.get("@id") if isinstance(entity, dict) else None)
    return any(_same(_join(url, one.partition("#")[0]), url) for one in named if isinstance(one, str) and one)


def _author(value: Any) -> str:
    """Names of schema.org authors, however they are written."""
    people = value if isinstance(value, list) else [value]
    names = [_text(one.get("name")) if isinstance(one, dict) else _text(one) for one in people[:5]]
    return ", ".join(dict.fromkeys(name for name in map(_name, names) if name))


def _name(text: str) -> str:
    """A name; not the address of a profile."""
    return "" if "://" in text or text.startswith("@") or len(text) > 200 else text.strip()


def _text(value: Any) -> str:
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) else ""


def _canonical(tree: Any, url: str, base: str) -> str:
    """The address the page says is its own: on the same site, and no home page unless this is one."""
    for link in tree.iter("link"):
        if "canonical" not in (link.get("rel") or "").lower().split() or not link.get("href"):
            continue
        address = _join(base, link.get("href").strip())
        same_site = bool(site_of(url)) and site_of(address) == site_of(url) and _is_address(address)
        if same_site and len(address) <= ADDRESS and (is_inside(address) or not is_inside(url)):
            return address
    return ""


def is_inside(url: str) -> bool:
    """False for a home page."""
    parts = urlsplit(url)
    return bool(parts.path.strip("/") or parts.query)


def _links(tree: Any, base: str) -> Iterator[str]:
    seen = set()
    for anchor in tree.iter("a", "area"):
        href = (anchor.get("href") or "").strip()
        if not href or href.startswith("#") or "nofollow" in (anchor.get("rel") or "").lower():
            continue
        address = _join(base, href)
        address = address if "#!" in address else address.partition("#")[0]
        if len(address) > ADDRESS or not address.lower().startswith(("http://", "https://")) or address in seen:
            continue
        seen.add(address)
        yield address
        if len(seen) >= LINKS:
            return


def _join(base: str, href: str) -> str:
    try:
        return urljoin(base, href) if href else base
    except ValueError:
        return ""


def _is_address(url: str) -> bool:
    try:
        return bool(canonical_key(url))
    except ValueError:
        return False


def _same(one: str, other: str) -> bool:
    try:
        return canonical_key(one) == canonical_key(other)
    except ValueError:
        return False
