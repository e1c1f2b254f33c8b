"""What a process shows: scraped from a real endpoint."""

from __future__ import annotations

import json
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from enrichment import GROUP, STORIES_GROUP, Enricher
from enrichment.worker import _Worker
from infra.testbed import open_ports
from infra.testbed.waiting import PATIENCE
from ronzio import gauges
from ronzio.commands.run import PROCESSES, SECOND_OPINION
from ronzio.context import opened_index, opened_log
from ronzio.metrics import PLACES, Server, checks, existing, served
from ronzio.process import JsonLines, Stop, configure_logging
from ronzio.settings import RonzioSettings, SettingsError, build
from stream import EDITS, RAW, Item, Mention, Record, metrics, utc_now

BOTH = (metrics.REGISTRY, metrics.MEASURED)
BRANDS = [{"name": "Aurora", "role": "own"}]


@pytest.fixture
def settings(tmp_path: Path) -> RonzioSettings:
    return build({"data_dir": str(tmp_path / "data"), "brands": BRANDS}, "test")


@pytest.fixture
def server() -> Iterator[Server]:
    said = {"good": "", "bad": ""}
    server = Server("127.0.0.1", 0, {name: lambda name=name: said[name] for name in said}, kept=0, registries=BOTH)  # type: ignore[misc]
    server.said = said  # type: ignore[attr-defined]
    yield server
    server.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scraped(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, of everything Ronzio's own."""
    families = text_string_to_metric_families(get(port, "/metrics")[1])
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("ronzio_")]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def test_it_lives_and_says_what_else_there_is(server: Server) -> None:
    assert get(server.port, "/healthz") == (200, "ok\n")
    assert get(server.port, "/elsewhere")[0] == 404
    assert "process_resident_memory_bytes" in get(server.port, "/metrics")[1]


