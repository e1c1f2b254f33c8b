"""Crawlers to be killed: imports once, then forks a crawler for every line read, and says its process id.

python crawler_faults_child.py DATA_DIRECTORY FEED_ADDRESS
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from crawlers import CrawlerSettings, FeedSettings, run_crawler
from crawlers.feeds.feed import FeedSource, FeedTools
from index import open_index
from stream import open_log

SETTINGS = CrawlerSettings(parsers=1, host_delay=0.01)


async def crawl(directory: Path, url: str) -> None:
    log, index = open_log(directory / "log"), open_index(directory / "index")
    source = FeedSource(FeedSettings(url=url, local=True), FeedTools(SETTINGS))
    source.interval = 0.05
    await run_crawler([source], log, index.records, SETTINGS, asyncio.Event())


def main() -> None:
    directory, url = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave nothing behind
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                asyncio.run(crawl(directory, url))
            finally:
                os._exit(0 if sys.exc_info()[0] is None else 1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
