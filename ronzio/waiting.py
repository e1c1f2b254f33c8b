"""What a group has still to handle, record by record: for moving house and for the books.

By offsets alone it cannot be told on Kafka, where the end of a transaction takes one in every partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stream import Log, Stored

PAGE: Final = 1000
COUNTED: Final = 20_000  # records; more are not read to be counted


def still_to_handle(log: Log, group: str, topic: str) -> Mapping[int, tuple[int, int]]:
    """partition -> the offsets from the group's own to the end."""
    committed = log.committed(group, topic)
    return {p: (max(first, committed.get(p, first)), end) for p, (first, end) in log.ends(topic).items()}


def pages(log: Log, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[Stored]]:
    """The records of these spans, a page at a time, the same pages every time."""
    for partition, (start, end) in sorted(spans.items()):
        while start < end:
            found = [one for one in log.read(topic, partition, start, PAGE) if one.offset < end]
            if not found:
                break
            yield found
            start = found[-1].offset + 1


def count(log: Log, group: str, topic: str) -> int | None:
    """How many records wait; None where they are too many to be counted."""
    spans = still_to_handle(log, group, topic)
    if sum(end - start for start, end in spans.values()) > COUNTED:
        return None
    return sum(map(len, pages(log, topic, spans)))
