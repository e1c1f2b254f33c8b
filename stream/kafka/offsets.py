"""Offsets that name one record for ever, also after their topic was deleted and made anew.

Kafka counts from 0 again then, while groups, sinks and dead letters still hold offsets of the topic as it was. So each making
of a topic has a number, its generation, and the offsets given out carry it above Kafka's own: those of a topic made anew are
all higher than any before.
"""

from __future__ import annotations

from typing import Final

SHIFT: Final = (
    40  # bits of Kafka's offset: 10^12 records a partition; 8,192 generations fit into what JSON keeps exactly
)


def ours(generation: int, offset: int) -> int:
    """The offset given out for Kafka's."""
    return (generation << SHIFT) + offset


def split(offset: int) -> tuple[int, int]:
    """(generation, Kafka's offset)."""
    return offset >> SHIFT, offset & ((1 << SHIFT) - 1)


def kafkas(generation: int, offset: int) -> int:
    """Kafka's offset, in a topic of this generation, of what was given out: its beginning for what lies before."""
    return max(0, offset - ours(generation, 0))
