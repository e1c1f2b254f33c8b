"""Stories: copies and light rewrites of one item found, and nothing else; and events, the looser groups of stories that tell of
the same thing. "Aggregators" are 193 pages of the web, each published by five invented feeds with titles, cuts, share links and
notices of their own, in the order of random delays. Precision and recall are of pairs."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trafilatura

from benchmarks.quality import sets
from benchmarks.quality.score import Score, data, digest
from enrichment import Enricher, EnrichmentSettings, Group, Stories
from stream import Brand, Item, Mention, mention_id

_AT: Final = datetime(2026, 1, 12, tzinfo=UTC)
_SENTENCES: Final = re.compile(r"(?<=[.!?])\s+")
_COPIES: Final = 400  # of each kind of rewrite
_LONG_ENOUGH: Final = 10  # words of a tweet that is rewritten
_SAME, _OTHER = 4, 2  # of six judges, from which and up to which two texts are, and are not, the same story


class Text(NamedTuple):
    """Something published."""

    name: str
    text: str
    title: str = ""
    source: str = ""  # of a feed
    minute: float = 0.0


def measure() -> Iterator[Score]:
    yield from _articles()
    yield from _rewrites()
    yield from _aggregators()
    yield from _judged_tweets()
    yield from _headlines()
    yield from _questions()


def told(texts: Sequence[Text]) -> dict[str, Group]:
    """Each text's group, by its name, when they come in this order."""
    enricher = Enricher([Brand(name="qqq")], EnrichmentSettings())
    items = [
        Item(
            id=mention_id(one.name), source=one.source or "import:all", channel="feed" if one.source else "import",
            fetched_at=_AT, published_at=_AT + timedelta(minutes=one.minute), title=one.title, text=f"{one.text} qqq",
        )
        for one in texts
    ]  # fmt: skip
    window = Stories()
    found: dict[str, Group] = {}
    for start in range(0, len(items), 512):
        tagged = enricher.tag([msgspec.json.encode(item) for item in items[start : start + 512]])
        mentions = [one for one in tagged if isinstance(one, Mention)]
        found |= window.assign([one.id for one in mentions], [one.signature for one in mentions])
    return {one.name: found[mention_id(one.name)] for one in texts}


def precision_and_recall(true: Mapping[str, Hashable], said: Mapping[str, Hashable]) -> tuple[float, float]:
    """Of pairs in one group, in per cent."""

    def pairs(groups: Mapping[str, Hashable]) -> set[tuple[str, str]]:
        members: dict[Hashable, list[str]] = defaultdict(list)
        for name, group in sorted(groups.items()):
            members[group].append(name)
        return {pair for some in members.values() for pair in combinations(some, 2)}

    expected, found = pairs(true), pairs(said)
    both = len(expected & found)
    return 100 * both / max(1, len(found)), 100 * both / len(expected)


def _articles() -> Iterator[Score]:
    content = data("duplicates", "articles_1000.train").read_text("utf-8", errors="replace")
    truth = data("duplicates", "articles_1000.truth").read_text("utf-8")
    pairs = {frozenset(line.split()) for line in truth.splitlines() if line}
    groups = told([Text(*line.split(" ", 1)) for line in content.splitlines()])
    members: dict[str, set[str]] = defaultdict(set)
    for name, group in groups.items():
        members[group.story].add(name)
    found = {frozenset(some) for some in members.values() if len(some) > 1}
    corpus = digest(content, truth)
    yield Score("stories/articles-found", len(found & pairs), f"of {len(pairs)} pairs", corpus, "1,000 news articles")
    yield Score("stories/articles-false", len(found - pairs), "groups", corpus, "1,000 news articles")


