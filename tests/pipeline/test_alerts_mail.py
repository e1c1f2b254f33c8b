"""Mails over real SMTP on loopback: refused, refused for good, then taken; once, also after kills."""

from __future__ import annotations

import mailbox
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from alerts_harness import NOW, MailServer, Store, crisis, mail_server, mention, opened_store

from alerts import MailSettings, send_test_mail, serve_mailbox
from alerts.outbox import Outbox
from index import Index
from infra.testbed import open_ports
from infra.testbed.waiting import PATIENCE, until
from stream import Mail, utc_now

CHILD = Path(__file__).with_name("alerts_child.py")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened_store(tmp_path / "index") as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def settings(port: int) -> MailSettings:
    return MailSettings.model_validate(
        {"host": "127.0.0.1", "port": port, "security": "none", "from": "r@acme.example"}
    )


def put(index: Index, *to: str, name: str = "acme-1/start") -> None:
    mail = Mail(
        id=name,
        to=to or ("maria@example.com",),
        subject="Perché così tante?",
        text="Così è.\n",
        html="<p>Così è.</p>\n",
        language="it",
        created_at=NOW,
        due_at=NOW,
    )
    index.records.put("mail", mail.id, msgspec.json.encode(mail))


def mails(index: Index) -> dict[str, Mail]:
    return {stored.id: msgspec.json.decode(stored.body, type=Mail) for stored in index.records.scan("mail")}


def send_for(outbox: Outbox, minutes: int) -> None:
    """Lets the outbox look every half minute for so long."""
    for step in range(2 * minutes + 1):
        outbox.send_due(NOW + step * timedelta(seconds=30))


def test_a_mail_arrives_once(store: Store, server: MailServer) -> None:
    put(store.index)
    send_for(Outbox(store.index, settings(server.port)), 30)
    ((to, message),) = server.taken
    assert to == ["maria@example.com"]
    assert message["Subject"] == "Perché così tante?"
    assert "Così è." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mails(store.index)["acme-1/start"].sent_at == NOW


@pytest.mark.parametrize("refusal", ["421 too busy", "451 greylisted"])
def test_refused_for_now_then_taken(store: Store, server: MailServer, refusal: str) -> None:
    put(store.index)
    outbox = Outbox(store.index, settings(server.port))
    server.answer_data = refusal
    send_for(outbox, 10)
    waiting = mails(store.index)["acme-1/start"]
    assert waiting.sent_at is None and waiting.given_up_at is None
    assert refusal in waiting.error and waiting.error.startswith("Non ancora accettata")
    assert 2 <= server.tries <= 6  # it waits longer each time
    server.answer_data = ""
    Outbox(store.index, settings(server.port)).send_due(NOW + timedelta(hours=1))
    assert len(server.taken) == 1
    assert mails(store.index)["acme-1/start"].error == ""


def test_an_unknown_address_is_given_up_and_said(store: Store, server: MailServer) -> None:
    put(store.index)
    server.answer_recipient = {"maria@example.com": "550 no such user"}
    send_for(Outbox(store.index, settings(server.port)), 60)
    mail = mails(store.index)["acme-1/start"]
    assert mail.given_up_at == NOW and mail.attempts == 1
    assert mail.error.endswith("maria@example.com: 550 no such user")


def test_each_recipient_gets_it_once_whoever_is_refused(store: Store, server: MailServer) -> None:
    put(store.index, "a@x.it", "b@x.it", "c@x.it")
    server.answer_recipient = {"b@x.it": "451 later", "c@x.it": "550 never"}
    outbox = Outbox(store.index, settings(server.port))
    send_for(outbox, 5)
    server.answer_recipient = {}
    send_for(outbox, 60)
    assert [to for to, _ in server.taken] == [["a@x.it"], ["b@x.it"]]
    assert "c@x.it: 550 never" in mails(store.index)["acme-1/start"].error


def test_no_server_at_all_is_waited_for(store: Store) -> None:
    with socket.socket() as deaf:  # held, so that nobody else listens there
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        put(store.index)
        send_for(Outbox(store.index, settings(port)), 1)
    mail = mails(store.index)["acme-1/start"]
    assert mail.sent_at is None and mail.attempts >= 1
    assert f"127.0.0.1:{port}" in mail.error


