"""Unpacking an answer piece by piece, within a bound.

In: the pieces of a body and its Content-Encoding. Out: the unpacked bytes; a bomb ends in `Oversize` before it unfolds.
"""

from __future__ import annotations

import zlib

MEMBERS = 16  # gzip members in one body; real ones have one, and empty ones cost time without making output
GZIP_MAGIC = b"\x1f\x8b"


class Oversize(Exception):
    """More than allowed; the message says of what."""


class UnknownEncoding(Exception):
    """A Content-Encoding that was not asked for."""


class Inflater:
    """gzip, deflate (with or without zlib's header) and identity."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower().removeprefix("x-") or "identity"
        if self._encoding not in ("gzip", "deflate", "identity"):
            raise UnknownEncoding(encoding[:40])
        self._room = limit
        self._members = MEMBERS
        self._decoder = zlib.decompressobj(31) if self._encoding == "gzip" else None

    def feed(self, piece: bytes) -> bytes:
        """What `piece` unfolds to. Raises Oversize, zlib.error."""
        if self._encoding == "identity":
            self._take(len(piece))
            return piece
        if self._decoder is None and piece:
            self._decoder = zlib.decompressobj(15 if piece[0] & 0x0F == 8 else -15)
        out = []
        while piece and self._decoder is not None:
            unfolded = self._decoder.decompress(piece, self._room + 1)
            self._take(len(unfolded))
            out.append(unfolded)
            piece = self._decoder.unconsumed_tail or self._next_member()
        return b"".join(out)

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise Oversize("unpacked")

    def _next_member(self) -> bytes:
        """What follows the end of a gzip member, if it is another one. Anything else there is left alone."""
        assert self._decoder is not None
        rest = self._decoder.unused_data.lstrip(b"\0") if self._decoder.eof else b""
        if self._encoding != "gzip" or not rest.startswith(GZIP_MAGIC):
            return b""
        self._members -= 1
        if self._members < 0:
            raise Oversize("gzip members")
        self._decoder = zlib.decompressobj(31)
        return rest

    @property
    def complete(self) -> bool:
        """False while the packed data lacks its end."""
        return self._decoder is None or self._decoder.eof
