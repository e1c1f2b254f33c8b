"""A crawler of one site that is killed at any moment: items into a file, then the state, as the real one does it.

Arguments: the site's address, a folder. It fetches for ever.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from crawlers import Budget, CrawlerSettings, SiteSettings
from crawlers.sites.site import SiteSource
from stream import utc_now


def durable(path: Path, text: str, mode: str) -> None:
    with path.open(mode) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


async def main(url: str, folder: Path) -> None:
    place = SiteSettings(url=url, local=True, delay=0.01)
    source = SiteSource(place, CrawlerSettings(), folder)
    state_file, now = folder / "state", later(folder)
    while True:
        state = state_file.read_bytes() if state_file.exists() else None
        page = await source.fetch(state, Budget(now=now, requests=5))
        for item in page.items:
            durable(folder / "items", f"{item.title}\n", "a")
        durable(folder / "state.new", page.next_state.decode(), "w")
        (folder / "state.new").replace(state_file)
        if not page.more:
            durable(folder / "rounds", "x", "a")
            now = later(folder)


def later(folder: Path) -> datetime:
    """An hour more at each crawl, so that failed pages are tried again."""
    rounds = (folder / "rounds").stat().st_size if (folder / "rounds").exists() else 0
    return utc_now() + timedelta(hours=rounds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
