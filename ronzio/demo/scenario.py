"""What the demo's web publishes and when: a day of quiet history, steady talk, then a crisis for one product.

Pure: the same plan and clock give the same posts, in any process and after any restart. Seconds count from the demo's
first start; history is below zero.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ronzio.demo import writer
from ronzio.demo.arrivals import Arrivals
from ronzio.demo.clock import Clock
from ronzio.demo.companies import COMPANIES, CRISIS_COMPANY, CRISIS_PRODUCT, Company, Language, ProductNames
from ronzio.demo.places import AGENCY, PAPERS, TALK, Place
from ronzio.demo.subjects import author, subject
from stream import Sentiment

COPY_DELAY = (8.0, 150.0)  # seconds from the agency to a paper that copies it


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much happens when; lengths in seconds, rates in comments a second.

    `pace` stretches everything about the crisis (rise, hold, fade, its news); a test takes less than 1.
    """

    seed: int = 7
    history: float = 86_400.0
    quiet: float = 1 / 60  # in the history, until `settled` seconds before the start
    settled: float = 3_600.0
    calm: float = 1.0
    noise: float = 0.1  # share of comments that name no brand
    crisis_after: float = 75.0
    rise: float = 45.0
    hold: float = 240.0
    fade: float = 420.0
    peak: float = 1.5  # at the height of the crisis, on top of the calm
    pace: float = 1.0
    news_every: float = 300.0
    news_every_before: float = 5_400.0


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One thing published. `sentiment`, `company` and `product` are what the writer meant; the web does not show them."""

    key: str  # unique over the whole demo, and all it takes to write the post again
    place: Place
    published_at: datetime  # whole seconds
    title: str
    paragraphs: tuple[str, ...]
    author: str
    sentiment: Sentiment
    company: str = ""
    product: str = ""
    story: str = ""  # the news item this is a copy of

    @property
    def path(self) -> str:
        kind = "articoli" if self.story else "post"
        return f"/{self.place.id}/{kind}/{self.key}"


class Scenario:
    """The posts of one plan on one clock."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self._streams = {
            "c": Arrivals(f"{plan.seed}/c", _calm_steps(plan)),
            "k": Arrivals(f"{plan.seed}/k", _crisis_steps(plan)),
        }
        news = ((-plan.history, 1 / plan.news_every_before), (0.0, 1 / plan.news_every))
        self._news = Arrivals(f"{plan.seed}/n", news)
        self._story = functools.lru_cache(maxsize=256)(self._write_story)

    def posts(self, since: datetime | None, until: datetime) -> list[Post]:
        """Everything that came out after `since` (None: from the beginning) and not after `until`, oldest first."""
        start = -self.plan.history if since is None else self.clock.second(since)
        end = self.clock.second(until)
        found: list[tuple[float, Post]] = []
        for letter, stream in self._streams.items():
            first = 0 if since is None else stream.count(start)
            found += [(stream.moment(n), self._comment(letter, n)) for n in range(first, stream.count(end))]
        for number in self._stories(start, end):
            found += [(second, post) for second, post in self._story(number) if since is None or start < second <= end]
        return [post for second, post in sorted(found, key=lambda pair: (pair[0], pair[1].key)) if second <= end]

    def find(self, key: str, now: datetime) -> Post | None:
        """The post with this key if it is out by `now`."""
        end = self.clock.second(now)
        letter, number = key[:1], key[1:].partition("-")[0]
        if not number.isascii() or not number.isdecimal() or len(number) > 9:
            return None
        if letter in self._streams:
            n = int(number)
            known = key == f"{letter}{n}" and n < self._streams[letter].count(end)
            return self._comment(letter, n) if known else None
        out = (post for second, post in self._story(_number(letter, int(number))) if second <= end)
        return next((post for post in out if post.key == key), None) if letter in ("s", "x") else None

    def _comment(self, letter: str, n: int) -> Post:
        second = self._streams[letter].moment(n)
        rng = random.Random(f"{self.plan.seed}/{letter}/{n}/text")
        place = rng.choices(TALK, [place.weight for place in TALK])[0]
        company: Company | None
        product: ProductNames | None
        if letter == "k":
            company, product, pool = CRISIS_COMPANY, CRISIS_PRODUCT, "crisis"
            sentiment = self._crisis_mood(rng, second)
        else:
            company, product, pool = *self._about(rng), ""
            sentiment = rng.choices(("positive", "neutral", "negative"), (38, 44, 18))[0] if company else "neutral"
        text = writer.comment(rng, place.language, sentiment, company, product, pool)
        return Post(
            key=f"{letter}{n}",
            place=place,
            published_at=self.clock.moment(second).replace(microsecond=0),
            title=subject(rng, place, company, product, sentiment),
            paragraphs=(text,),
            author=author(rng, place.language),
            sentiment=sentiment,
            company=company.name if company else "",
            product=product.settings["name"] if product else "",
        )

    def _about(self, rng: random.Random) -> tuple[Company | None, ProductNames | None]:
        if rng.random() < self.plan.noise:
            return None, None
        company = rng.choices(COMPANIES, [company.weight for company in COMPANIES])[0]
        if not company.products or rng.random() < 0.45:
            return company, None
        return company, rng.choices(company.products, [product.weight for product in company.products])[0]

    def _crisis_mood(self, rng: random.Random, second: float) -> Sentiment:
        """Anger until the company answers; then it turns, slowly."""
        plan = self.plan
        calm_from = plan.rise + plan.hold
        turned = min(1.0, max(0.0, ((second - plan.crisis_after) / plan.pace - calm_from) / plan.fade))
        weights = (0.02 + 0.5 * turned, 0.08 + 0.2 * turned, 0.9 - 0.7 * turned)
        return rng.choices(("positive", "neutral", "negative"), weights)[0]

    def _stories(self, start: float, end: float) -> Iterator[int]:
        """Numbers of the stories with a copy between two seconds; the crisis' own are below zero."""
        yield from range(self._news.count(start - 2 * COPY_DELAY[1]), self._news.count(end))
        yield from (_number("x", index) for index in range(len(_crisis_stories())))

    def _write_story(self, number: int) -> Sequence[tuple[float, Post]]:
        """An item with its copies, each with the second it comes out at. Empty if there is no such story."""
        rng = random.Random(f"{self.plan.seed}/story/{number}")
        if number >= 0:
            second, pace, name = self._news.moment(number), 1.0, f"s{number}"
            language, template = _ordinary_stories()[(number * 5) % len(_ordinary_stories())]
            field = template["about"]
            company = (
                rng.choice([company for company in COMPANIES if company.domain == field]) if field != "other" else None
            )
        elif -number <= len(_crisis_stories()):
            language, template = _crisis_stories()[-number - 1]
            pace, name, company = self.plan.pace, f"x{-number - 1}", CRISIS_COMPANY
            second = self.plan.crisis_after + template["at"] * pace
        else:
            return ()
        item = writer.article(rng, language, template, company)
        papers = [place for place in PAPERS if place.language == language and place is not AGENCY]
        chosen = papers if number < 0 else rng.sample(papers, rng.randint(2, len(papers)))
        delays = sorted(rng.uniform(*COPY_DELAY) * pace for _ in chosen)
        first = [(AGENCY, 0.0)] if language == "it" else []
        return [
            (second + delay, self._copy(rng, name, item, place, second + delay, template["sentiment"], company))
            for place, delay in (*first, *zip(chosen, delays, strict=True))
        ]

    def _copy(
        self, rng: random.Random, name: str, item: writer.Article, place: Place, second: float,
        sentiment: Sentiment, company: Company | None,
    ) -> Post:  # fmt: skip
        title = item.titles[0] if place is AGENCY else rng.choice(item.titles)
        return Post(
            key=f"{name}-{place.id}",
            place=place,
            published_at=self.clock.moment(second).replace(microsecond=0),
            title=title,
            paragraphs=(*item.paragraphs, place.boilerplate),
            author=""
            if place is AGENCY
            else f"Redazione {place.name}"
            if place.language == "it"
            else f"{place.name} staff",
            sentiment=sentiment,
            company=company.name if company else "",
            product=CRISIS_PRODUCT.settings["name"] if name.startswith("x") else "",
            story=name,
        )


