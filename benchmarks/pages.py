"""How long the data of each page takes, nothing kept from before: everything a page asks the store when it is drawn.

    python -m benchmarks.pages [MENTIONS] [ROUNDS]

The store is that of benchmarks/queries.py: invented mentions of 60 days. Prints p50 and p95 in ms for each page. The floor is
100 ms at p95 with 1,000,000 mentions.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import streamlit

from benchmarks.queries import fill
from dashboard import DashboardSettings, bodies, context, data
from index import Json
from stream import Brand, utc_now

BRANDS = (
    Brand(name="brand3", competitors=("brand0", "brand1", "brand2")),
    *(Brand(name=f"brand{number}", role="competitor") for number in range(3)),
)


def live(period: str) -> Callable[[], None]:
    def ask() -> None:
        here: list[Json] = [{"term": {"brand": "brand3"}}]
        start, end = bodies.span(bodies.PERIODS[period], utc_now())
        inside = bodies.within(start, end)
        data.totals(here, start, end)
        data.totals(here, start - (end - start), start)
        data.incidents()
        data.buzz(here, start, end, bodies.PERIODS[period].step)
        data.grouped([inside, {"terms": {"brand": [one.id for one in BRANDS]}}], "brand", 50)
        data.grouped([*here, inside], "topic", 7)
        data.stories([*here, inside])
        data.newest([*here, inside], 6)

    return ask


def mentions() -> None:
    data.choices()
    filters = {"brand": ["brand3"], "sentiment": ["negative"], "topic": ["delivery"]}
    wanted = bodies.chosen(filters, "parola5 OR parola77")
    data.newest(wanted, 20)
    data.count([*wanted, {"range": {"fetched_at": {"gt": utc_now().isoformat()}}}])


def alerts() -> None:
    now = utc_now()
    data.incidents()
    data.buzz([{"term": {"brand": "brand3"}}, {"term": {"product": "product7"}}], now - timedelta(hours=10), now, 300)
    data.mails()


def sources() -> None:
    data.sources()
    data.books()
    data.dead_letters()


def analyse() -> None:
    start, end = bodies.span(bodies.PERIODS["30d"], utc_now())
    wanted = [*bodies.chosen({}, "brand:brand3 AND NOT parola9"), bodies.within(start, end)]
    data.analysis(wanted, ("time", "topic"), "1d")
    data.count(wanted)


PAGES: dict[str, Callable[[], None]] = {
    "live, 1 hour": live("1h"),
    "live, 24 hours": live("24h"),
    "live, 30 days": live("30d"),
    "mentions": mentions,
    "alerts": alerts,
    "sources": sources,
    "analyse, 30 days": analyse,
}


def main(count: int = 100_000, rounds: int = 30) -> None:
    logging.disable(logging.WARNING)  # Streamlit's, about being called outside a page
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name) / "index", count)
        context.install(Path(name), BRANDS, DashboardSettings())
        times: dict[str, list[float]] = {page: [] for page in PAGES}
        for _ in range(rounds):
            for page, ask in PAGES.items():
                streamlit.cache_data.clear()
                begin = time.perf_counter()
                ask()
                times[page].append((time.perf_counter() - begin) * 1000)
        context.close()
    print(f"{count:,} mentions, {rounds} rounds; the data of a page, ms:")
    for page, found in times.items():
        print(f"  {page:<18} p50 {statistics.median(found):7.1f}  p95 {statistics.quantiles(found, n=20)[-1]:7.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
