"""What all contract tests of the store begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from index_backends import BACKENDS, Stores, opened


@pytest.fixture(params=BACKENDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with opened(request.param, tmp_path) as factory:
        yield factory
