"""The fields of the store: their kinds, the names people type for them, and the values people type in them.

`FIELDS` is what may be asked for; the searchable view is laid out from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final, Literal

from index.store import BadQuery
from stream import expressions as ex

Kind = Literal["keyword", "text", "date", "integer", "number", "boolean"]

FIELDS: Final[dict[str, Kind]] = {
    "id": "keyword",
    "url": "keyword",
    "brand": "keyword",
    "product": "keyword",
    "topic": "keyword",
    "department": "keyword",
    "source": "keyword",
    "channel": "keyword",
    "site": "keyword",
    "author": "keyword",
    "language": "keyword",
    "sentiment": "keyword",
    "status": "keyword",
    "assignee": "keyword",
    "story": "keyword",
    "event": "keyword",
    "judged_by": "keyword",
    "checked": "keyword",
    "towards": "keyword",
    "terms": "keyword",
    "date_origin": "keyword",
    "engine": "keyword",
    "title": "text",
    "text": "text",
    "published_at": "date",
    "fetched_at": "date",
    "checked_at": "date",
    "sort_key": "integer",
    "reach": "integer",
    "score": "number",
    "confidence": "number",
    "backfill": "boolean",
    "unsure": "boolean",
}

TYPED = ("title", "text")  # where a word typed without a field is looked for
UNGROUPED = frozenset({"id", "url"})  # one value per mention: nothing to group by, so no column is kept for them
LOWER_CASE = frozenset(
    {
        "brand",
        "product",
        "topic",
        "department",
        "channel",
        "site",
        "language",
        "sentiment",
        "status",
        "date_origin",
        "towards",
        "terms",
    }
)

ALIASES: Final[dict[str, str]] = {
    "marca": "brand",
    "marchio": "brand",
    "prodotto": "product",
    "argomento": "topic",
    "tema": "topic",
    "reparto": "department",
    "ufficio": "department",
    "fonte": "source",
    "canale": "channel",
    "sito": "site",
    "autore": "author",
    "lingua": "language",
    "lang": "language",
    "sentimento": "sentiment",
    "umore": "sentiment",
    "stato": "status",
    "assegnatario": "assignee",
    "assegnato": "assignee",
    "storia": "story",
    "evento": "event",
    "verso": "towards",
    "termini": "terms",
    "incerto": "unsure",
    "titolo": "title",
    "testo": "text",
    "data": "published_at",
    "date": "published_at",
    "published": "published_at",
    "pubblicato": "published_at",
    "raccolto": "fetched_at",
    "fetched": "fetched_at",
    "portata": "reach",
    "seguaci": "reach",
    "punteggio": "score",
    "fiducia": "confidence",
    "storico": "backfill",
    "indirizzo": "url",
}

_ENGLISH: Final = frozenset({"lang", "date", "published", "fetched"})  # aliases; the others are Italian

VALUES: Final[dict[str, dict[str, str]]] = {
    "sentiment": {
        "negativo": "negative",
        "negativa": "negative",
        "positivo": "positive",
        "positiva": "positive",
        "neutro": "neutral",
        "neutra": "neutral",
        "neutrale": "neutral",
    },
    "towards": {"nessuno": "none", "nessuna": "none"},
    "status": {
        "nuovo": "new",
        "nuova": "new",
        "aperto": "open",
        "aperta": "open",
        "risposto": "answered",
        "risposta": "answered",
        "chiuso": "closed",
        "chiusa": "closed",
        "ignorato": "ignored",
        "ignorata": "ignored",
    },
    "language": {
        "italiano": "it",
        "italian": "it",
        "inglese": "en",
        "english": "en",
        "francese": "fr",
        "french": "fr",
        "tedesco": "de",
        "german": "de",
        "spagnolo": "es",
        "spanish": "es",
    },
    "unsure": {"sì": "true", "si": "true", "yes": "true", "vero": "true", "no": "false", "falso": "false"},
    "backfill": {"sì": "true", "si": "true", "yes": "true", "vero": "true", "no": "false", "falso": "false"},
}


def kind_of(field: object, column: int = 0) -> Kind:
    """The kind of a field by its own name. Raises BadQuery naming the nearest field."""
    kind = FIELDS.get(field) if isinstance(field, str) else None
    if kind is None:
        raise BadQuery(_unknown_field(str(field)), column)
    return kind


def field_named(name: str, column: int = 0) -> str:
    """The field meant by a typed name: its own name or an alias, in any case. Raises ExpressionError
    naming the nearest, in English; `said_in` has the names for others."""
    lowered = name.lower()
    field = lowered if lowered in FIELDS else ALIASES.get(lowered)
    if field is None:
        found = difflib.get_close_matches(lowered, (*FIELDS, *ALIASES), n=1, cutoff=0.5)
        if found:
            near = _nearest(lowered, ALIASES.get(found[0], found[0]), "en")
            raise ex.ExpressionError('unknown field "{name}"; did you mean "{near}"?', column, name=name, near=near)
        fields = ", ".join(FIELDS)
        raise ex.ExpressionError('unknown field "{name}"; fields are {fields}', column, name=name, fields=fields)
    return field


def said_in(language: str, values: Mapping[str, object]) -> dict[str, object]:
    """The values of an error of `field_named`, or of any other, with the names of fields that a reader of `language` types."""
    told = dict(values)
    if "near" in told:
        near = str(told["near"])
        told["near"] = _nearest(str(told["name"]).lower(), ALIASES.get(near, near), language)
    if "fields" in told:
        told["fields"] = ", ".join(_names(field, language)[0] for field in FIELDS)
    return told


def _nearest(typed: str, field: str, language: str) -> str:
    return difflib.get_close_matches(typed, _names(field, language), n=1, cutoff=0)[0]


def _names(field: str, language: str) -> list[str]:
    """What a field is called in a language, the usual name first; its own name where it has none there."""
    aliases = [alias for alias, one in ALIASES.items() if one == field]
    if language == "it":
        return [alias for alias in aliases if alias not in _ENGLISH] or [field]
    return [field, *(alias for alias in aliases if alias in _ENGLISH)]


def value_typed(field: str, value: str) -> str:
    """The stored value meant by a typed one: `negativo` is `negative`, `Acme` is the brand `acme`, `Acme:negativo` what is
    negative towards it."""
    if field == "towards":
        brand, colon, label = value.lower().rpartition(":")
        return brand + colon + VALUES["towards"].get(label, VALUES["sentiment"].get(label, label))
    known = VALUES.get(field, {}).get(value.lower())
    if known is not None:
        return known
    return value.lower() if field in LOWER_CASE else value


def _unknown_field(name: str) -> str:
    """The sentence that says so, with the nearest known name if one is near."""
    near = difflib.get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}"?' if near else f"; fields are {', '.join(FIELDS)}"
    return f'unknown field "{name}"{hint}'
