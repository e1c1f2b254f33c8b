"""Topics: what a mention is about and which department should know. Rules from a TOML file in, topics with spans out."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from importlib.resources import files
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import Field, ValidationError, field_validator

from enrichment.keywords import Hit, Keyword
from stream import Settings

NAME_LANGUAGES: Final = ("it", "en")
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SURE: Final = (0.6, 0.75, 0.85, 0.9)  # confidence by the number of different keywords found


class TopicsError(ValueError):
    """The topics file cannot be used; the message names the file and what is wrong."""


class TopicRule(Settings):
    """One [[topic]] of the file. See `topics.toml`, which explains itself."""

    id: str
    department: str
    name: dict[str, str] = Field(default_factory=dict)
    it: tuple[str, ...] = ()
    en: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @field_validator("id", "department")
    @classmethod
    def _is_a_slug(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError(f'"{value}" is no id: small letters, digits and hyphens, such as "customer-care"')
        return value

    @field_validator("name")
    @classmethod
    def _in_known_languages(cls, names: dict[str, str]) -> dict[str, str]:
        for language in names:
            if language not in NAME_LANGUAGES:
                raise ValueError(f'name in "{language}"; known are {", ".join(NAME_LANGUAGES)}')
        return names

    @field_validator("it", "en", "any", "exclude")
    @classmethod
    def _can_be_found(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if sum(map(str.isalnum, word)) < (3 if "*" in word else 1):
                raise ValueError(f'"{word}" is too short to look for')
        return words


class Topic(NamedTuple):
    """A topic found: its rule, how sure, and the hits that decided, or where no words did, what else (`by`)."""

    rule: TopicRule
    confidence: float
    hits: tuple[Hit, ...]
    by: str = ""


def load_topics(path: Path | None = None) -> tuple[TopicRule, ...]:
    """The topics of a file, or those that come with Ronzio. Raises TopicsError."""
    name = str(path) if path else "topics.toml"
    try:
        text = path.read_text("utf-8") if path else files("enrichment").joinpath("topics.toml").read_text("utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise TopicsError(f"{name}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TopicsError(f"{name}: {error}") from error
    if unknown := set(document) - {"topic"}:
        raise TopicsError(f'{name}: unknown key "{min(unknown)}"; known is [[topic]]')
    return tuple(_rule(name, number, table) for number, table in enumerate(_unique(name, document), 1))


def _unique(name: str, document: Mapping[str, Any]) -> Sequence[Any]:
    tables = document.get("topic", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise TopicsError(f"{name}: topics are written as [[topic]]")
    ids = [table.get("id") for table in tables]
    for id in ids:
        if ids.count(id) > 1:
            raise TopicsError(f'{name}: topic "{id}" is there twice')
    return tables


def _rule(name: str, number: int, table: dict[str, Any]) -> TopicRule:
    try:
        return TopicRule(**table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        which = f'topic "{table["id"]}"' if "id" in table else f"topic number {number}"
        raise TopicsError(f"{name}: {which}: {where + ': ' if where else ''}{first['msg']}") from error


class TopicRules:
    """The topics' keywords, and what their hits mean in a text of some language. A hit inside a phrase of its topic's `exclude`
    does not count.

    `first` is the number that a matcher gives the first of these keywords: those of brands stand before them.
    """

    def __init__(self, rules: Sequence[TopicRule], first: int = 0) -> None:
        self.rules = tuple(rules)
        self.first = first
        self.keywords: list[Keyword] = []
        self._not_in: list[str] = []  # the language of texts in which the keyword does not count
        for number, rule in enumerate(self.rules):
            for words, not_in in ((rule.it, "en"), (rule.en, "it"), (rule.any, "")):
                self.keywords += [Keyword(number, word) for word in words]
                self._not_in += [not_in] * len(words)
        self._excludes = first + len(self.keywords)  # from here on phrases, not words
        self.keywords += [Keyword(number, phrase) for number, rule in enumerate(self.rules) for phrase in rule.exclude]

    def decide(self, hits: Sequence[Hit], language: str) -> list[Topic]:
        """Topics in the order of the rules. `hits` hold only keywords of these rules."""
        if not hits:
            return []
        excludes = self._excludes
        excluded = [hit for hit in hits if hit[0] >= excludes]
        if excluded:
            hits = self._not_excluded(hits, excluded)
        by_rule: dict[int, list[Hit]] = {}
        for hit in hits:
            number = hit[0] - self.first
            if self._not_in[number] != language:
                by_rule.setdefault(self.keywords[number][0], []).append(hit)
        return [Topic(self.rules[rule], _confidence(found), tuple(found)) for rule, found in sorted(by_rule.items())]

    def _not_excluded(self, hits: Sequence[Hit], excluded: Sequence[Hit]) -> list[Hit]:
        """Linear: phrases of one topic that overlap count as one."""
        ends: dict[int, list[tuple[int, int]]] = {}
        for keyword, start, end in sorted(excluded, key=itemgetter(1)):
            spans = ends.setdefault(self.keywords[keyword - self.first][0], [])
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        kept = []
        for hit in hits:
            if hit[0] >= self._excludes:
                continue
            spans = ends.get(self.keywords[hit[0] - self.first][0], [])
            place = bisect_right(spans, hit[1], key=itemgetter(0)) - 1
            if place < 0 or spans[place][1] < hit[2]:
                kept.append(hit)
        return kept


def _confidence(hits: Sequence[Hit]) -> float:
    different = 1 if len(hits) == 1 else len({hit[0] for hit in hits})
    return _SURE[min(different, len(_SURE)) - 1]
