"""Looks at every own brand and product, keeps their incidents, and writes down the mails to send.

Crash-safe by order: the incident is stored first, then its mail, whose id follows from the incident's id and phase. What
a kill between the two leaves out, `reconcile` adds at the next start: it asks of every recent incident whether the mail
its state calls for exists.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.counts import Counts, Subject, covered_until
from alerts.detector import Decision, decide
from alerts.evidence import gather, product_to_blame, with_evidence
from alerts.incidents import Event, advance
from alerts.mail import compose, mail_id
from alerts.settings import AlertSettings, MailSettings
from alerts.words import Phase
from index import Conflict, Index
from stream import Brand, Incident, metrics

logger = logging.getLogger(__name__)

_BACKLOG = 5_000  # documents not yet searchable, above which counts would be far too low to judge
_BECOMES_USUAL = timedelta(days=1)
_RECONCILED = timedelta(days=1)  # older incidents get no mail any more


class Watcher:
    """One look at a time. Not thread-safe; a second watcher on the same store finds what the first has written."""

    def __init__(
        self, index: Index, brands: Sequence[Brand], settings: AlertSettings, mail_settings: MailSettings
    ) -> None:
        self._index = index
        self._brands = [brand for brand in brands if brand.role == "own"]
        self._settings = settings
        self._mail = mail_settings
        self._counts = Counts(index, settings)

    def look(self, now: datetime) -> list[tuple[Incident, Event]]:
        """Judges everything once; stores what changed and the mails that tell of it. Returns what happened."""
        if int(self._index.fresh()["behind"]) > _BACKLOG:
            logger.warning("too much is not searchable yet to judge", extra={"action": "look-skipped"})
            return []
        asked = covered_until(self._index, now)
        # Behind the last answer of any source nothing can be in: what lies there is not silence.
        moment = min(now, asked + timedelta(seconds=self._settings.grace_seconds))
        happened: list[tuple[Incident, Event]] = []
        for brand in self._brands:
            open_ones = {incident.product: incident for incident in self._incidents() if _is_open(incident, brand)}
            happened += self._look_at(brand, open_ones, moment, now)
        return happened

    def reconcile(self, now: datetime) -> int:
        """Writes the mails that recent incidents call for and that are not there. Returns how many."""
        brands = {brand.id: brand for brand in self._brands}
        written = 0
        for incident in list(self._incidents()):
            if incident.brand in brands and now - incident.updated_at <= _RECONCILED:
                written += self._tell(brands[incident.brand], incident, now)
        return written

    def _look_at(
        self, brand: Brand, open_ones: dict[str, Incident], moment: datetime, now: datetime
    ) -> Iterator[tuple[Incident, Event]]:
        """Products first: a brand's talk is judged without the products that have an incident, and while the brand has
        one, its products start none. One crisis is one incident."""
        for product in brand.products:
            if product.id in open_ones or "" not in open_ones:
                subject = Subject(brand.id, product.id, limit=brand.alert_query)
                yield from self._judge(brand, subject, open_ones, moment, now)
        rest = Subject(brand.id, without=tuple(sorted(filter(None, open_ones))), limit=brand.alert_query)
        yield from self._judge(brand, rest, open_ones, moment, now)

    def _judge(
        self, brand: Brand, subject: Subject, open_ones: dict[str, Incident], moment: datetime, now: datetime
    ) -> Iterator[tuple[Incident, Event]]:
        before = open_ones.get(subject.product)
        series = self._counts.series(subject, now).without(self._past(subject))
        decision = decide(series, moment, self._settings, since=before.started_at if before else None)
        quiet = series.known_seconds(before.updated_at, decision.until) if before else 0.0
        if before is None and decision.state == "unusual" and not subject.product:
            subject = self._narrowed(subject, decision, open_ones)
        after, event = advance(before, decision, quiet, self._settings, brand=subject.brand, product=subject.product)
        if after is None or self._is_past(after, event):
            return
        # Nothing is said of a look that finds what the last one found.
        if after != before or decision.state != "usual":
            after = with_evidence(after, gather(self._index, subject, after.started_at, _until(after, series_end=now)))
        if after != before:
            self._index.records.put("incident", after.id, msgspec.json.encode(after))
        if after.state == "open":
            open_ones[subject.product] = after
        else:
            open_ones.pop(subject.product, None)
        if event is not None:
            metrics.INCIDENTS.labels(event).inc()
            logger.info(
                "incident %s %s: %s", after.id, event, decision.reason, extra={"action": event, "incident": after.id}
            )
            self._tell(brand, after, now)
            yield after, event

    def _past(self, subject: Subject) -> list[tuple[datetime, datetime]]:
        """When this subject, or its brand as a whole, had incidents before. One that lasted over a day has become usual."""
        return [
            (incident.started_at, incident.ended_at)
            for incident in self._incidents()
            if incident.ended_at
            and incident.brand == subject.brand
            and (not subject.product or incident.product in ("", subject.product))
            and incident.ended_at - incident.started_at <= _BECOMES_USUAL
        ]

    def _narrowed(self, subject: Subject, decision: Decision, open_ones: dict[str, Incident]) -> Subject:
        """The product that a brand's incident is really about, if one product makes up most of it."""
        product = product_to_blame(self._index, subject, decision.began, decision.until)
        return Subject(subject.brand, product, limit=subject.limit) if product and product not in open_ones else subject

    def _is_past(self, incident: Incident, event: Event | None) -> bool:
        """Whether a "new" incident is one that has been told to its end: the same buckets seen once more."""
        return event == "started" and self._index.records.get("incident", incident.id) is not None

    def _tell(self, brand: Brand, incident: Incident, now: datetime) -> int:
        phase = phase_of(incident, self._settings)
        to = brand.alert_to or self._mail.to
        if phase is None or not to or self._index.records.get("mail", mail_id(incident, phase)) is not None:
            return 0
        subject = Subject(incident.brand, incident.product, limit=brand.alert_query)
        until = _until(incident, series_end=now)
        evidence = gather(self._index, subject, incident.started_at, until)
        mail = compose(
            incident, phase, brand, evidence, self._counts.series(subject, now), to, self._settings, self._mail, now
        )
        try:
            self._index.records.put("mail", mail.id, msgspec.json.encode(mail), expect=0)
        except Conflict:
            return 0  # somebody else wrote the same mail in this moment
        return 1

    def _incidents(self) -> Iterator[Incident]:
        for stored in self._index.records.scan("incident"):
            yield msgspec.json.decode(stored.body, type=Incident)


def phase_of(incident: Incident, settings: AlertSettings) -> Phase | None:
    """The mail that the incident's present state calls for, or None where the settings want none."""
    if incident.state == "ended":
        return Phase("end") if settings.mail_on_end else None
    if incident.severity > 1:
        wanted = settings.mail_on_worse and incident.severity < settings.most_mails
        return Phase("worse", incident.severity) if wanted else None
    return Phase("start") if settings.mail_on_start else None


def _is_open(incident: Incident, brand: Brand) -> bool:
    return incident.brand == brand.id and incident.state == "open"


def _until(incident: Incident, *, series_end: datetime) -> datetime:
    return incident.ended_at or series_end
