"""When a page of a site is worth another visit. Pure: what the last visit found in, seconds until the next out.

A home page and pages that brought new links are visited at every crawl, articles rarely: they seldom change, and a
sitemap tells when they do.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["start", "sitemap", "index", "new", "article", "other", "gone", "closed"]

DAY = 86_400.0
ARTICLE = 3 * DAY  # doubled with each visit that found nothing new
ARTICLE_LONGEST = 60 * DAY
INDEX_LONGEST = DAY  # a section sleeps at night
LISTED_SITEMAP = DAY  # one whose index says when it changes
OTHER = 30 * DAY
CLOSED = DAY  # by robots.txt
FAILED = 3_600.0  # doubled with each failure
FAILED_LONGEST = 7 * DAY


def after_visit(kind: Kind, quiet: int, interval: float, *, announced: bool = False) -> float:
    """Seconds until the next visit of a page that could be read; 0 = at the next crawl.

    `quiet`: how many visits in a row found nothing new. `interval`: seconds between crawls. `announced`: a sitemap tells
    when it changes.
    """
    if kind == "start":
        return 0.0
    if kind == "sitemap":
        return LISTED_SITEMAP if announced else 0.0
    if kind == "index":
        return min(interval / 4 * 2.0 ** min(quiet, 30), INDEX_LONGEST) if quiet else 0.0
    if kind == "article":
        return min(ARTICLE * 2.0 ** min(quiet, 30), ARTICLE_LONGEST)
    return CLOSED if kind == "closed" else OTHER


def after_failure(kind: Kind, fails: int) -> float:
    """Seconds until a page that could not be read is tried again. `fails`: how often in a row, this time included."""
    return 0.0 if kind == "start" else min(FAILED * 2.0 ** min(fails - 1, 30), FAILED_LONGEST)
