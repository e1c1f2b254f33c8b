"""Features: texts as tokens in; hashed words, stems, negated stems, neighbours and marks, and counts of the word list, out.

Everything that depends on a token alone is worked out once and remembered; everything that depends on its neighbours
(negation, expressions, "but") is worked out for a whole batch in numpy. Nothing here knows any weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.pieces import (
    ADDRESS,
    AROUND,
    BRAND,
    EMOJI,
    HASHTAG,
    KINDS,
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
from enrichment.compact.wordlist import CLASSES, NEGATES, WordList
from enrichment.vocabulary import Numbered, Vocabulary, grown

BITS: Final = 18
SIZE: Final = 1 << BITS  # of the hashed space, one for each language
GROUPS: Final = ("word", "stem", "negated stem", "neighbours", "marks")
WORDS, STEMS, NEGATED, NEIGHBOURS, MARKS = range(len(GROUPS))
REACH: Final = 5  # pieces that a negation reaches over, not past a stop
TURNED: Final = -0.6  # what is left of a strength that is negated
_STOPS: Final = frozenset(".,;:!?()…") | {"!!", "??", "!?"}
_GRAMMAR: Final = frozenset(map(CLASSES.index, ("but", "more", "less")))
_QUOTES: Final = frozenset('"“”«»')
_MORE, _LESS, _BUT = CLASSES.index("more"), CLASSES.index("less"), CLASSES.index("but")
_LONGEST: Final = 5  # pieces of an expression that are looked for
_FILTER: Final = 1 << 18
_MASK: Final = np.uint32(_FILTER - 1)
_ONE, _TWO, _THREE = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_PART: Final = np.uint32(1 << (32 - BITS))  # the upper bits of a product are the mixed ones
_END: Final = 0  # the row that ends every text
_BYTES: Final = 4  # of a row's number
_END_BYTES: Final = _END.to_bytes(_BYTES, "little")
_SIZE_BITS: Final = 16  # of the number that says where a token's rows are: how many, at most
_KNOWN: Final = 1 << _SIZE_BITS - 1  # the highest of them
_SIZE: Final = _KNOWN - 1
_MOST: Final = _SIZE // _BYTES * _BYTES

_KEY, _WORD, _STEM, _NEGATED = (crc32(kind) for kind in (b"k=", b"w=", b"s=", b"n="))  # what hashes begin with
_IN_SIZE: Final = SIZE - 1

# What marks are counted in a text: a column each
_COUNTED: Final = (
    "!", "?", "capitals", "drawn out", "user", "address", "hashtag", "emoji", "ellipsis", "quote", "number", "brand",
    "words",
)  # fmt: skip
_ROW: Final = np.dtype(  # what is remembered of a piece
    [
        ("code", np.uint32), ("key", np.uint32), ("word", np.int32), ("stem", np.int32), ("negated", np.int32),
        ("value", np.float32), ("class", np.int8), ("kind", np.int8), ("stop", np.bool_), ("lower", np.bool_),
        ("says", np.int16), ("names", np.bool_), ("marks", np.int16, (len(_COUNTED),)),
    ]
)  # fmt: skip
_pack: Final = Struct("<IIiiifbb??h?").pack  # a row of _ROW but its marks
_pack_marks: Final = Struct(f"<{len(_COUNTED)}h").pack
_END_ROW: Final = _pack(
    crc32(b""), _KEY, _WORD & _IN_SIZE, _STEM & _IN_SIZE, _NEGATED & _IN_SIZE, 0.0, 0, MARK, True, False, False, False
) + _pack_marks(*[False] * len(_COUNTED))
_MARKS_OF_WORD: Final = {
    (capitals, drawn_out): _pack_marks(
        *[
            name == "words" or (capitals and name == "capitals") or (drawn_out and name == "drawn out")
            for name in _COUNTED
        ]
    )
    for capitals in (False, True)
    for drawn_out in (False, True)
}
_LEVELS: Final = 7  # -3..3
_CLASSED: Final = 2 * _LEVELS  # where in the counts the classes begin
COUNTS: Final = _CLASSED + len(CLASSES)
FIRST_COUNT: Final = 12
NUMBERS: Final = FIRST_COUNT + COUNTS  # of the word list, for each text


class Batch(NamedTuple):
    """The features of some texts. Pieces of all texts stand one after another, each text ended by a row of its own."""

    rows: NDArray[np.int64]  # (pieces) of the reader's memo
    starts: NDArray[np.int64]  # (texts) where each begins
    languages: NDArray[np.int64]  # (texts) which of the reader's lists
    text: NDArray[np.int64]  # (pieces) which text
    ids: NDArray[np.int64]  # (features) hashed, those of one of GROUPS after those of another
    groups: NDArray[np.int64]  # (features) which of GROUPS
    places: NDArray[np.int64]  # (features) which piece each belongs to
    owners: NDArray[np.int64]  # (features) which text
    numbers: NDArray[np.float32]  # (texts, NUMBERS)
    values: NDArray[np.float32]  # (pieces) strength after negation and all
    turned: NDArray[np.bool_]  # (pieces) stands behind a negation
    phrases: dict[int, int]  # place of an expression's last piece -> its first
    said: NDArray[np.int16]  # (texts) pieces that can say anything of sentiment: words, hashtags, smileys, emoji
    names: NDArray[
        np.bool_
    ]  # (pieces) those that a reason can name: of the word list, emoji, words of four and more letters


class _Rows:
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

    def __init__(self, words: WordList, rows: _Rows) -> None:
        self._words = words
        self._english = words.language == "en"
        self._rows = rows
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
            row = self._of_piece[piece] = self._rows.add(piece.form, piece.key, packed)
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


class Reader:
    """Reads texts of one or several languages, each by its own list of words. Remembers words, nothing of the texts. Not
    thread-safe."""

    def __init__(self, *lists: WordList, vocabulary: Vocabulary | None = None) -> None:
        self._lists = lists
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self._expressions = np.zeros((_LONGEST + 1, _FILTER), np.bool_)
        for keys in {keys for words in lists for keys in words.expressions if len(keys) <= _LONGEST}:
            self._expressions[len(keys), int(_mixed([_code(key) for key in keys]) % _FILTER)] = True
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._generation = self.vocabulary.generation
        self._rows = _Rows()
        self._rows.add("", "", _END_ROW)
        self._words = [_Words(words, self._rows) for words in self._lists]
        self._places = np.zeros((4096, len(self._lists)), np.int64)  # (tokens) in `_flat`, and how many; 0 = not known
        self._flat = np.zeros(4096, np.int32)  # rows of the pieces of one token after another
        self._filled = 0

    @property
    def forms(self) -> Sequence[str]:
        """The form of the piece behind each row."""
        return self._rows.forms

    def read(self, texts: Sequence[Sequence[str]]) -> Batch:
        """The features of `texts`, each a list of tokens without white space, none of them empty, by the first list."""
        self.vocabulary.make_room()
        return self.features(self.vocabulary.read(texts), np.zeros(len(texts), np.int64))

    def features(self, texts: Numbered, languages: NDArray[np.int64]) -> Batch:
        """The features of texts whose tokens have been looked up in `vocabulary`; `languages`: which list each is read by."""
        places = self._places_of(texts.numbers, np.repeat(languages, np.diff(texts.starts)))
        sizes = places & _SIZE
        ends = np.cumsum(sizes)
        begins = ends - sizes
        index = np.arange(ends[-1] if len(ends) else 0) + np.repeat((places >> _SIZE_BITS) - begins, sizes)
        return self._features(self._flat.take(index).astype(np.int64), begins[texts.starts[:-1]], languages)

    def _places_of(self, numbers: NDArray[np.int64], languages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows of each token's pieces lie, which are made where they are not yet."""
        if self._generation != self.vocabulary.generation:
            self._start_afresh()
        self._places = grown(self._places, len(self.vocabulary.tokens))
        cells = numbers * len(self._lists) + languages
        places = self._places.take(cells)
        missing = np.flatnonzero(places == 0)
        if len(missing):
            self._learn(np.unique(cells[missing]))
            places[missing] = self._places.take(cells[missing])
        return places

    def _learn(self, cells: NDArray[np.int64]) -> None:
        tokens, words = self.vocabulary.tokens, self._words
        many = len(words)
        found = [words[cell % many].rows(tokens[cell // many])[:_MOST] for cell in cells.tolist()]
        sizes = np.fromiter(map(len, found), np.int64, len(found)) // _BYTES
        last = self._filled + int(sizes.sum())
        self._flat = grown(self._flat, last)
        self._flat[self._filled : last] = np.frombuffer(b"".join(found), "<i4")
        self._places.ravel()[cells] = (self._filled + np.cumsum(sizes) - sizes) << _SIZE_BITS | _KNOWN | sizes
        self._filled = last
        self._rows.fill()

    def _features(self, rows: NDArray[np.int64], starts: NDArray[np.int64], languages: NDArray[np.int64]) -> Batch:
        table = self._rows.table.take(rows)
        ends = np.append(starts[1:], len(rows))
        begins = np.zeros(len(rows), np.int64)
        begins[starts[1:]] = 1
        text = np.cumsum(begins)
        place = np.arange(len(rows))
        values, classes, phrases = self._phrases(rows, table, languages.take(text))
        turned = _turned(table["stop"], classes, place)
        values = _weighed(values, classes, turned)
        word = np.flatnonzero(table["kind"] == WORD)
        seen = np.flatnonzero(rows != _END)
        negated = word[turned[word]]
        code: NDArray[np.uint32] = table["code"]
        before = np.concatenate([np.zeros(1, np.uint32), code[:-1]])
        neighbours = (code * _ONE + before * _TWO) // _PART
        marks = _mark_ids(table, starts, ends)
        ids = [table["word"][seen], table["stem"][word], table["negated"][negated], neighbours, marks.ravel()]
        places = [seen, word, negated, place, np.repeat(ends - 1, marks.shape[1])]
        where = np.concatenate(places)
        return Batch(
            rows=rows,
            starts=starts,
            languages=languages,
            text=text,
            ids=np.concatenate(ids).astype(np.int64, copy=False),
            groups=np.repeat(np.arange(len(GROUPS)), [len(one) for one in places]),
            places=where,
            owners=text.take(where),
            numbers=_numbers(values, classes, turned, text, starts, ends),
            values=values,
            turned=turned,
            phrases=phrases,
            said=np.add.reduceat(table["says"], starts),
            names=table["names"] | (values != 0),
        )

    def _phrases(
        self, rows: NDArray[np.int64], table: NDArray[np.void], languages: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int8], dict[int, int]]:
        """Strengths and classes of all pieces, expressions put in the place of their words, the longest first."""
        values, classes = table["value"].copy(), table["class"].copy()
        keys = table["key"].copy()
        mixed = [keys]
        for _ in range(_LONGEST - 1):
            last = mixed[-1]
            longer = np.zeros_like(last)
            longer[1:] = last[:-1] * _THREE + keys[1:]
            mixed.append(longer)
        found: dict[int, int] = {}
        taken: set[int] = set()
        for size in range(_LONGEST, 1, -1):
            for last_place in np.flatnonzero(self._expressions[size].take(mixed[size - 1] & _MASK)).tolist():
                first = last_place - size + 1
                if first < 0 or not taken.isdisjoint(range(first, last_place + 1)):
                    continue
                known = self._lists[int(languages[last_place])].expressions
                worth = known.get(tuple([self._rows.keys[row] for row in rows[first : last_place + 1].tolist()]))
                if worth is not None:
                    taken.update(range(first, last_place + 1))
                    values[first : last_place + 1] = 0
                    classes[first : last_place + 1] = 0
                    values[last_place], classes[last_place] = worth
                    found[last_place] = first
        return values, classes, found


def _turned(stops: NDArray[np.bool_], classes: NDArray[np.int8], place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pieces stand behind a negation, within reach and within the clause."""
    negation = np.maximum.accumulate(np.where(classes == NEGATES, place, -1))
    stop = np.maximum.accumulate(np.where(stops, place, -1))
    before = np.concatenate([np.full(1, -1), negation[:-1]])
    turned: NDArray[np.bool_] = (before > stop) & (place - before <= REACH) & (classes != NEGATES)
    return turned


def _mark_ids(table: NDArray[np.void], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """(texts, marks) features: how often each mark, how long, how it begins and ends."""
    counts = np.add.reduceat(table["marks"], starts, axis=0)
    length = np.minimum(counts[:, -1] // 5, 7)
    columns = np.minimum(counts[:, :-1], 3)
    first, last = table["kind"][starts], table["kind"][np.maximum(ends - 2, starts)]
    parts = [columns, length[:, None], first[:, None], last[:, None], table["lower"][starts][:, None]]
    return np.concatenate(parts, axis=1).astype(np.int64) + _MARK_IDS


def levels(values: NDArray[np.float32], turned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which count each strength belongs to: one for each of -3..3, and others for those behind a negation."""
    return np.clip(np.rint(values), -3, 3).astype(np.int64) + 3 + _LEVELS * turned


def _code(key: str) -> int:
    return crc32(key.encode("utf-8", "replace"), _KEY)


def _mixed(codes: Sequence[int]) -> int:
    total = 0
    for code in codes:
        total = (total * int(_THREE) + code) & 0xFFFFFFFF
    return total


# Marks have places of their own, one behind another, from a random start on: 4 for each count, 8 and KINDS for the others.
_MARK_IDS: Final = np.cumsum([0] + [4] * (len(_COUNTED) - 1) + [8, KINDS, KINDS]).astype(np.int64) + crc32(b"marks") % (
    SIZE // 2
)


def _weighed(values: NDArray[np.float32], classes: NDArray[np.int8], turned: NDArray[np.bool_]) -> NDArray[np.float32]:
    """After negation and what stands directly before: "very", "hardly"."""
    before = np.concatenate([np.zeros(1, np.int8), classes[:-1]])
    factor = np.where(before == _MORE, 1.4, np.where(before == _LESS, 0.6, 1.0))
    return (values * factor * np.where(turned, TURNED, 1.0)).astype(np.float32)


def _numbers(
    values: NDArray[np.float32],
    classes: NDArray[np.int8],
    turned: NDArray[np.bool_],
    text: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Of each text: sums, first, last and strongest of what the list says, and how often each strength and class."""
    texts = len(starts)
    size = (ends - starts).astype(np.float32)
    good, bad = np.maximum(values, 0), np.maximum(-values, 0)
    pros, cons = np.add.reduceat(good, starts), np.add.reduceat(bad, starts)
    place = np.arange(len(values))
    last = np.maximum.accumulate(np.where(values != 0, place, -1))[ends - 1]
    sign = np.where(last >= starts, np.sign(values[last]), 0)
    but = np.maximum.accumulate(np.where(classes == _BUT, place, -1))[ends - 1]
    after = np.where((place > but[text]) & (but[text] >= starts[text]), values, 0)
    found = np.flatnonzero(values)
    level = levels(values[found], turned[found])
    classed = np.flatnonzero(classes)
    counts = np.bincount(text[found] * COUNTS + level, minlength=texts * COUNTS)
    counts += np.bincount(text[classed] * COUNTS + _CLASSED + classes[classed], minlength=texts * COUNTS)
    numbers = np.empty((texts, NUMBERS), np.float32)
    numbers[:, 0] = np.log1p(pros)
    numbers[:, 1] = np.log1p(cons)
    numbers[:, 2] = np.tanh((pros - cons) / 3)
    numbers[:, 3] = np.tanh(pros - cons)
    numbers[:, 4] = sign
    numbers[:, 5] = np.add.reduceat((values != 0).astype(np.float32), starts) / size * 4
    numbers[:, 6] = np.tanh(np.add.reduceat(after, starts))
    numbers[:, 7] = np.maximum.reduceat(good, starts) / 3
    numbers[:, 8] = np.maximum.reduceat(bad, starts) / 3
    numbers[:, 9] = (pros > 0) & (cons > 0)
    numbers[:, 10] = (pros == 0) & (cons == 0)
    numbers[:, 11] = (pros - cons) / np.sqrt(size)
    numbers[:, FIRST_COUNT:] = np.minimum(counts.reshape(texts, COUNTS), 3) / 2
    return numbers
