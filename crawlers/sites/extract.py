"""One web page in, the item it is out: bytes to title, main text, author, date and identity.

`read_page` does the work and belongs into a process that can be killed: on 1 MB of nested tables the extractor takes 20 s.
`read_page_safely` runs it there and keeps what can be had without it. A page that only leads to others (a home page, a
section) is no item; its links count all the same.
"""

from __future__ import annotations

import html
from zoneinfo import ZoneInfo

import msgspec
import trafilatura
from trafilatura.metadata import extract_metadata
from trafilatura.settings import Document

from crawlers.clean import line_of, tidy
from crawlers.dates import publication_date
from crawlers.entry import Origin
from crawlers.feeds.parse import bad_payload
from crawlers.identity import canonical_key, site_of
from crawlers.pool import Killed, Workers, WorkFailed
from crawlers.sites.page import Facts, facts_of, is_inside, title_and_description, utf8_of
from crawlers.source import BadPayload, Partial
from stream import Item, mention_id

SECONDS = 8.0  # for one page, then its reader is killed
PRELOAD = ("crawlers.sites.extract",)  # for `Workers` that read pages
SHORTEST = 100  # characters of main text; less is a caption or a cookie notice
TEASER = 300  # characters: the paragraphs of a list of articles are shorter on average
HEADINGS = 4  # fewer do not make a list

# htmldate finds a "date" on every page when it searches extensively: 30 of 202 were guesses.
_DATES = {"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%d"}


class PageRead(msgspec.Struct, frozen=True, kw_only=True):
    """`result`: the item, `Partial` where the page is readable but no article, `BadPayload` where it is no page."""

    result: Item | BadPayload | Partial
    links: tuple[str, ...] = ()


def extract_page(body: bytes, url: str, *, origin: Origin, content_type: str = "") -> Item | BadPayload | Partial:
    """The item of a page that came from `url`; see `PageRead`. Never raises for what a page holds, but may hang on it."""
    return read_page(body, url, origin, content_type).result


async def read_page_safely(
    workers: Workers, body: bytes, url: str, origin: Origin, content_type: str = "", *, seconds: float = SECONDS
) -> PageRead:
    """`read_page` in a process of its own; a page that harms it leaves its title and description, and no links."""
    try:
        return await workers.run(read_page, body, url, origin, content_type, seconds=seconds)
    except (Killed, WorkFailed) as error:
        title, description = (html.unescape(text) for text in title_and_description(body))
        if not description:
            return PageRead(result=bad_payload(f"the page cannot be read: {error}", body, url))
        facts = Facts(title=title, description=description)
        return PageRead(result=_item(facts, Document(), tidy(description), url, origin))


def read_page(body: bytes, url: str, origin: Origin, content_type: str = "") -> PageRead:
    """Item and links of a page."""
    if not body.strip(b"\0\t\r\n "):
        return PageRead(result=BadPayload(what="the page is empty", url=url))
    try:
        tree = trafilatura.load_html(utf8_of(body, content_type))
    except (ValueError, TypeError, RecursionError) as error:
        return PageRead(result=bad_payload(f"the page cannot be read: {error}", body, url))
    if tree is None:
        return PageRead(result=bad_payload("this is no web page", body, url))
    facts = facts_of(tree, url)
    return PageRead(result=_result(tree, facts, url, origin), links=facts.links)


def _result(tree: object, facts: Facts, url: str, origin: Origin) -> Item | Partial:
    if facts.keeps_out:
        return Partial(what="the page asks not to be indexed", url=url)
    if not is_inside(facts.canonical or url):
        return Partial(what="a home page, not an article", url=url)
    meta = extract_metadata(tree, url, _DATES)
    read = trafilatura.bare_extraction(tree, url=url, fast=True, include_comments=False)
    text = tidy(read.text or "") if isinstance(read, Document) else ""
    if not facts.is_post and isinstance(read, Document) and _leads_elsewhere(read):
        return Partial(what="a list of articles, not an article", url=url)
    if len(text) < SHORTEST and not facts.is_post:
        return Partial(what="the page has no main text", url=url)
    text = text or tidy(facts.description)
    if not text:
        return Partial(what="the page has no main text", url=url)
    return _item(facts, meta, text, url, origin)


def _leads_elsewhere(read: Document) -> bool:
    """Heading, teaser, heading, teaser: a page of a section, a search or a tag."""
    if read.body is None:
        return False
    headings = sum(1 for _ in read.body.iter("head"))
    paragraphs = [len("".join(part.itertext())) for part in read.body.iter("p", "item", "quote")]
    if headings < HEADINGS or not paragraphs:
        return False
    return len(paragraphs) <= headings * 1.5 and sum(paragraphs) / len(paragraphs) < TEASER


def _item(facts: Facts, meta: Document, text: str, url: str, origin: Origin) -> Item:
    address = facts.canonical or url
    language = origin.language or facts.language or meta.language or ""
    at, date_origin = publication_date(
        (*facts.dates, meta.date or ""),
        origin.fetched_at,
        ZoneInfo(origin.time_zone),
        day_first=not language.lower().startswith("en-us"),
    )
    title = line_of(facts.title or meta.title or "")
    return Item(
        id=mention_id(_key(address)),
        source=origin.source,
        channel=origin.channel,
        fetched_at=origin.fetched_at,
        published_at=at,
        date_origin=date_origin,
        url=address,
        site=site_of(address),
        title=title,
        text=_without_title(text, title),
        author=line_of(facts.author or meta.author or "", longest=200),
        language=language[:2].lower() if language[:2].isalpha() else "",
        extra={"date": facts.dates[0][:80]} if date_origin == "fetched" and facts.dates else {},
    )


def _without_title(text: str, title: str) -> str:
    """A headline that stands in the text as well would count twice."""
    first, _, rest = text.partition("\n")
    return rest if rest and first.casefold() == title.casefold() else text


def _key(url: str) -> str:
    try:
        return canonical_key(url)
    except ValueError:  # a file
        return url
