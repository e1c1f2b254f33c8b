"""Which column of a table says what, and what makes an item of a row.

In: the columns' names, the user's own mapping, rows. Out: a mapping of our fields to columns; items. Pure.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from crawlers.clean import line_of, text_of
from crawlers.dates import LONGEST, OLDEST, publication_date
from crawlers.identity import canonical_key, site_of
from stream import Item, mention_id

NO_COLUMN = "-"  # said by a user who wants a field to stay empty
EXTRA = "extra."  # "extra.rating" = stars keeps a column under a name of its own

# Usual names of columns, the likeliest first; compared in lower case with "_" for everything that is no letter or digit.
USUAL: dict[str, tuple[str, ...]] = {
    "text": (
        "text", "full_text", "body", "content", "message", "review_text", "review_body", "review", "comment", "tweet",
        "post", "testo", "contenuto", "messaggio", "recensione", "commento", "description", "descrizione", "snippet",
        "summary",
    ),
    "title": ("title", "headline", "subject", "review_title", "titolo", "oggetto"),
    "published_at": (
        "published_at", "published", "publication_date", "date_published", "pubdate", "posted_at", "created_at", "created",
        "created_utc", "datetime", "timestamp", "date", "review_date", "time", "data_pubblicazione", "data_ora", "data",
    ),
    "author": (
        "author", "author_name", "user_name", "username", "screen_name", "user_screen_name", "user", "reviewer", "name",
        "autore", "utente", "nome",
    ),
    "author_url": ("author_url", "user_url", "profile_url", "profile"),
    "url": ("url", "link", "permalink", "href", "source_url", "page_url", "indirizzo", "collegamento"),
    "language": ("language", "lang", "lingua"),
    "reach": ("reach", "followers", "followers_count", "user_followers_count", "views", "impressions", "copertura"),
    "id": ("id", "guid", "uuid", "post_id", "tweet_id", "message_id", "review_id", "comment_id", "id_str"),
}  # fmt: skip
FIELDS = tuple(USUAL)
_AS_ENDING = ("text", "published_at", "title", "url")  # "tweet_created" means "created"
_US_DATE = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-]\d{2,4}\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d{3})*")


class MappingError(Exception):
    """The columns cannot be told; the message says which, and what there is."""


class Unusable(Exception):
    """A row that cannot become an item; the message says why."""


def choose(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Field -> column: the user's own, and usual names for what is left. Raises MappingError."""
    for field, column in mapping.items():
        if field not in FIELDS and not (field.startswith(EXTRA) and field != EXTRA):
            raise MappingError(f'there is no field "{field}"{_near(field, FIELDS)}; the fields are {", ".join(FIELDS)}')
        if column not in columns and column != NO_COLUMN:
            raise MappingError(f'there is no column "{column}"{_near(column, columns)}; {_there(columns)}')
    taken = set(mapping.values())
    chosen = dict(mapping)
    for field in FIELDS:
        free = [column for column in columns if column not in taken]
        if field not in chosen and (column := _usual(field, free)):
            chosen[field] = column
            taken.add(column)
    chosen = {field: column for field, column in chosen.items() if column != NO_COLUMN}
    if "text" not in chosen and "title" not in chosen:
        raise MappingError(f"no column looks like the text; {_there(columns)}; name it with --map text=COLUMN")
    return chosen


