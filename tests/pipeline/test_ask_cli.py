"""The commands that ask and mend (query, status, dead, erase, rebuild), and the calls from Python, on a store that was
filled the whole way: items in the log, tagged by the worker, made searchable by the indexer."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import ronzio
from enrichment import Enricher, EnrichmentSettings, run_worker
from index import open_index, open_upkeep
from infra.testbed.waiting import until
from ronzio.cli import root
from ronzio.context import load_settings
from stream import RAW, Item, Record, mention_id, open_log, utc_now

CONFIG = """
data_dir = "{data}"

[[brands]]
name = "Aurora"
competitors = ["Bruma"]
products = [{{ name = "Lampo" }}]

[[brands]]
name = "Bruma"
role = "competitor"
"""
NOW = utc_now()


def item(number: int, text: str, *, days: int = 0, author: str = "maria") -> Item:
    at = NOW - timedelta(days=days, minutes=number)
    return Item(
        id=mention_id(f"forum:{number}"), source="feed:forum", channel="feed", fetched_at=at, published_at=at, text=text,
        author=author, language="it", url=f"https://forum.example.org/{number}",
    )  # fmt: skip


ITEMS = [
    *(item(number, f"Aurora Lampo: consegna in ritardo, pessimo servizio {number}") for number in range(6)),
    *(item(number, f"=Aurora è ottima, la adoro {number}", author="paolo") for number in range(10, 14)),
    item(20, "Bruma costa meno", author="rita"),
    item(30, "Aurora la settimana scorsa", days=8),
    item(40, "Il tempo di domani: sereno"),
]


class Working:
    """Worker and indexer in threads around one data directory."""

    def __init__(self, config: Path) -> None:
        self.settings = load_settings(config, False, None)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work), threading.Thread(target=self._index)]

    def __enter__(self) -> Working:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with closing(open_log(self.settings.log_place)) as log, closing(open_index(self.settings.index_place)) as index:
            run_worker(log, index, Enricher(self.settings.brands, EnrichmentSettings()), self._stop.is_set)

    def _index(self) -> None:
        open_upkeep(self.settings.index_place).run(self._stop.is_set)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "ronzio.toml"
    file.write_text(CONFIG.format(data=tmp_path / "data"), "utf-8")
    with closing(open_log(tmp_path / "data" / "log")) as log:
        records = [Record(one.id.encode(), msgspec.json.encode(one)) for one in ITEMS]
        log.append(RAW, [*records, Record(b"broken", b'{"source": "feed:forum", "no": "item"}')], account="feed:forum")
    with Working(file), closing(open_index(tmp_path / "data" / "index")) as index:
        until(lambda: index.fresh()["searchable"] == len(ITEMS) - 1, "the mentions")
        yield file


def run(config: Path, *arguments: str, ok: bool = True) -> Result:
    result = CliRunner().invoke(root, [*arguments, "--config", str(config)])
    assert (result.exit_code == 0) is ok, result.output + result.stderr
    return result


def test_query_counts_by_field(config: Path) -> None:
    out = run(
        config, "query", "brand:aurora AND sentiment:negative", "--since", "7d", "--by", "product", "-f", "csv"
    ).stdout
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["product"], row["mentions"], row["negative"]) == ("lampo", "6", "6")


def test_query_counts_by_time_and_field(config: Path) -> None:
    out = run(config, "query", "aurora", "--by", "week", "--by", "sentiment", "-f", "json").stdout
    rows = [json.loads(line) for line in out.splitlines()]
    assert sum(row["mentions"] for row in rows) == 11
    assert len({row["week"] for row in rows}) >= 2


def test_query_prints_a_table_with_what_it_left_out(config: Path) -> None:
    result = run(config, "query", "aurora", "--limit", "2")
    assert "Aurora" in result.stdout
    assert "2 of 11 mentions" in result.stderr


def test_query_tells_what_rises_or_why_nothing_can_be_told(config: Path) -> None:
    result = run(config, "query", "brand:aurora", "--rising", "-f", "csv")
    assert result.stdout.strip() == "term,now,before,times,words"
    assert "10 mentions in the period, 1 in the 4 periods before: too few to compare" in result.stderr


def test_query_writes_files(config: Path, tmp_path: Path) -> None:
    run(config, "query", "brand:aurora", "-o", str(tmp_path / "a.parquet"))
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 11
    run(config, "query", "autore:paolo", "-o", str(tmp_path / "a.csv"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text("utf-8"))))
    assert len(rows) == 4
    assert all(row["text"].startswith("'=") for row in rows)  # no formula for a spreadsheet


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "brand:(aurora"), "not closed"),
        (("query", "marchetto:x"), "marchetto"),
        (("query", "x", "--by", "text"), 'cannot group by "text"'),
        (("query", "x", "--since", "soon"), "soon"),
        (("query", "x", "-f", "parquet"), "--out"),
        (("query", "x", "-o", "x.xlsx"), "x.xlsx: no format is known by this name"),
        (("query", "x", "--rising", "--by", "day"), "choose one"),
        (("query", "x", "--rising", "--since", "1d", "--until", "3d"), "before it begins"),
        (("query", "x", "--by", "day", "--by", "hour"), "only one of"),
        (("dead", "show", "raw/9/9"), 'no dead letter "raw/9/9"'),
        (("dead", "replay"), "--all"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(config: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(config, *arguments, ok=False)
    assert said in result.stderr
    assert "Traceback" not in result.output + result.stderr


def test_check_says_whose_settings_it_found_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(root, ["check", "--offline"])
    assert result.stdout.startswith("settings of the demo: good")
    assert "no ronzio.toml in this folder" in result.stderr


def test_status_balances_the_books(config: Path) -> None:
    answer = json.loads(run(config, "status", "--json").stdout)
    (books,) = answer["books"]
    assert answer["balanced"]
    assert (books["fetched"], books["indexed"], books["not_a_mention"], books["dead"]) == (14, 12, 1, 1)
    assert "they balance" in run(config, "status").stdout


def test_dead_letters_are_listed_shown_and_replayed(config: Path) -> None:
    listed = run(config, "dead", "list").stdout
    which = listed.split()[0]
    assert "feed:forum" in listed
    assert '"no": "item"' in run(config, "dead", "show", which).stdout
    assert "1 replayed" in run(config, "dead", "replay", which).stdout
    until(lambda: len(run(config, "dead", "list").stdout.split(which)) == 1, "the letter to be tried again")


def test_match_shows_what_an_expression_would_have_found(config: Path) -> None:
    out = run(config, "match", "(domani OR =Lampo) AND NOT costa", "--examples", "3").stdout
    assert "7 of the last 13 things fetched would match" in out
    assert "6 of them are stored mentions; 1 are not stored" in out
    assert "6 of the last 12 stored mentions match" in out
    assert out.count("Aurora [Lampo]: consegna") == 3
    assert "1 of the last 13 things" in run(config, "match", "lingua:it bruma").stdout
    wrong = run(config, "match", 'aurora AND (consegna OR "ritardo', ok=False).stderr
    assert wrong.splitlines()[-1].index("^") == wrong.splitlines()[-2].index('"ritardo')


def test_an_erased_author_is_gone_from_everything(config: Path) -> None:
    assert "4 of the last" in run(config, "match", "ottima").stdout
    assert "4 mentions" in run(config, "erase", "paolo", "--yes").stdout
    settings = load_settings(config, False, None)
    with closing(open_index(settings.index_place)) as index:
        until(lambda: index.count({"term": {"author": "paolo"}}) == 0, "the erasure")
    assert "0 of the last" in run(config, "match", "ottima").stdout
    assert "8 mentions are searchable" in run(config, "rebuild").stdout

    def words() -> bytes:
        found = b""
        for folder, _, names in os.walk(settings.data_dir / "index" / "view"):  # files and folders go while we look
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    found += Path(folder, name).read_bytes()
        return found

    assert b"maria" in words()
    until(lambda: b"paolo" not in words(), "the old view to be given up")


def test_the_calls_from_python_answer_frames(config: Path) -> None:
    frame = ronzio.query("brand:aurora", by=["day", "sentiment"], since="3d", config=config)
    assert frame["mentions"].sum() == 10
    assert str(frame["day"].dt.tz) == "UTC"
    times = ronzio.query("brand:aurora", by=["time"], since="3d", config=config)["time"]
    assert list(times) == sorted(set(frame["day"]))
    mentions = ronzio.mentions("sentiment:negative AND brand:aurora", limit=3, config=config)
    assert list(mentions["author"]) == ["maria"] * 3
    assert mentions["published_at"].is_monotonic_decreasing
