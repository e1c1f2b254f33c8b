"""One delivery over SMTP: a `Mail` in, what the server said of it out."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import NamedTuple

from alerts.settings import MailSettings
from stream import Mail, utc_now


class Outcome(NamedTuple):
    """What became of each address: taken, refused for good (5xx) or for now (anything else, with what was said)."""

    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    later: tuple[tuple[str, str], ...] = ()


def message_of(mail: Mail, settings: MailSettings) -> EmailMessage:
    """The message with a Message-ID that follows from the mail's id: sent twice, it is recognisably the same.

    Raises ValueError where an address or the subject cannot stand in a header.
    """
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = " ".join(mail.subject.split())
    message["From"] = settings.from_
    message["To"] = ", ".join(mail.to)
    message["Date"] = format_datetime(mail.created_at)
    domain = parseaddr(settings.from_)[1].rpartition("@")[2] or "ronzio.invalid"
    message["Message-ID"] = f"<{hashlib.sha256(mail.id.encode()).hexdigest()[:32]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = mail.language
    if mail.incident:  # mails of one incident show as one conversation
        thread = f"<{hashlib.sha256(mail.incident.encode()).hexdigest()[:32]}.incident@{domain}>"
        message["References"] = thread
    message.set_content(mail.text, cte="quoted-printable")  # any server takes it, whatever the length of lines
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


def deliver(mail: Mail, settings: MailSettings) -> Outcome:
    """Hands `mail` to the server in one conversation. Never raises for what the server or the network does."""
    try:
        message = message_of(mail, settings)
        with _connected(settings) as server:
            refusals = server.send_message(message, parseaddr(settings.from_)[1], list(mail.to))
    except smtplib.SMTPRecipientsRefused as error:
        return _sorted(mail.to, error.recipients)
    except smtplib.SMTPDataError as error:
        if error.smtp_code >= 500:
            return Outcome(refused=tuple((address, _said(error.smtp_code, error.smtp_error)) for address in mail.to))
        return _later(mail, _said(error.smtp_code, error.smtp_error))
    except smtplib.SMTPResponseException as error:  # sender, login, greeting: ours to put right, so tried again
        return _later(mail, _said(error.smtp_code, error.smtp_error))
    except (OSError, ValueError) as error:
        return _later(mail, f"{settings.host}:{settings.port}: {error or type(error).__name__}")
    return _sorted(mail.to, refusals)


def send_test_mail(settings: MailSettings, to: str) -> None:
    """Sends a short mail to `to`. Raises OSError (smtplib's errors are OSErrors) saying what was refused."""
    now = utc_now()
    text = "This is Ronzio: mail works.\nQui Ronzio: la posta funziona.\n"
    mail = Mail(
        id=f"test/{to}/{now.isoformat()}",
        to=(to,),
        subject="Ronzio: prova / test",
        text=text,
        html=f"<p>{text.strip().replace(chr(10), '<br>')}</p>",
        language="it",
        created_at=now,
        due_at=now,
    )
    if not settings.host:
        raise OSError("[mail] host is not set")
    with _connected(settings) as server:
        server.send_message(message_of(mail, settings), parseaddr(settings.from_)[1], [to])


def _connected(settings: MailSettings) -> smtplib.SMTP:
    """A greeted server, encrypted and logged in as the settings say. Raises OSError."""
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.timeout, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
    try:
        if settings.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.secret())
    except BaseException:
        server.close()
        raise
    return server


def _sorted(addresses: tuple[str, ...], refusals: dict[str, tuple[int, bytes]]) -> Outcome:
    said = {address: (code, _said(code, answer)) for address, (code, answer) in refusals.items()}
    return Outcome(
        accepted=tuple(address for address in addresses if address not in said),
        refused=tuple((address, text) for address, (code, text) in said.items() if code >= 500),
        later=tuple((address, text) for address, (code, text) in said.items() if code < 500),
    )


def _later(mail: Mail, why: str) -> Outcome:
    return Outcome(later=tuple((address, why) for address in mail.to))


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:300]
