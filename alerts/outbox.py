"""Sends what is to be sent: mails wait as records, so a restart or a refusing server loses none and repeats none.

Each try is written down before it is made, each acceptance right after it. Killed between the two, the mail goes out
once more after the usual wait, with the same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from alerts.settings import MailSettings
from alerts.smtp import Outcome, deliver
from i18n import translator
from index import Conflict, Index
from index import Stored as StoredRecord
from stream import Mail, metrics

logger = logging.getLogger(__name__)

_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=30)

Deliver = Callable[[Mail, MailSettings], Outcome]


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the given number of refused tries: 30 s, 1, 2, 4, ... at most 30 minutes."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(_LONGEST_WAIT, _FIRST_WAIT * (1 << doublings))


class Outbox:
    """The mails of one store. `send` is what hands one mail to a server."""

    def __init__(self, index: Index, settings: MailSettings, send: Deliver = deliver) -> None:
        self._records = index.records
        self._settings = settings
        self._send = send
        self._seen_version = -1
        self._next_due: datetime | None = None

    def send_due(self, now: datetime) -> int:
        """Tries every mail that is due. Returns how many were tried. Cheap while nothing is."""
        if not self._settings.host:
            return 0
        version = self._records.version()
        if version == self._seen_version and (self._next_due is None or self._next_due > now):
            return 0
        tried, waiting = 0, []
        for stored in list(self._records.scan("mail")):
            mail = msgspec.json.decode(stored.body, type=Mail)
            if mail.sent_at or mail.given_up_at:
                continue
            if mail.due_at > now:
                waiting.append(mail.due_at)
            else:
                tried += self._try(stored, mail, now)
        # What changed through our own tries is looked at again in the next round: its due times are new.
        self._seen_version = version if not tried else -1
        self._next_due = min(waiting, default=None)
        return tried

    def _try(self, stored: StoredRecord, mail: Mail, now: datetime) -> int:
        claimed = msgspec.structs.replace(mail, attempts=mail.attempts + 1, due_at=now + wait_after(mail.attempts + 1))
        try:
            version = self._put(claimed, stored.version)
        except Conflict:
            return 0  # another process is sending it
        outcome = self._send(claimed, self._settings)
        after = after_try(claimed, outcome, now, timedelta(hours=self._settings.give_up_hours))
        if outcome.accepted and outcome.later:
            self._split(claimed, outcome)
        self._put(after, version)
        _log(after)
        return 1

    def _split(self, mail: Mail, outcome: Outcome) -> None:
        """Those asked to wait get a mail of their own, so that the others never get it again."""
        rest = msgspec.structs.replace(
            mail,
            id=f"{mail.id}/later-{mail.attempts}",
            to=tuple(address for address, _ in outcome.later),
            error=_said(outcome.later),
        )
        try:
            self._records.put("mail", rest.id, msgspec.json.encode(rest), expect=0)
        except Conflict:
            return  # written before a kill

    def _put(self, mail: Mail, expect: int) -> int:
        return self._records.put("mail", mail.id, msgspec.json.encode(mail), expect=expect)


def after_try(mail: Mail, outcome: Outcome, now: datetime, patience: timedelta) -> Mail:
    """The mail after a try: sent if anybody has it, given up if all refused for good or patience has run out, else
    waiting. Pure."""
    _ = translator("alerts", mail.language).gettext
    refused, later = _said(outcome.refused), _said(outcome.later)
    if outcome.accepted:
        error = _("Refused for good by the mail server: {refusals}").format(refusals=refused) if refused else ""
        return msgspec.structs.replace(mail, sent_at=now, to=mail.to, error=error)
    if not outcome.later:
        error = _("Refused for good by the mail server: {refusals}").format(refusals=refused)
        return msgspec.structs.replace(mail, given_up_at=now, error=error)
    if now - mail.created_at >= patience:
        error = _("Given up after {count} tries: {refusals}").format(count=mail.attempts, refusals=later)
        return msgspec.structs.replace(mail, given_up_at=now, error=error)
    # Those who refused for good are not asked again.
    waiting = tuple(address for address, _said_by_server in outcome.later)
    error = _("Not taken yet: {refusals}").format(refusals="; ".join(filter(None, (later, refused))))
    return msgspec.structs.replace(mail, to=waiting, error=error)


def _said(refusals: tuple[tuple[str, str], ...]) -> str:
    """The addresses with the server's words, each words once."""
    by_words: dict[str, list[str]] = {}
    for address, words in refusals:
        by_words.setdefault(words, []).append(address)
    return "; ".join(f"{', '.join(addresses)}: {words}" for words, addresses in by_words.items())


def _log(mail: Mail) -> None:
    metrics.MAILS.labels("sent" if mail.sent_at else "given-up" if mail.given_up_at else "refused").inc()
    if mail.sent_at:
        logger.info("mail %s sent", mail.id, extra={"action": "mail-sent", "mail": mail.id})
    elif mail.given_up_at:
        logger.error("mail %s given up: %s", mail.id, mail.error, extra={"action": "mail-given-up", "mail": mail.id})
    else:
        logger.warning("mail %s waits: %s", mail.id, mail.error, extra={"action": "mail-waits", "mail": mail.id})