def test_ready_until_a_check_says_why_not(server: Server) -> None:
    status, body = get(server.port, "/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "checks": {"good": "ok", "bad": "ok"}})
    server.said["bad"] = "the disk is on fire"  # type: ignore[attr-defined]
    status, body = get(server.port, "/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"good": "ok", "bad": "the disk is on fire"})


def test_a_check_that_breaks_is_an_answer() -> None:
    server = Server("127.0.0.1", 0, {"broken": lambda: str(1 / 0)})
    try:
        status, body = get(server.port, "/readyz")
    finally:
        server.close()
    assert status == 503
    assert "ZeroDivisionError" in body


def test_what_the_worker_does_is_counted(settings: RonzioSettings, server: Server) -> None:
    now = utc_now()
    good = Item(
        id="a" * 32, source="feed:a", channel="news", url="https://a.example/1", title="Aurora", text="Aurora va bene",
        fetched_at=now - timedelta(seconds=3), published_at=now - timedelta(minutes=4),
    )  # fmt: skip
    other = msgspec.structs.replace(good, id="b" * 32, title="Altro", text="Niente di noi")
    values = [msgspec.json.encode(good), msgspec.json.encode(other), b"not json"]
    before = scraped(server.port)
    with opened_log(settings) as log, opened_index(settings) as index:
        log.append(RAW, [Record(b"k", value) for value in values])
        worker = _Worker(log, index, Enricher(settings.brands, settings.enrichment), lambda: False)
        with log.consumer(GROUP, (RAW, EDITS), resume=index.resume) as consumer:
            batches = consumer.poll(100, 5)
            gauges.measure(log, index, settings)
            assert scraped(server.port)["ronzio_consumer_lag_records", (("group", GROUP), ("topic", RAW))] == 3
            worker.handle(consumer, batches)
        gauges.measure(log, index, settings)
    after = scraped(server.port)

    def grew(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    assert grew("ronzio_records_received_total", topic=RAW) == 3
    assert grew("ronzio_mentions_written_total", kind="feed") == 1
    assert grew("ronzio_records_dropped_total", reason="not-a-mention") == 1
    assert grew("ronzio_records_dropped_total", reason="dead") == 1
    assert grew("ronzio_dead_letters_total", topic=RAW) == 1
    assert grew("ronzio_batch_seconds_count", topic=RAW) == 1
    assert grew("ronzio_fetched_to_written_seconds_count") == 1
    assert 3 <= grew("ronzio_fetched_to_written_seconds_sum") < 60
    assert 240 <= grew("ronzio_published_to_written_seconds_sum") < 300
    assert after["ronzio_dead_letters_waiting", (("topic", RAW),)] == 1
    assert after["ronzio_consumer_lag_records", (("group", GROUP), ("topic", RAW))] == 0
    assert after["ronzio_documents", ()] == 1
    assert 0 < after["ronzio_disk_free_bytes", ()] <= after["ronzio_disk_size_bytes", ()]


def test_of_a_batch_only_a_few_ages_are_looked_at_and_the_past_is_left_out() -> None:
    def counts() -> tuple[float, ...]:
        names = ("fetched_to_written_seconds_count", "published_to_written_seconds_count")
        return tuple(metrics.REGISTRY.get_sample_value(f"ronzio_{name}") or 0 for name in names)

    now = utc_now()
    one = Mention(
        id="m", source="feed:a", channel="feed", fetched_at=now, published_at=now, date_origin="stated", sort_key=1,
        language="it", brand=("aurora",), sentiment="neutral", score=0.0, confidence=1.0, status="new", reach=0,
        backfill=False, engine="1", digest="d",
    )  # fmt: skip
    for mentions, more in (
        ([one] * 1003, (metrics.SAMPLE, metrics.SAMPLE)),
        ([one], (1, 1)),
        ([], (0, 0)),
        ([msgspec.structs.replace(one, backfill=True)] * 2, (2, 0)),
    ):
        before = counts()
        metrics.written(mentions, {}, now)
        assert tuple(after - was for after, was in zip(counts(), before, strict=True)) == more


def test_sources_are_counted_by_kind_only() -> None:
    assert [metrics.kind(source) for source in ("feed:a", "import:x", "evil:y", "", "demo")] == [
        "feed", "import", "other", "other", "other",
    ]  # fmt: skip


def test_off_by_default(settings: RonzioSettings) -> None:
    with served("worker", settings, Stop()) as server:
        assert server is None


def test_each_process_has_its_own_port(settings: RonzioSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(PLACES) == {*PROCESSES, SECOND_OPINION}
    monkeypatch.setenv("RONZIO_METRICS_PORT", str(open_ports.in_a_row(len(PLACES))[0]))
    found = build({"data_dir": str(settings.data_dir), "brands": BRANDS}, "test")
    for process in ("indexer", "worker", "dashboard"):
        with served(process, found, Stop()) as server:
            assert server is not None
            assert server.port == found.metrics.port + PLACES.index(process)
            assert ("ronzio_documents" in get(server.port, "/metrics")[1]) == (process == "indexer")
            assert scraped(server.port)["ronzio_build_info", (("process", process), ("version", "0.1.0"))] == 1


def test_a_taken_port_does_not_end_the_process(settings: RonzioSettings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] - PLACES.index("worker")
        found = settings.model_copy(update={"metrics": settings.metrics.model_copy(update={"port": port})})
        with served("worker", found, Stop()) as server:
            assert server is None
    assert "metrics are not served" in caplog.text


def test_a_wrong_port_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"metrics\.port"):
        build({"brands": BRANDS, "metrics": {"port": 70_000}}, "test")


def test_ready_means_that_log_and_store_answer_and_work_goes_on(settings: RonzioSettings) -> None:
    stop = Stop()
    found = checks("worker", settings, stop)
    assert {name: check() for name, check in found.items()} == dict.fromkeys(
        ("disk", "store", "log", "flow", "work"), ""
    )
    stop.asked_at = time.monotonic() - 1000
    metrics.HELD_UP.set(1)
    try:
        assert "no sign of work" in found["work"]()
        assert "waits" in found["flow"]()
    finally:
        metrics.HELD_UP.set(0)
    assert existing(Path("/nowhere/at/all")) == Path("/")


def test_who_asks_an_inner_stop_asks_the_outer_too() -> None:
    outer = Stop()
    outer.asked_at = 0.0
    Stop(within=outer)()
    assert outer.asked_at > 0


def test_the_gauges_name_the_groups_there_are() -> None:
    assert {group for group, _ in gauges.GROUPS} == {GROUP, STORIES_GROUP}


@pytest.mark.parametrize(("flag", "variable", "is_json"), [(True, "", True), (False, "json", True), (False, "", False)])
def test_json_lines_on_standard_error(
    flag: bool, variable: str, is_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RONZIO_LOG", variable)
    monkeypatch.delenv("RONZIO_SUPERVISED", raising=False)
    root = logging.Logger("root")
    monkeypatch.setattr(logging, "getLogger", lambda name="": root if not name else logging.Logger(name))
    configure_logging("worker", tmp_path, json_lines=flag)
    (handler,) = root.handlers
    assert isinstance(handler.formatter, JsonLines) is is_json
