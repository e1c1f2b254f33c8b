"""Free ports of this machine that stay free until they are used: the kernel gives them to nobody of its own accord."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path
from typing import Final

LOWEST: Final = 20_000  # where services usually listen lies below
RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int) -> list[int]:
    """So many different ports on 127.0.0.1."""
    found: list[int] = []
    while len(found) < count:
        (port,) = in_a_row(1)
        if port not in found:
            found.append(port)
    return found


def in_a_row(count: int) -> range:
    """So many ports on 127.0.0.1, one behind the other."""
    first, end = given_to_nobody(RANGE.read_text() if RANGE.exists() else "49152 65535")
    while True:
        start = random.randrange(first, end - count + 1)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(start, start + count):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return range(start, start + count)


def given_to_nobody(said: str) -> tuple[int, int]:
    """First port and end of those to choose from, the kernel's range for outgoing connections being `said`: below it, else
    above it, where a thousand lie there; else all."""
    low, high = map(int, said.split())
    for first, end in ((LOWEST, low), (max(high + 1, LOWEST), 65_536)):
        if end - first >= 1000:
            return first, end
    return LOWEST, 65_536
