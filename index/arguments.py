"""Reading the parts of a query body: which field, which options, what kind of value. Everything raises BadQuery."""

from __future__ import annotations

from typing import Any, Final

from index.fields import kind_of
from index.store import BadQuery, Json

MOST_CLAUSES: Final = 5000  # values of one `terms`, words of one `match`


def one_field(kind: str, body: Json, main: str, *others: str) -> tuple[str, Any, Json]:
    """Field, its main value and the options of `{field: value}` or `{field: {main: value, option: ...}}`."""
    fields = [key for key in body if key != "boost"]
    if len(fields) != 1:
        raise BadQuery(f'"{kind}" wants exactly one field; got {brief(fields)}')
    field, inner = fields[0], body[fields[0]]
    kind_of(field)
    if not isinstance(inner, dict):
        inner = {main: inner}
    options_of(kind, inner, main, *others)
    if main not in inner:
        raise BadQuery(f'"{kind}" on "{field}" wants "{main}"')
    if isinstance(inner[main], dict | list) or inner[main] is None:
        raise BadQuery(f'"{kind}" on "{field}" wants a single value; got {brief(inner[main])}')
    return field, inner[main], inner


def options_of(kind: str, body: Json, *known: str) -> None:
    for key in body:
        if key not in known and key not in ("boost", "_name"):
            raise BadQuery(f'"{key}" in "{kind}" is not supported')


def operator(options: Json) -> str:
    operator = str(options.get("operator", "or")).lower()
    if operator not in ("and", "or"):
        raise BadQuery(f'"operator" is "and" or "or"; got {brief(operator)}')
    return operator


def least_of(value: object, clauses: int) -> int:
    """minimum_should_match: a number, negative (all but so many) or a percentage."""
    text = str(value)
    try:
        if text.endswith("%"):
            share = int(text[:-1])
            least = clauses * share // 100 if share >= 0 else clauses - clauses * -share // 100
        else:
            least = int(text)
    except ValueError as error:
        raise BadQuery(f'"minimum_should_match" is a number or a percentage; got {brief(value)}') from error
    return max(0, least if least >= 0 else clauses + least)


def fuzziness(value: object, length: int) -> int:
    if str(value).upper() == "AUTO":
        return 0 if length < 3 else 1 if length < 6 else 2
    return integer("fuzziness", value, 0, 2)


def integer(name: str, value: object, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise BadQuery(f'"{name}" is a number from {low} to {high}; got {brief(value)}')
    return number


def not_too_many(kind: str, values: list[Any]) -> list[Any]:
    if len(values) > MOST_CLAUSES:
        raise BadQuery(f'"{kind}" takes at most {MOST_CLAUSES} values; got {len(values)}')
    return values


def brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def boolean(field: str, value: object) -> bool:
    named = {"true": True, "false": False}.get(str(value).lower())
    if named is None:
        raise BadQuery(f'"{field}" is true or false; got {brief(value)}')
    return named
