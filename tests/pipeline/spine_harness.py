"""The whole of Ronzio in real processes around the demo's web: for the tests that run it end to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit

from index import Index
from infra.testbed import open_ports
from infra.testbed.waiting import PATIENCE
from ronzio.demo import Clock, Plan, Post, Scenario, demo_config, running
from ronzio.demo.places import base
from ronzio.process import STDIN_TIED
from stream import utc_now

PLAN = Plan(
    history=2400,
    quiet=1 / 10,
    settled=1200,
    crisis_after=20,
    pace=0.2,
    peak=4,
    news_every=20,
    news_every_before=240,
)
PROCESSES = ("indexer", "worker", "stories", "demo-mailbox", "alerts", "crawler")


class Demo:
    """The demo's web in a thread of this process, and Ronzio's processes around one data directory."""

    def __init__(self, folder: Path) -> None:
        self.web_port, mail_port = open_ports.free(2)
        self.data_dir = folder / "data"
        self.file = folder / "ronzio.toml"
        self.file.write_text(tomlkit.dumps(self._config(mail_port)), "utf-8")
        self.scenario = Scenario(PLAN, Clock.starting(utc_now().replace(microsecond=0)))
        self.silent_from: datetime | None = None  # from then on the web publishes nothing
        self._children: list[subprocess.Popen[bytes]] = []
        self._stop_web: Callable[[], object] = lambda: None

    def _config(self, mail_port: int) -> dict[str, Any]:
        config = demo_config(web_port=self.web_port, mail_port=mail_port)
        for source in config["sources"]:
            source["interval"] = "1h" if source["url"].endswith("archive.json") else "1s"
        config["alerts"] |= {"every": 1, "bucket_seconds": 5, "grace_seconds": 5, "history_days": 1}
        return {"data_dir": str(self.data_dir), **config}

    def now(self) -> datetime:
        return min(utc_now(), self.silent_from) if self.silent_from else utc_now()

    def posts(self) -> list[Post]:
        return self.scenario.posts(None, self.now())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        web = threading.Thread(target=lambda: asyncio.run(self._serve()), name="demo-web")
        web.start()
        try:
            for name in PROCESSES:
                self._start(name)
            yield
        finally:
            for child in self._children:
                child.terminate()
            for child in self._children:
                child.wait(PATIENCE)
                assert child.stdin is not None
                child.stdin.close()
            self._stop_web()
            web.join(PATIENCE)

    def _start(self, name: str) -> None:
        with (self.file.parent / f"{name}.err").open("wb") as errors:
            command = [sys.executable, "-m", "ronzio", name, "--config", str(self.file)]
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=errors, stderr=errors, env={**os.environ, STDIN_TIED: "1"}
            )
        self._children.append(child)

    async def _serve(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop_web = lambda: loop.call_soon_threadsafe(stop.set)
        async with running(self.scenario, self.web_port, self.now):
            await stop.wait()

    def kill(self, name: str) -> None:
        """kill -9, and at once another one in its place."""
        number = PROCESSES.index(name)
        killed = self._children[number]
        killed.kill()
        killed.wait()
        assert killed.stdin is not None
        killed.stdin.close()
        self._start(name)
        self._children[number] = self._children.pop()

    def check_alive(self) -> None:
        for name, child in zip(PROCESSES, self._children, strict=True):
            said = (self.file.parent / f"{name}.err").read_text("utf-8", "replace")
            assert child.poll() is None, f"{name} ended with {child.returncode}: {said[-3000:]}"


def address(demo: Demo, post: Post) -> str:
    return base(post.place, demo.web_port) + post.path


def missing(demo: Demo, index: Index, but_by: frozenset[str] = frozenset()) -> set[str]:
    """Addresses of what names a brand and is not found, but for these authors'."""
    wanted = {address(demo, post) for post in demo.posts() if post.company and post.author not in but_by}
    return wanted - {mention["url"] for batch in index.scan({"match_all": {}}) for mention in batch if "url" in mention}
