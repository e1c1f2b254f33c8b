"""A site's crawl killed in the middle: nothing lost, nothing left running, nothing asked for without need."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from site_harness import Reader, Site, article, listing, with_site

from crawlers import Unreachable
from infra.testbed.waiting import PATIENCE

CHILD = Path(__file__).with_name("sites_faults_child.py")
KILLS = 25
PATHS = [f"/p{number}" for number in range(12)]


def fill(site: Site) -> None:
    site.pages |= {"/": listing(*PATHS), **{path: article(path) for path in PATHS}}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_killed_crawl_loses_nothing(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)
        reader = Reader(site, tmp_path)

        async def fatal(request: web.Request) -> web.Response:
            pid = reader.source._child.pid
            if pid is not None and len(killed) < 2:
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
            return web.Response(text=article("/p5"), content_type="text/html")

        killed: list[int] = []
        site.pages["/p5"] = fatal
        for kills in (1, 2):
            page = await reader.fetch()
            assert len(killed) == kills
            assert isinstance(page.errors[0], Unreachable)
            assert "signal 9" in page.errors[0].what
            reader.acknowledge(page)
        await reader.crawl()
        assert sorted(reader.titles) == sorted(PATHS)
        assert [site.paths().count(path) for path in PATHS if path != "/p5"] == [1] * 11
        assert not any(psutil.pid_exists(pid) for pid in killed)

    with_site(work)


def test_what_was_not_acknowledged_is_given_again(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)
        lost = Reader(site, tmp_path)
        page = await lost.fetch()  # its process dies here, say, before the log has the items
        reader = Reader(site, tmp_path)
        reader.hours = 1
        again = await reader.fetch()
        assert again.items == page.items
        reader.acknowledge(again)
        assert (await reader.crawl()).items == ()
        assert sorted(reader.titles) == sorted(PATHS)
        assert [site.paths().count(path) for path in PATHS] == [1] * 12

    with_site(work)


def test_a_forgotten_site_is_read_anew(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)
        reader = Reader(site, tmp_path)
        await reader.crawl()
        reader.state = None  # the data directory of the runner was removed, ours was not
        await reader.crawl()
        assert sorted(reader.titles) == sorted(PATHS * 2)

    with_site(work)


def test_a_damaged_frontier_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(site: Site) -> None:
        fill(site)
        reader = Reader(site, tmp_path)
        await reader.crawl()
        reader.source._file.write_bytes(b"no database at all " * 1000)
        await reader.crawl()
        assert sorted(reader.titles) == sorted(PATHS * 2)

    with_site(work)
    assert "is damaged and begun anew" in caplog.text


def test_a_page_that_kills_its_reader_is_left_out_in_the_end(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)
        reader = Reader(site, tmp_path)

        async def fatal(request: web.Request) -> web.Response:
            pid = reader.source._child.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            return web.Response(text="")

        site.pages["/p0"] = fatal
        for _ in range(3):
            reader.acknowledge(await reader.fetch())
        page = await reader.crawl()
        assert sorted(reader.titles) == sorted(PATHS[1:])
        assert site.paths().count("/p0") == 3
        assert "reading it did not end" in page.errors[0].what

    with_site(work)


def test_cancelling_a_fetch_ends_its_process(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)
        reader = Reader(site, tmp_path)
        fetching = asyncio.create_task(reader.fetch())
        await until(lambda: "/p3" in site.paths())
        pid = reader.source._child.pid
        assert pid is not None
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await until(lambda: not any(is_alive(one) for one in family))
        await reader.source.close()
        await reader.crawl()
        assert sorted(reader.titles) == sorted(PATHS)

    with_site(work)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def killed_when(site: Site, folder: Path, condition: Callable[[], bool]) -> list[psutil.Process]:
    """Starts a crawler, kills it (not its children) when the condition holds; the children it had."""
    command = (sys.executable, str(CHILD), site.url(), str(folder))
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await until(lambda: condition() or process.returncode is not None)
        assert process.returncode is None
        return psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        await process.wait()


def test_the_crawl_ends_with_its_parent(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        fill(site)

        async def never(request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        site.pages["/p4"] = never
        family = await killed_when(site, tmp_path, lambda: "/p4" in site.paths())
        assert family
        await until(lambda: not any(is_alive(one) for one in family))

    with_site(work)


@pytest.mark.faults
def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        chance = random.Random(7)
        paths = [f"/p{number}" for number in range(60)]
        site.pages |= {"/": listing(*paths), **{path: article(path) for path in paths}}
        items = tmp_path / "items"

        def given() -> list[str]:
            return items.read_text().splitlines() if items.exists() else []

        for _ in range(KILLS):
            goal = len(site.asked) + chance.randrange(1, 9)
            family = await killed_when(site, tmp_path, lambda goal=goal: len(site.asked) >= goal)  # type: ignore[misc]
            await until(lambda family=family: not any(is_alive(one) for one in family))  # type: ignore[misc]
        await killed_when(site, tmp_path, lambda: len(set(given())) == len(paths))
        assert set(given()) == set(paths)
        articles = [path for path in site.paths() if path in paths]
        assert len(articles) <= len(paths) + KILLS  # only a page under way when killed is asked for again

    with_site(work)
