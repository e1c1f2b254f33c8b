"""Which words of a text speak of which brand: masked tokens in, for each brand its own clauses and what comparisons say out.

Sentences are cut into clauses at stops, commas and words of contrast (but, ma, while, mentre ...). A clause that names a brand is
about it, one that names none goes on about the brand before it. "X is better than Y", "da X a Y", "X instead of Y" say
something of both sides that no single clause says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from enrichment.fold import fold
from enrichment.sentiment import LONG, MASK, sentences
from enrichment.tokens import EDGES

TOGETHER: Final = 6  # brands that a clause can speak of together; one with more is a list
NEAR: Final = 8  # words around a name that speak of it: in a list, and before it in a comparison
NAME: Final = re.compile(f"{MASK}([0-9]+)")


class Scope(NamedTuple):
    """What speaks of one brand. `lean`: 1 or -1 where a comparison prefers it or the other; `against`: the brand it is held
    against, so that what is good for one is bad for the other; -1 for none. `less`: it is said to be less of something."""

    tokens: list[str]
    lean: int = 0
    against: int = -1
    less: bool = False


class _Clause(NamedTuple):
    tokens: list[str]
    words: list[str]  # the same, lower case, without accents and punctuation
    names: list[tuple[int, int]]  # place in the clause, number of the brand


_STOPS: Final = (".", "!", "?", "…", ";", ":", "|", '."', '!"', '?"', ".)", "!)", "?)")
_CONTRAST: Final = frozenset(
    "but however while whereas although though yet meanwhile otherwise unlike ma pero mentre invece anzi tuttavia "
    "eppure bensi quando laddove sino aunque mientras mais tandis alors aber sondern wahrend obwohl mas enquanto "
    "porem".split()
)
_STARTS_A_PHRASE: Final = frozenset("of di que de".split())  # "instead of" and "invece di" compare, they do not cut
_AND: Final = frozenset("and & + or e ed o et ou y und oder".split())
_IS: Final = "è"  # or "e'": kept apart from "e", which is "and"
_APOSTROPHES: Final = ("'", "’", "`")
_GOES_ON: Final = frozenset(  # what follows a name of which something new is said
    "is isn't was has does did never always è era ha fa mi non sa va costa funziona resta invece pero instead however".split()
)
_LITTLE: Final = frozenset(
    "the a an my your their its on in at to of for with from both il lo la i gli le un una di del della dell dei in "
    "su al alla con da per l el los las les der die das".split()
)
_THAN: Final = frozenset("than di del della dello dell dei delle rispetto che que als do da compared".split())
_BETTER: Final = frozenset(
    "better superior ahead beats beat beating outperforms crushes destroys > >> >>> meglio migliore migliori "
    "superiore superiori batte battono straccia supera superano mejor mieux meilleur besser melhor".split()
)
_WORSE: Final = frozenset(
    "worse inferior < << <<< peggio peggiore peggiori inferiore inferiori peor pire schlechter schlimmer pior".split()
)
_BESIDE: Final = frozenset("like come with con after dopo besides oltre insieme between tra fra".split())
_BETTER_THAN: Final = frozenset("cheaper faster quicker easier nicer friendlier".split())
_WORSE_THAN: Final = frozenset("slower ruder pricier dearer".split())
_COSTS: Final = frozenset("cost costs costa costano costava paghi pago".split())
_MORE: Final = frozenset("more less fewer piu meno mas menos plus moins mehr mais".split())
_LESS: Final = frozenset("less fewer meno menos moins weniger".split())
_NOT: Final = frozenset("not no never isn't aren't non mai nicht kein pas ne nao".split())
_PREFER: Final = frozenset(
    "prefer prefers preferred choose chose chosen pick picked recommend preferisco preferisce preferiamo preferito "
    "scelgo scelto consiglio prefiero prefere prefiro bevorzuge".split()
)
_LEAVE: Final = frozenset(
    "switch switched switching move moved moving migrate migrated migrating left leave leaving dump dumped dumping "
    "ditch ditched ditching drop dropped quit swapped traded passo passato passata passare passiamo passati "
    "cambiato cambiata cambio cambiare lasciato lascio lasciare abbandonato abbandono abbandonare mollato migrato "
    "tornato tornata cambierei passerei lascerei".split()
)
_WHERE_TO: Final = frozenset("to a ad al alla allo all ai".split())
_FROM: Final = frozenset("from da dal dalla dall dai".split())
_BETWEEN: Final = frozenset("tra fra between".split())
_LEARN: Final = frozenset("learn imparare imparasse impari imparino imparate esempio".split())
_EQUAL: Final = (
    "all'altezza di", "all'altezza del", "all'altezza della", "al livello di", "compete with", "competere con",
    "in the same league as", "on a par with",
)  # fmt: skip
_TO: Final = frozenset("to over for with a ad al alla allo all ai con per".split())
_INSTEAD: Final = ("instead of", "rather than", "invece di", "invece che", "al posto di", "anziche", "piuttosto che")
_UNLIKE: Final = (
    "unlike",
    "a differenza di",
    "a differenza del",
    "contrariamente a",
    "compared to",
    "compared with",
    "rispetto a",
)


def scopes(tokens: Sequence[str], brands: Sequence[int]) -> dict[int, Scope]:
    """Number of a brand -> what speaks of it, for each of `brands`. One brand in a short text: all of it."""
    if len(brands) == 1:
        return {brands[0]: Scope(about(tokens) if len(tokens) > LONG else list(tokens))}
    found: dict[int, list[str]] = {brand: [] for brand in brands}
    leans: dict[int, tuple[int, int, bool]] = {}
    clauses = list(_clauses(tokens))
    for clause in clauses:
        leans |= _compared(clause)
    for speaks_of, clause in _attached(clauses, brands):
        for brand in speaks_of:
            found[brand] += clause.tokens
    return {brand: Scope(words or list(tokens), *leans.get(brand, (0, -1, False))) for brand, words in found.items()}


def about(tokens: Sequence[str]) -> list[str]:
    """The sentences that name a brand, each with the next one."""
    kept: list[str] = []
    wanted = False
    for sentence in sentences(tokens):
        names = any(MASK in token for token in sentence)
        if names or wanted:
            kept += sentence
        wanted = names
    return kept or list(tokens)


def _attached(clauses: Sequence[_Clause], brands: Sequence[int]) -> Iterator[tuple[tuple[int, ...], _Clause]]:
    """Each clause with the brands it speaks of: those it names, else those named before it, else those named first."""
    known = frozenset(brands)

    def named(clause: _Clause) -> tuple[int, ...]:
        return tuple(dict.fromkeys(brand for _, brand in clause.names if brand in known))

    current = next((names for names in map(named, clauses) if names), tuple(brands))
    for clause in clauses:
        current = named(clause) or current
        if len(current) <= TOGETHER:
            yield current, clause
        else:  # a list of names says little of each, and all of it for each of a thousand would never end
            for place, brand in clause.names:
                if brand not in known:
                    continue
                around = slice(max(0, place - NEAR), place + NEAR + 1)
                yield (brand,), clause._replace(tokens=clause.tokens[around])


def _clauses(tokens: Sequence[str]) -> Iterator[_Clause]:
    words = [_plain(token) for token in tokens]
    start = 0
    for place, token in enumerate(tokens):
        following = words[place + 1] if place + 1 < len(words) else ""
        contrasts = place > start and words[place] in _CONTRAST and following not in _STARTS_A_PHRASE
        if contrasts and not _just_named(tokens[max(start, place - 2) : place]):
            yield from _parted(tokens[start:place], words[start:place])
            start = place
        if token.endswith(_STOPS) and not token.startswith(("http", ":")):
            yield from _parted(tokens[start : place + 1], words[start : place + 1])
            start = place + 1
    if start < len(tokens):
        yield from _parted(tokens[start:], words[start:])


def _just_named(tokens: Sequence[str]) -> bool:
    """Whether a name has just begun what a word of contrast goes on with: "..., Borea invece"."""
    return len(tokens) > 1 and MASK in tokens[-1] and tokens[-2].endswith(",")


def _parted(tokens: Sequence[str], words: list[str]) -> Iterator[_Clause]:
    """A clause cut where it goes on to another brand: at a comma, or at an "and" that is followed by more than a name."""
    whole = _clause(tokens, words)
    start = 0
    for (place, brand), (after, other) in zip(whole.names, whole.names[1:], strict=False):
        if brand == other or _verdict(words[max(start, place - NEAR) : place], words[place + 1 : after]) is not None:
            continue
        cut = _cut(tokens, words, place, after)
        if not cut and _goes_on(tokens, words, start, (place, after)):
            cut = after
        if cut > start:
            yield _clause(tokens[start:cut], words[start:cut])
            start = cut
    yield _clause(tokens[start:], words[start:]) if start else whole


def _cut(tokens: Sequence[str], words: list[str], place: int, after: int) -> int:
    """Where what is said of the name at `after` begins; 0 where both names share what is said."""
    for at in reversed(range(place, after)):
        comma = tokens[at].endswith(",")
        if (comma or (at > place and words[at] in _AND)) and _says(
            words[place + 1 : at + comma] + words[at + 1 : after]
        ):
            return at + comma
    return 0


def _goes_on(tokens: Sequence[str], words: list[str], start: int, names: tuple[int, int]) -> bool:
    """Whether the second of two names with only a comma between them begins a clause: "deluso da Aurora, Borea è ottima"."""
    place, after = names
    if after != place + 1 or not tokens[place].endswith(",") or after + 1 == len(words):
        return False
    said = words[max(start, place - NEAR) : place]
    beside = not _BESIDE.isdisjoint(said) or _has(said, _UNLIKE)  # "come Borea, Aurora è ..." is said of both
    return words[after + 1] in _GOES_ON and _says(said) and not beside


def _says(words: Sequence[str]) -> bool:
    return any(word and word not in _LITTLE and word not in _AND for word in words)


def _clause(tokens: Sequence[str], words: list[str]) -> _Clause:
    names = [
        (place, int(number)) for place, token in enumerate(tokens) if MASK in token for number in NAME.findall(token)
    ]
    return _Clause(list(tokens), words, names)


def _plain(token: str) -> str:
    stripped = token.strip(EDGES)
    if not stripped:
        return token[:3] if token.strip("><") == "" or token in "&+" else ""
    folded = fold(stripped)[0]
    return _IS if folded == "e" and (stripped not in "eE" or token.endswith(_APOSTROPHES)) else folded


def _has(words: Sequence[str], phrases: Sequence[str]) -> bool:
    text = f" {' '.join(words)} "
    return any(f" {phrase} " in text for phrase in phrases)


def _compared(clause: _Clause) -> dict[int, tuple[int, int, bool]]:
    """Brand -> (lean, against, less) for the two brands that a clause compares."""
    for (place, one), (after, other) in zip(clause.names, clause.names[1:], strict=False):
        if one == other:
            continue
        before, between = clause.words[max(0, place - NEAR) : place], clause.words[place + 1 : after]
        verdict = _verdict(before, between)
        if verdict is not None:
            less = verdict == 0 and _is_than(between) and not _LESS.isdisjoint(between)
            return {one: (verdict, -1, less), other: (-verdict, -1 if verdict else one, False)}
        if _has(before[-4:], _UNLIKE):
            return {one: (0, other, False)}
    return {}


def _verdict(before: Sequence[str], between: Sequence[str]) -> int | None:
    """1: the first is preferred, -1: the second; 0: the second is held against the first; None: no comparison."""
    if not between:
        return None
    negated = -1 if any(word in _NOT for word in [*before[-3:], *between]) else 1
    if between[-1] in ("meglio", "better", *_PREFER) and any(word in _BETWEEN for word in before):
        return -negated  # "tra Aurora e Borea scelgo Aurora": of the last two names the second
    if any(word in _BETTER for word in between):
        return negated
    if any(word in _WORSE for word in between):
        return -negated
    for verdict in (_chosen(before, between, negated), _measured(before, between, negated)):
        if verdict:
            return verdict
    if _has(between, _INSTEAD) or _has(between, _UNLIKE):
        return 0
    if _is_than(between) and any(word in _MORE or _is_comparative(word) for word in between):
        return 0
    return 0 if between.count("as") > 1 and negated < 0 else None


def _chosen(before: Sequence[str], between: Sequence[str], negated: int) -> int:
    """Where somebody leaves one for the other, or prefers one: as `_verdict`, 0 for nothing of the kind."""
    last = between[-1]
    if any(word in _LEAVE for word in before):
        if before[-1] in _WHERE_TO:  # "passato ad Aurora da Borea", "tornato ad Aurora dopo un anno con Borea"
            return negated if last in _FROM or last in ("con", "with") else 0
        if last in _TO:
            return -negated
    if last in _TO and any(word in _PREFER for word in before):
        return negated
    return negated if "than" in between and "rather" in before else 0


def _measured(before: Sequence[str], between: Sequence[str], negated: int) -> int:
    """Where one is said to be the better: as `_verdict`, 0 for nothing of the kind."""
    if before and before[-1] in ("meglio", "better") and between[0] in ("di", "che", "than"):
        return 1
    if before and before[-1] in ("peggio", "worse") and between[0] in ("di", "che", "than"):
        return -1
    if any(word in _COSTS for word in between) and _is_than(between):
        return -1 if "piu" in between or "more" in between else 1 if "meno" in between or "less" in between else 0
    if _is_than(between) and any(word in _BETTER_THAN for word in between):
        return negated
    if _is_than(between) and any(word in _WORSE_THAN for word in between):
        return -negated
    if any(word in _LEARN for word in between) and between[-1] in _FROM:
        return -1
    return -1 if _has(between, _EQUAL) and any(word in _NOT or word.endswith("n't") for word in between) else 0


def _is_than(words: Sequence[str]) -> bool:
    return any(word in _THAN for word in words)


def _is_comparative(word: str) -> bool:
    return (
        len(word) > 4
        and word.endswith("er")
        and word not in ("other", "after", "never", "under", "another", "rather", "either")
    )
