"""The demo's own time: seconds since its first start, standing still while it does not run.

A clock is a list of runs, each (second of the scenario, moment in the world). It only ever grows at its end, so that
the moment of everything already published stays what it was.
"""

from __future__ import annotations

import bisect
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

PAUSE = timedelta(seconds=60)  # a shorter stop is caught up with, a longer one is skipped
PROMISE = timedelta(seconds=15)


class Clock(NamedTuple):
    """Runs in order; the first begins at second 0."""

    runs: tuple[tuple[float, datetime], ...]

    @classmethod
    def starting(cls, at: datetime) -> Clock:
        return cls(((0.0, at),))

    def moment(self, second: float) -> datetime:
        """When in the world a second of the scenario is; history (below 0) counts back from the first start."""
        index = max(0, bisect.bisect_left([start for start, _ in self.runs], second) - 1)
        start, at = self.runs[index]
        return at + timedelta(seconds=second - start)

    def second(self, moment: datetime) -> float:
        """Which second of the scenario it is in the world's `moment`; during a pause, the second it stopped at."""
        index = max(0, bisect.bisect_right([at for _, at in self.runs], moment) - 1)
        start, at = self.runs[index]
        second = start + (moment - at).total_seconds()
        return min(second, self.runs[index + 1][0]) if index + 1 < len(self.runs) else second

    def resumed(self, stopped: datetime, now: datetime) -> Clock:
        """The clock of a start at `now` after a stop at `stopped`, when nothing later had been published."""
        return self if now - stopped <= PAUSE else Clock((*self.runs, (self.second(stopped), now)))


class ClockFile:
    """`demo.json` in the data directory: the clock, and up to when the demo may have published.

    The promise is written before it is used, so that also after a kill nothing published gets another time.
    """

    def __init__(self, path: Path, now: datetime) -> None:
        self._path = path
        if path.exists():
            saved = json.loads(path.read_text("utf-8"))
            runs = tuple((float(second), datetime.fromisoformat(at)) for second, at in saved["runs"])
            self.clock = Clock(runs).resumed(datetime.fromisoformat(saved["promised"]), now)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.clock = Clock.starting(now.astimezone(UTC).replace(microsecond=0))
        self.promise(now)

    def promise(self, now: datetime) -> None:
        """Says that everything up to a little after `now` may be published. Call it every few seconds."""
        state = {
            "runs": [[second, at.isoformat()] for second, at in self.clock.runs],
            "promised": (now + PROMISE).isoformat(),
        }
        draft = self._path.with_suffix(".tmp")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(state, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
