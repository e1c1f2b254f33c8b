"""The enricher: records of `mentions.raw` in, tagged mentions (or why there is none) out, in batches.

One record's content never raises: what cannot be read is `Rejected("dead")`. The enricher remembers words, nothing of
the mentions: the same record gives the same mention, whatever came before it. Stories, which need memory, are stories.py's.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec
import xxhash

from enrichment.brands import BrandRules, Naming
from enrichment.compact import CompactEngine, Corrections
from enrichment.decoding import Unreadable, decode
from enrichment.engines import sentiment_engine
from enrichment.expressions import Document, Facts
from enrichment.keywords import Hit, KeywordMatcher
from enrichment.language import LanguageModel
from enrichment.models import Switched
from enrichment.sentiment import MASK, Judgement, Passage, SentimentEngine
from enrichment.settings import EnrichmentSettings
from enrichment.signatures import hour_of, publisher_of, signatures
from enrichment.taught import TaughtTopics
from enrichment.tokens import Sums, Tokens
from enrichment.topics import Topic, TopicRules, load_topics
from enrichment.towards import Attitude, Part, Text, Towards, judged_together, parts_of
from enrichment.vocabulary import Vocabulary
from enrichment.why import Why
from stream import Brand, Item, Mention, sort_key

_LONGEST: Final = 500  # letters of a token
RULES_VERSION: Final = 6  # rises when the same words and rules would be tagged otherwise


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is no mention. `kind`: names no brand, cannot be read, or says that the thing with this id is gone.

    `id` and `source` are "" where they could not be read.
    """

    kind: Literal["not-a-mention", "dead", "tombstone"]
    reason: str  # in words a user reads
    id: str = ""
    source: str = ""


class _Named(NamedTuple):
    """An item that names a brand, on its way."""

    place: int  # in the batch
    item: Item
    naming: Naming
    topic_hits: list[Hit]
    tokens: list[str]


class _Judged(NamedTuple):
    """Texts with their judgements, and beside them what speaks of single brands, judged too."""

    texts: list[Text]
    parts: list[Part]
    of_parts: list[Judgement]
    cues: list[int]  # of the texts


