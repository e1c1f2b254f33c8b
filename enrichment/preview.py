"""What an expression would have matched: before somebody makes it a monitor.

In: the expression, the log and the store. Out: how many of the last things that were fetched it holds for, also of those that
were not stored because they name no brand, with the newest as examples and the places that made it hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final, NamedTuple

from enrichment.decoding import Unreadable, decode
from enrichment.expressions import Document, Expressions, Facts
from enrichment.language import LanguageModel
from enrichment.settings import EnrichmentSettings
from enrichment.tokens import Tokens
from index import Index, Json, erased_among
from stream import RAW, Item, Log, Stored
from stream import expressions as ex

MOST: Final = 10_000  # things that are looked at
SHOWN: Final = 10
_AT_ONCE: Final = 1000
_Held = tuple[Item, Document, Any]  # what an expression holds for, and what was found in it


class Example(NamedTuple):
    """Something the expression holds for. `spans`: (field, start, end, term) in code points of "title" or "text"."""

    title: str
    text: str
    url: str
    site: str
    author: str
    published_at: datetime
    stored: bool
    spans: tuple[tuple[str, int, int, str], ...]


class Preview(NamedTuple):
    """`matched` of the `looked` things fetched last, the oldest of them at `since` (None where there is nothing); `stored`
    of them are mentions already. `kept_matched` of the `kept_looked` mentions stored last."""

    looked: int
    matched: int
    stored: int
    since: datetime | None
    kept_looked: int
    kept_matched: int
    examples: tuple[Example, ...]


class _Languages:
    """Says the language of items as the tagging does."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._model = LanguageModel(languages)
        self._tokens = Tokens(self._model)
        self._alone = Lock()  # the pages ask from several threads

    def of(self, item: Item) -> str:
        with self._alone:
            sums = self._tokens.add_up([f"{item.title} {item.text}".split()])
            return self._model.decide(sums.scores, sums.words, [item.language])[0][0]


@lru_cache(maxsize=1)
def _languages(languages: tuple[str, ...]) -> _Languages:
    """Loading takes a second and 80 MB: only for expressions that ask for a language, and once."""
    return _Languages(languages)


def preview(
    text: str, log: Log, index: Index, settings: EnrichmentSettings, *, most: int = MOST, shown: int = SHOWN
) -> Preview:
    """Holds an expression against the last `most` things fetched; each counts once, as it came last, and what was erased or
    is gone at its source does not count. Raises ExpressionError, LogUnavailable, StoreUnavailable."""
    expressions = Expressions([ex.parse(text)])
    language = _languages(settings.languages) if "language" in expressions.fields else None
    items = _newest(log, most)
    held: list[_Held] = []
    for item in items:
        document = _document(item, language)
        matched, found = expressions.match(document)
        if matched:
            held.append((item, document, found))
    gone = erased_among(index, {item.id: item.author for item, _, _ in held}) if held else set()
    held = [one for one in held if one[0].id not in gone]
    held.sort(key=lambda one: one[0].published_at, reverse=True)
    stored = _stored(index, [item.id for item, _, _ in held])
    examples = []
    for item, document, found in _different(held)[:shown]:
        hits = [(hit.start, hit.end, expressions.typed(hit.term)) for hit in expressions.hits(0, document, found)]
        examples.append(_example(item, document, hits, item.id in stored))
    since = min((item.fetched_at for item in items), default=None)
    kept = [bool(expressions.match(_mention(mention))[0]) for mention in index.recent(most)]
    return Preview(len(items), len(held), len(stored), since, len(kept), sum(kept), tuple(examples))


def _different(held: Sequence[_Held]) -> list[_Held]:
    """One of each wording: forty copies of one text are one example."""
    found: dict[str, _Held] = {}
    for one in held:
        found.setdefault(" ".join(one[1].joined.lower().split()), one)
    return list(found.values())


def _newest(log: Log, most: int) -> list[Item]:
    """The items taken last, one of each id, without those that are gone."""
    records = sorted(_tail(log, most), key=lambda record: record.timestamp, reverse=True)[:most]
    found: dict[str, Item] = {}
    for record in records:
        try:
            item, _repaired = decode(record.value)
        except Unreadable:
            continue  # among the dead letters, with its reason
        found.setdefault(item.id, item)
    return [item for item in found.values() if item.kind != "tombstone"]


def _tail(log: Log, most: int) -> Iterator[Stored]:
    """The last records of every partition, `most` of all of them at least; partitions are filled evenly."""
    ends = log.ends(RAW)
    there = sum(end - first for first, end in ends.values())
    for partition, (first, end) in ends.items():
        share = -(-most * (end - first) // max(1, there))
        offset = max(first, end - share)
        while offset < end:
            records = log.read(RAW, partition, offset, min(_AT_ONCE, end - offset))
            if not records:
                break
            yield from records
            offset = records[-1].offset + 1


def _document(item: Item, language: _Languages | None) -> Document:
    told = language.of(item) if language else ""
    return Document(item.title, item.text, Facts(item.site, item.author, told, item.source, item.channel, item.url))


def _mention(mention: Json) -> Document:
    known = [mention.get(field, "") for field in Facts._fields]
    return Document(mention.get("title", ""), mention.get("text", ""), Facts(*known))


def _stored(index: Index, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        found |= {mention["id"] for mention in index.get(ids[start : start + _AT_ONCE])}
    return found


def _example(item: Item, document: Document, hits: Iterable[tuple[int, int, str]], stored: bool) -> Example:
    offset = len(document.joined) - len(item.text)
    spans = tuple(
        ("text", start - offset, end - offset, term) if start >= offset else ("title", start, end, term)
        for start, end, term in hits
    )
    return Example(item.title, item.text, item.url, item.site, item.author, item.published_at, stored, spans)