def test_a_server_that_says_nothing_does_not_hold_us(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        put(store.index)
        slow = settings(silent.getsockname()[1]).model_copy(update={"timeout": 0.2})
        Outbox(store.index, slow).send_due(NOW)
    assert "timed out" in mails(store.index)["acme-1/start"].error


def test_a_server_without_starttls_is_not_trusted_with_the_mail(store: Store, server: MailServer) -> None:
    put(store.index)
    Outbox(store.index, settings(server.port).model_copy(update={"security": "starttls"})).send_due(NOW)
    assert not server.taken
    assert "STARTTLS" in mails(store.index)["acme-1/start"].error


def test_without_a_host_nothing_is_tried(store: Store) -> None:
    put(store.index)
    assert Outbox(store.index, MailSettings()).send_due(NOW) == 0
    assert mails(store.index)["acme-1/start"].attempts == 0


def test_killed_behind_the_server_s_yes_it_goes_out_with_the_same_message_id(store: Store, server: MailServer) -> None:
    """The one case in which a mail is sent twice: nobody can know. The Message-ID tells."""
    put(store.index)
    outbox = Outbox(store.index, settings(server.port))
    mark, outbox._put = outbox._put, _die_at_second(outbox._put)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        outbox.send_due(NOW)
    outbox._put = mark  # type: ignore[method-assign]
    again = Outbox(store.index, settings(server.port))
    assert again.send_due(NOW) == 0  # not at once: the try was written down
    assert again.send_due(NOW + timedelta(minutes=1)) == 1
    first, second = (message["Message-ID"] for _, message in server.taken)
    assert first == second


def _die_at_second(put_mail):  # type: ignore[no-untyped-def]
    calls = []

    def dying(*args):  # type: ignore[no-untyped-def]
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return put_mail(*args)

    return dying


def test_two_processes_do_not_send_the_same(store: Store, server: MailServer, tmp_path: Path) -> None:
    put(store.index)
    first, second = (Outbox(store.index, settings(server.port)) for _ in range(2))
    start = threading.Barrier(2)

    def go(outbox: Outbox) -> None:
        start.wait()
        outbox.send_due(NOW)

    threads = [threading.Thread(target=go, args=(outbox,)) for outbox in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.taken) == 1


def test_the_test_mail_arrives_or_says_why_not(server: MailServer) -> None:
    send_test_mail(settings(server.port), "maria@example.com")
    assert len(server.taken) == 1
    server.answer_recipient = {"maria@example.com": "550 no such user"}
    with pytest.raises(OSError, match="550"):
        send_test_mail(settings(server.port), "maria@example.com")
    with pytest.raises(OSError, match="host is not set"):
        send_test_mail(MailSettings(), "maria@example.com")


def test_the_demo_s_mailbox_keeps_mails(tmp_path: Path) -> None:
    (port,) = open_ports.free(1)
    stop = threading.Event()
    directory = tmp_path / "data" / "mailbox"
    thread = threading.Thread(target=serve_mailbox, args=("127.0.0.1", port, directory, stop.is_set))
    thread.start()
    try:
        until(lambda: _listens(port))
        send_test_mail(settings(port), "maria@example.com")
    finally:
        stop.set()
        thread.join()
    (kept,) = mailbox.Maildir(str(directory)).values()
    assert kept["To"] == "maria@example.com"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.faults
def test_kill_9_leaves_one_mail_at_the_start(store: Store, server: MailServer, tmp_path: Path) -> None:
    """The alerts process is killed at random moments while a crisis goes on, and started again."""
    now = utc_now()
    hours = [now - timedelta(hours=hour) for hour in range(1, 72)]
    calm = [mention(f"bad-{at:%d%H}", at) for at in hours]
    calm += [mention(f"good-{at:%d%H}-{n}", at, sentiment="positive") for at in hours for n in range(3)]
    store.write(calm, crisis(40, minutes=25, before=now))
    rng = random.Random(20)
    for _ in range(12):
        child = _child(tmp_path / "index", server.port)
        threading.Event().wait(rng.uniform(0.5, 1.6))  # where it is hit is left to chance
        child.kill()
        child.communicate()
    child = _child(tmp_path / "index", server.port)
    try:
        # A try that a kill cut off is repeated half a minute later.
        until(lambda: all(mail.sent_at for mail in mails(store.index).values()) and mails(store.index))
    finally:
        child.communicate(timeout=PATIENCE)
    starts = [name for name in mails(store.index) if name.endswith("/start")]
    assert len(starts) == 1
    assert len({message["Message-ID"] for _, message in server.taken}) == len(mails(store.index))
    assert len([*store.index.records.scan("incident")]) == 1


def _child(directory: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(directory), str(port)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PATH": ""},
    )
