"""The alerts process of the fault tests: `DIRECTORY PORT`. Runs until it is killed or its input ends."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from alerts import AlertSettings, MailSettings, run_alerts
from index import open_index
from stream import Brand


def main() -> None:
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    brand = Brand.model_validate(
        {"name": "Acme", "alert_to": ["maria@example.com"], "products": [{"name": "Uno"}], "language": "it"}
    )
    mail = MailSettings(host="127.0.0.1", port=port, security="none", timeout=60)
    index = open_index(directory)
    try:
        run_alerts(index, [brand], AlertSettings(every=0.05), mail, ended.is_set)
    finally:
        index.close()


if __name__ == "__main__":
    main()
