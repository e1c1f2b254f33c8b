"""Waiting for what threads and other processes do."""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 240.0  # seconds; catches what hangs for ever, also where the machine is busy with other things
STEP: Final = 0.05  # seconds between two looks

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "", seconds: float = PATIENCE) -> T:
    """What `condition` answers once that is true. Raises AssertionError after `seconds`: it names `what`, or else the line of
    code that waits."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for {what or _line()}")
        time.sleep(STEP)
    return found


def _line() -> str:
    """Where `until` was called."""
    frame = sys._getframe(2)
    place, number = frame.f_code.co_filename, frame.f_lineno
    return f"{linecache.getline(place, number).strip()} ({place}:{number})"
