"""What a text says of each brand it names: masked tokens and the text's own judgement in, "<brand>:<label>" out.

Most texts name one brand and are short: the text's own judgement then is the one towards the brand, unless a small trained
head says that the text only names it. With several brands, or in a long text, each brand gets the clauses that speak of
it (scopes.py), judged anew, and comparisons are read for what they say of both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from math import exp, log, log1p
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from enrichment.scopes import Scope, scopes
from enrichment.sentiment import LONG, MASK, Judgement, Passage, SentimentEngine
from enrichment.tokens import EDGES
from enrichment.vocabulary import Numbered, Vocabulary, grown
from stream import SENTIMENTS, Sentiment

Label = Literal["positive", "neutral", "negative", "none"]
OPPOSITE: Final[dict[Label, Label]] = {"positive": "negative", "negative": "positive"}
ONLY_NAMED: Final = "only names it"
COMPARED: Final = "compared with another brand"
_COMPARED_RIGHT: Final = 0.7  # share of comparisons read right


class Attitude(NamedTuple):
    """What a text says of a brand; `confidence` 0..1; `by`: what decided, in words a user reads."""

    label: Label
    confidence: float
    by: str


class Text(NamedTuple):
    """A text that names brands: what an engine gets of it, the numbers of the brands, and what was judged of it as a whole."""

    passage: Passage
    brands: tuple[int, ...]
    judgement: Judgement


class Part(NamedTuple):
    """What speaks of one brand in one text, given by its place."""

    text: int
    brand: int
    scope: Scope


# What single tokens say about whether somebody speaks his mind: one bit each.
WORDS: Final[dict[str, frozenset[str]]] = {
    "I": frozenset("i i'm im i've i'd i'll me my mine myself io mi mio mia miei mie me ho sono".split()),
    "we": frozenset("we our us we're noi nostro nostra ci nostri abbiamo".split()),
    "you": frozenset("you your you're u ur tu ti tuo tua vi vostro vostra voi".split()),
    "not": frozenset("not no never don't can't won't didn't doesn't isn't non mai nessun nessuna niente senza".split()),
    "wish": frozenset(
        "want need wish hope would should could gotta vorrei voglio spero dovrebbe potrebbe serve".split()
    ),
    "very": frozenset(
        "so very really too such just even still most molto troppo davvero proprio così tanto ancora".split()
    ),
    "news": frozenset(
        "says said announces announced launches launch launching reports dice annuncia lancia presenta secondo".split()
    ),
    "maybe": frozenset("possibly if or any anyone might maybe forse se qualcuno please perhaps sapete chissà".split()),
    "offer": frozenset(
        "free win enter code codes check join follow giveaway valid gratis vinci codice iscriviti segui scopri sconto".split()
    ),
    "is": frozenset(
        "is are was were it it's they that's isn't makes comes è era erano questo questa funziona fanno".split()
    ),
}
_SMILEYS: Final = frozenset(":) :-) :D ;) ;-) :( :-( <3 :/ xD XD :p :P ^^ :)) =) =(".split())
SHAPES: Final = ("address", "repost", "exclaims", "asks", "smiley", "named", "tagged", "addressed")
NUMBERS: Final = ("positive", "negative", "turned", "strength", "confidence", "length", "opens", "one")
FEATURES: Final = (*WORDS, *SHAPES, *NUMBERS)
_PLACES: Final = np.arange(len(WORDS) + len(SHAPES))
_BITS: Final = {name: 1 << place for place, name in enumerate((*WORDS, *SHAPES))}
_OF_WORD: Final = {
    word: sum(_BITS[name] for name, words in WORDS.items() if word in words)
    for word in frozenset().union(*WORDS.values())
}


def _cue(token: str) -> int:
    """Bits of `WORDS` and `SHAPES`."""
    if not token or (token[0] == "@" and token[1:].isidentifier()):
        return 0
    if MASK in token:
        kind = "addressed" if token[0] == "@" or ".@" in token else "tagged" if "#" in token else "named"
        return _BITS[kind] | _ending(token)
    if token.startswith(("http", "www.", "{link")):
        return _BITS["address"]
    if token in _SMILEYS or (not token.isascii() and any(map(_pictured, token))):
        return _BITS["smiley"]
    word = token.strip(EDGES).lower().replace("’", "'")
    if word in ("rt", "via"):
        return _BITS["repost"]
    return _ending(token) | _OF_WORD.get(word, 0)


class _Sums(dict[int, float]):
    """Bits -> the sum of their weights. Real texts have some thousands of combinations."""

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, bits: int) -> float:
        total = sum(weight for place, weight in enumerate(self._weights) if bits >> place & 1)
        if len(self) < 300_000:
            self[bits] = total
        return total


def _pictured(letter: str) -> bool:
    return "\u2600" <= letter <= "\u27bf" or letter >= "\U0001f300"


def _ending(token: str) -> int:
    return (_BITS["exclaims"] if "!" in token else 0) | (_BITS["asks"] if "?" in token else 0)


class Weights(msgspec.Struct, frozen=True):
    """The trained head, see towards_training.py: one weight a feature, and for each label the chance of more than naming the
    brand from which on a text that is judged so counts as saying it."""

    features: tuple[str, ...]
    weights: tuple[float, ...]
    edges: dict[Sentiment, float]


def shipped() -> bytes:
    """The weights that come with the program, as JSON."""
    return resources.files("enrichment").joinpath("towards.json").read_bytes()


class Towards:
    """Says what texts say of brands. Holds a memo of words; no other state. `version` changes with anything that can change
    an answer, apart from the engine."""

    def __init__(self, weights: bytes | None = None, vocabulary: Vocabulary | None = None) -> None:
        """`weights` instead of those that come with Ronzio; `vocabulary`: one that others use too."""
        raw = weights or shipped()
        head = msgspec.json.decode(raw, type=Weights)
        if head.features != FEATURES:
            raise ValueError("the weights are not for these features: train them anew (make train)")
        self.version = f"towards-{hashlib.blake2b(raw, digest_size=4).hexdigest()}"
        self._sums = _Sums(head.weights[: len(_BITS)])
        of = dict(zip(NUMBERS, head.weights[len(_BITS) :], strict=True))
        self._of_label = {label: of["one"] + of.get(label, 0.0) for label in SENTIMENTS}
        self._of_length = [of["length"] * log1p(length) for length in range(LONG + 1)]
        self._turned, self._opens = of["turned"], of["opens"]
        self._strength, self._confidence = of["strength"], of["confidence"]
        self._edges = {label: log(chance / (1 - chance)) for label, chance in head.edges.items()}
        self._vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self._generation = 0
        self._known = 0  # tokens whose cues are known
        self._cues = np.zeros(4096, np.int64)

    def judge(self, texts: Sequence[Text], engine: SentimentEngine) -> list[dict[int, Attitude]]:
        """For each text, in order: number of a brand -> what is said of it. `engine` judges what is not the whole text."""
        parts = parts_of([(text.passage.tokens, text.brands) for text in texts])
        return self.decide(texts, parts, judged_parts(texts, parts, engine))

    def decide(
        self,
        texts: Sequence[Text],
        parts: Sequence[Part],
        judged: Sequence[Judgement],
        cues: Sequence[int] | None = None,
    ) -> list[dict[int, Attitude]]:
        """As `judge`, with the parts of those texts that say something of several brands, or much, each judged; `cues` of the
        texts where they are known."""
        if cues is None:
            cues = self.cues(self._vocabulary.read([text.passage.tokens for text in texts]))
        of_parts = self.cues(self._vocabulary.read([part.scope.tokens for part in parts])) if parts else []
        found: list[dict[int, Attitude]] = [{} for _ in texts]
        held = {(part.text, part.scope.against) for part in parts}
        for part, bits, judgement in zip(parts, of_parts, judged, strict=True):
            if (part.text, part.brand) in held:  # what others are held against is more than named
                said = Attitude(judgement.label, judgement.confidence, judgement.by)
            else:
                said = self._attitude(texts[part.text], part.scope.tokens, bits, judgement)
            if part.scope.less:  # engines hear what it is less of
                said = said._replace(label=OPPOSITE.get(said.label, said.label), by=COMPARED)
            found[part.text][part.brand] = said
        for part in parts:
            if part.scope.lean or part.scope.against >= 0:
                _compare(found[part.text], part)
        for text, bits, said_of in zip(texts, cues, found, strict=True):
            if not said_of:
                said_of[text.brands[0]] = self._attitude(text, text.passage.tokens, bits, text.judgement)
        return found

    def cues(self, texts: Numbered) -> list[int]:
        """For each text the bits of `WORDS` and `SHAPES` that its tokens have."""
        if self._generation != self._vocabulary.generation:
            self._generation, self._known = self._vocabulary.generation, 0
        tokens = self._vocabulary.tokens
        self._cues = grown(self._cues, len(tokens))
        self._cues[self._known : len(tokens)] = list(map(_cue, tokens[self._known :]))
        self._known = len(tokens)
        bits: list[int] = np.bitwise_or.reduceat(self._cues.take(texts.numbers), texts.starts[:-1]).tolist()
        return bits

    def _attitude(self, text: Text, tokens: Sequence[str], cues: int, judgement: Judgement) -> Attitude:
        """`features` times the weights, as sums of what was multiplied before: 3 us instead of 7."""
        label, size, confidence, by, *_ = judgement
        score = (
            self._sums[cues]
            + self._of_label[label]
            + self._of_length[min(len(tokens), LONG)]
            + self._strength * abs(size)
            + self._confidence * confidence
        )
        if tokens and MASK in tokens[0]:
            score += self._opens
        if label != text.judgement.label:
            score += self._turned
        if score < self._edges[label]:
            return Attitude("none", round(1 / (1 + exp(score)), 2), ONLY_NAMED)
        return Attitude(label, confidence, by)

    def features(
        self, texts: Sequence[Text], parts: Sequence[Part], judged: Sequence[Judgement]
    ) -> NDArray[np.float64]:
        """(parts, len(FEATURES)): the cues of a part's tokens, then `NUMBERS`; for training."""
        bits = np.array(self.cues(self._vocabulary.read([part.scope.tokens for part in parts])), np.int64)
        numbers = [
            _numbers(texts[part.text], part.scope.tokens, judgement)
            for part, judgement in zip(parts, judged, strict=True)
        ]
        return np.hstack([bits[:, None] >> _PLACES & 1, np.array(numbers, np.float64).reshape(-1, len(NUMBERS))])


