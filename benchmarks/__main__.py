"""`python -m benchmarks` (`make bench`): every benchmark at its small size, one after another.

Those that measure on the development data, or on Kafka and Elasticsearch, say so and are left out where these are absent.
README.md has the full runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DATA = Path(os.environ.get("RONZIO_DATA", "../shared/data"))
SMALL = {  # name -> arguments, and the folder of the data it needs
    "log": (("50000",), ""),
    "enrichment": (("--tweets", "2000", "--brands", "10,1000"), "airline"),
    "expressions": (("--decisions", "50000"), "airline"),
    "whole_way": (("60000",), "airline"),
    "queries": (("100000", "15"), ""),
    "pages": (("100000", "15"), ""),
    "volume": ((), "volume"),
    "language": (("--tweets", "2000"), "airline"),
    "sentiment": ((), "sentiment"),
    "startup": (("5",), ""),
    "scaled": (("20000",), "airline"),
    "kafka": (("30000", "3"), ""),
    "migrate": (("5000",), ""),
}
SERVICES = ("scaled", "kafka", "migrate")  # need what `infra/services.py run` brings up
ADDRESSES = ("RONZIO_TEST_KAFKA", "RONZIO_TEST_ELASTICSEARCH")


def main() -> None:
    failed = []
    for name, (arguments, needs) in SMALL.items():
        print(f"\n== {name}", flush=True)
        if needs and not (DATA / needs).is_dir():
            print(f"left out: needs {DATA / needs} (set RONZIO_DATA)")
            continue
        if name in SERVICES and not all(map(os.environ.get, ADDRESSES)):
            print("left out: needs the services: python3 infra/services.py run -- make bench")
            continue
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments]).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
