"""The whole way on Kafka and Elasticsearch, log to searchable, beside Elasticsearch's own bulk rate for the same documents.

    python infra/services.py run -- .venv/bin/python -m benchmarks.scaled [MENTIONS] [WORKERS ...]

Needs RONZIO_TEST_KAFKA and RONZIO_TEST_ELASTICSEARCH, which `infra/services.py run` sets. For each number of workers: airline
tweets are put into Kafka; then workers and the story teller run until everything is searchable and every story told. Then the
documents as stored go into an index of their own with the same mapping, in bulks of a thousand from one process. Before all that
the same happens once with few mentions and is not counted: it makes Java compile what it runs. Prints rates and their ratio,
processor time a mention by process (Kafka and Elasticsearch too, where they run on this machine) and the ratio of these, which
bears neighbours on the machine better, and peak memory by quarter of the run. RONZIO_DATA: the data (default ../shared/data).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import elasticsearch
import msgspec
import psutil
from kafka.admin import KafkaAdminClient

from benchmarks.whole_way import BATCH, Memory, airline_texts, enricher, items
from enrichment import STORIES_GROUP, EnrichmentSettings, run_stories, run_worker
from index import ElasticSettings, Index, open_index
from index.elastic.client import Client, Operation, action
from index.elastic.index import ElasticIndex
from stream import RAW, SIGNATURES, Item, KafkaSettings, Log, Record, open_log

PARTITIONS = 8
AT_ONCE = 2000  # records a worker takes: enrichment.batch as docs/scaling.md advises
WARM_UP = 30_000


def places(prefix: str) -> tuple[KafkaSettings, ElasticSettings]:
    kafka = tuple(os.environ["RONZIO_TEST_KAFKA"].split(","))
    hosts = tuple(os.environ["RONZIO_TEST_ELASTICSEARCH"].split(","))
    return (
        KafkaSettings(servers=kafka, prefix=prefix, partitions=PARTITIONS),
        ElasticSettings(hosts=hosts, prefix=prefix, timeout_s=120),
    )


def work(prefix: str, ready: Any, stop: Any) -> None:
    kafka, elastic = places(prefix)
    with closing(open_log(kafka)) as log, closing(open_index(elastic)) as index:
        tagger = enricher()
        ready.release()
        run_worker(log, index, tagger, stop.is_set, batch=AT_ONCE)


def tell(prefix: str, ready: Any, stop: Any) -> None:
    kafka, elastic = places(prefix)
    with closing(open_log(kafka)) as log, closing(open_index(elastic)) as index:
        ready.release()
        run_stories(log, index, EnrichmentSettings(), stop.is_set)


def append(log: Log, count: int) -> float:
    """Seconds to put `count` items into the log."""
    texts = airline_texts(Path(os.environ.get("RONZIO_DATA", "../shared/data")))
    records = [Record(item.id.encode(), msgspec.json.encode(mixed(item, texts))) for item in items(texts, count)]
    begin = time.perf_counter()
    for start in range(0, count, 5 * BATCH):
        log.append(RAW, records[start : start + 5 * BATCH], account="import:airline")
    return time.perf_counter() - begin


def mixed(item: Item, texts: Sequence[str]) -> Item:
    """Words of three tweets, in an order of their own: else most would be copies of one before, or tell of the same, and each
    that does costs an update. This way 2.3 % do; of the tweets as they are 2.5 %."""
    chance = random.Random(item.id)
    words = item.text.split()
    some = [word for word in words if word.startswith("@")] + chance.sample(words, len(words) // 2)
    for _ in range(2):
        others = [word for word in chance.choice(texts).split() if not word.startswith("@")]
        some += chance.sample(others, len(others) // 3)
    chance.shuffle(some)
    return msgspec.structs.replace(item, text=" ".join(some))


def servers() -> dict[str, int]:
    """The ids of the processes of Kafka and Elasticsearch, where they run here: whoever listens at their addresses."""
    kafka, elastic = places("")
    wanted = {_port(kafka.servers[0]): "Kafka", _port(elastic.hosts[0]): "Elasticsearch"}
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN and each.laddr.port in wanted:
                    found[wanted[each.laddr.port]] = process.pid
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def whole(prefix: str, count: int, workers: int) -> tuple[float, Memory]:
    """Seconds from the start of the workers to everything searchable and told; memory and processor time of all."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Semaphore(0), context.Event()
    kafka, elastic = places(prefix)
    targets = {f"worker {n + 1}": work for n in range(workers)} | {"stories": tell}
    processes: dict[str, BaseProcess] = {
        name: context.Process(target=target, args=(prefix, ready, stop)) for name, target in targets.items()
    }
    with closing(open_log(kafka)) as log, closing(open_index(elastic)) as index:
        assert isinstance(index, ElasticIndex)
        index.layout.ready()
        try:
            begin = time.perf_counter()
            for process in processes.values():
                process.start()
            for _ in processes:
                ready.acquire()
            began = time.perf_counter()
            memory = Memory({name: process.pid for name, process in processes.items()} | servers())
            wait(log, index, processes, memory, count)
            took = time.perf_counter() - began
            memory.spent = memory.busy()
            print(f"    ({began - begin:.1f} s until all were up: not counted)")
        finally:
            stop.set()
            for process in processes.values():
                process.join()
    return took, memory