def _number(letter: str, index: int) -> int:
    return -index - 1 if letter == "x" else index


@functools.cache
def _ordinary_stories() -> list[tuple[Language, dict[str, Any]]]:
    languages: tuple[Language, ...] = ("it", "en")
    return [(language, story) for language in languages for story in writer.load(f"news_{language}")["story"]]


@functools.cache
def _crisis_stories() -> list[tuple[Language, dict[str, Any]]]:
    languages: tuple[Language, ...] = ("it", "en")
    return [(language, story) for language in languages for story in writer.load(f"news_{language}")["crisis"]]


def _calm_steps(plan: Plan) -> list[tuple[float, float]]:
    """History in hours of uneven liveliness, then the steady rate."""
    rng = random.Random(f"{plan.seed}/hours")
    steps: list[tuple[float, float]] = []
    second = -plan.history
    while second < -plan.settled:
        steps.append((second, plan.quiet * rng.uniform(0.5, 1.5)))
        second += 3_600.0
    return [*steps, (-plan.settled, plan.calm)]


def _crisis_steps(plan: Plan, parts: int = 12) -> list[tuple[float, float]]:
    """Up as a square, flat, down as a square: slow to notice, quick once noticed, long to forget."""
    start, rise = plan.crisis_after, plan.rise * plan.pace
    top, fall = start + rise, start + rise + plan.hold * plan.pace
    up = [(start + rise * i / parts, plan.peak * ((i + 1) / parts) ** 2) for i in range(parts)]
    fade = plan.fade * plan.pace
    down = [(fall + fade * i / parts, plan.peak * (1 - (i + 1) / parts) ** 2) for i in range(parts)]
    return [*up, (top, plan.peak), *down]
