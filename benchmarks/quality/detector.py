"""The alerts' detector on public series of brand mentions (NAB realTweets, five brands every 5 minutes, February to April
2015): labelled stretches in which an incident starts, and incidents outside of them."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.settings import AlertSettings
from benchmarks import volume
from benchmarks.quality.score import Score, data, digest


def measure() -> Iterator[Score]:
    folder = data("volume")
    corpus = digest(*(path.read_bytes() for path in (folder / "windows.json", *sorted(folder.glob("*.csv")))))
    found = volume.run(folder, AlertSettings()).values()
    hit, windows = sum(one.hit for one in found), sum(len(one.windows) for one in found)
    weekly = sum(one.false_alarms for one in found) / sum(one.weeks for one in found)
    yield Score("detector/stretches-found", hit, f"of {windows}", corpus, "sensitivity normal")
    yield Score("detector/false-alarms", weekly, "a week and series", corpus, "sensitivity normal")