class Enricher:
    """Tags mentions by `brands`. `engine` names brands, topics, words and rules: it changes when any of them does.

    Not thread-safe. Building takes some 1.5 s and 150 MB. Raises TopicsError, EngineError.
    """

    def __init__(
        self, brands: Sequence[Brand], settings: EnrichmentSettings, sentiment: SentimentEngine | None = None
    ) -> None:
        self.settings = settings
        self.repaired = 0  # records read although their JSON held half characters
        self._brands = BrandRules(brands)
        self._topics = TopicRules(load_topics(settings.topics_file), len(self._brands.keywords))
        self._matcher = KeywordMatcher([*self._brands.keywords, *self._topics.keywords])
        self._languages = LanguageModel(settings.languages)
        self.sentiment = sentiment or sentiment_engine(settings)
        engine = self.sentiment
        self._vocabulary = engine.vocabulary if isinstance(engine, CompactEngine) else Vocabulary()
        self._tokens = Tokens(self._languages, self._vocabulary)
        self._towards = Towards(vocabulary=self._vocabulary)
        self._corrected = False
        self._why = Why(self._brands, self._topics)
        self._ids = tuple(brand.id for brand in brands)
        self._numbers = {id: number for number, id in enumerate(self._ids)}
        owners = [self._brands.brand_of(name) for name in range(len(self._brands.names))]
        self._masks = [f"{MASK}{self._numbers[owner]}" for owner in owners]
        self._rules = [
            *(brand.model_dump_json() for brand in brands),
            *(rule.model_dump_json() for rule in self._topics.rules),
            *settings.languages,
        ]
        self.adopt(Switched())

    def adopt(self, switched: Switched) -> None:
        """From now on what users taught is used too, and `engine` says so. Corrections of sentiment are the compact engine's."""
        self._taught = TaughtTopics(switched.topics)
        if isinstance(self.sentiment, CompactEngine):
            learnt = switched.sentiment
            corrections = Corrections.loads(learnt.content) if learnt else None
            if learnt or self._corrected:
                self.sentiment = self.sentiment.with_corrections(corrections)
            self._corrected = learnt is not None
        parts = [str(RULES_VERSION), self.sentiment.version, self._towards.version, *self._rules]
        parts += [self._taught.version] if switched.topics else []
        self.engine = f"r{RULES_VERSION}-{hashlib.blake2b(chr(0).join(parts).encode(), digest_size=5).hexdigest()}"

    def tag(self, values: Sequence[bytes]) -> list[Mention | Rejected]:
        """One answer for each record, in order. Batches of 32 and more cost a quarter of records one by one."""
        self._vocabulary.make_room()
        answers: list[Mention | Rejected | None] = [None] * len(values)
        named: list[_Named] = []
        for place, value in enumerate(values):
            found = self._look(place, value)
            if isinstance(found, Rejected):
                answers[place] = found
            else:
                named.append(found)
        if named:
            for one, mention in zip(named, self._mentions(named), strict=True):
                answers[one.place] = mention
        return [answer for answer in answers if answer is not None]

    def _look(self, place: int, value: bytes) -> _Named | Rejected:
        try:
            item, repaired = decode(value)
        except Unreadable as error:
            return Rejected(kind="dead", reason=error.reason, id=error.id, source=error.source)
        self.repaired += repaired
        if item.kind == "tombstone":
            return Rejected(kind="tombstone", reason="gone at its source", id=item.id, source=item.source)
        text, naming, topic_hits, named = self._names(item)
        if not naming.brands:
            reason = "a word that excludes it stands in it" if named else "names none of the brands"
            return Rejected(kind="not-a-mention", reason=reason, id=item.id, source=item.source)
        return _Named(place, item, naming, topic_hits, _tokens(self._masked(text, naming.hits)))

    def _names(self, item: Item) -> tuple[str, Naming, list[Hit], bool]:
        """Title and text in one, the brands named in it, the hits of topics, and whether there was any of brands."""
        text = f"{item.title}\n\n{item.text}" if item.title else item.text
        brand_hits: list[Hit] = []
        topic_hits: list[Hit] = []
        first_topic = self._topics.first
        for hit in self._matcher.find(text):
            if hit[0] < first_topic:
                brand_hits.append(hit)
            else:
                topic_hits.append(hit)
        naming = self._brands.decide(brand_hits, self._document(item) if self._brands.queries.any else None)
        return text, naming, topic_hits, bool(brand_hits)

    def _document(self, item: Item) -> Document:
        facts = Facts(item.site, item.author, "", item.source, item.channel, item.url)
        return Document(item.title, item.text, facts, language=lambda: self._language(item))

    def _language(self, item: Item) -> str:
        """Of one item, with its brands' names in it: for queries, which decide what is a brand's name."""
        sums = self._tokens.sums(self._vocabulary.read([f"{item.title} {item.text}".split()]))
        return self._languages.decide(sums.scores, sums.words, [item.language])[0][0]

    def words(self, item: Item) -> list[str]:
        """The tokens of an item as engines see them: names of brands masked, HTML entities spelled out."""
        text, naming, _, _ = self._names(item)
        return _tokens(self._masked(text, naming.hits))

    def _masked(self, text: str, hits: Sequence[Hit]) -> str:
        """The text with a mask instead of each brand's name, which is no word, and with HTML entities spelled out."""
        pieces = []
        end = 0
        for hit in sorted(hits, key=_by_start) if len(hits) > 1 else hits:
            if hit.start >= end:
                pieces.append(text[end : hit.start])
                pieces.append(self._masks[hit.keyword])
            elif hit.end <= end:
                continue
            end = hit.end
        pieces.append(text[end:])
        masked = "".join(pieces)
        return html.unescape(masked) if "&" in masked else masked

    def judged(self, values: Sequence[bytes]) -> list[Text | None]:
        """Each record as the engines see it, with its judgement, and None for what is no mention: for training and measuring."""
        self._vocabulary.make_room()
        looked = [self._look(place, value) for place, value in enumerate(values)]
        named = [one for one in looked if not isinstance(one, Rejected)]
        found: list[Text | None] = [None] * len(values)
        if named:
            for one, text in zip(named, self._judge(named)[0].texts, strict=True):
                found[one.place] = text
        return found

    def _judge(self, named: Sequence[_Named]) -> tuple[_Judged, list[tuple[str, float]], Sums]:
        """What was judged, the language of each with confidence, and what its words add up to."""
        numbered = self._vocabulary.read([one.tokens for one in named])
        sums = self._tokens.sums(numbered)
        languages = self._languages.decide(sums.scores, sums.words, [one.item.language for one in named])
        passages = [Passage(one.tokens, language) for one, (language, _) in zip(named, languages, strict=True)]
        numbers = self._numbers
        brands = [tuple([numbers[brand] for brand in one.naming.brands]) for one in named]
        parts = parts_of([(one.tokens, those) for one, those in zip(named, brands, strict=True)])
        engine = self.sentiment
        judge = partial(engine.judge, numbered=numbered) if isinstance(engine, CompactEngine) else engine.judge
        whole, of_parts = judged_together(passages, parts, judge)
        cues = self._towards.cues(numbered)
        return _Judged(list(map(Text, passages, brands, whole)), parts, of_parts, cues), languages, sums

    def _mentions(self, named: Sequence[_Named]) -> list[Mention]:
        judged, languages, sums = self._judge(named)
        said = self._towards.decide(*judged)
        topics = self._topics_of(named, languages)
        publishers = [publisher_of(_publisher(one.item)) for one in named]
        hours = [hour_of(one.item.published_at) for one in named]
        marks = signatures(sums.hashes, sums.contents, sums.starts, publishers, hours)
        return [
            self._mention(
                one, language, its, text.judgement, {self._ids[brand]: it for brand, it in towards.items()}, mark, terms
            )
            for one, language, its, text, towards, mark, terms in zip(
                named, languages, topics, judged.texts, said, marks, sums.terms, strict=True
            )
        ]

    def _topics_of(self, named: Sequence[_Named], languages: Sequence[tuple[str, float]]) -> list[list[Topic]]:
        """Those found by words, then those taught; a topic that is both counts as found by words."""
        if not self._taught.version:
            decide = self._topics.decide
            return [decide(one.topic_hits, language) for one, (language, _) in zip(named, languages, strict=True)]
        taught = self._taught.decide([one.tokens for one in named])
        found = []
        for one, (language, _), more in zip(named, languages, taught, strict=True):
            ruled = self._topics.decide(one.topic_hits, language)
            ids = {topic.rule.id for topic in ruled} if more else ()
            found.append(ruled + [topic for topic in more if topic.rule.id not in ids])
        return found

    def _mention(
        self,
        one: _Named,
        language: tuple[str, float],
        topics: Sequence[Topic],
        judgement: Judgement,
        towards: Mapping[str, Attitude],
        signature: str,
        terms: tuple[str, ...],
    ) -> Mention:
        item, naming = one.item, one.naming
        key = sort_key(item.published_at, item.id)
        return Mention(
            id=item.id,
            source=item.source,
            channel=item.channel,
            fetched_at=item.fetched_at,
            published_at=item.published_at,
            date_origin=item.date_origin,
            sort_key=key,
            language=language[0],
            brand=naming.brands,
            product=naming.products,
            topic=tuple([topic.rule.id for topic in topics]) if topics else (),
            department=tuple(dict.fromkeys([topic.rule.department for topic in topics])) if topics else (),
            sentiment=judgement.label,
            score=judgement.score,
            confidence=judgement.confidence,
            status="new",
            reach=item.reach,
            backfill=item.backfill,
            engine=self.engine,
            digest=self._digest(item, key),
            url=item.url,
            site=item.site,
            title=item.title,
            text=item.text,
            author=item.author,
            author_url=item.author_url,
            story=item.id,
            event=item.id,
            terms=terms,
            unsure=judgement.unsure,
            judged_by=judgement.version or self.sentiment.version,
            towards=tuple([f"{brand}:{attitude.label}" for brand, attitude in towards.items()]),
            why=self._why.reasons(item, naming, topics, language, judgement, towards),
            signature=signature,
            extra=item.extra,
        )  # fmt: skip

    def _digest(self, item: Item, key: int) -> str:
        """Equal for equal content tagged by equal rules. A time that only says when we fetched is no content."""
        stated = "" if item.date_origin == "fetched" else str(key)
        content = (self.engine, item.title, item.text, item.url, item.author, stated)
        return xxhash.xxh3_128_hexdigest("\0".join(content).encode())


def _publisher(item: Item) -> str:
    """Whose boilerplate may stand around the text: that of a feed or site. What a person wrote has none."""
    return item.source if item.channel in ("feed", "site") else ""


def _tokens(text: str) -> list[str]:
    """White-space tokens, cut where one is longer than any word: whoever judges words need not be fit for a megabyte of one."""
    tokens = text.split()
    return tokens if len(text) <= _LONGEST else [token[:_LONGEST] for token in tokens]


def _by_start(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end
