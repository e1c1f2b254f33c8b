"""Sites crawled over loopback: what is visited and what is not, what comes in, what is said of the rest."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import scrapy
from aiohttp import web
from scrapy.crawler import AsyncCrawlerRunner
from site_harness import NOW, Reader, Site, article, listing, serving, urlset, with_site

from crawlers import BadPayload, Forbidden, RateLimited, Source, TooBig, Unreachable
from crawlers.sites import downloading


def test_pages_come_in_through_links_and_sitemaps(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with serving() as other:
            other.pages["/fuori"] = article("Fuori")
            site.pages |= {
                "/robots.txt": f"User-agent: *\nDisallow: /chiuso/\nSitemap: {site.url('/mappe.xml')}\n",
                "/mappe.xml": f"<sitemapindex><sitemap><loc>{site.url('/mappa.xml.gz')}</loc></sitemap></sitemapindex>",
                "/mappa.xml.gz": urlset(site.url("/notizie/tre"), other.url("/fuori"), site.url("/chiuso/due")),
                "/": listing(
                    "/notizie/uno", "notizie/due?utm_source=x", "/chiuso/uno", other.url("/fuori"), "/foto.jpg"
                )
                + '<a href="file:///etc/passwd">x</a><a href="javascript:alert(1)">x</a><a href="mailto:a@b.it">x</a>'
                + '<a href="data:text/html,x">x</a><a href="ftp://127.0.0.1/x">x</a><a rel="nofollow" href="/no">x</a>',
                "/notizie/uno": article("Uno", "/notizie/quattro"),
                "/notizie/due?utm_source=x": article("Due"),
                "/notizie/tre": article("Tre", date=""),
                "/notizie/quattro": article("Quattro", "/notizie/uno"),
                "/chiuso/uno": article("Chiuso"),
                "/chiuso/due": article("Chiuso"),
            }
            reader = Reader(site, tmp_path)
            assert isinstance(reader.source, Source)
            page = await reader.crawl()
            assert sorted(reader.titles) == ["Due", "Quattro", "Tre", "Uno"]
            assert other.asked == []
            wanted = {"/robots.txt", "/mappe.xml", "/mappa.xml.gz", "/", "/notizie/uno", "/notizie/due?utm_source=x"}
            assert sorted(site.paths()) == sorted(wanted | {"/notizie/tre", "/notizie/quattro"})
            assert all(one.headers["User-Agent"].startswith("Ronzio/") for one in site.asked)
            assert (page.coverage.state, page.coverage.note) == ("gap", "robots.txt closes 2 pages")
            assert page.errors == ()

    with_site(work)


def test_an_item_says_what_the_page_says(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {
            "/": listing("/uno", "/senza"),
            "/uno": article("Città"),
            "/senza": article("Senza data", date=""),
        }
        page = await Reader(site, tmp_path).fetch()
        dated, undated = sorted(page.items, key=lambda item: item.title)
        assert (dated.title, dated.url, dated.site, dated.language) == ("Città", site.url("/uno"), "127.0.0.1", "it")
        assert (dated.published_at, dated.date_origin) == (datetime(2026, 3, 4, 9, tzinfo=UTC), "stated")
        assert (dated.channel, dated.source, dated.backfill) == ("site", Reader(site, tmp_path).place.id, False)
        assert (undated.date_origin, undated.backfill) == (
            "fetched",
            True,
        )  # found with the whole site: no news of today

    with_site(work)


def test_only_the_folder_of_the_address_is_visited(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {
            "/blog/": listing("/blog/uno", "/altro/due", "/blogger/tre", "/"),
            "/blog/uno": article("Uno"),
            "/": listing(),
        }
        reader = Reader(site, tmp_path, url=site.url("/blog/"))
        await reader.crawl()
        assert site.paths() == ["/robots.txt", "/blog/", "/sitemap.xml", "/blog/uno"]
        assert reader.titles == ["Uno"]

    with_site(work)


def test_crawl_delay_of_robots_txt_holds(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {"/robots.txt": "User-agent: *\nCrawl-delay: 0.4\n", "/": listing("/a", "/b")}
        site.pages |= {"/a": article("A"), "/b": article("B")}
        reader = Reader(site, tmp_path)
        await reader.crawl()
        times = [one.at for one in site.asked]
        assert len(times) == 5
        # The site sees when requests come, which on a busy machine may be late, each by itself: the next one then seems early
        assert min(later - earlier for earlier, later in pairwise(times)) > 0.2
        assert times[-1] - times[0] > 1.4

    with_site(work)


def test_a_second_crawl_asks_conditionally_and_leaves_articles_alone(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {
            "/": listing("/sezione"),
            "/sezione": listing("/uno", "/due"),
            "/uno": article("Uno"),
            "/due": article("Due"),
        }
        reader = Reader(site, tmp_path)
        await reader.crawl()
        before = len(site.asked)
        page = await reader.crawl()
        again = site.asked[before:]
        assert [(one.path, one.status) for one in again if one.path != "/robots.txt"] == [("/", 304), ("/sezione", 304)]
        assert (page.items, page.coverage.state) == ((), "covered")
        site.pages |= {"/sezione": listing("/uno", "/due", "/tre"), "/tre": article("Tre", date="")}
        page = await reader.crawl()
        assert reader.titles == ["Uno", "Due", "Tre"]
        assert page.items[0].backfill is False  # found after the site had been read: it is new

    with_site(work)


def test_pages_that_never_lead_to_anything_new_are_visited_less(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {"/": listing("/contatti"), "/contatti": listing()}
        reader = Reader(site, tmp_path)
        for _ in range(4):
            await reader.crawl()
        assert (site.paths().count("/"), site.paths().count("/contatti")) == (4, 3)

    with_site(work)


def test_a_page_that_changes_is_given_again_when_its_sitemap_says_so(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {"/": listing("/uno"), "/uno": article("Uno")}
        site.pages["/sitemap.xml"] = urlset(site.url("/uno"), changed="2026-03-05T08:00:00Z")
        reader = Reader(site, tmp_path)
        first = await reader.fetch()
        reader.acknowledge(first)
        site.pages["/uno"] = article("Uno", text="Rettifica: il pacco è stato consegnato. " * 8)
        assert (await reader.crawl()).items == ()
        site.pages["/sitemap.xml"] = urlset(site.url("/uno"), changed="2026-03-05T11:30:00Z")
        changed = await reader.crawl()
        assert [item.id for item in changed.items] == [item.id for item in first.items]
        assert changed.items[0].text.startswith("Rettifica")

    with_site(work)


def test_redirects_lead_nowhere_else(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async with serving() as other:
            other.pages["/segreto"] = article("Segreto")

            def to(target: str, status: int = 302):  # type: ignore[no-untyped-def]
                async def answer(request: web.Request) -> web.Response:
                    return web.Response(status=status, headers={"Location": target})

                return answer

            site.pages |= {
                "/": listing("/fuori", "/metadati", "/file", "/giro/a", "/vecchio"),
                "/fuori": to(other.url("/segreto")),
                "/metadati": to("http://169.254.169.254/latest/meta-data/"),
                "/file": to("file:///etc/passwd"),
                "/giro/a": to("/giro/b"),
                "/giro/b": to("/giro/a"),
                "/vecchio": to("/nuovo", 301),
                "/nuovo": article("Nuovo"),
            }
            reader = Reader(site, tmp_path)
            page = await reader.crawl()
            assert (reader.titles, other.asked, page.errors) == (["Nuovo"], [], ())
            assert site.paths().count("/giro/a") == site.paths().count("/giro/b") == 1

    with_site(work)


def test_addresses_that_are_not_public_are_refused_unless_the_site_is_local(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages["/"] = listing("/uno")
        page = await Reader(site, tmp_path, local=False).fetch()
        assert site.asked == []
        assert page.coverage.state == "not-measured"
        assert isinstance(page.errors[0], Unreachable | Forbidden)
        assert "is not public" in page.errors[0].what

    with_site(work)


def test_robots_txt_may_not_redirect_to_an_address_that_is_not_public(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def elsewhere(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/robots.txt"})

        site.pages |= {"/robots.txt": elsewhere, "/": listing("/uno")}
        page = await Reader(site, tmp_path).fetch()
        assert site.paths() == ["/robots.txt"]
        assert "169.254.169.254 is not public" in page.errors[0].what

    with_site(work)


def test_a_site_closed_by_robots_txt(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {"/robots.txt": "User-agent: *\nDisallow: /\n", "/": listing("/uno")}
        page = await Reader(site, tmp_path).fetch()
        assert site.paths() == ["/robots.txt"]
        assert page.coverage.state == "not-measured"
        assert isinstance(page.errors[0], Forbidden)
        assert page.errors[0].what == f"robots.txt does not allow {site.url()}"

    with_site(work)


def test_a_robots_txt_that_cannot_be_had_closes_the_site_for_now(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def down(request: web.Request) -> web.Response:
            return web.Response(status=503)

        site.pages |= {"/robots.txt": down, "/": listing("/uno"), "/uno": article("Uno")}
        reader = Reader(site, tmp_path)
        page = await reader.fetch()
        assert isinstance(page.errors[0], Unreachable)
        assert (site.paths(), page.coverage.state) == (["/robots.txt"], "not-measured")
        del site.pages["/robots.txt"]
        await reader.crawl()
        assert reader.titles == ["Uno"]

    with_site(work)


def test_endless_links_end_at_max_pages(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def endless(request: web.Request) -> web.Response:
            number = int(request.query["p"])
            html = article(f"Pagina {number}", f"/?p={number * 2}", f"/?p={number * 2 + 1}")
            return web.Response(text=html, content_type="text/html")

        site.pages |= {f"/?p={number}": endless for number in range(200)}
        site.pages["/"] = listing("/?p=1")
        reader = Reader(site, tmp_path, max_pages=12)
        page = await reader.crawl()
        visited = [path for path in site.paths() if path == "/" or path.startswith("/?")]
        assert (len(visited), len(set(visited)), len(reader.titles)) == (12, 12, 11)
        assert page.coverage.state == "gap"
        assert "only 12 pages were visited" in page.coverage.note
        await reader.crawl()  # the next crawl goes on where this one was cut
        assert len(reader.titles) == len(set(reader.titles)) == 22

    with_site(work)


def test_big_pages_are_cut_and_the_others_come_in(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = bomb.compress(b"\0" * 50_000_000) + bomb.flush()

        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/html"})
            await response.prepare(request)
            for _ in range(100):
                await response.write(b"<p>ancora</p>" * 1000)
            return response

        async def gzipped(request: web.Request) -> web.Response:
            return web.Response(body=packed, headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})

        site.pages |= {"/": listing("/grande", "/bomba", "/uno"), "/grande": endless, "/bomba": gzipped}
        site.pages["/uno"] = article("Uno")
        reader = Reader(site, tmp_path, settings={"max_bytes": 200_000})
        page = await reader.crawl()
        assert reader.titles == ["Uno"]
        assert [type(error) for error in page.errors] == [TooBig, TooBig]
        assert page.coverage.state == "gap"
        assert "2 of 4 pages could not be read: the page is too big" in page.coverage.note

    with_site(work)


def test_a_page_that_does_not_answer_does_not_keep_the_others(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def never(request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        site.pages |= {"/": listing("/lenta", "/uno", "/due"), "/lenta": never}
        site.pages |= {"/uno": article("Uno"), "/due": article("Due")}
        reader = Reader(site, tmp_path, settings={"fetch_seconds": 1.0})
        page = await reader.crawl()
        assert sorted(reader.titles) == ["Due", "Uno"]
        assert [(type(error), error.url) for error in page.errors] == [(Unreachable, site.url("/lenta"))]

    with_site(work)


def test_missing_pages_are_no_gap_and_broken_ones_are(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def broken(request: web.Request) -> web.Response:
            return web.Response(status=500)

        site.pages |= {"/": listing("/manca", "/uno"), "/uno": article("Uno")}
        reader = Reader(site, tmp_path)
        page = await reader.crawl()
        assert (reader.titles, page.coverage.state, page.errors) == (["Uno"], "covered", ())
        site.pages |= {"/": listing("/manca", "/uno", "/rotta"), "/rotta": broken}
        page = await reader.crawl()
        assert [(type(error), error.what) for error in page.errors] == [
            (Unreachable, "the server answers with status 500")
        ]
        assert page.coverage.state == "gap"

    with_site(work)


def test_a_site_that_is_down_is_left_alone(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def broken(request: web.Request) -> web.Response:
            return web.Response(status=502)

        paths = [f"/p{number}" for number in range(20)]
        site.pages |= {"/": listing(*paths), **dict.fromkeys(paths, broken)}
        page = await Reader(site, tmp_path).fetch()
        assert len([one for one in site.asked if one.status == 502]) == 5
        assert page.coverage.state == "not-measured"

    with_site(work)


def test_a_site_that_asks_us_to_wait_is_left_alone_and_read_on_later(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        async def busy(request: web.Request) -> web.Response:
            return web.Response(status=429, headers={"Retry-After": "600"})

        site.pages |= {
            "/": listing("/uno", "/due", "/tre"),
            "/uno": article("Uno"),
            "/due": busy,
            "/tre": article("Tre"),
        }
        reader = Reader(site, tmp_path)
        page = await reader.fetch()
        reader.acknowledge(page)
        assert site.paths()[-1] == "/due"
        error = page.errors[0]
        assert isinstance(error, RateLimited)
        assert 600 <= (error.until - NOW).total_seconds() - 3600 < 700
        assert (page.more, page.coverage.state, reader.titles) == (False, "gap", ["Uno"])
        site.pages["/due"] = article("Due")
        await reader.crawl()
        assert sorted(reader.titles) == ["Due", "Tre", "Uno"]
        assert site.paths().count("/uno") == 1

    with_site(work)


def test_a_fetch_stops_at_its_limits_and_goes_on(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        paths = [f"/p{number}" for number in range(9)]
        site.pages |= {"/": listing(*paths), **{path: article(path) for path in paths}}
        reader = Reader(site, tmp_path)
        page = await reader.fetch(requests=6)
        assert (len(site.asked), page.more) == (6, True)
        assert "the crawl goes on" in page.coverage.note
        reader.acknowledge(page)
        page = await reader.fetch(items=2)
        assert (len(page.items), page.more) == (2, True)
        reader.acknowledge(page)
        await reader.crawl()
        assert sorted(reader.titles) == paths
        assert [site.paths().count(path) for path in paths] == [1] * 9

    with_site(work)


def test_a_broken_sitemap_and_an_empty_page_are_told(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        site.pages |= {
            "/robots.txt": f"Sitemap: {site.url('/mappa.xml')}\n",
            "/mappa.xml": b"\x1f\x8b broken",
            "/": listing("/uno", "/vuota"),
            "/uno": article("Uno"),
            "/vuota": b"",
        }
        reader = Reader(site, tmp_path)
        page = await reader.crawl()
        assert reader.titles == ["Uno"]
        assert {(type(error), error.url) for error in page.errors} == {
            (BadPayload, site.url("/mappa.xml")),
            (BadPayload, site.url("/vuota")),
        }

    with_site(work)


def test_a_crawl_whose_downloads_do_not_go_through_the_guard_does_not_start() -> None:
    """Scrapy's settings of a lower priority lose silently; then nothing may be asked for at all."""
    seen: list[Exception] = []

    class Spider(scrapy.Spider):
        name = "unguarded"

        async def start(self) -> AsyncIterator[scrapy.Request]:
            try:
                downloading.check_guarded(self.crawler)
            except RuntimeError as error:
                seen.append(error)
            for request in ():
                yield request

    safe = downloading.scrapy_settings(user_agent="x", delay=1, max_bytes=1, page_seconds=1, local=False)
    for handlers in ({}, {"http": downloading.HANDLER, "https": downloading.HANDLER}, safe["DOWNLOAD_HANDLERS"]):
        settings = {**safe, "DOWNLOAD_HANDLERS": handlers}
        asyncio.run(AsyncCrawlerRunner(settings).create_crawler(Spider).crawl_async())
    assert ["do not go through the guard" in str(error) for error in seen] == [True, False]
    assert "there are download handlers for" in str(seen[1])
