"""The process that crawls a site: a `Job` as a line of JSON on standard input, an `Outcome` as one on standard output.

It ends when its parent does, whatever it is busy with: only the parent holds its standard input open. It leads a process
group of its own, so that what reads pages for it ends as well. Everything heavy is imported late, because the processes
that read pages import this module again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import threading

MEMORY = 2_000_000_000  # bytes of address space; it needs 100 MB of memory


def main() -> None:
    """Exits with 1 and a traceback on standard error when the fault is ours."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import msgspec

    from crawlers.sites.crawling import crawl
    from crawlers.sites.job import Job

    outcome = asyncio.run(crawl(msgspec.json.decode(line, type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
