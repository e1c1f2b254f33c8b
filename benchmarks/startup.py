"""How long until something can be seen: `ronzio --help`, and from `ronzio run` to the first mention on the page.

    python -m benchmarks.startup [ROUNDS]

The first mention is on the page when the store that the page reads answers with one and the page is served. The demo runs
on its own ports: no other demo may run. The goal for the help is 0.3 s.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from index import open_index

RONZIO = (sys.executable, "-m", "ronzio")
PAGE = "http://127.0.0.1:8501/healthz"
LONGEST = 120.0  # seconds


def help_seconds(rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run([*RONZIO, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return times


def first_mention() -> tuple[float, float]:
    """Seconds until the page is served and until there is a mention on it."""
    with tempfile.TemporaryDirectory() as name:
        begin = time.perf_counter()
        run = subprocess.Popen(
            [*RONZIO, "run", "--demo", "--data", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            served = _wait(begin, _served)
            with closing(open_index(Path(name) / "index")) as index:
                mention = _wait(begin, lambda: index.search({"size": 1})["hits"]["hits"])
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(30)
        return served, max(served, mention)


def _served() -> bool:
    try:
        with urllib.request.urlopen(PAGE, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(begin: float, condition: object) -> float:
    assert callable(condition)
    while not condition():
        if time.perf_counter() - begin > LONGEST:
            raise SystemExit(f"nothing after {LONGEST:.0f} s")
        time.sleep(0.05)
    return time.perf_counter() - begin


def main(rounds: int = 7) -> None:
    times = help_seconds(rounds)
    print(f"ronzio --help: median {statistics.median(times):.3f} s of {rounds}, worst {max(times):.3f} s")
    served, mention = first_mention()
    print(f"ronzio run (demo): page served after {served:.1f} s, first mention on it after {mention:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
