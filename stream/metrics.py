"""What the processes count, as Prometheus metrics. Every folder counts here; `ronzio.metrics` serves it.

Counting is a few microseconds a batch, never one a mention; where nothing is served it is still counted, and costs the same.
Labels have few values: sources are counted by kind ("feed", "site"), never by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from stream.log import TOPICS
from stream.nouns import Mention

REGISTRY: Final = CollectorRegistry()  # what every process counts
MEASURED: Final = CollectorRegistry()  # what one process measures for all: a zero elsewhere would be a lie
SAMPLE: Final = 8  # mentions of a batch whose age is looked at
KINDS: Final = frozenset({"feed", "site", "file", "import"})
_DELAYS: Final = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
_SPANS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

disable_created_metrics()  # type: ignore[no-untyped-call]


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"ronzio_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str, registry: CollectorRegistry = REGISTRY) -> Gauge:
    return Gauge(f"ronzio_{name}", meaning, labels, registry=registry)


def _histogram(name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(f"ronzio_{name}", meaning, labels, registry=REGISTRY, buckets=buckets)


BUILD: Final = _gauge("build_info", "Always 1; which process and version this is", "process", "version")

# -- crawler ----------------------------------------------------------------------------------------------------------
VISITS: Final = _counter("source_visits_total", "Visits of sources", "kind", "outcome")
FETCHED: Final = _counter("items_fetched_total", "Items that sources brought", "kind")
APPENDED: Final = _counter("items_appended_total", "Items the log has acknowledged", "kind")
SOURCE_ERRORS: Final = _counter("source_errors_total", "What went wrong at sources", "kind", "reason")

# -- worker -----------------------------------------------------------------------------------------------------------
RECEIVED: Final = _counter("records_received_total", "Records taken from the log", "topic")
WRITTEN: Final = _counter("mentions_written_total", "Mentions put into the store", "kind")
EDITED: Final = _counter("edits_applied_total", "Edits put into the store: what humans said, and second opinions")
DROPPED: Final = _counter("records_dropped_total", "Records that became no mention", "reason")
BURIED: Final = _counter("dead_letters_total", "Records that could not be handled", "topic")
FENCED: Final = _counter("batches_fenced_total", "Batches given up because another worker had taken over", "topic")
RETRIED: Final = _counter("retries_total", "Tries that failed because a disk was full or a service away")
HELD_UP: Final = _gauge("held_up", "1 while work waits for room or for a service, else 0")
BATCH: Final = _histogram("batch_seconds", "From a batch taken to a batch written", _SPANS, "topic")
PUBLISHED: Final = _histogram(
    "published_to_written_seconds", "Age of mentions when written, by their own date; a sample, no backfill", _DELAYS
)
CRAWLED: Final = _histogram(
    "fetched_to_written_seconds", "Age of mentions when written, since they were fetched; a sample", _DELAYS
)

# -- second opinion ---------------------------------------------------------------------------------------------------
SECOND_ASKED: Final = _counter(
    "second_opinions_total", "Mentions that the second engine was asked about, and why", "reason"
)
SECOND_CHANGED: Final = _counter(
    "second_opinions_changed_total", "Mentions that the second engine gave another sentiment"
)
SECOND_SECONDS: Final = _counter("second_opinion_seconds_total", "Seconds that the second engine has taken")
SECOND_WAITING: Final = _gauge(
    "second_opinions_waiting", "Mentions that the first engine is unsure of and the second not asked"
)

# -- alerts -----------------------------------------------------------------------------------------------------------
INCIDENTS: Final = _counter("incidents_total", "What happened to incidents", "event")
MAILS: Final = _counter("mails_total", "Tries to send a mail, by what came of them", "outcome")

# -- measured now and then, by the indexer ----------------------------------------------------------------------------
LAG: Final = _gauge("consumer_lag_records", "Records a group has still to handle", "group", "topic", registry=MEASURED)
DOCUMENTS: Final = _gauge("documents", "Mentions in the store", registry=MEASURED)
SEARCHABLE: Final = _gauge("documents_searchable", "Mentions that can be searched", registry=MEASURED)
BEHIND: Final = _gauge("documents_behind", "Changes that cannot be searched yet", registry=MEASURED)
DEAD: Final = _gauge("dead_letters_waiting", "Dead letters that wait to be looked at", "topic", registry=MEASURED)
DISK_FREE: Final = _gauge("disk_free_bytes", "Room where the data lies", registry=MEASURED)
DISK_SIZE: Final = _gauge("disk_size_bytes", "Size of the disk where the data lies", registry=MEASURED)
RETAINED: Final = _counter("retention_dropped_total", "What was dropped because of its age", "what")
RETENTION_FAILED: Final = _counter("retention_failures_total", "Times that dropping old data failed")


def kind(source: str) -> str:
    """What a source's id begins with, if it is a kind we know: so that no address becomes a label."""
    found = source.partition(":")[0]
    return found if found in KINDS else "other"


def written(mentions: Sequence[Mention], dropped: Mapping[str, int], now: datetime) -> None:
    """A batch of `mentions.raw` is in the store; `dropped` is reason -> records that became no mention."""
    by_kind: dict[str, int] = {}
    for mention in mentions:
        by_kind[mention.source] = by_kind.get(mention.source, 0) + 1
    for source, count in by_kind.items():
        WRITTEN.labels(kind(source)).inc(count)
    for reason, count in dropped.items():
        DROPPED.labels(reason).inc(count)
    for mention in mentions[:: max(1, len(mentions) // SAMPLE)][:SAMPLE]:
        CRAWLED.observe(max(0.0, (now - mention.fetched_at).total_seconds()))
        if not mention.backfill:
            PUBLISHED.observe(max(0.0, (now - mention.published_at).total_seconds()))


for _event in ("started", "worsened", "ended"):
    INCIDENTS.labels(_event)
for _topic in TOPICS:  # present from the start: a rate needs the zero before the first
    RECEIVED.labels(_topic)
    BURIED.labels(_topic)
for _reason in ("incident", "reach", "unsure"):
    SECOND_ASKED.labels(_reason)
for _outcome in ("sent", "refused", "given-up"):
    MAILS.labels(_outcome)
