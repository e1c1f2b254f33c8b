"""The mail that tells of an incident: HTML for every reader (tables, inline styles), and the same as plain text.

In: an incident, its evidence and its series. Out: a `Mail` record, ready to be sent. Pure but for the templates it reads.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerts.chart import bars
from alerts.evidence import Evidence
from alerts.series import Series
from alerts.settings import AlertSettings, MailSettings, QuietHours
from alerts.words import Phase, Words
from i18n import format_time, translator
from stream import Brand, Incident, Mail

_ACCENTS = {"start": "#b42318", "worse": "#b42318", "end": "#1a7f4b"}


def mail_id(incident: Incident, phase: Phase) -> str:
    """The same event is the same mail, whoever writes it: "acme-20261124101500/start"."""
    return f"{incident.id}/{phase.name}" + (f"-{phase.severity}" if phase.name == "worse" else "")


def compose(
    incident: Incident,
    phase: Phase,
    brand: Brand,
    evidence: Evidence,
    series: Series,
    to: Sequence[str],
    settings: AlertSettings,
    mail_settings: MailSettings,
    now: datetime,
) -> Mail:
    """Writes the mail in the brand's language. All that came from outside is escaped in the HTML."""
    words = Words(brand, incident, evidence, now)
    drawn = bars(series, incident.started_at, incident.ended_at or incident.updated_at)
    context = {
        "language": brand.language,
        "accent": _ACCENTS[phase.name],
        "label": words.label(phase),
        "name": words.name,
        "headline": words.headline(phase),
        "lead": words.lead(phase),
        "facts": words.facts(),
        "examples_heading": words.examples_heading(phase),
        "examples": words.examples(),
        "steps": words.next_steps(phase),
        "bars": drawn,
        "chart_from": format_time(drawn[0].start, brand.language, brand.time_zone) if drawn else "",
        "chart_to": format_time(incident.ended_at or incident.updated_at, brand.language, brand.time_zone),
        "link": f"{mail_settings.dashboard_url.rstrip('/')}/alerts?incident={quote(incident.id)}",
    }
    return Mail(
        id=mail_id(incident, phase),
        to=tuple(to),
        subject=words.subject(phase),
        text=render("mail.txt", brand.language, context),
        html=render("mail.html", brand.language, context),
        language=brand.language,
        created_at=now,
        due_at=after_quiet_hours(now, settings.quiet_hours, brand.time_zone),
        incident=incident.id,
    )


def after_quiet_hours(now: datetime, quiet: QuietHours | None, time_zone: str) -> datetime:
    """`now`, or the end of the quiet hours in `time_zone` that it lies in."""
    if quiet is None or quiet.start == quiet.end:
        return now
    local = now.astimezone(ZoneInfo(time_zone))
    clock = local.time()
    if quiet.start < quiet.end:
        inside, days = quiet.start <= clock < quiet.end, 0
    else:
        inside, days = clock >= quiet.start or clock < quiet.end, int(clock >= quiet.start)
    if not inside:
        return now
    ends = (local + timedelta(days=days)).replace(
        hour=quiet.end.hour, minute=quiet.end.minute, second=quiet.end.second, microsecond=0
    )
    return ends.astimezone(now.tzinfo)


def render(template: str, language: str, context: dict[str, Any]) -> str:
    """`context` in one of `alerts/templates/`; a value that is not given is an error, not a hole in the mail."""
    return _environment(language).get_template(template).render(context)


@functools.cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("alerts"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["_"] = translator("alerts", language).gettext
    return environment
