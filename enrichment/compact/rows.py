"""Rows: what is remembered of tokens' pieces, worked out once for each; tokens' numbers in, numbers of rows out.

What depends on a token alone is in a row: its hashes, its strength and class by the list of words, which marks it counts as. New
tokens of a batch are taken apart when they are met.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.pieces import (
    ADDRESS,
    AROUND,
    BRAND,
    EMOJI,
    HASHTAG,
    MARK,
    NUMBER,
    SMILEY,
    USER,
    WORD,
    Piece,
    is_bare,
    marks,
    pieces,
    quickly,
    word,
)  # fmt: skip
from enrichment.compact.wordlist import CLASSES, WordList
from enrichment.vocabulary import Numbered, Vocabulary, grown

BITS: Final = 18
SIZE: Final = 1 << BITS  # of the hashed space, one for each language
_QUOTES: Final = frozenset('"“”«»')
_GRAMMAR: Final = frozenset(map(CLASSES.index, ("but", "more", "less")))
_STOPS: Final = frozenset(".,;:!?()…") | {"!!", "??", "!?"}
END: Final = 0  # the row that ends every text
_BYTES: Final = 4  # of a row's number
_END_BYTES: Final = END.to_bytes(_BYTES, "little")
_SIZE_BITS: Final = 16  # of the number that says where a token's rows are: how many, at most
_KNOWN: Final = 1 << _SIZE_BITS - 1  # the highest of them
_SIZE: Final = _KNOWN - 1
_MOST: Final = _SIZE // _BYTES * _BYTES

_KEY, _WORD, _STEM, _NEGATED = (crc32(kind) for kind in (b"k=", b"w=", b"s=", b"n="))  # what hashes begin with
_IN_SIZE: Final = SIZE - 1

# What marks are counted in a text: a column each
COUNTED: Final = (
    "!", "?", "capitals", "drawn out", "user", "address", "hashtag", "emoji", "ellipsis", "quote", "number", "brand",
    "words",
)  # fmt: skip
_ROW: Final = np.dtype(  # what is remembered of a piece
    [
        ("code", np.uint32), ("key", np.uint32), ("word", np.int32), ("stem", np.int32), ("negated", np.int32),
        ("value", np.float32), ("class", np.int8), ("kind", np.int8), ("stop", np.bool_), ("lower", np.bool_),
        ("says", np.int16), ("names", np.bool_), ("marks", np.int16, (len(COUNTED),)),
    ]
)  # fmt: skip
_pack: Final = Struct("<IIiiifbb??h?").pack  # a row of _ROW but its marks
_pack_marks: Final = Struct(f"<{len(COUNTED)}h").pack
_END_ROW: Final = _pack(
    crc32(b""), _KEY, _WORD & _IN_SIZE, _STEM & _IN_SIZE, _NEGATED & _IN_SIZE, 0.0, 0, MARK, True, False, False, False
) + _pack_marks(*[False] * len(COUNTED))
_MARKS_OF_WORD: Final = {
    (capitals, drawn_out): _pack_marks(
        *[
            name == "words" or (capitals and name == "capitals") or (drawn_out and name == "drawn out")
            for name in COUNTED
        ]
    )
    for capitals in (False, True)
    for drawn_out in (False, True)
}


class Rows:
    """The rows of tokens' pieces, by one or several lists of words. `vocabulary` numbers the tokens. Not thread-safe."""

    def __init__(self, lists: Sequence[WordList], vocabulary: Vocabulary) -> None:
        self._lists = lists
        self._vocabulary = vocabulary
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._generation = self._vocabulary.generation
        self._pieces = _Pieces()
        self._pieces.add("", "", _END_ROW)
        self._words = [_Words(words, self._pieces) for words in self._lists]
        self._places = np.zeros((4096, len(self._lists)), np.int64)  # (tokens) in `_flat`, and how many; 0 = not known
        self._flat = np.zeros(4096, np.int32)  # rows of the pieces of one token after another
        self._filled = 0

    @property
    def table(self) -> NDArray[np.void]:
        """(rows) what is remembered; fields as in `_ROW`."""
        return self._pieces.table

    @property
    def forms(self) -> Sequence[str]:
        """The form of the piece behind each row."""
        return self._pieces.forms

    @property
    def keys(self) -> Sequence[str]:
        """The key of the piece behind each row."""
        return self._pieces.keys

    def of(self, texts: Numbered, languages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of the texts' pieces one after another, `END` behind each text, and where each text begins. `languages`:
        (texts) which list each is read by."""
        places = self._places_of(texts.numbers, np.repeat(languages, np.diff(texts.starts)))
        sizes = places & _SIZE
        ends = np.cumsum(sizes)
        begins = ends - sizes
        index = np.arange(ends[-1] if len(ends) else 0) + np.repeat((places >> _SIZE_BITS) - begins, sizes)
        return self._flat.take(index).astype(np.int64), begins[texts.starts[:-1]]

    def _places_of(self, numbers: NDArray[np.int64], languages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows of each token's pieces lie, which are made where they are not yet."""
        if self._generation != self._vocabulary.generation:
            self._start_afresh()
        self._places = grown(self._places, len(self._vocabulary.tokens))
        cells = numbers * len(self._lists) + languages
        places = self._places.take(cells)
        missing = np.flatnonzero(places == 0)
        if len(missing):
            self._learn(np.unique(cells[missing]))
            places[missing] = self._places.take(cells[missing])
        return places

    def _learn(self, cells: NDArray[np.int64]) -> None:
        tokens, words = self._vocabulary.tokens, self._words
        many = len(words)
        found = [words[cell % many].rows(tokens[cell // many])[:_MOST] for cell in cells.tolist()]
        sizes = np.fromiter(map(len, found), np.int64, len(found)) // _BYTES
        last = self._filled + int(sizes.sum())
        self._flat = grown(self._flat, last)
        self._flat[self._filled : last] = np.frombuffer(b"".join(found), "<i4")
        self._places.ravel()[cells] = (self._filled + np.cumsum(sizes) - sizes) << _SIZE_BITS | _KNOWN | sizes
        self._filled = last
        self._pieces.fill()


class _Pieces:
    """What is remembered of pieces, a row each: those of all languages in one table, so that a batch may mix them."""

    def __init__(self) -> None:
        self.forms: list[str] = []  # by row
        self.keys: list[str] = []
        self.table = np.zeros(4096, _ROW)
        self._new: list[bytes] = []
        self._filled = 0

    def __len__(self) -> int:
        return len(self.forms)

    def add(self, form: str, key: str, packed: bytes) -> bytes:
        """The number of the new row, as it is joined with others."""
        row = len(self.forms)
        self.forms.append(form)
        self.keys.append(key)
        self._new.append(packed)
        return row.to_bytes(_BYTES, "little")

    def fill(self) -> None:
        """Puts the new rows into the table."""
        if self._new:
            last = len(self.forms)
            if last > len(self.table):
                larger = np.zeros(2 * last, _ROW)
                larger[: self._filled] = self.table[: self._filled]
                self.table = larger
            self.table[self._filled : last] = np.frombuffer(b"".join(self._new), _ROW)
            self._filled = last
            self._new.clear()


class _Words:
    """What one language's list says of tokens: the rows of their pieces, four bytes each."""

    def __init__(self, words: WordList, known: _Pieces) -> None:
        self._words = words
        self._english = words.language == "en"
        self._known = known
        self._of_core: dict[str, bytes] = {}
        self._of_piece: dict[Piece, bytes] = {}
        self._of_marks: dict[str, bytes] = {"": b""}
        self._user = self._row(Piece(USER, "<user>", "<user>"))
        self._address = self._row(Piece(ADDRESS, "<address>", ""))

    def rows(self, token: str) -> bytes:
        """The rows of a token's pieces; of "" those of no piece, which end a text."""
        core = token.strip(AROUND)
        rows = self._of_core.get(core)
        if rows is None:
            if core[:4] == "http" or not is_bare(core):
                return self._of_others(token)
            rows = self._row(word(core)) if core.isalpha() else self._each(quickly(core, self._english))
            self._of_core[core] = rows
        if len(core) == len(token):
            return rows
        start = token.find(core)  # most new tokens are old words with other punctuation
        return self._marks(token[:start]) + rows + self._marks(token[start + len(core) :])

    def _of_others(self, token: str) -> bytes:
        if token[:1] == "@" and token[1:].isidentifier():
            return self._user
        if token[:4] == "http":
            return self._address
        return self._each(pieces(token, self._english)) if token else _END_BYTES

    def _each(self, found: Iterable[Piece]) -> bytes:
        return b"".join(map(self._row, found))

    def _marks(self, text: str) -> bytes:
        rows = self._of_marks.get(text)
        if rows is None:
            rows = self._of_marks[text] = self._each(marks(text))
        return rows

    def _row(self, piece: Piece) -> bytes:
        row = self._of_piece.get(piece)
        if row is None:
            packed = self._packed_word(piece) if piece.kind == WORD else self._packed(piece)
            row = self._of_piece[piece] = self._known.add(piece.form, piece.key, packed)
        return row

    def _packed_word(self, piece: Piece) -> bytes:
        """As `_packed`, in half the time: nearly all new pieces are words."""
        _, form, key, capitals, drawn_out, lower, _ = piece
        stem = self._words.stem(key)
        value, classed = self._words.worth(key, stem)
        written = form.encode("utf-8", "replace")
        known = written if key == form else key.encode("utf-8", "replace")
        stemmed = known if stem == key else stem.encode("utf-8", "replace")
        return (
            _pack(
                crc32(written), crc32(known, _KEY), crc32(written, _WORD) & _IN_SIZE, crc32(stemmed, _STEM) & _IN_SIZE,
                crc32(stemmed, _NEGATED) & _IN_SIZE, value * 1.3 if capitals else value, classed, WORD, False, lower, True,
                len(key) > 3 and classed not in _GRAMMAR,
            )
            + _MARKS_OF_WORD[capitals, drawn_out]
        )  # fmt: skip

    def _packed(self, piece: Piece) -> bytes:
        kind, form, key, capitals, drawn_out, lower, _ = piece
        value, classed = self._words.worth(key)
        written = form.encode("utf-8", "replace")
        said = kind in (HASHTAG, SMILEY, EMOJI)
        named = said and (kind > HASHTAG or (len(key) > 3 and classed not in _GRAMMAR))
        return _pack(
            crc32(written), crc32(key.encode("utf-8", "replace"), _KEY), crc32(written, _WORD) & _IN_SIZE,
            crc32(written, _STEM) & _IN_SIZE, crc32(written, _NEGATED) & _IN_SIZE, value * (1.3 if capitals else 1.0),
            classed, kind, form in _STOPS, lower, said, named,
        ) + _pack_marks(
            form[:1] == "!", "?" in form, capitals, drawn_out, kind == USER, kind == ADDRESS, kind == HASHTAG,
            kind in (EMOJI, SMILEY), form == "…", form in _QUOTES, kind == NUMBER, kind == BRAND, False,
        )  # fmt: skip


def key_code(key: str) -> int:
    """What stands in a row for a piece's key, by which expressions are looked for."""
    return crc32(key.encode("utf-8", "replace"), _KEY)
