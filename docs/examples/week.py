"""The week in four tables, from Python: run it beside your ronzio.toml (or with the demo running).

.venv/bin/python docs/examples/week.py aurora
"""

from __future__ import annotations

import sys

import ronzio


def main(brand: str) -> None:
    here = f"brand:{brand}"
    print(f"Mentions of {brand} by day")
    print(ronzio.query(here, since="7d", by="day").to_string(index=False))
    print("\nWhat the negative ones are about")
    print(ronzio.query(f"{here} AND sentiment:negative", since="7d", by="topic").head(10).to_string(index=False))
    print("\nShare of voice")
    voice = ronzio.query("", since="7d", by="brand")
    voice["share"] = (voice["mentions"] / voice["mentions"].sum()).map("{:.0%}".format)
    print(voice.to_string(index=False))
    print("\nThe last negative ones")
    last = ronzio.mentions(f"{here} AND sentiment:negative", since="7d", limit=5)
    print(last[["published_at", "source", "text"]].to_string(index=False, max_colwidth=80))


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["aurora"]))
