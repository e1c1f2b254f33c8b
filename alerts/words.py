"""The sentences of a mail, in its language. In: an incident and what is known of it. Out: strings, nothing escaped yet."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from alerts.evidence import Evidence
from alerts.topic_names import topic_name
from i18n import format_date, format_datetime, format_delta, format_list, format_number, format_time, translator
from stream import Brand, Incident, Mention

_EXCERPT = 220  # characters of an example


class Phase(NamedTuple):
    """What a mail tells of. `severity` tells the worsenings of one incident apart."""

    name: Literal["start", "worse", "end"]
    severity: int = 1


class Example(NamedTuple):
    """One mention as a mail shows it; `url` is "" where there is nothing that can be opened."""

    title: str
    excerpt: str
    source: str
    time: str
    url: str


class Words:
    """The sentences about one incident of `brand`. Product and topic ids are shown by their names where known."""

    def __init__(self, brand: Brand, incident: Incident, evidence: Evidence, now: datetime) -> None:
        self.language = brand.language
        self._brand, self._incident, self._evidence, self._now = brand, incident, evidence, now
        translations = translator("alerts", brand.language)
        self._, self.ngettext = translations.gettext, translations.ngettext

    @property
    def name(self) -> str:
        """The product with its brand, or the brand."""
        brand = self._brand.name
        product = next((each.name for each in self._brand.products if each.id == self._incident.product), "")
        if not product:
            return brand
        return product if brand.lower() in product.lower() else f"{product} ({brand})"

    def subject(self, phase: Phase) -> str:
        _ = self._
        if phase.name == "end":
            return _("{name}: the wave of negative mentions is over").format(name=self.name)
        if phase.name == "worse":
            return _("{name}: it is getting worse, {mentions} in {period}").format(
                name=self.name, mentions=self.observed, period=self.period
            )
        return _("{name}: {mentions} in {period}, usually {usual}").format(
            name=self.name, mentions=self.observed, period=self.period, usual=self.usual
        )

    def label(self, phase: Phase) -> str:
        _ = self._
        return {"start": _("Alert"), "worse": _("Getting worse"), "end": _("Over")}[phase.name]

    def headline(self, phase: Phase) -> str:
        _ = self._
        if phase.name == "end":
            return _("Back to normal")
        return _("{mentions} in {period}").format(mentions=self.observed, period=self.period)

    def lead(self, phase: Phase) -> str:
        """One or two sentences below the headline: what moved, against what."""
        _ = self._
        when = self._when(self._incident.started_at)
        if phase.name == "end":
            return _(
                "The wave that began {when} lasted {duration} and brought {mentions}. "
                "At its height there were {observed} in {period}; the usual number is {usual}."
            ).format(
                when=when,
                duration=self.duration,
                mentions=self.mentions,
                observed=format_number(self._incident.observed, self.language),
                period=self.period,
                usual=self.usual,
            )
        if phase.name == "worse":
            return _(
                "The wave about {name} that began {when} has at least doubled since our last mail. "
                "The usual number in {period} is {usual}."
            ).format(name=self.name, when=when, usual=self.usual, period=self.period)
        return _("The usual number is {usual}. The talk about {name} turned {when}.").format(
            usual=self.usual, name=self.name, when=when
        )

    @property
    def observed(self) -> str:
        return self._negative(self._incident.observed)

    @property
    def mentions(self) -> str:
        return self._negative(max(self._evidence.mentions, 1))

    @property
    def usual(self) -> str:
        """The expected count as people say it: "2", "fewer than 1"."""
        mean = self._incident.expected
        return self._("fewer than 1") if mean < 0.75 else format_number(round(mean), self.language)

    @property
    def period(self) -> str:
        return format_delta(timedelta(seconds=self._incident.bucket_seconds), self.language)

    @property
    def duration(self) -> str:
        ended = self._incident.ended_at or self._now
        return format_delta(max(ended - self._incident.started_at, timedelta(minutes=1)), self.language)

    def facts(self) -> list[tuple[str, str]]:
        """Rows of a small table: from when to when, how many, about what, which story."""
        _ = self._
        rows = [(_("Began"), self._moment(self._incident.started_at, full=True))]
        if self._incident.ended_at:
            rows.append((_("Ended"), self._moment(self._incident.ended_at, full=True)))
        rows.append((_("In all") if self._incident.ended_at else _("Since then"), self.mentions))
        if self._evidence.topics:
            rows.append(
                (
                    _("About"),
                    format_list([topic_name(each, self.language) for each in self._evidence.topics], self.language),
                )
            )
        story = next((each for each in self._evidence.examples if each.story == self._evidence.story), None)
        if self._evidence.story and story:
            pickups = self.ngettext("{count} mention", "{count} mentions", self._evidence.story_mentions).format(
                count=format_number(self._evidence.story_mentions, self.language)
            )
            rows.append((_("Main story"), f"{one_line(story.title or story.text, 90)} ({pickups})"))
        return rows

    def examples_heading(self, phase: Phase) -> str:
        _ = self._
        return _("Some of what was said") if phase.name == "end" else _("Some of what is being said")

    def examples(self) -> list[Example]:
        return [self._example(mention) for mention in self._evidence.examples]

    def next_steps(self, phase: Phase) -> list[str]:
        _ = self._
        if phase.name == "end":
            return [
                _("See whether any mention still waits for an answer."),
                _("Note in the mentions what was done: it helps next time."),
            ]
        steps = [_("Read the examples: is it a real problem, or a joke, a mistake, somebody else's name?")]
        if self._evidence.story:
            steps.append(_("Most of it is one story: answer where it started, before it is copied further."))
        else:
            steps.append(_("Agree on one answer with those responsible, then reply to the ones most read."))
        steps.append(_("Assign the mentions in Ronzio, so that nobody replies twice and nobody is left out."))
        return steps

    def _negative(self, count: int) -> str:
        return self.ngettext("{count} negative mention", "{count} negative mentions", count).format(
            count=format_number(count, self.language)
        )

    def _when(self, moment: datetime) -> str:
        """ "at 15:05", or "on Nov 23 at 15:05" where that is another day in the brand's time zone."""
        _, zone = self._, self._brand.time_zone
        day, time = format_date(moment, self.language, zone, "short"), format_time(moment, self.language, zone)
        if moment.astimezone(ZoneInfo(zone)).date() == self._now.astimezone(ZoneInfo(zone)).date():
            return _("at {time}").format(time=time)
        return _("on {day} at {time}").format(day=day, time=time)

    def _moment(self, moment: datetime, *, full: bool = False) -> str:
        """The time of day; with the day where it is another or `full`."""
        zone = self._brand.time_zone
        today = format_date(moment, self.language, zone) == format_date(self._now, self.language, zone)
        if today and not full:
            return format_time(moment, self.language, zone)
        return format_datetime(moment, self.language, zone, "short")

    def _example(self, mention: Mention) -> Example:
        title, text = one_line(mention.title, 120), one_line(mention.text, _EXCERPT)
        by = ", ".join(filter(None, (one_line(mention.author, 60), one_line(mention.site, 80) or mention.channel)))
        return Example(
            title or text, text if title else "", by, self._moment(mention.published_at), web_url(mention.url)
        )


def one_line(text: str, most: int) -> str:
    """`text` on one line without control and direction characters, cut at a word at `most` characters."""
    clean = "".join(ch if unicodedata.category(ch) not in ("Cc", "Cf", "Cs") else " " for ch in text[: most * 4])
    line = re.sub(r"\s+", " ", clean).strip()
    if len(line) <= most:
        return line
    return line[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


def web_url(url: str) -> str:
    """`url` if it is one that a mail may link to (http or https with a host), else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""
