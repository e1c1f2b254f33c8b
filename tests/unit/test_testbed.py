"""What the tests wait and listen with."""

from __future__ import annotations

import re
import socket

import pytest

from infra.testbed import open_ports
from infra.testbed.waiting import until


def test_waiting_gives_what_came_true() -> None:
    answers = iter(["", "", "here"])
    assert until(lambda: next(answers)) == "here"


def test_waiting_in_vain_names_what_for() -> None:
    with pytest.raises(AssertionError, match=r"^waited 0 s for rain$"):
        until(lambda: False, "rain", 0.05)


def test_waiting_in_vain_without_a_name_shows_the_line() -> None:
    said = re.escape("until(lambda: 0 > 1, seconds=0.05) (" + __file__)
    with pytest.raises(AssertionError, match=rf"^waited 0 s for {said}:\d+\)$"):
        until(lambda: 0 > 1, seconds=0.05)


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ("32768\t60999", (20_000, 32_768)),
        ("49152 65535", (20_000, 49_152)),
        ("1024 50000", (50_001, 65_536)),
        ("1024 65535", (20_000, 65_536)),
    ],
)
def test_ports_lie_where_the_kernel_gives_none(said: str, ports: tuple[int, int]) -> None:
    assert open_ports.given_to_nobody(said) == ports


def test_ports_in_a_row_skip_one_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        (port,) = open_ports.free(1)
        taken.bind(("127.0.0.1", port))
        starts = iter([port - 2, port, port + 1])
        monkeypatch.setattr("random.randrange", lambda *_: next(starts))
        assert open_ports.in_a_row(3) == range(port + 1, port + 4)


def test_free_ports_differ() -> None:
    assert len(set(open_ports.free(50))) == 50
