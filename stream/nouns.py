"""The nouns that travel: what a source hands over, what a mention becomes, what a human says of it.

Everything here is an immutable `msgspec.Struct` with a JSON form (those of each mention hold nothing that could lead back to
them, so that the collector need not look: `gc=False`); the topics' schemas in `stream/schemas/`
describe the same shapes for readers in other languages. Times are aware UTC datetimes.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

import msgspec

Sentiment = Literal["positive", "neutral", "negative"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
STATUSES = ("new", "open", "answered", "closed", "ignored")

DateOrigin = Literal["stated", "zone-assumed", "fetched"]


def mention_id(key: str) -> str:
    """Identity of a mention: 20 hexadecimal digits (80 bits of BLAKE2b) of its key.

    The key is the canonical URL, or `source-kind:native-id` where there is none. Equal keys are the same mention.
    """
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def sort_key(published_at: datetime, identity: str) -> int:
    """Total order of mentions by time: milliseconds since 1970 shifted left by 20 bits, plus 20 bits of the id.

    Unique enough to page on (`search_after`) and exact to the millisecond. Never negative: times before 1970
    count as 1970.
    """
    ms = max(0, (published_at - _EPOCH) // _MILLISECOND)
    return ms << 20 | int(identity[:5], 16)


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a source hands over: one thing somebody published. Travels in `mentions.raw`, keyed by `id`.

    `kind="tombstone"` says that the thing with this id is gone at its source and must go here too.
    `backfill` marks history: it is stored and counted, and never alerts.
    `text` and `title` are plain text, no markup. `date_origin` says where `published_at` comes from: `stated` by the
    source, stated without a zone (`zone-assumed`), or missing or absurd, then `published_at` = `fetched_at` (`fetched`).
    """

    id: str
    source: str  # the id of the configured source, e.g. "feed:acme-blog"
    channel: str  # the kind of place: "feed", "site", "import", later "mastodon", "trustpilot", ...
    fetched_at: datetime
    published_at: datetime
    date_origin: DateOrigin = "stated"
    kind: Literal["upsert", "tombstone"] = "upsert"
    url: str = ""
    site: str = ""  # host the thing was published on, without "www."
    title: str = ""
    text: str = ""
    author: str = ""
    author_url: str = ""
    language: str = ""  # what the source says; a hint
    reach: int = 0  # followers, views or subscribers where the source tells; 0 = unknown
    backfill: bool = False
    extra: dict[str, str] = {}


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why one tag was given: `tag` such as "brand:acme", `by` in words a user reads, `confidence` in 0..1.

    `start`/`end` are offsets in code points into `field` ("title" or "text"); both -1 where no span decided.
    """

    tag: str
    by: str
    confidence: float
    field: str = "text"
    start: int = -1
    end: int = -1


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An item that names a brand, tagged. One document of the store; its JSON form is what is indexed and returned.

    Fields without a default are always present in the JSON form; a field at its default ("" / 0 / empty) is left out,
    so `exists` means "has one". `digest` identifies content + engine: equal digests = nothing to do.
    """

    id: str
    source: str
    channel: str
    fetched_at: datetime
    published_at: datetime
    date_origin: DateOrigin
    sort_key: int
    language: str  # ISO 639-1, "und" where it cannot be said
    brand: tuple[str, ...]
    sentiment: Sentiment
    score: float  # -1 (negative) .. 1 (positive)
    confidence: float  # of the sentiment label, 0..1
    status: str
    reach: int
    backfill: bool
    engine: str  # version of the tagging that made this
    digest: str
    product: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    story: str = ""  # id of the first mention of the story this belongs to
    event: str = ""  # id of the first story of the event this belongs to; looser than a story
    unsure: bool = False  # the sentiment could not be told well enough: neutral, because nothing is guessed
    judged_by: str = ""  # version of the engine that gave the sentiment
    towards: tuple[str, ...] = ()  # "<brand>:<label>": positive, neutral or negative towards the brand, or none
    terms: tuple[str, ...] = ()  # what it talks about, in words a user reads: words and short phrases, no brand's name
    url: str = ""
    site: str = ""
    title: str = ""
    text: str = ""
    author: str = ""
    author_url: str = ""
    assignee: str = ""
    note: str = ""
    why: tuple[Reason, ...] = ()
    signature: str = ""  # near-duplicate signature, base64 of the engine's own; rebuilds the story window
    extra: dict[str, str] = {}
    edited: dict[str, str] = {}  # field -> "who, when" of human edits
    # What humans said of the machine's tags: "<field>:<right|wrong|unsure|missed>:<value>", where the value is the machine's, or
    # what it missed; "drawn" where the mention was drawn at random to be checked
    checked: tuple[str, ...] = ()
    checked_at: datetime | None = None