def wait(log: Log, index: Index, processes: dict[str, BaseProcess], memory: Memory, count: int) -> None:
    while True:
        handled = sum(tally.received for tally in index.books().values())
        memory.look(handled / count)
        if not all(process.is_alive() for process in processes.values()):
            raise SystemExit("a process has ended by itself")
        told = not any(log.lag(STORIES_GROUP, SIGNATURES).values())
        if handled >= count and told and index.fresh()["behind"] == 0:
            return
        time.sleep(0.5)


class Bulk(NamedTuple):
    """Elasticsearch alone: documents, seconds, and processor seconds of it and of the process that sends."""

    documents: int
    took: float
    elastic: float
    sender: float


def bulk(prefix: str) -> Bulk:
    """What Elasticsearch takes for the documents as stored; reading and encoding them is not counted."""
    _, elastic = places(prefix)
    with closing(open_index(elastic)) as index, closing(Client(elastic)) as client:
        assert isinstance(index, ElasticIndex)
        name = f"{prefix}bare-g1"
        body = {"settings": index.layout.settings(), "mappings": index.layout.mapping()}
        client.call("PUT", f"/{name}", body)
        batches = [
            [Operation(action("index", name, one["id"]), msgspec.json.encode(one)) for one in batch]
            for batch in index.scan({"match_all": {}}, batch=BATCH)
        ]
        memory, begin, own = Memory(servers()), time.perf_counter(), time.process_time()
        for batch in batches:
            assert all(outcome.done for outcome in client.bulk(batch))
        client.call("POST", f"/{name}/_refresh")
        took, own = time.perf_counter() - begin, time.process_time() - own
    return Bulk(sum(map(len, batches)), took, memory.busy().get("Elasticsearch", 0.0), own)


@contextmanager
def installation() -> Iterator[str]:
    """A prefix of its own; what lies under it goes at the end."""
    prefix = f"bench{uuid.uuid4().hex[:8]}."
    try:
        yield prefix
    finally:
        kafka, elastic = places(prefix)
        admin = KafkaAdminClient(bootstrap_servers=list(kafka.servers))
        admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(prefix)])
        admin.close()
        client = Client(elastic)
        for index in client.call("GET", f"/{prefix}*", filter_path="*.settings.index.uuid"):
            client.call("DELETE", f"/{index}")
        with suppress(elasticsearch.NotFoundError):
            client.call("DELETE", f"/_index_template/{prefix}mentions")
        client.close()


class Sizes(NamedTuple):
    """Bytes on disk, everything that belongs to it included; Elasticsearch has not merged all of it yet."""

    kafka: int
    elastic: int


def sizes(prefix: str) -> Sizes:
    kafka, elastic = places(prefix)
    with closing(KafkaAdminClient(bootstrap_servers=list(kafka.servers))) as admin:
        topics = [
            each for broker in admin.describe_log_dirs() for place in broker["log_dirs"] for each in place["topics"]
        ]
    parts = [part for topic in topics if topic["name"].startswith(prefix) for part in topic["partitions"]]
    with closing(Client(elastic)) as client:
        path = "_all.primaries.store.size_in_bytes"
        said = client.call("GET", f"/{prefix}*/_stats/store", filter_path=path)
    return Sizes(sum(part["partition_size"] for part in parts), said["_all"]["primaries"]["store"]["size_in_bytes"])


class Run(NamedTuple):
    """Seconds of appending and of the whole way, what each process took, what lies on disk, and Elasticsearch alone."""

    put: float
    took: float
    memory: Memory
    sizes: Sizes
    bare: Bulk


def measure(count: int, workers: int) -> Run:
    with installation() as prefix:
        with closing(open_log(places(prefix)[0])) as log:
            put = append(log, count)
        return Run(put, *whole(prefix, count, workers), sizes(prefix), bulk(prefix))


def report(count: int, run: Run) -> None:
    bare, spent, many = run.bare, run.memory.spent, run.bare.documents
    rate, floor = many / run.took, many / bare.took
    total, elastic = sum(spent.values()), spent.get("Elasticsearch", 0.0)
    ours = total - elastic - spent.get("Kafka", 0.0)

    def us(seconds: float) -> str:
        return f"{seconds / many * 1e6:.0f} us"

    print(f"  appending          {count / run.put:9,.0f} records a second")
    print(f"  the whole way      {rate:9,.0f} mentions a second ({run.took:.1f} s), {us(total)} of processors each")
    print(f"  Elasticsearch bulk {floor:9,.0f} mentions a second, one process, {us(bare.elastic + bare.sender)} each")
    print(
        f"  ratio              {rate / floor:9.2f} of rates, {(bare.elastic + bare.sender) / total:.2f} of processor time",
        end="",
    )
    print(f", {bare.elastic / elastic:.2f} of Elasticsearch's" if elastic else "")
    for process, peaks in run.memory.peaks.items():
        quarters = " / ".join(f"{peak:.0f}" for peak in peaks)
        print(f"  {process:<18} {quarters} MB by quarter, {us(spent[process])} a mention")
    print(f"  Ronzio together    {us(ours)} a mention")
    print(f"  on disk            {run.sizes.kafka / count:.0f} B a record in Kafka, ", end="")
    print(f"{run.sizes.elastic / many:.0f} B a mention in Elasticsearch")


def main(count: int = 20_000, *workers: int) -> None:
    measure(min(count, WARM_UP), 2)
    for number in workers or (2,):
        run = measure(count, number)
        print(f"{count:,} records, {run.bare.documents:,} mentions, {number} worker(s) on {os.cpu_count()} cores")
        report(count, run)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
