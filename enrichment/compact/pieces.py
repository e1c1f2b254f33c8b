"""Pieces: a white-space token in, the words, emoji, smileys and marks it is made of out.

"l'azienda!!!" is `l'`, `azienda` and `!!`; "#BuonaScuola" is the hashtag and its two words; a brand's mask is one piece.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from enrichment.fold import fold
from enrichment.sentiment import MASK

WORD, HASHTAG, USER, ADDRESS, NUMBER, SMILEY, EMOJI, MARK, BRAND = range(9)
KINDS: Final = 9
_MARKUP: Final = -1  # left over from HTML: no piece

_SMILEY: Final = (
    r"(?!8[0-9po]|x\d)[<>]?[:;=8xX][\-o\*\'^]?[\)\]\(\[dDpP/\\\}\{@\|\*oO3]+(?!\w)"  # not 83, 8p, x3
    r"|[\)\]\(\[/\\\}\{][\-o\*\']?[:;=8](?!\w)|<3+|</3"
    r"|\^_*\^|-_+-|[xX][dD]+\b|[oO]_+[oO]|T_T|>_+<|>\.<|:['’]\(+|:['’]\)+"
)
_EMOJI: Final = (
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u203c\u2049\u2190-\u21ff\u2300-\u23ff\u25a0-\u25ff]"
    "[\ufe0f\u200d\U0001f3fb-\U0001f3ff\u2640\u2642]*"
)
_SPLIT: Final = re.compile(
    rf"(?P<markup></?[a-z][^\s<>]{{0,40}}/?>)|(?P<address>(?:https?:|www\.|pic\.twitter|bit\.ly/)\S*)|(?P<brand>[@#]?{MASK}\d+)|(?P<user>@\w+)"
    rf"|(?P<smiley>{_SMILEY})|(?P<emoji>{_EMOJI})|(?P<hashtag>\#\w+)|(?P<number>\d[\d.,:%]*)"
    r"|(?P<word>[^\W\d_]+(?:['’`´][^\W\d_]+)*['’`´]?)|(?P<mark>[!?]+|\.{2,}|…|[^\s])",
    re.IGNORECASE,
)
_KIND: Final = {
    "markup": _MARKUP, "address": ADDRESS, "brand": BRAND, "user": USER, "smiley": SMILEY, "emoji": EMOJI, "hashtag": HASHTAG,
    "number": NUMBER, "word": WORD, "mark": MARK,
}  # fmt: skip
_APOSTROPHES: Final = str.maketrans("’`´", "'''")
_WITHOUT: Final = {ord("'"): None, ord("’"): None}
AROUND: Final = '.,!?"…“”'  # that begin and end no smiley
_RUNS: Final = re.compile(r"[!?]+|\.{2,}|.")
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")
_IN_HASHTAG: Final = re.compile(r"[A-ZÀ-Ý]?[a-zà-ÿ]+|[A-ZÀ-Ý]+|\d+")
_LONGEST: Final = 200  # letters of a token that are read; no word is longer


class Piece(NamedTuple):
    """`form`: lower case, letters drawn out cut to two; `key`: the same without accents, by which lists are looked up."""

    kind: int
    form: str
    key: str
    capitals: bool = False  # of three and more letters
    drawn_out: bool = False
    lower: bool = False  # begins with a small letter
    in_hashtag: bool = False


def pieces(token: str, english: bool = False) -> list[Piece]:
    """What a token without white space is made of, in order. Never raises; linear."""
    core = token.strip(AROUND)
    if not is_bare(core):
        return _thoroughly(token, english)
    start = token.find(core)
    return [*marks(token[:start]), *quickly(core, english), *marks(token[start + len(core) :])]


def is_bare(core: str) -> bool:
    """Whether a token without the punctuation around it is a word, with apostrophes perhaps, or a hashtag, as it nearly always
    is. What is punctuation around it is no part of a piece of it."""
    if len(core) >= _LONGEST:
        return False
    if core.isalpha() or (core[:1] == "#" and core[1:].isalnum()):
        return True
    return core[:1].isalpha() and core[-1:].isalpha() and core.translate(_WITHOUT).isalpha()


def quickly(core: str, english: bool) -> list[Piece]:
    """The pieces of what `is_bare`: the expression takes 5 us."""
    if core.isalpha():
        return [word(core)]
    return _hashtag(core) if core[0] == "#" else _words(core, english)


def marks(text: str) -> list[Piece]:
    """What punctuation alone is made of."""
    if len(text) < 2:
        return [Piece(MARK, text, text)] if text else []
    return [Piece(MARK, form, form) for form in [_form(MARK, run) for run in _RUNS.findall(text)]]


def _hashtag(text: str) -> list[Piece]:
    """Itself, and the words that are written together in it."""
    found = [Piece(HASHTAG, text.lower(), text.lower())]
    parts = _IN_HASHTAG.findall(text[1:])
    for part in parts if len(parts) > 1 else [text[1:]]:
        if not part.isdigit():
            found.append(Piece(WORD, part.lower(), fold(part)[0], in_hashtag=True))
    return found


def _thoroughly(token: str, english: bool) -> list[Piece]:
    found: list[Piece] = []
    for match in _SPLIT.finditer(token[:_LONGEST]):
        kind = _KIND[match.lastgroup or "mark"]
        text = match.group()
        if kind == WORD:
            found += _words(text, english)
        elif kind == _MARKUP:
            continue
        elif kind == HASHTAG:
            found += _hashtag(text)
        else:
            form = _form(kind, text)
            found.append(Piece(kind, form, form))
    return found


def _form(kind: int, text: str) -> str:
    if kind == MARK:
        if len(text) > 1 and text[0] in "!?":
            return text[0] * 2 if len(set(text)) == 1 else "!?"
        return "…" if len(text) > 1 else text
    if kind == EMOJI:
        return text[0]
    if kind == NUMBER:
        return text if len(text) == 1 else "<number>"
    if kind == SMILEY:
        return text.replace("’", "'").lower()
    return {USER: "<user>", ADDRESS: "<address>", BRAND: "<brand>"}[kind]


def word(text: str) -> Piece:
    """The piece that a token of letters alone is."""
    plain = form = text.lower()
    if len(set(plain)) < len(plain) - 1:  # else no letter can be there three times
        form = _DRAWN_OUT.sub(r"\1\1", plain)
    key = form if form.isascii() else fold(form)[0]
    return Piece(WORD, form, key, len(text) > 2 and text.isupper(), form != plain, text[0].islower())


def _words(text: str, english: bool) -> list[Piece]:
    """Of letters and apostrophes."""
    plain = text.translate(_APOSTROPHES)
    if "'" not in plain:
        return [word(plain)]
    whole = word(plain)

    def piece(form: str) -> Piece:
        return whole._replace(form=form, key=fold(form)[0].strip("'"))

    form = whole.form
    if english:
        if form.endswith("n't") and form != "n't":
            return [piece(form[:-3]), piece("n't")]
        head, _, tail = form.partition("'")
        return [piece(head), piece("'" + tail)] if tail else [piece(head)]
    head, _, tail = form.partition("'")
    tail = tail.replace("'", "")
    return [*([piece(head + "'" if tail else head)] if head else []), *([piece(tail)] if tail else [])]