def words_digest(title: str, text: str) -> str:
    """16 hexadecimal digits for the words of a mention: whether they are the ones that were judged."""
    return hashlib.blake2b(f"{title}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Opinion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a second engine says of a mention, given at leisure. It holds over the first engine's for these `words`, also after
    a replay or with another first engine, until a newer opinion comes; what a human said holds over both."""

    words: str  # `words_digest` of what was judged
    sentiment: Sentiment
    score: float
    confidence: float
    judged_by: str
    by: str = ""  # what decided, in words a user reads
    unsure: bool = False
    towards: tuple[str, ...] = ()


EDITABLE = ("status", "assignee", "note", "sentiment", "language", "brand", "product", "topic", "department")


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a human said, or a second engine. Travels in `mentions.edits`.

    kind="edit": `changes` (field of EDITABLE -> value; lists for brand, product, topic, department) hold over
    whatever the machine says, for ever, also when the mention arrives later, is tagged anew or rebuilt.
    kind="erase": the mention with id `mention` goes and never comes back.
    kind="erase-author": all mentions by `author` go and none ever comes back.
    kind="opinion": a second engine's `opinion` of the mention, laid over the first one's and under what humans said.
    Keyed by `mention`, or by `author` for kind="erase-author".
    """

    id: str
    at: datetime
    by: str
    kind: Literal["edit", "erase", "erase-author", "opinion"] = "edit"
    mention: str = ""
    author: str = ""
    changes: dict[str, str | list[str]] = {}
    drawn: bool = (
        False  # the mention was drawn at random to be checked: what is said of such ones tells how often tags are right
    )
    opinion: Opinion | None = None


class Signatures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stories are told from. Travels in `mentions.signatures`, many mentions in one record.

    A worker says the signatures of the mentions it has stored; who tells the stories says which of them repeat another, and
    which are of the same event.
    """

    at: datetime
    signatures: dict[str, str] = {}  # mention id -> `Mention.signature`, in order
    stories: dict[str, str] = {}  # mention id -> `Mention.story`
    events: dict[str, str] = {}  # mention id -> `Mention.event`


class SecondOpinions(msgspec.Struct, frozen=True, kw_only=True):
    """How far the second engine is: the record of that kind and id. Counted since its process began."""

    KIND: ClassVar[str] = "second-opinion"
    ID: ClassVar[str] = "state"

    engine: str
    asked: int
    changed: int  # got another sentiment than the first engine's
    waiting: int  # the first engine is unsure of them, and the second was not asked
    at: datetime


class TaggingEngine(msgspec.Struct, frozen=True, kw_only=True):
    """What workers tag with: the record of that kind and id, written by a worker that begins with another version."""

    KIND: ClassVar[str] = "tagging-engine"
    ID: ClassVar[str] = "current"

    engine: str  # `Mention.engine` of what is tagged now
    judged_by: str
    at: datetime


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of time in which a brand or product got unusually much negative talk.

    Counts are mentions per bucket of `bucket_seconds`; `expected` is the baseline's mean for that bucket.
    """

    id: str
    brand: str
    product: str = ""
    state: Literal["open", "ended"] = "open"
    started_at: datetime
    peak_at: datetime
    ended_at: datetime | None = None
    updated_at: datetime
    bucket_seconds: int
    observed: int  # at the peak
    expected: float  # at the peak
    mentions: int  # negative mentions since the start
    severity: int = 1  # rises when it worsens
    told: float = 0.0  # negative mentions an hour when last told of; at twice that it has worsened
    told_at: datetime | None = None
    story: str = ""  # the story most of it is about
    topics: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()  # mention ids


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source is doing and where it stopped: a record of kind "source", by the source's id.

    `state` is the source's own; written only after the log has acknowledged the items that go with it.
    """

    id: str
    name: str
    channel: str
    url: str = ""
    health: Literal["waiting", "ok", "failing", "silent", "gone", "forbidden", "paused"] = "waiting"
    due_at: datetime | None = None
    last_try_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_new_at: datetime | None = None
    silent_since: datetime | None = None
    fail_streak: int = 0
    first_fail_at: datetime | None = None
    error: str = ""  # the last one, in words a user reads; "" after a success
    coverage: str = ""  # "covered", "gap", "not-measured"
    coverage_note: str = ""
    arrivals: tuple[datetime, ...] = ()  # when new items came, most recent last, at most 90 days
    state: bytes = b""


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mail to send: a record of kind "mail". Written in the same moment as what it tells of; sent from there.

    `id` is derived from what it tells of ("incident-id/start"), so that it is never written twice.
    """

    id: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    language: str
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    given_up_at: datetime | None = None
    error: str = ""
    incident: str = ""


def utc_now() -> datetime:
    """The present as an aware UTC datetime. Decisions take `now` as an argument instead; only edges call this."""
    return datetime.now(UTC)
