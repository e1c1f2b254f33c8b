"""Which characters the bytes of a text file mean: a stream in, the name of an encoding out, with words for the user.

A byte order mark decides; else UTF-8 if the whole of it is that, or nearly; else whichever of Windows' and the old
Macintosh's Western alphabets makes more letters and quotation marks of it. Reads the stream once, piece by piece.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import BinaryIO, NamedTuple

PIECE = 1 << 20  # bytes
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED = re.compile("[\udc80-\udcff]")
_OTHER = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_ASCII = bytes(range(128))
_USUAL = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßÀÈÉÌÒÙÄÖÜ’‘“”„«»–—…•°€£©®™¿¡\xa0")
_ALPHABETS = {"cp1252": "Windows-1252 (Latin-1)", "mac_roman": "Mac Roman"}


class Encoding(NamedTuple):
    """`note` tells the user what was assumed, "" where nothing had to be. Decode with errors="replace"."""

    name: str
    note: str = ""


def detect(stream: BinaryIO) -> Encoding:
    """Reads `stream` to its end, or, where the first bytes decide, no further than that."""
    piece = stream.read(PIECE)
    for mark, name in _MARKS:
        if piece.startswith(mark):
            return Encoding(name)
    if wide := _without_mark(piece[:2000]):
        return Encoding(wide, "the file seems to be UTF-16, and was read as that")
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    high: Counter[int] = Counter()  # the bytes above ASCII
    while True:
        text = decoder.decode(piece, final=not piece)
        if not text.isascii():
            bad += len(_ESCAPED.findall(text))
            good += len(_OTHER.findall(text))
            high.update(piece.translate(None, _ASCII))
        if not piece:
            break
        piece = stream.read(PIECE)
    if not bad:
        return Encoding("utf-8")
    if good > bad:
        return Encoding("utf-8", f"{bad:,} bytes in the file are not UTF-8; they became the sign \ufffd")
    name = max(_ALPHABETS, key=lambda alphabet: _plausible(high, alphabet))
    return Encoding(name, f"the file is not UTF-8; it was read as {_ALPHABETS[name]}")


def _without_mark(head: bytes) -> str:
    """UTF-16 of mostly Western text has a zero in every second byte."""
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 4 else ""


def _plausible(high: Counter[int], alphabet: str) -> int:
    """How many of the bytes become signs that Western texts have."""
    return sum(count for byte, count in high.items() if bytes((byte,)).decode(alphabet, "replace") in _USUAL)
