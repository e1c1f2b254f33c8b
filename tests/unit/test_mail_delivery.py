"""The decisions after a try: sent, waiting, given up; and the message that goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from alerts.outbox import after_try, wait_after
from alerts.settings import AlertSettings, MailSettings
from alerts.smtp import Outcome, message_of
from stream import Mail

NOW = datetime(2026, 11, 24, 14, 20, tzinfo=UTC)
PATIENCE = timedelta(hours=48)
BUSY, UNKNOWN = ("a@x.it", "451 come back later"), ("b@x.it", "550 no such user")


def mail(**changes: object) -> Mail:
    values: dict[str, object] = {
        "id": "acme-1/start",
        "to": ("a@x.it", "b@x.it"),
        "subject": "Acme: 23 menzioni\nBcc: all@x.it",
        "text": "Così è.\n",
        "html": "<p>Così è.</p>",
        "language": "it",
        "created_at": NOW,
        "due_at": NOW,
        "incident": "acme-1",
    }
    return Mail(**(values | changes))  # type: ignore[arg-type]


def test_taken_by_all() -> None:
    after = after_try(mail(), Outcome(accepted=("a@x.it", "b@x.it")), NOW, PATIENCE)
    assert after.sent_at == NOW and not after.error


def test_taken_by_one_and_refused_by_another_is_sent_and_says_so() -> None:
    after = after_try(mail(), Outcome(accepted=("a@x.it",), refused=(UNKNOWN,)), NOW, PATIENCE)
    assert after.sent_at == NOW
    assert after.error == "Rifiutata in modo definitivo dal server di posta: b@x.it: 550 no such user"


def test_refused_for_good_by_all_is_given_up() -> None:
    after = after_try(mail(), Outcome(refused=(UNKNOWN,)), NOW, PATIENCE)
    assert after.given_up_at == NOW and after.sent_at is None
    assert "550 no such user" in after.error


def test_refused_for_now_waits_and_leaves_out_those_refused_for_good() -> None:
    after = after_try(mail(), Outcome(refused=(UNKNOWN,), later=(BUSY,)), NOW, PATIENCE)
    assert after.sent_at is None and after.given_up_at is None
    assert after.to == ("a@x.it",)
    assert "451 come back later" in after.error


def test_patience_ends() -> None:
    old = mail(created_at=NOW - PATIENCE, attempts=90)
    after = after_try(old, Outcome(later=(BUSY,)), NOW, PATIENCE)
    assert after.given_up_at == NOW
    assert after.error == "Abbandonata dopo 90 tentativi: a@x.it: 451 come back later"


def test_waits_double_up_to_half_an_hour() -> None:
    waits = [wait_after(attempts).total_seconds() for attempts in range(1, 10)]
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert wait_after(10_000) == timedelta(minutes=30)


def test_the_same_mail_has_the_same_message_id_and_another_another() -> None:
    settings = MailSettings.model_validate({"from": "Ronzio <r@acme.example>"})
    first, again, other = (message_of(one, settings)["Message-ID"] for one in (mail(), mail(), mail(id="acme-1/end")))
    assert first == again != other
    assert first.endswith("@acme.example>")


def test_a_subject_cannot_add_headers() -> None:
    message = message_of(mail(), MailSettings())
    assert message["Bcc"] is None
    assert message["Subject"] == "Acme: 23 menzioni Bcc: all@x.it"


def test_both_forms_in_utf_8() -> None:
    message = message_of(mail(), MailSettings())
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "Così è." in message.get_body(("html",)).get_content()
    message.as_bytes().decode("ascii")


def test_the_password_comes_from_the_environment_or_a_file(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "secret").write_text("from-file\n")
    settings = MailSettings(password_file=tmp_path / "secret")
    monkeypatch.delenv("RONZIO_MAIL_PASSWORD", raising=False)
    assert settings.secret() == "from-file"
    monkeypatch.setenv("RONZIO_MAIL_PASSWORD", "from-environment")
    assert settings.secret() == "from-environment"
    assert "from-environment" not in repr(settings)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"password": "x"}, "does not belong in the file"),
        ({"form": "a@b.it"}, 'did you mean "from"'),
        ({"to": ["maria"]}, "not an e-mail address"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_mistakes_in_the_mail_settings(table: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MailSettings.model_validate(table)


def test_buckets_must_divide_a_day() -> None:
    with pytest.raises(ValidationError, match="divide a day"):
        AlertSettings(bucket_seconds=7)


def test_never_on_one_or_two_mentions() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        AlertSettings(min_mentions=2)
