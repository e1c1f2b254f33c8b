"""Tests against real services use the backends of the contract suites and the harnesses of the pipeline's."""

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("contract", "pipeline")]


@pytest.fixture(scope="session")
def secured_services() -> None:
    """Fails where the secured services are asked for and are not there."""
    if "RONZIO_TEST_SECURE_KAFKA" not in os.environ:
        pytest.fail('RONZIO_TEST_SECURE_KAFKA is not set: "make test-services" brings the secured services up')
