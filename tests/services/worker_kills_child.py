"""Workers to be killed: loads the models once, then forks a worker for every line read, and says its process id.

    python worker_kills_child.py KAFKA_PREFIX ELASTICSEARCH_PREFIX LOG_FILE

The end of the input ends the rest. Every other one also tells stories. SIGTERM lets one leave in good order.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from index_backends import elastic_settings
from log_backends import kafka_settings

from enrichment import Enricher, EnrichmentSettings, run_stories, run_worker
from index import Index, open_index
from stream import Brand, Log, open_log

# A window that holds all mentions: while workers are killed one partition may wait until the others are through
SETTINGS = EnrichmentSettings(story_window=8192, batch=60)


def work(kafka: str, elastic: str, said: str, enricher: Enricher, number: int) -> None:
    told = f"%(asctime)s worker {number} %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, filename=said, format=told)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def run(work: Callable[[Log, Index], None]) -> None:
        with closing(open_log(kafka_settings(kafka))) as log, closing(open_index(elastic_settings(elastic))) as index:
            work(log, index)

    teller = threading.Thread(target=run, args=(lambda log, index: run_stories(log, index, SETTINGS, stop.is_set),))
    if number % 2:
        teller.start()
    run(lambda log, index: run_worker(log, index, enricher, stop.is_set))
    if number % 2:
        teller.join()


def main(kafka: str, elastic: str, said: str) -> None:
    enricher = Enricher([Brand(name="Aurora")], SETTINGS)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave nothing behind
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin):
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(kafka, elastic, said, enricher, number)
            except Exception:
                logging.exception("ended by itself")
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
