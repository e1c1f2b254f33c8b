"""Leases: one process works, the others stand by; who was killed or is stuck is replaced; who lost it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from index_backends import Stores

from index import Index
from infra.testbed.waiting import PATIENCE, until
from ronzio.lease import TTL, holders, run_alone
from ronzio.process import Stop
from stream import utc_now

SHORT = 3.0  # seconds a lease is good for; on a busy machine a renewal may come a second late


class Process:
    """Something that works alone, in a thread."""

    def __init__(self, index: Index, at_work: list[str], name: str, ttl: float = SHORT) -> None:
        self.stop = Stop()
        self._at_work, self._name = at_work, name

        def run() -> None:
            run_alone(index.records, "crawler", self.stop, self._work, ttl=ttl, renew=ttl / 4)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def _work(self, stop: Stop) -> None:
        self._at_work.append(self._name)
        assert len(self._at_work) == 1, "two at once"
        stop.wait(PATIENCE)
        self._at_work.remove(self._name)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def test_one_works_and_the_next_follows_when_it_ends(stores: Stores) -> None:
    at_work: list[str] = []
    index = stores()
    processes = [Process(stores(), at_work, name) for name in "abc"]
    seen = []
    while processes:
        until(lambda: at_work)
        (name,) = at_work
        seen.append(name)
        time.sleep(0.3)
        assert at_work == [name]
        assert holders(index.records, utc_now()) == {"crawler": socket.gethostname()}
        assert holders(index.records, utc_now() + timedelta(seconds=TTL)) == {}
        processes.pop("abc".index(name) if len(processes) == 3 else [p._name for p in processes].index(name)).end()
    assert sorted(seen) == ["a", "b", "c"]
    assert holders(index.records, utc_now()) == {}


@pytest.mark.parametrize("kernel", ["another-boot pid:[4026531836]", "{boot} pid:[1]"])
def test_a_machine_or_container_of_the_same_name_is_another(stores: Stores, kernel: str) -> None:
    index, at_work = stores(), list[str]()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    owner = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": "another-boot:17",
        "at": utc_now().isoformat(),
    }
    owner["kernel"] = kernel.format(boot=boot)
    index.records.put("lease", "crawler", json.dumps(owner).encode())
    waiting = Process(stores(), at_work, "next", ttl=4 * PATIENCE)
    try:
        time.sleep(1.5)  # it looks every half second
        assert at_work == []
        assert holders(index.records, utc_now()) == {"crawler": socket.gethostname()}
    finally:
        waiting.end()


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from index_backends import KINDS
from ronzio.lease import run_alone
from ronzio.process import Stop
index = KINDS[sys.argv[2]].open(sys.argv[3])
def work(stop):
    print("working", flush=True)
    stop.wait(240)
    print("stopped", flush=True)
run_alone(index.records, "crawler", Stop(), work, ttl=float(sys.argv[4]), renew=0.3)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_who_was_killed_or_is_stuck_is_replaced(stores: Stores, how: signal.Signals) -> None:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), stores.name, stores.where, str(SHORT)]
    killed = how == signal.SIGKILL
    at_work: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "working\n"
        waiting = Process(stores(), at_work, "next", ttl=4 * PATIENCE if killed else SHORT)
        try:
            time.sleep(0.6)
            assert at_work == []
            os.kill(child.pid, how)
            deadline = time.monotonic() + PATIENCE
            while not at_work:  # long before its time is over, where it was killed
                assert time.monotonic() < deadline, "nobody took over"
                patience = time.monotonic() + 1.5 * SHORT
                while not at_work and time.monotonic() < patience:
                    time.sleep(0.05)
                if not killed and not at_work:  # it may have been stopped with the store's lock in its hand
                    os.kill(child.pid, signal.SIGCONT)
                    time.sleep(0.05)
                    os.kill(child.pid, signal.SIGSTOP)
            if not killed:
                os.kill(child.pid, signal.SIGCONT)
                assert child.stdout.readline() == "stopped\n", "who wakes up too late stops"
        finally:
            child.kill()
            waiting.end()
