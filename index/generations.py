"""Where the searchable view lies on the disk, and how it is replaced while others use it.

`CURRENT` names the directory that readers use; its name begins with the version of the layout. Whoever makes the view anew
fills `<name>.building` and renames it when it is complete; `CURRENT` is then replaced in one step. Readers look at `CURRENT`
and at the directory's `meta.json` before every query and follow.

Two locks, held by the kernel and so freed when their owner dies: `indexer.lock` for the one that follows the documents into
the view, `rebuild.lock` for the one that makes it anew. The two may be different processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from index.layout import VERSION

CURRENT: Final = "CURRENT"
BUILDING: Final = ".building"


class Generations:
    """The directories of one view."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def current(self) -> Path | None:
        """The directory readers use; None where there is none yet. It may be damaged or of another version."""
        try:
            name = (self.root / CURRENT).read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        return self.root / name if name and "/" not in name else None

    def stamp(self) -> tuple[int, int]:
        """Changes whenever `CURRENT` is replaced; (0, 0) where there is none. Costs some microseconds."""
        try:
            status = (self.root / CURRENT).stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def start(self) -> Path:
        """A new, empty directory to build in. The caller holds `rebuild.lock`: what others left half-built goes."""
        for left in self.root.glob(f"*{BUILDING}"):
            shutil.rmtree(left, ignore_errors=True)
        numbers = [int(path.name.rpartition("-")[2]) for path in self._all() if path.name.rpartition("-")[2].isdigit()]
        directory = self.root / f"{VERSION}-{max(numbers, default=0) + 1:06}{BUILDING}"
        directory.mkdir()
        return directory

    def publish(self, built: Path) -> Path:
        """Makes a complete directory the one readers use. Its writer must be closed."""
        directory = built.with_name(built.name.removesuffix(BUILDING))
        built.rename(directory)
        fresh = self.root / f"{CURRENT}.new"
        with fresh.open("w", encoding="ascii") as file:
            file.write(directory.name)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.root / CURRENT)
        _sync(self.root)
        return directory

    def tidy(self) -> None:
        """Removes former directories. The caller holds `indexer.lock`, so nobody writes to them; readers keep what
        they have open."""
        current = self.current()
        for path in self._all():
            if path != current and not path.name.endswith(BUILDING):
                shutil.rmtree(path, ignore_errors=True)

    def _all(self) -> list[Path]:
        return [path for path in self.root.iterdir() if path.is_dir()]

    @contextmanager
    def only(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Holds `<name>.lock`; yields False at once where another holds it and `wait` is not set."""
        self.root.mkdir(parents=True, exist_ok=True)  # it may have been lost since
        with (self.root / f"{name}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
