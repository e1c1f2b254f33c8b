"""What a mention talks about: words and short phrases, in the words a user reads. Tokens in, at most `MOST` terms out.

A term is a word that says something (no grammar, no everyday word: `stopwords.toml`), with its accents, or two such words that
stand together. Elisions are undone: "l'azienda" and "dell'azienda" are "azienda". Brands' names never are terms.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from enrichment.fold import fold

MOST: Final = 8  # terms of a mention; some 90 bytes in the store
PHRASES: Final = 3  # of them, at most
LOOKED_AT: Final = 400  # words of a text; what an article is about stands in its first page
LONG: Final = 40  # words that say something; in longer texts what is said most often comes first
LONGEST: Final = 30  # letters of a term

_ELIDED: Final = frozenset(
    """l un dell nell all sull dall coll quell quest c d s m t v n gl bell sant tutt mezz anch com dov cos senz po nient null
    qualcos ciascun nessun alcun gliel neanch nemmen neppur pur quand ancor fors dev ch buon grand pover qu j jusqu lorsqu
    puisqu""".split()
)
_ENGLISH_ENDINGS: Final = frozenset("s t m re ve ll d".split())
_APOSTROPHES: Final = re.compile("['’‘ʼ´`]")
_OUTSIDE: Final = re.compile(r"^[\W_]+|[\W_]+$")
_WORD: Final = re.compile(r"\w+(?:[-'’]\w+)*")


class Content(NamedTuple):
    """`term`: the word as users read it, "" if it is none. `stem`: equal for forms of a word; "" where it says nothing."""

    term: str
    stem: str


NO_CONTENT: Final = Content("", "")


@cache
def stopwords() -> frozenset[str]:
    """Folded words that say nothing, of all languages together: few of one are a word that says something in another."""
    lists = tomllib.loads(files("enrichment").joinpath("stopwords.toml").read_text("utf-8"))
    return frozenset(word for words in lists.values() for word in words.split())


def content(form: str) -> Content:
    """What a token says, given in small letters without the punctuation around it."""
    if form.isascii() and form.isalnum():  # nearly all
        if not 2 <= len(form) <= LONGEST or form in stopwords():
            return NO_CONTENT
        return Content(form if len(form) > 2 and not form.isdigit() else "", stem(form))
    word = _OUTSIDE.sub("", _bare(form[: 2 * LONGEST]))
    folded = fold(word)[0]
    if len(folded) < 2 or len(word) > LONGEST or folded in stopwords():
        return NO_CONTENT
    if _WORD.fullmatch(word) is None:
        return Content("", folded)
    readable = len(word) > 2 and any(map(str.isalpha, word)) and _APOSTROPHES.sub("", folded) not in stopwords()
    return Content(word if readable else "", stem(folded))


def _bare(form: str) -> str:
    """Without an elided article or preposition before it, and without an English ending behind it."""
    while match := _APOSTROPHES.search(form):
        before, after = form[: match.start()], form[match.end() :]
        if fold(before)[0] in _ELIDED:
            form = after
        elif after in _ENGLISH_ENDINGS:
            return before
        else:
            break
    return form


def stem(folded: str) -> str:
    """Without the last vowel or the s of a plural, which is what Italian and English change most: "volo", "voli" -> "vol"."""
    if len(folded) > 3 and folded[-1] == "s" and folded[-2] != "s":
        folded = folded[:-1]
    return folded[:-1] if len(folded) > 3 and folded[-1] in "aeio" else folded


def chosen(words: Sequence[str], among: Sequence[str], pairs: Sequence[int]) -> tuple[str, ...]:
    """The terms of a text out of its words and phrases in their order: the first ones, in a long text the commonest. A phrase is
    a word of `among` at one of `pairs` and the next one."""
    if len(words) > LONG:
        phrases = [f"{among[one]} {among[one + 1]}" for one in pairs]
        words, phrases = _commonest(words), [phrase for phrase in _commonest(phrases) if phrases.count(phrase) > 1]
        best = phrases[:PHRASES]
    else:
        best = []
        for one in pairs:
            phrase = f"{among[one]} {among[one + 1]}"
            if phrase not in best:
                best.append(phrase)
                if len(best) == PHRASES:
                    break
    return (*list(dict.fromkeys(words))[: MOST - len(best)], *best)


def _commonest(terms: Sequence[str]) -> list[str]:
    """Each once; of equally common ones the first comes first."""
    return [term for term, _ in Counter(terms).most_common()]
