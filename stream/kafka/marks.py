"""Marks beside a group's offsets: the epoch a partition is owned under, and whether a replay was asked for.

Kafka keeps them as the offset's metadata. Who takes a partition over writes a higher epoch there before it asks the sink; Kafka
refuses that to a member that is no longer one. So epochs rise partition by partition, whatever the clocks of the members say.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from kafka.structs import OffsetAndMetadata

from stream.kafka.offsets import ours, split


class Mark(msgspec.Struct, omit_defaults=True):
    """What stands beside an offset. `forced`: go on from there whatever the sink says. `generation`: of the topic that the
    offset is of, None for the topic as it is."""

    epoch: int = 0
    forced: bool = False
    generation: int | None = None


class Committed(NamedTuple):
    """A group's offset in a partition."""

    offset: int
    mark: Mark


def marked(found: OffsetAndMetadata | None, generation: int) -> Committed | None:
    """What Kafka keeps of a topic of this generation, in our terms; metadata that is not ours counts as none."""
    if found is None or found.offset < 0:
        return None
    try:
        mark = msgspec.json.decode(found.metadata, type=Mark) if found.metadata else Mark()
    except msgspec.MsgspecError:
        mark = Mark()
    return Committed(ours(generation if mark.generation is None else mark.generation, found.offset), mark)


def to_commit(offset: int, epoch: int, forced: bool) -> OffsetAndMetadata:
    """The other way round."""
    generation, plain = split(offset)
    return OffsetAndMetadata(plain, msgspec.json.encode(Mark(epoch, forced, generation)).decode(), -1)