def _usual(field: str, columns: Sequence[str]) -> str:
    plain = {column: re.sub(r"[\W_]+", "_", column.lower()).strip("_") for column in columns}
    for name in USUAL[field]:
        for column in columns:
            if plain[column] == name:
                return column
    if field in _AS_ENDING:
        for name in USUAL[field]:
            for column in columns:
                if plain[column].endswith(f"_{name}"):
                    return column
    return ""


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [one.lower() for one in known], 2, cutoff=0.5)
    found = [f'"{one}"' for one in known if one.lower() in close]
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def _there(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:40]) + (", ..." if len(columns) > 40 else "")
    return f"the columns are {shown}" if columns else "there are no columns"


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows of one table are read."""

    columns: dict[str, str]
    source: str
    fetched_at: datetime
    time_zone: str = "Europe/Rome"  # of dates that state none
    day_first: bool = True
    own_addresses: bool = False  # every row has an address of its own

    def item(self, row: Mapping[str, object]) -> Item:
        """Raises Unusable, also where a date is said that cannot be one: as of now the row would be in the wrong place.

        Identity is the address where each row has its own: then a mention that also came from a feed is one. Else it is
        all that the row says of itself: its id, author, time, title and text. An id alone is not believed: spreadsheets
        round long numbers, and two exports count from 1.
        """
        title, text = line_of(self._get(row, "title")), text_of(self._get(row, "text"))
        if not title and not text:
            raise Unusable("neither text nor title" if "title" in self.columns else "no text")
        url = address_of(self._get(row, "url"))
        raw_date, author = self._get(row, "published_at"), line_of(self._get(row, "author"), longest=200)
        at, origin = publication_date((raw_date,), self.fetched_at, ZoneInfo(self.time_zone), day_first=self.day_first)
        if raw_date and origin == "fetched":
            raise Unusable(
                f'the date "{raw_date[:LONGEST]}" cannot be read, or is in the future or before {OLDEST.year}'
            )
        said = at.isoformat() if raw_date else ""
        key = _key(url) if url and self.own_addresses else _content(self._get(row, "id"), author, said, title, text)
        return Item(
            id=mention_id(key),
            source=self.source,
            channel="import",
            fetched_at=self.fetched_at,
            published_at=at,
            date_origin=origin,
            url=url,
            site=site_of(url),
            title=title,
            text=text,
            author=author,
            author_url=address_of(self._get(row, "author_url")),
            language=_language(self._get(row, "language")),
            reach=_reach(self._get(row, "reach")),
            backfill=True,
            extra=self._extra(row),
        )

    def _get(self, row: Mapping[str, object], field: str) -> str:
        return said(row.get(self.columns.get(field, "")))

    def _extra(self, row: Mapping[str, object]) -> dict[str, str]:
        named = {field: column for field, column in self.columns.items() if field.startswith(EXTRA)}
        values = {field.removeprefix(EXTRA): line_of(said(row.get(column))) for field, column in named.items()}
        return {name: value for name, value in values.items() if value}


def with_habits(rows: Rows, sample: Iterable[Mapping[str, object]]) -> Rows:
    """What the first rows tell of all: whether 02/03 is the third of February, and whether addresses are the rows' own."""
    contents: dict[str, set[str]] = {}
    firsts = seconds = 0
    get = rows.columns.get
    for row in sample:
        if match := _US_DATE.match(said(row.get(get("published_at", "")))):
            firsts, seconds = max(firsts, int(match[1])), max(seconds, int(match[2]))
        if url := address_of(said(row.get(get("url", "")))):
            content = "\0".join(said(row.get(get(field, ""))) for field in ("title", "text"))
            contents.setdefault(_key(url), set()).add(content)
    shared = sum(len(some) > 1 for some in contents.values())
    return msgspec.structs.replace(
        rows, day_first=not (firsts <= 12 < seconds), own_addresses=bool(contents) and shared == 0
    )


def said(value: object) -> str:
    """A cell as text. Dates in ISO form; bytes as UTF-8; what JSON calls null or false is nothing."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8").strip()  # JSON may hold halves of characters


def address_of(value: str) -> str:
    """The web address that a cell holds, "" for anything else."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and len(value) <= 4000
    except ValueError:
        good = False
    return value if good else ""


def _key(url: str) -> str:
    try:
        return canonical_key(url)
    except ValueError:
        return url


def _content(*parts: str) -> str:
    content = "\0".join(parts).encode("utf-8", "replace")
    return f"import:{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def _language(value: str) -> str:
    return value[:2].lower() if re.fullmatch(r"[A-Za-z]{2}([-_].{2,6})?", value) else ""


def _reach(value: str) -> int:
    """A count, "1.234" and "1,234" alike; 0, which means unknown, for what is none."""
    plain = value.removesuffix(".0")
    return min(int(re.sub(r"[.,]", "", plain)), 2**53) if _NUMBER.fullmatch(plain) else 0
