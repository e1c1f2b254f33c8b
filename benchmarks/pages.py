"""How long the data of each page takes, nothing kept from before: everything a page asks the store when it is drawn.

    python -m benchmarks.pages [MENTIONS] [ROUNDS]
    python infra/services.py run -- .venv/bin/python -m benchmarks.pages MENTIONS ROUNDS scaled

The store is that of benchmarks/queries.py: invented mentions of 60 days, in SQLite and tantivy or, with `scaled`, in the
Elasticsearch and beside the Kafka that `infra/services.py run` brings up. Prints p50 and p95 in ms for each page. With
1,000,000 mentions the floor at p95 is 100 ms, and 150 ms with `scaled`.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import streamlit

from benchmarks.queries import fill
from benchmarks.scaled import installation, places
from dashboard import DashboardSettings, bodies, context, data
from index import Json
from stream import Brand, TaggingEngine, utc_now

BRANDS = (
    Brand(name="brand3", competitors=("brand0", "brand1", "brand2")),
    *(Brand(name=f"brand{number}", role="competitor") for number in range(3)),
)


def live(period: str) -> Callable[[], None]:
    def ask() -> None:
        here: list[Json] = [{"term": {"brand": "brand3"}}]
        start, end = bodies.span(bodies.PERIODS[period], utc_now())
        inside = bodies.within(start, end)
        brands = [one.id for one in BRANDS]
        data.count([*here, inside])
        with data.ahead(data.of_live(here, start, end, bodies.PERIODS[period].step, brands)):
            data.totals(here, start, end)
            data.totals(here, start - (end - start), start)
            data.incidents()
            data.buzz(here, start, end, bodies.PERIODS[period].step)
            data.grouped([inside, bodies.one_of("brand", brands)], "brand", data.VOICES)
            data.older([*here, inside])
            data.grouped([*here, inside], "topic", data.TOPICS_SHOWN)
            data.risen(here, start, end)
            data.stories([*here, inside])
            data.newest([*here, inside], data.NEWEST)

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


@contextmanager
def installed(count: int, scaled: bool) -> Iterator[None]:
    """The pages' context over a filled store, which goes at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log, index = places(stack.enter_context(installation())) if scaled else (None, folder / "index")
        fill(index, count)
        context.install(folder, BRANDS, DashboardSettings(), log=log, index=index)
        stack.callback(context.close)
        now = TaggingEngine(engine="1", judged_by="", at=utc_now())
        context.index().records.put(now.KIND, now.ID, msgspec.json.encode(now))
        yield


def timed(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page's data, round by round."""
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    for _ in range(rounds):
        for page, ask in PAGES.items():
            streamlit.cache_data.clear()
            begin = time.perf_counter()
            ask()
            times[page].append((time.perf_counter() - begin) * 1000)
    return times


def main(count: int = 100_000, rounds: int = 30, store: str = "") -> None:
    logging.disable(logging.WARNING)  # Streamlit's, about being called outside a page
    with installed(count, store == "scaled"):
        if store:
            timed(rounds)  # Java compiles what it runs often
        times = timed(rounds)
    print(f"{count:,} mentions, {rounds} rounds; the data of a page, ms:")
    for page, found in times.items():
        print(f"  {page:<18} p50 {statistics.median(found):7.1f}  p95 {statistics.quantiles(found, n=20)[-1]:7.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
