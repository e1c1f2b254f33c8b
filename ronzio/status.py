"""How everything is: processes, sources, books, what waits. One answer for `ronzio status` and whoever asks by JSON."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from index import Index, Tally
from ronzio import waiting
from ronzio.lease import holders
from stream import EDITS, RAW, SIGNATURES, TOPICS, Incident, Log, Mail, SecondOpinions, SourceStatus, utc_now

GROUP = "enrichment"
STORIES_GROUP = "stories"  # as in enrichment, which is not loaded to look
LEASES = {  # process -> the lease it works under
    "crawler": "crawler", "alerts": "alerts", "indexer": "housekeeping", "second-opinion": "second-opinion",
}  # fmt: skip
LOOKS: Final = 4  # at the books, before they count as wrong
PAUSE: Final = 0.5  # seconds between two


class Books(msgspec.Struct, frozen=True):
    """One source's account: fetched = indexed + duplicate + not_a_mention + dead + erased + waiting."""

    source: str
    fetched: int
    tally: Tally

    @property
    def waiting(self) -> int:
        """Fetched and not yet handled. Zero when nothing is behind; negative would mean books that do not balance."""
        return self.fetched - self.tally.received


def books(log: Log, index: Index) -> list[Books]:
    """By source, busiest first. The tallies are read first: what is fetched meanwhile counts as waiting."""
    tallies = index.books()
    fetched = log.accounts(RAW)
    names = sorted(set(tallies) | set(fetched), key=lambda name: (-fetched.get(name, 0), name))
    return [Books(name, fetched.get(name, 0), tallies.get(name, Tally())) for name in names]


def to_handle(log: Log, topic: str) -> int:
    """Records the workers have still to handle; by offsets where they are many."""
    counted = waiting.count(log, GROUP, topic)
    return sum(log.lag(GROUP, topic).values()) if counted is None else counted


def balanced(log: Log, index: Index) -> bool:
    """Does all that was fetched and not handled wait in the log?

    The log and the store move meanwhile. So both are read before and after the look at what waits, which then lies between the
    two; and again where it does not, because a batch is in the store a moment before the log knows that it is handled. What is
    too much to be counted is only held against what must be there at least.
    """
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE)
        handled, fetched = _handled(index), _fetched(log)
        counted = waiting.count(log, GROUP, RAW)
        found = sum(log.lag(GROUP, RAW).values()) if counted is None else counted
        least = fetched - _handled(index)
        if least <= found and (counted is None or found <= _fetched(log) - handled):
            return True
    return False


def _handled(index: Index) -> int:
    return sum(tally.received for tally in index.books().values())


def _fetched(log: Log) -> int:
    return sum(log.accounts(RAW).values())


def status(log: Log, index: Index, data_dir: Path) -> dict[str, Any]:
    """Everything as JSON-ready values; times in ISO 8601."""
    incidents = [msgspec.json.decode(record.body, type=Incident) for record in index.records.scan("incident")]
    mails = [msgspec.json.decode(record.body, type=Mail) for record in index.records.scan("mail")]
    account = books(log, index)
    return {
        "processes": processes(data_dir),
        "at_work": at_work(log, index),
        "mentions": index.fresh(),
        "waiting": {topic: to_handle(log, topic) for topic in (RAW, EDITS)},
        "dead_letters": {topic: len(log.dead(topic, limit=1_000_000)) for topic in TOPICS},
        "books": [
            {
                "source": entry.source,
                "fetched": entry.fetched,
                **msgspec.to_builtins(entry.tally),
                "waiting": entry.waiting,
            }
            for entry in account
        ],
        "balanced": balanced(log, index),
        "sources": [_source(record.body) for record in index.records.scan("source")],
        "open_incidents": [msgspec.to_builtins(one) for one in incidents if one.state == "open"],
        "second_opinion": _second_opinion(index),
        "mail": {
            "sent": sum(mail.sent_at is not None for mail in mails),
            "waiting": sum(mail.sent_at is None and mail.given_up_at is None for mail in mails),
            "given_up": sum(mail.given_up_at is not None for mail in mails),
        },
    }


def _second_opinion(index: Index) -> dict[str, Any] | None:
    """What the second engine was asked since its process began; None where none was ever asked."""
    stored = index.records.get(SecondOpinions.KIND, SecondOpinions.ID)
    return msgspec.to_builtins(msgspec.json.decode(stored.body, type=SecondOpinions)) if stored else None


def at_work(log: Log, index: Index) -> dict[str, list[str] | int]:
    """What log and store know of the processes, on whatever machine: how many tag and tell stories, and on which machine runs
    what only one does at a time. Those that stand by and the pages are not seen."""
    alone = holders(index.records, utc_now())
    return {
        "worker": log.members(GROUP, RAW),
        "stories": log.members(STORIES_GROUP, SIGNATURES),
        **{process: [alone[lease]] if lease in alone else [] for process, lease in LEASES.items()},
    }


def processes(data_dir: Path) -> list[dict[str, Any]]:
    """What the supervisor last wrote, without those that are no longer there."""
    try:
        entries: list[dict[str, Any]] = json.loads((data_dir / "run" / "processes.json").read_text())
    except FileNotFoundError:
        return []
    return [{**entry, "running": _alive(entry["pid"])} for entry in entries]


def _alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _source(body: bytes) -> dict[str, Any]:
    entry = msgspec.to_builtins(msgspec.json.decode(body, type=SourceStatus))
    return {key: value for key, value in entry.items() if key not in ("state", "arrivals")}