# -- rewrites -----------------------------------------------------------------------------------------------------------
def _rewrites() -> Iterator[Score]:
    """Each kind among all tweets, in a random order."""
    tweets = sets.airline()
    texts = list(dict.fromkeys(tweets.texts))
    chance = random.Random(5)
    words = [word for text in texts for word in text.split()]
    long = [number for number, text in enumerate(texts) if len(text.split()) >= _LONG_ENOUGH]
    kinds: dict[str, Callable[[str], str]] = {
        "retweet": lambda text: f"RT @somebody: {text} https://t.co/{chance.randrange(10**9)}",
        "one-word": lambda text: _changed(text, 1, words, chance),
        "two-words": lambda text: _changed(text, 2, words, chance),
        "cut": lambda text: " ".join(text.split()[: -(len(text.split()) // 4)]),
        "reordered": lambda text: " ".join(
            [*text.split()[len(text.split()) // 2 :], *text.split()[: len(text.split()) // 2]]
        ),
    }
    copies = {
        f"{number}/{kind}": (kind, number, rewritten(texts[number]))
        for kind, rewritten in kinds.items()
        for number in chance.sample(long, _COPIES)
    }
    every = [Text(f"{number}/first", text) for number, text in enumerate(texts)]
    every += [Text(name, text) for name, (_, _, text) in copies.items()]
    chance.shuffle(every)
    groups = told(every)
    found = Counter(
        kind for name, (kind, number, _) in copies.items() if groups[name].story == groups[f"{number}/first"].story
    )
    for kind in kinds:
        about = f"{_COPIES} rewritten tweets among {len(texts):,}"
        yield Score(f"stories/{kind}", 100 * found[kind] / _COPIES, "recall, %", tweets.corpus, about)


def _changed(text: str, many: int, words: Sequence[str], chance: random.Random) -> str:
    copy = text.split()
    for place in chance.sample(range(len(copy)), many):
        copy[place] = chance.choice(words)
    return " ".join(copy)


# -- aggregators --------------------------------------------------------------------------------------------------------
def _first(text: str, words: int) -> str:
    return " ".join(text.split()[:words])


def _as_agency(title: str, text: str) -> tuple[str, str]:
    return title, f"(ANSA) - ROMA, 12 GEN - {text} (ANSA). RIPRODUZIONE RISERVATA © Copyright ANSA"


def _as_newspaper(title: str, text: str) -> tuple[str, str]:
    more = "Leggi tutto su Corriere.it. Iscriviti alla newsletter di Corriere per ricevere ogni mattina le notizie."
    return f"{title} - Corriere.it", f"{_first(text, 40)}... {more}"


def _as_blog(title: str, text: str) -> tuple[str, str]:
    return title, f"{_first(text, 55)} […] The post {title} appeared first on Il Blog delle Notizie."


def _as_wire(title: str, text: str) -> tuple[str, str]:
    links = "Condividi su Facebook Condividi su Twitter Condividi su WhatsApp Invia per email"
    return title, f"(LaPresse) {' '.join(_SENTENCES.split(text)[:3])} {links}"


def _as_portal(title: str, text: str) -> tuple[str, str]:
    words = text.split()
    words[len(words) // 3] = "modificato"
    invitation = (
        "Segui tutte le notizie sul nostro canale WhatsApp e scarica la app gratuita per leggere ogni giorno gli articoli più "
        "importanti di politica, economia, sport e spettacoli direttamente sul tuo telefono. Informativa sulla privacy e "
        "gestione dei cookie."
    )
    return f"{title} | Il Portale Notizie", f"{' '.join(words)} {invitation}"


_FEEDS: Final = (_as_agency, _as_newspaper, _as_blog, _as_wire, _as_portal)


def _pages() -> tuple[list[tuple[str, str]], str]:
    """(title, text) of the web pages, and their digest."""
    files = sorted(data("pages").glob("*.gz"))
    pages = []
    contents = [gzip.decompress(file.read_bytes()) for file in files]
    for content in contents:
        page = trafilatura.bare_extraction(content, favor_precision=True)
        text = " ".join(page.text.split()) if page and page.text else ""
        if len(text.split()) > 60:
            pages.append((page.title or _first(text, 9), text))
    return pages, digest(*contents)


def _aggregators() -> Iterator[Score]:
    pages, corpus = _pages()
    chance = random.Random(1)
    texts = []
    for number, (title, text) in enumerate(pages):
        for feed, wrapped in enumerate(_FEEDS):
            shown_title, shown = wrapped(title, text)
            minute = 60 * number + chance.expovariate(1 / 66)
            texts.append(Text(f"{number}/{feed}", shown, shown_title, f"feed:{feed}", minute))
    texts.sort(key=lambda one: one.minute)
    groups = told(texts)
    said = {name: group.story for name, group in groups.items()}
    precision, recall = precision_and_recall({name: name.split("/")[0] for name in said}, said)
    about = f"{len(pages)} pages in five feeds each"
    yield Score("stories/aggregators-precision", precision, "%", corpus, about)
    yield Score("stories/aggregators-recall", recall, "%", corpus, about)


# -- events -------------------------------------------------------------------------------------------------------------
def _judged_tweets() -> Iterator[Score]:
    content = data("duplicates", "same_story_tweets_sample.txt").read_text("utf-8")
    rows = [line.split("\t") for line in content.splitlines() if line.count("\t") >= 2]
    pairs = [(one.strip(), other.strip(), int(votes.strip("( ")[0])) for one, other, votes, *_ in rows]
    texts = list(dict.fromkeys(text for one, other, _ in pairs for text in (one, other)))
    groups = told([Text(text, text) for text in texts])
    about = f"{len(pairs)} pairs of tweets and headlines, six judges"
    for level in ("story", "event"):
        same = [(votes, getattr(groups[one], level) == getattr(groups[other], level)) for one, other, votes in pairs]
        true = [said for votes, said in same if votes >= _SAME]
        false = [said for votes, said in same if votes <= _OTHER]
        precision = 100 * sum(true) / max(1, sum(true) + sum(false))
        yield Score(f"stories/judged-{level}-precision", precision, "%", digest(content), about)
        yield Score(f"stories/judged-{level}-recall", 100 * sum(true) / len(true), "%", digest(content), about)


def _headlines() -> Iterator[Score]:
    content = Path(__file__).with_name("headlines.toml").read_text("utf-8")
    events = [[line for lines in event.values() for line in lines] for event in tomllib.loads(content)["event"]]
    true = {line: number for number, lines in enumerate(events) for line in lines}
    order = list(true)
    random.Random(2).shuffle(order)
    said = {name: group.event for name, group in told([Text(line, line) for line in order]).items()}
    precision, recall = precision_and_recall(true, said)
    about = f"{len(true)} headlines of {len(events)} events, ours"
    yield Score("stories/headlines-event-precision", precision, "%", digest(content), about)
    yield Score("stories/headlines-event-recall", recall, "%", digest(content), about)


def _questions() -> Iterator[Score]:
    """Where all texts are about nearly the same, in few words: what chains, chains here."""
    content = data("topics", "banking77_train.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(content)))
    random.Random(1).shuffle(rows)
    groups = told([Text(str(number), row["text"]) for number, row in enumerate(rows)])
    true = {str(number): row["category"] for number, row in enumerate(rows)}
    precision, recall = precision_and_recall(true, {name: group.event for name, group in groups.items()})
    about = f"{len(rows):,} questions to a bank; pairs of one of 77 kinds, far wider than an event"
    yield Score("stories/questions-event-precision", precision, "%", digest(content), about)
    yield Score("stories/questions-event-recall", recall, "%", digest(content), about)
