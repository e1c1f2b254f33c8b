"""Features: texts as tokens in; hashed words, stems, negated stems, neighbours and marks, and counts of the word list, out.

Everything that depends on a token alone is worked out once and remembered; everything that depends on its neighbours
(negation, expressions, "but") is worked out for a whole batch in numpy. Nothing here knows any weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.pieces import KINDS, WORD
from enrichment.compact.rows import BITS, COUNTED, END, SIZE, Rows, key_code
from enrichment.compact.wordlist import CLASSES, NEGATES, WordList
from enrichment.vocabulary import Numbered, Vocabulary

GROUPS: Final = ("word", "stem", "negated stem", "neighbours", "marks")
WORDS, STEMS, NEGATED, NEIGHBOURS, MARKS = range(len(GROUPS))
REACH: Final = 5  # pieces that a negation reaches over, not past a stop
TURNED: Final = -0.6  # what is left of a strength that is negated
_MORE, _LESS, _BUT = CLASSES.index("more"), CLASSES.index("less"), CLASSES.index("but")
_LONGEST: Final = 5  # pieces of an expression that are looked for
_FILTER: Final = 1 << 18
_MASK: Final = np.uint32(_FILTER - 1)
_ONE, _TWO, _THREE = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_PART: Final = np.uint32(1 << (32 - BITS))  # the upper bits of a product are the mixed ones
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
    turned: NDArray[np.bool_]  # (pieces) stands behind a negation, and is no expression with one of its own
    phrases: dict[int, int]  # place of an expression's last piece -> its first
    said: NDArray[np.int16]  # (texts) pieces that can say anything of sentiment: words, hashtags, smileys, emoji
    names: NDArray[
        np.bool_
    ]  # (pieces) those that a reason can name: of the word list, emoji, words of four and more letters


class Reader:
    """Reads texts of one or several languages, each by its own list of words. Remembers words, nothing of the texts. Not
    thread-safe."""

    def __init__(self, *lists: WordList, vocabulary: Vocabulary | None = None) -> None:
        self._lists = lists
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self._expressions = np.zeros((_LONGEST + 1, _FILTER), np.bool_)
        for keys in {keys for words in lists for keys in words.expressions if len(keys) <= _LONGEST}:
            self._expressions[len(keys), int(_mixed([key_code(key) for key in keys]) % _FILTER)] = True
        self._rows = Rows(lists, self.vocabulary)

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
        rows, starts = self._rows.of(texts, languages)
        table = self._rows.table.take(rows)
        ends = np.append(starts[1:], len(rows))
        begins = np.zeros(len(rows), np.int64)
        begins[starts[1:]] = 1
        text = np.cumsum(begins)
        place = np.arange(len(rows))
        values, classes, phrases = self._phrases(rows, table, languages.take(text))
        negating = _turned(table["stop"], classes, place)
        turned = negating.copy()
        turned[[last for last, first in phrases.items() if table["class"][first] == NEGATES]] = (
            False  # "non ... mai arrivato"
        )
        values = _weighed(values, classes, turned)
        word = np.flatnonzero(table["kind"] == WORD)
        seen = np.flatnonzero(rows != END)
        negated = word[negating[word]]
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


def _mixed(codes: Sequence[int]) -> int:
    total = 0
    for code in codes:
        total = (total * int(_THREE) + code) & 0xFFFFFFFF
    return total


# Marks have places of their own, one behind another, from a random start on: 4 for each count, 8 and KINDS for the others.
_MARK_IDS: Final = np.cumsum([0] + [4] * (len(COUNTED) - 1) + [8, KINDS, KINDS]).astype(np.int64) + crc32(b"marks") % (
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