def parts_of(texts: Iterable[tuple[Sequence[str], Sequence[int]]], *, every: bool = False) -> list[Part]:
    """What speaks of each brand in texts given as tokens and brands. Without `every`, a short text with one brand has no
    parts: all of it speaks of the brand."""
    return [
        Part(number, brand, scope)
        for number, (tokens, brands) in enumerate(texts)
        if every or len(brands) > 1 or len(tokens) > LONG
        for brand, scope in scopes(tokens, brands).items()
    ]


def judged_parts(texts: Sequence[Text], parts: Sequence[Part], engine: SentimentEngine) -> list[Judgement]:
    """The judgement of each part: the text's own where it is all of the text."""
    passages = [text.passage for text in texts]
    own = _own(parts, passages)
    return _each(parts, passages, [text.judgement for text in texts], engine.judge(own) if own else [])


def judged_together(
    passages: Sequence[Passage], parts: Sequence[Part], judge: Callable[[list[Passage]], list[Judgement]]
) -> tuple[list[Judgement], list[Judgement]]:
    """The judgement of each text and of each part. One call: an engine takes as long for ten passages as for a hundred."""
    judged = judge([*passages, *_own(parts, passages)])
    whole = judged[: len(passages)]
    return whole, _each(parts, passages, whole, judged[len(passages) :])


