#!/usr/bin/env python3
"""Real Kafka and real Elasticsearch for the tests, before anything is installed: Python 3.11 is enough.

    python3 infra/services.py run -- command...   brings them up, runs the command, takes them down, whatever happens
    python3 infra/services.py up                  brings them up and prints what to export
    python3 infra/services.py down                takes down what `up` started

`--secure` after `up` or `run`: with TLS and sign-in. docs/testing.md says where they come from.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infra.testbed import choice, java
from infra.testbed.choice import Unusable
from infra.testbed.stand import Stand

HOME: Final = "RONZIO_SERVICES_DIR"
END_WITHIN: Final = 20.0  # seconds the command has after a signal
USAGE: Final = 2  # exit code: the services cannot be had


def home(env: Mapping[str, str]) -> Path:
    """Where what is fetched stays. Root's own home is closed to the user Elasticsearch must run as."""
    default = Path("/var/cache") if os.getuid() == 0 else Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(env.get(HOME) or default / "ronzio-services").absolute()
    place.mkdir(parents=True, exist_ok=True)
    return place


def up(*, secure: bool) -> int:
    """Brings up and leaves running; prints shell lines. What already runs is left as it is."""
    cache = home(os.environ)
    folder = cache / ("up-secure" if secure else "up")
    before = Stand.saved(folder)
    if before is None or not before.alive():
        if before is not None:
            before.take_down()
        folder.mkdir(exist_ok=True, mode=0o755)
        stand = Stand(folder)
        _bring_up(stand, cache, secure=secure, tied=False)
        stand.save()
        before = stand
    for name, value in before.exports.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def down() -> int:
    """Takes down what `up` left running."""
    for name in ("up", "up-secure"):
        stand = Stand.saved(home(os.environ) / name)
        if stand is not None:
            stand.take_down()
    return 0


def run(command: Sequence[str], *, secure: bool) -> int:
    """The command's exit code. The services end with it, also after a failure, Ctrl-C or SIGTERM."""
    cache = home(os.environ)
    sweep(cache)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    folder.chmod(0o755)
    held = (folder / "lock").open("w")  # let go of by the kernel, however this process ends
    fcntl.flock(held, fcntl.LOCK_EX)
    stand = Stand(folder)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _bring_up(stand, cache, secure=secure, tied=True)
        return _command(command, {**os.environ, **stand.exports})
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave anything behind
        (Stand.saved(folder) or stand).take_down()  # a test may have started one anew
        held.close()


def sweep(cache: Path) -> None:
    """Takes down what a killed run has left."""
    for lock in cache.glob("run-*/lock"):
        with contextlib.suppress(OSError), lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (Stand.saved(lock.parent) or Stand(lock.parent)).take_down()


def _bring_up(stand: Stand, cache: Path, *, secure: bool, tied: bool) -> None:
    chosen = choice.choose(os.environ, choice.docker_answers, secure=secure)
    sys.stderr.write(f"services: {chosen.why}\n")
    try:
        stand.bring_up(chosen, cache, os.environ, secure=secure, tied=tied)
    except BaseException:
        stand.take_down()
        raise


def _command(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs it. Ctrl-C reaches it from the terminal by itself; SIGTERM is passed on."""
    process = subprocess.Popen(command, env=dict(env))
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # 0 may stand for an end that nobody knows: the interrupt comes as the answer of waitpid does, and it is lost
        code = _last_wait(process) or -signal.SIGINT
    except SystemExit:
        process.terminate()
        _last_wait(process)
        raise
    return code if code >= 0 else 128 - code


def _last_wait(process: subprocess.Popen[bytes]) -> int:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(END_WITHIN)
    process.kill()
    return process.wait()


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line. What cannot be had is said in a line, without a traceback."""
    parser = argparse.ArgumentParser(prog="infra/services.py", description="Kafka and Elasticsearch for the tests.")
    below = parser.add_subparsers(dest="what", required=True)
    for name, text in (("up", "bring up, print exports"), ("down", "take down"), ("run", "bring up for one command")):
        one = below.add_parser(name, help=text)
        if name != "down":
            one.add_argument("--secure", action="store_true", help="with TLS and sign-in")
        if name == "run":
            one.add_argument("command", nargs="+", help="after --")
    below.add_parser("java", help="print the Java that would be used")
    said = parser.parse_args(arguments)
    try:
        if said.what == "java":
            sys.stdout.write(f"{java.find_java(os.environ)}\n")
            return 0
        if said.what == "down":
            return down()
        return up(secure=said.secure) if said.what == "up" else run(said.command, secure=said.secure)
    except Unusable as error:
        sys.stderr.write(f"services: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
