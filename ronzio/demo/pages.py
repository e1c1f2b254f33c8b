"""The demo's HTML pages, robots.txt and sitemaps: posts in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import jinja2

from ronzio.demo.feeds import TYPES
from ronzio.demo.places import Place
from ronzio.demo.scenario import Post

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
CLOSED = "redazione"  # the part of every place that robots.txt asks to leave alone

_templates = jinja2.Environment(loader=jinja2.PackageLoader("ronzio.demo"), autoescape=True, trim_blocks=True)


def front(place: Place, posts: Sequence[Post]) -> str:
    """The home page: the latest posts."""
    return _page("front.html", place, posts=posts)


def closed(place: Place) -> str:
    """What only a crawler without manners gets to see."""
    return _page("front.html", place, posts=())


def post_page(post: Post, others: Sequence[Post], base: str) -> str:
    """One post with what surrounds it: menu, links to others, boilerplate, linked data."""
    place = post.place
    linked_data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle" if post.story else "SocialMediaPosting",
        "headline": post.title or post.author,
        "datePublished": post.published_at.isoformat(),
        "author": {"@type": "Person" if not post.story else "Organization", "name": post.author or place.name},
        "publisher": {"@type": "Organization", "name": place.name},
    }
    boilerplate = post.paragraphs[-1] if post.story else ""
    return _page(
        "post.html",
        place,
        post=post,
        body=post.paragraphs[:-1] if post.story else post.paragraphs,
        boilerplate=boilerplate,
        others=[other for other in others if other.key != post.key][:8],
        canonical=f"{base}{post.path}",
        linked_data=linked_data,
    )


def robots(places: Iterable[Place], base: str) -> str:
    """One file for all places of an address."""
    lines = ["User-agent: *"]
    lines += [f"Disallow: /{place.id}/{CLOSED}/" for place in places]
    lines += ["", *(f"Sitemap: {base}/{place.id}/sitemap.xml" for place in places)]
    return "\n".join(lines) + "\n"


def sitemap(posts: Sequence[Post], base: str) -> bytes:
    """Addresses of posts, each with its `lastmod`."""
    ET.register_namespace("", SITEMAP)
    root = ET.Element(f"{{{SITEMAP}}}urlset")
    for post in posts:
        url = ET.SubElement(root, f"{{{SITEMAP}}}url")
        ET.SubElement(url, f"{{{SITEMAP}}}loc").text = f"{base}{post.path}"
        ET.SubElement(url, f"{{{SITEMAP}}}lastmod").text = post.published_at.isoformat()
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _page(template: str, place: Place, **values: Any) -> str:
    italian = place.language == "it"
    menu = [
        ("Prima pagina" if italian else "Home", f"/{place.id}/"),
        ("Redazione" if italian else "Staff only", f"/{place.id}/{CLOSED}/turni"),
    ]
    footer = "Testi inventati per la demo di Ronzio" if italian else "Texts made up for Ronzio's demo"
    return _templates.get_template(template).render(
        place=place, menu=menu, footer=footer, feed_type=TYPES[place.feed], **values
    )