def _own(parts: Sequence[Part], passages: Sequence[Passage]) -> list[Passage]:
    """Those parts that are not all of their text."""
    return [Passage(part.scope.tokens, passages[part.text].language) for part in parts if _is_less(part, passages)]


def _is_less(part: Part, passages: Sequence[Passage]) -> bool:
    return len(part.scope.tokens) < len(passages[part.text].tokens)


def _each(
    parts: Sequence[Part], passages: Sequence[Passage], whole: Sequence[Judgement], own: Sequence[Judgement]
) -> list[Judgement]:
    rest = iter(own)
    return [next(rest) if _is_less(part, passages) else whole[part.text] for part in parts]


def _numbers(text: Text, tokens: Sequence[str], judgement: Judgement) -> tuple[float, ...]:
    label = judgement.label
    return (
        label == "positive",
        label == "negative",
        label != text.judgement.label,
        abs(judgement.score),
        judgement.confidence,
        log1p(min(len(tokens), LONG)),
        bool(tokens) and MASK in tokens[0],
        1.0,
    )


def _compare(found: dict[int, Attitude], part: Part) -> None:
    """What a comparison says counts more than what the words around the name say."""
    lean, against = part.scope.lean, part.scope.against
    if lean:
        found[part.brand] = Attitude("positive" if lean > 0 else "negative", _COMPARED_RIGHT, COMPARED)
    elif turned := OPPOSITE.get(found[against].label):
        found[part.brand] = Attitude(turned, _COMPARED_RIGHT, COMPARED)
