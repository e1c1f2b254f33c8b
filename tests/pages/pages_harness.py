"""What the tests of the pages share: a filled store, and a server with the processes an edit needs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from index import open_index, open_upkeep
from infra.testbed import open_ports
from infra.testbed.waiting import until
from stream import (
    RAW,
    Brand,
    Incident,
    Mail,
    Mention,
    Reason,
    Record,
    SourceStatus,
    mention_id,
    open_log,
    sort_key,
    utc_now,
)

BRANDS = (
    Brand.model_validate(
        {"name": "Aurora", "products": [{"name": "Lampo"}, {"name": "Classica"}], "competitors": ["bruma"]}
    ),
    Brand.model_validate({"name": "Bruma", "role": "competitor"}),
)
HOSTILE = (
    "<img src=x onerror=document.title='owned'><script>document.title='owned'</script> "
    "![p](http://127.0.0.1:9/pixel.png) [click](javascript:alert(1)) **bold** :red[x] $a$ http://evil.example"
)
CONFIG = """
data_dir = "{data}"

[[brands]]
name = "Aurora"
competitors = ["bruma"]
products = [{{ name = "Lampo" }}, {{ name = "Classica" }}]

[[brands]]
name = "Bruma"
role = "competitor"

[dashboard]
port = {port}
refresh_seconds = 1
"""


def mention(number: int, at: datetime, **changes: Any) -> Mention:
    identity = mention_id(f"https://forum.example.org/t/{number}")
    label = ("negative", "neutral", "positive")[number % 3]
    values: dict[str, Any] = {
        "id": identity,
        "source": "feed:forum",
        "channel": "feed",
        "fetched_at": at,
        "published_at": at,
        "date_origin": "stated",
        "sort_key": sort_key(at, identity),
        "language": "it",
        "brand": ("aurora",),
        "product": ("lampo",) if number % 2 else (),
        "topic": ("delivery",) if number % 4 else ("price",),
        "department": ("logistics",),
        "sentiment": label,
        "score": (-0.7, 0.0, 0.7)[number % 3],
        "confidence": 0.8,
        "status": "new",
        "reach": 0,
        "backfill": False,
        "engine": "1",
        "digest": str(number),
        "story": identity,
        "url": f"https://forum.example.org/t/{number}",
        "site": "forum.example.org",
        "text": f"Il pacco numero {number} di Aurora Lampo non arriva mai",
        "author": f"utente{number}",
        "why": (Reason(tag="brand:aurora", by='keyword "Aurora"', confidence=0.9, start=0, end=2),),
    }
    return Mention(**(values | changes))


def fill(data_dir: Path, count: int = 60, *, booked: bool = False) -> list[Mention]:
    """Mentions of the last hour, the newest of them hostile; an incident, a mail, two sources. Searchable on return.

    `booked`: the log says that they were fetched; only where no worker runs, which would look at what was."""
    now = utc_now()
    made = [mention(number, now - timedelta(seconds=50 * number + 30)) for number in range(1, count)]
    made.append(
        mention(0, now - timedelta(seconds=5), title=HOSTILE, text=HOSTILE, author=HOSTILE, url="javascript:alert(1)")
    )
    made += [
        mention(
            1000 + number,
            now - timedelta(minutes=number),
            brand=("bruma",),
            product=(),
            towards=("bruma:none",),
            unsure=number % 3 == 2,
        )
        for number in range(20)
    ]
    index = open_index(data_dir / "index")
    log = open_log(data_dir / "log")
    if booked:
        log.append(RAW, [Record(one.id.encode(), b"{}") for one in made], account="feed:forum")
    log.close()
    stop = threading.Event()
    upkeep = threading.Thread(target=open_upkeep(data_dir / "index").run, args=(stop.is_set,))
    upkeep.start()
    try:
        index.write(made)
        put = index.records.put
        put("incident", "i1", msgspec.json.encode(incident(now, made)))
        put("mail", "i1/start", msgspec.json.encode(mail(now)))
        put("source", "feed:forum", msgspec.json.encode(source("feed:forum", "Forum", "ok", now)))
        put("source", "feed:gone", msgspec.json.encode(source("feed:gone", HOSTILE, "failing", now)))
        until(lambda: index.fresh()["searchable"] == len(made), "the mentions to be searchable")
    finally:
        stop.set()
        upkeep.join()
        index.close()
    return made


def incident(now: datetime, made: list[Mention]) -> Incident:
    return Incident(
        id="i1", brand="aurora", product="lampo", started_at=now - timedelta(minutes=20), peak_at=now - timedelta(minutes=10),
        updated_at=now, bucket_seconds=300, observed=41, expected=2.5, mentions=77, topics=("delivery",),
        examples=(made[0].id, made[-21].id),
    )  # fmt: skip


def mail(now: datetime) -> Mail:
    return Mail(
        id="i1/start", to=("maria@example.com",), subject="Lampo (Aurora): 41 menzioni negative", text="testo",
        html="<h1 id='told'>41 menzioni negative</h1><script>document.title='owned'</script>", language="it",
        created_at=now, due_at=now, attempts=1, error="the server said: 451 later", incident="i1",
    )  # fmt: skip


def source(identity: str, name: str, health: Any, now: datetime) -> SourceStatus:
    return SourceStatus(
        id=identity, name=name, channel="feed", url="http://127.0.0.1:9/f.xml", health=health, due_at=now + timedelta(minutes=5),
        last_ok_at=now, last_new_at=now, error="" if health == "ok" else "http://127.0.0.1:9/f.xml: no answer",
    )  # fmt: skip


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Pages, worker and indexer as processes around `folder`/data; gives the address."""
    (port,) = open_ports.free(1)
    file = folder / "ronzio.toml"
    file.write_text(CONFIG.format(data=folder / "data", port=port), "utf-8")
    (folder / "data").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for name in ("indexer", "worker", "dashboard"):
            output = stack.enter_context((folder / f"{name}.txt").open("w"))
            child = subprocess.Popen(
                [sys.executable, "-m", "ronzio", name, "--config", str(file)],
                stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
            stack.callback(_end, child)
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(address), "the pages to be served")
        yield address


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
