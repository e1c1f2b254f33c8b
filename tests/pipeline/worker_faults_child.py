"""Workers to be killed: loads the models once, then forks a worker for every line read, and says its process id.

    python worker_faults_child.py LOG_DIRECTORY INDEX_DIRECTORY

A worker ends by itself once nothing is left to handle; the end of the input ends the rest.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from enrichment import GROUP, Enricher, EnrichmentSettings, run_worker
from index import open_index
from stream import EDITS, RAW, Brand, open_log

SETTINGS = EnrichmentSettings(story_window=1024, batch=40)


def work(log_directory: Path, index_directory: Path, enricher: Enricher) -> None:
    log, index = open_log(log_directory), open_index(index_directory)

    def done() -> bool:
        return all(
            log.committed(GROUP, topic).get(partition, 0) >= end
            for topic in (RAW, EDITS)
            for partition, (_, end) in log.ends(topic).items()
        )

    run_worker(log, index, enricher, done)


def main() -> None:
    log_directory, index_directory = map(Path, sys.argv[1:])
    enricher = Enricher([Brand(name="Aurora")], SETTINGS)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave nothing behind
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(log_directory, index_directory, enricher)
            finally:
                os._exit(0 if sys.exc_info()[0] is None else 1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
