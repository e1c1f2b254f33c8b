"""The frontier: what is due and when, what is kept through a kill, what counts as handed on; scope and sitemaps beside it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from crawlers.sites.frontier import Frontier
from crawlers.sites.known import Known, Link, Visit
from crawlers.sites.revisit import ARTICLE, ARTICLE_LONGEST, DAY, after_failure, after_visit
from crawlers.sites.scope import Scope
from crawlers.sites.sitemap import Listed, read_sitemap
from stream import Item

NOW = 1_772_700_000.0
START = Link("//h/", "http://h/", "start", 0)
MOMENT = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    opened = Frontier(tmp_path / "site.sqlite")
    yield opened
    opened.close()


def link(name: str, *, depth: int = 1, changed: float = 0.0) -> Link:
    return Link(f"//h/{name}", f"http://h/{name}", "new", depth, changed)


def item(name: str) -> Item:
    return Item(id=name, source="site:h", channel="site", fetched_at=MOMENT, published_at=MOMENT, title=name)


def end(frontier: Frontier, page: Known, **values: object) -> None:
    visit = Visit(page=page, at=NOW, kind="article", due=NOW + DAY)
    frontier.end(msgspec.structs.replace(visit, **values))


def visit_all(frontier: Frontier, now: float = NOW) -> list[str]:
    frontier.begin(now, [START])
    visited = []
    while pages := frontier.due(1):
        page = pages[0]
        visited.append(page.key)
        end(frontier, page, at=now, kind=page.kind if page.kind == "start" else "article", item=item(page.key))
    frontier.finish(whole=True)
    return visited


def keys(frontier: Frontier) -> list[str]:
    return [page.key for page in frontier.due(100)]


def test_a_visit_is_stored_whole_or_not_at_all(frontier: Frontier, tmp_path: Path) -> None:
    frontier.begin(NOW, [START])
    page = frontier.due(1)[0]
    with pytest.raises(AttributeError):  # in the middle of it, after the page and its item
        end(frontier, page, item=item("x"), links=(link("a"), None))
    other = Frontier(tmp_path / "site.sqlite")
    try:
        assert (other.waiting(), keys(other), other.crawl.visited) == (0, ["//h/"], 0)
    finally:
        other.close()
    end(frontier, page, item=item("x"), links=(link("a"),))
    assert (frontier.waiting(), keys(frontier), frontier.crawl.visited) == (1, ["//h/a"], 1)


def test_items_wait_until_they_are_acknowledged(frontier: Frontier) -> None:
    frontier.begin(NOW, [START, link("a"), link("b")])
    for page in frontier.due(10):
        end(frontier, page, item=item(page.key))
    given = frontier.outbox(2)
    assert [one.id for _, one in given] == ["//h/", "//h/a"]
    frontier.acknowledge(0)  # the runner never heard of them
    assert frontier.outbox(2) == given
    frontier.acknowledge(given[-1][0])
    assert [one.id for _, one in frontier.outbox(10)] == ["//h/b"]


def test_numbers_of_items_are_never_used_again(frontier: Frontier) -> None:
    frontier.begin(NOW, [START, link("a")])
    first, second = frontier.due(2)
    end(frontier, first, item=item("1"))
    number = frontier.outbox(1)[0][0]
    frontier.acknowledge(number)
    end(frontier, second, item=item("2"))
    frontier.acknowledge(number)
    assert [one.id for _, one in frontier.outbox(1)] == ["2"]


def test_a_runner_that_forgot_gets_everything_again(frontier: Frontier) -> None:
    visit_all(frontier)
    frontier.acknowledge(1)
    frontier.acknowledge(0)
    assert frontier.waiting() == 0
    assert visit_all(frontier, NOW + 60) == ["//h/"]
    assert frontier.waiting() == 1


def test_the_order_of_visits(frontier: Frontier) -> None:
    sitemap = Link("sitemap http://h/s.xml", "http://h/s.xml", "sitemap", 0)
    index = Link("//h/section", "http://h/section", "index", 3)
    old, new = link("old", changed=NOW - 9 * DAY), link("new", changed=NOW - DAY)
    frontier.begin(NOW, [link("deep", depth=2), old, index, new, link("unknown"), sitemap, START])
    assert keys(frontier) == [
        "//h/", "sitemap http://h/s.xml", "//h/section", "//h/unknown", "//h/new", "//h/old", "//h/deep"
    ]  # fmt: skip


def test_a_crawl_visits_a_page_once_and_the_next_what_is_due(frontier: Frontier) -> None:
    frontier.begin(NOW, [link("a")])
    assert visit_all(frontier) == ["//h/", "//h/a"]
    assert visit_all(frontier, NOW + 3600) == ["//h/"]
    assert visit_all(frontier, NOW + 2 * DAY) == ["//h/", "//h/a"]


def test_a_later_date_in_a_sitemap_makes_a_page_due(frontier: Frontier) -> None:
    frontier.begin(NOW, [START, link("a", changed=NOW - DAY)])
    visit_all(frontier)
    frontier.begin(NOW + 3600, [link("a", changed=NOW - DAY)])
    assert "//h/a" not in keys(frontier)
    frontier.learn([link("a", changed=NOW + 1800)], NOW + 3600)
    assert "//h/a" in keys(frontier)


def test_dates_that_proved_empty_are_believed_less(frontier: Frontier) -> None:
    frontier.begin(NOW, [START, link("a", changed=NOW - DAY)])
    for page in frontier.due(10):
        end(frontier, page, quiet=2, due=NOW + 9 * DAY)
    frontier.finish(whole=True)
    frontier.begin(NOW + 3600, [link("a", changed=NOW + 1800)])
    assert "//h/a" not in keys(frontier)
    frontier.finish(whole=True)
    frontier.begin(NOW + 2.1 * DAY, [])
    assert "//h/a" in keys(frontier)


def test_visits_that_never_ended_are_counted(frontier: Frontier) -> None:
    frontier.begin(NOW, [START])
    for _ in range(2):
        frontier.start(frontier.due(1)[0])
    assert frontier.due(1)[0].begun == 2
    frontier.put_back(frontier.due(1)[0])
    assert frontier.due(1)[0].begun == 0


def test_news_are_links_nobody_has_seen(frontier: Frontier) -> None:
    frontier.begin(NOW, [START, link("a")])
    assert not frontier.has_news([link("a")])
    assert frontier.has_news([link("a"), link("b")])


def test_when_pages_are_visited_again() -> None:
    assert after_visit("start", 9, 3600) == after_visit("index", 0, 3600) == after_visit("sitemap", 3, 3600) == 0
    assert after_visit("sitemap", 0, 3600, announced=True) == DAY
    assert (
        0 < after_visit("index", 1, 3600) < 3600 < after_visit("index", 4, 3600) < after_visit("index", 30, 3600) == DAY
    )
    assert after_visit("article", 0, 3600) == ARTICLE
    assert after_visit("article", 99, 3600) == ARTICLE_LONGEST
    assert after_failure("start", 9) == 0
    assert after_failure("new", 1) < after_failure("new", 2) < after_failure("new", 99) == 7 * DAY


@pytest.mark.parametrize(
    ("site", "url", "inside"),
    [
        ("http://h.it/blog/", "http://h.it/blog/uno", True),
        ("http://h.it/blog/", "https://www.h.it/blog/uno", True),
        ("http://h.it/blog/index.html", "http://h.it/blog/uno", True),
        ("http://h.it/blog/", "http://h.it/blog?p=2", True),
        ("http://h.it", "http://h.it/?p=2", True),
        ("http://h.it/blog/", "http://h.it/blogger/uno", False),
        ("http://h.it/blog/", "http://h.it/", False),
        ("http://h.it/", "http://h.it.evil.example/", False),
        ("http://h.it/", "http://h.it:8080/", False),
        ("http://h.it/", "http://h.it@evil.example/", False),
        ("http://h.it/", "file:///etc/passwd", False),
        ("http://h.it/", "javascript:alert(1)", False),
        ("http://h.it/", "http://h.it/foto.JPG", False),
        ("http://h.it/", "http://h.it/" + "a/" * 30, False),
        ("http://h.it/", "http://h.it/x/y/x/y/x", False),
        ("http://h.it/", "http://h.it/?q=" + "x" * 2000, False),
        ("http://h.it/", "http://[broken/", False),
    ],
)
def test_scope(site: str, url: str, inside: bool) -> None:
    assert (Scope(site).key(url) is not None) is inside


SITEMAP = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://images.example">'
    b"<url><loc> http://h/a </loc><lastmod>2026-03-04</lastmod><i:image><i:loc>http://h/a.jpg</i:loc></i:image></url>"
    b"<url><loc>/b</loc></url></urlset>"
)


def test_sitemaps() -> None:
    midnight = datetime(2026, 3, 4, tzinfo=UTC).timestamp()
    found = [Listed("http://h/a", midnight, False), Listed("http://h/b", 0.0, False)]
    assert read_sitemap(SITEMAP, "http://h/s.xml") == found
    assert read_sitemap(gzip.compress(SITEMAP), "http://h/s.xml.gz") == found
    assert read_sitemap(SITEMAP, "http://h/s.xml", "Europe/Rome")[0].changed == midnight - 3600
    assert read_sitemap(SITEMAP[:-12], "http://h/s.xml")[0] == found[0]  # broken off
    index = b"<sitemapindex><sitemap><loc>http://h/2.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index, "http://h/s.xml") == [Listed("http://h/2.xml", 0.0, True)]
    assert read_sitemap(b"http://h/a\nnot one\n", "http://h/s.txt") == [Listed("http://h/a", 0.0, False)]
    assert read_sitemap(b"<urlset/>", "http://h/s.xml") == []


def test_entities_in_a_sitemap_are_not_resolved() -> None:
    hostile = (
        b'<!DOCTYPE u [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
        b"<urlset><url><loc>http://h/x&b;&c;</loc></url></urlset>"
    )
    assert read_sitemap(hostile, "http://h/s.xml") == [Listed("http://h/x", 0.0, False)]


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>no</body></html>", b"no", b"\x1f\x8b broken", gzip.compress(b"\0" * 60_000_000)]
)
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="sitemap"):
        read_sitemap(body, "http://h/s.xml")
