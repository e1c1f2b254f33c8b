"""Wildcards as the regular expressions tantivy takes."""

from __future__ import annotations

import tantivy

from index.layout import SCHEMA, Query
from index.store import BadQuery


def pattern_query(field: str, pattern: str) -> Query:
    try:
        return tantivy.Query.regex_query(SCHEMA, field, pattern)
    except ValueError as error:
        raise BadQuery(f'the pattern for "{field}" is too long or cannot be read') from error


def wildcards(pattern: str, *, either_case: bool) -> str:
    """`*` any characters, `?` one; a backslash takes the next character as it is."""
    parts, literal = [], False
    for character in clean(pattern):
        if literal or character not in "*?\\":
            parts.append(any_case(character) if either_case else _literal(character))
            literal = False
        elif character == "\\":
            literal = True
        else:
            parts.append("(.|\n)*" if character == "*" else "(.|\n)")
    return "".join(parts) + ("\\\\" if literal else "")


def any_case(text: str) -> str:
    parts = []
    for character in clean(text):
        cases = sorted({case for case in (character, character.lower(), character.upper()) if len(case) == 1})
        parts.append(_literal(character) if len(cases) == 1 else f"[{''.join(cases)}]")
    return "".join(parts)


def _literal(character: str) -> str:
    return "\\" + character if character in r"\.+*?()|[]{}^$#&-~" else character


def escaped(text: str) -> str:
    return "".join("\\" + character if character in "*?\\" else character for character in text)


def clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
