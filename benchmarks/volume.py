"""The detector on public series of brand mentions: labelled anomalies found, false alarms a week.

    python -m benchmarks.volume [--sensitivity normal]

Needs the data beside the checkout (RONZIO_DATA; the folder `volume/` with windows.json) and prints what the scorer there
says. A score is 1 in the bucket in which an incident starts, else 0: the limits are the program's own, the same for all
series (coarse values, chosen with these series in view, not fitted). Streaming: each row is judged with the rows before
it only. The series are counts of all mentions; they stand for negative ones.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from alerts.baseline import DAY, Floats
from alerts.detector import decide
from alerts.incidents import advance
from alerts.series import Series
from alerts.settings import AlertSettings
from stream import Incident

SECONDS = 300
PROBATION = 750  # rows at the beginning that the scoring leaves out


class Found(NamedTuple):
    """Where incidents started, as rows of a series, and how it was labelled."""

    rows: int
    starts: tuple[int, ...]
    windows: tuple[tuple[int, int], ...]

    @property
    def hit(self) -> int:
        judged = [row for row in self.starts if row >= PROBATION]
        return sum(any(first <= row <= last for row in judged) for first, last in self.windows)

    @property
    def false_alarms(self) -> int:
        return sum(
            row >= PROBATION and not any(first <= row <= last for first, last in self.windows) for row in self.starts
        )

    @property
    def weeks(self) -> float:
        return (self.rows - PROBATION) * SECONDS / DAY / 7


def data_directory() -> Path:
    """Where the development data lies; it may not be there."""
    return Path(os.environ.get("RONZIO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def incident_starts(values: Floats, settings: AlertSettings) -> list[int]:
    """Runs detector and incidents over `values` as the alerts process does. Returns the rows in which one starts."""
    begin = datetime(2015, 1, 1, tzinfo=UTC)  # any: the series name no time zone
    span = settings.history_days * DAY // SECONDS
    known = np.ones(len(values), dtype=np.bool_)
    starts: list[int] = []
    past: list[tuple[datetime, datetime]] = []
    incident: Incident | None = None
    for row in range(len(values)):
        first = max(0, row + 1 - span)
        counts = values[first : row + 1]
        series = Series(
            begin + timedelta(seconds=SECONDS * first), SECONDS, counts, counts, known[first : row + 1]
        ).without(past)
        now = series.end(row - first) + timedelta(seconds=settings.grace_seconds)
        decision = decide(series, now, settings, since=incident.started_at if incident else None)
        quiet = (decision.until - incident.updated_at).total_seconds() if incident else 0.0
        incident, event = advance(incident, decision, quiet, settings, brand="brand")
        if event == "started":
            starts.append(row)
        if incident and incident.ended_at:
            past.append((incident.started_at, incident.ended_at))
            incident = None
    return starts


def run(directory: Path, settings: AlertSettings) -> dict[str, Found]:
    """Every series of `directory`, by file name."""
    labels = json.loads((directory / "windows.json").read_text())
    found = {}
    for name, windows in labels.items():
        with (directory / name).open(newline="") as source:
            rows = list(csv.DictReader(source))
        row_of = {row["timestamp"]: number for number, row in enumerate(rows)}
        values = np.array([float(row["value"]) for row in rows])
        spans = tuple((row_of[first[:19]], row_of[last[:19]]) for first, last in windows)
        found[name] = Found(len(rows), tuple(incident_starts(values, settings)), spans)
    return found


def write_scores(found: dict[str, Found], source: Path, target: Path) -> None:
    """One CSV a series with columns timestamp,score, as the scorer reads it."""
    for name, result in found.items():
        with (source / name).open(newline="") as rows, (target / name).open("w", newline="") as scores:
            writer = csv.writer(scores)
            writer.writerow(("timestamp", "score"))
            for number, row in enumerate(csv.DictReader(rows)):
                writer.writerow((row["timestamp"], int(number in result.starts)))


def _scorer(data: Path) -> ModuleType | None:
    file = data.parent / "tools" / "volume_score.py"
    spec = importlib.util.spec_from_file_location("volume_score", file) if file.exists() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sensitivity", default="normal", choices=("low", "normal", "high"))
    chosen = parser.parse_args()
    data = data_directory()
    if not (data / "volume" / "windows.json").exists():
        sys.exit(f"{data / 'volume'} is not there: set RONZIO_DATA to the development data")
    found = run(data / "volume", AlertSettings(sensitivity=chosen.sensitivity))
    for name, result in sorted(found.items()):
        print(
            f"{name:28s} windows {result.hit}/{len(result.windows)}  false alarms {result.false_alarms} "
            f"({result.false_alarms / result.weeks:.2f} a week)"
        )
    hit, windows = (sum(values) for values in zip(*((f.hit, len(f.windows)) for f in found.values()), strict=True))
    weeks = sum(result.weeks for result in found.values())
    alarms = sum(result.false_alarms for result in found.values())
    print(f"all: windows {hit}/{windows}, {alarms / weeks:.2f} false alarms a series and week")
    scorer = _scorer(data)
    if scorer is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_scores(found, data / "volume", Path(folder))
        series = scorer.load(folder)
        for profile in scorer.PROFILES:
            score = scorer.total(series, 0.5, profile)[0]
            print(f"{profile}: {score:.1f} of 100, with the limits of the program, the same for all series")


if __name__ == "__main__":
    main()
