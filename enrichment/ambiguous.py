"""Names that mean something else as well, with a rule that tells the brand from the rest: `ambiguous.toml`, for people to read.

In: a brand's name. Out: what else it means and an expression to take over. Nothing here is applied by itself.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Final

from enrichment.expressions import words_of
from stream import Brand, Settings

FILE: Final = "ambiguous.toml"


class Ambiguous(Settings):
    """One [[name]] of the file. `also`: language -> what else the name means."""

    name: str
    also: dict[str, str]
    query: str

    @property
    def lines(self) -> str:
        """The rule as it stands in the file."""
        return self.query.strip()


@lru_cache(maxsize=1)
def ambiguous_names() -> tuple[Ambiguous, ...]:
    """All of them, in the order of the file."""
    text = files("enrichment").joinpath(FILE).read_text("utf-8")
    return tuple(Ambiguous(**table) for table in tomllib.loads(text)["name"])


def rule_for(name: str) -> Ambiguous | None:
    """The rule of a brand's name, in capitals or not, or None where the name is not known to mean anything else."""
    wanted = words_of(name)
    return next((one for one in ambiguous_names() if words_of(one.name) == wanted), None)


def unruled(brand: Brand) -> Ambiguous | None:
    """The rule that a brand could use: its name is ambiguous, and it is looked for by its bare name alone."""
    rule = rule_for(brand.name)
    if rule is None or brand.query or brand.exact or brand.exclude:
        return None
    return rule if any(words_of(keyword) == words_of(rule.name) for keyword in brand.keywords) else None
