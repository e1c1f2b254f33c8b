"""One incident from many decisions: how it starts, worsens and ends. Pure: state and decision in, state and event out."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from alerts.detector import Decision
from alerts.settings import AlertSettings
from alerts.tail import negative_binomial_tail
from stream import Incident

Event = Literal["started", "worsened", "ended"]

_PAUSE = 4  # buckets between two mails, at least
_CHANCE = 1e-3  # a doubling less improbable than this at the told rate may be chance


def incident_id(brand: str, product: str, decision: Decision) -> str:
    """The same start of the same brand or product is the same incident, whoever computes it."""
    return "-".join(filter(None, (brand, product, f"{decision.began:%Y%m%d%H%M%S}")))


def advance(
    incident: Incident | None,
    decision: Decision,
    quiet_seconds: float,
    settings: AlertSettings,
    *,
    brand: str,
    product: str = "",
) -> tuple[Incident | None, Event | None]:
    """The incident after `decision`, and what is to be told of it.

    `quiet_seconds` is how long the known buckets since the incident's last unusual one last: gaps in the data do not
    count, so they neither start nor end anything. `updated_at` is the end of the last bucket that was not quiet.
    An ended incident comes back as `ended`; the next one is a new one.
    """
    if incident is None:
        return (_start(decision, brand, product), "started") if decision.state == "unusual" else (None, None)
    if decision.state == "unknown":
        return incident, None
    if decision.state == "usual":
        if quiet_seconds < settings.quiet_minutes * 60:
            return incident, None
        # It was over when the last unusual bucket was: the quiet since then is only how we know.
        return msgspec.structs.replace(incident, state="ended", ended_at=incident.updated_at), "ended"
    moved = msgspec.structs.replace(incident, updated_at=max(incident.updated_at, decision.until))
    if decision.state == "elevated":
        return moved, None
    if _rate(decision) > incident.observed / incident.bucket_seconds * 3600:
        moved = msgspec.structs.replace(
            moved,
            peak_at=decision.until - timedelta(seconds=decision.seconds),
            observed=decision.observed,
            expected=decision.expected,
            bucket_seconds=decision.seconds,
        )
    if not _worse(incident, decision, settings):
        return moved, None
    worse = msgspec.structs.replace(moved, severity=incident.severity + 1, told=_rate(decision), told_at=decision.until)
    # Beyond the mails allowed (its start and its end are two of them) it still rises, silently.
    return worse, "worsened" if worse.severity <= settings.most_mails - 1 else None


def _start(decision: Decision, brand: str, product: str) -> Incident:
    return Incident(
        id=incident_id(brand, product, decision),
        brand=brand,
        product=product,
        started_at=decision.began,
        peak_at=decision.until - timedelta(seconds=decision.seconds),
        updated_at=decision.until,
        bucket_seconds=decision.seconds,
        observed=decision.observed,
        expected=decision.expected,
        mentions=decision.observed,
        told=_rate(decision),
        told_at=decision.until,
    )


def _rate(decision: Decision) -> float:
    """Negative mentions an hour."""
    return decision.observed / decision.seconds * 3600


def _worse(incident: Incident, decision: Decision, settings: AlertSettings) -> bool:
    """At least twice the rate last told of, more than chance makes of that rate in so short a stretch, and not in the
    very minutes in which it is still rising: one rise is one worsening."""
    if incident.told <= 0 or _rate(decision) < 2 * incident.told:
        return False
    pause = timedelta(seconds=_PAUSE * settings.bucket_seconds)
    if incident.told_at and decision.until - incident.told_at < pause:
        return False
    told = incident.told * decision.seconds / 3600
    return negative_binomial_tail(decision.observed, told, 0.0) <= _CHANCE
