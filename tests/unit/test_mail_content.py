"""What a mail says, in both languages, and that nothing from outside becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import lxml.html
import numpy as np
import pytest

from alerts.chart import BARS, HEIGHT, bars
from alerts.evidence import Evidence, choose
from alerts.mail import after_quiet_hours, compose, mail_id
from alerts.series import Series
from alerts.settings import AlertSettings, MailSettings, QuietHours
from alerts.words import Phase, one_line, web_url
from stream import Brand, Incident, Mail, Mention, sort_key

NOW = datetime(2026, 11, 24, 14, 20, tzinfo=UTC)
START = NOW - timedelta(minutes=20)
STARTED = Phase("start")
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)"> "quoted" & {{ 7 * 7 }}'


def mention(number: int, **changes: object) -> Mention:
    at = START + timedelta(minutes=number)
    values: dict[str, object] = {
        "id": f"{number:020x}",
        "source": "feed:x",
        "channel": "feed",
        "fetched_at": at,
        "published_at": at,
        "date_origin": "stated",
        "sort_key": sort_key(at, f"{number:020x}"),
        "language": "it",
        "brand": ("acme",),
        "sentiment": "negative",
        "score": -0.7,
        "confidence": 0.8,
        "status": "new",
        "reach": 0,
        "backfill": False,
        "engine": "1",
        "digest": "d",
        "url": f"https://forum.example.org/t/{number}",
        "site": "forum.example.org",
        "title": f"Delusione numero {number}",
        "text": f"Non funziona più nulla: {number}.",
        "author": f"utente{number}",
    }
    return Mention(**(values | changes))  # type: ignore[arg-type]


def brand(language: str = "it") -> Brand:
    return Brand.model_validate({"name": "Acme", "language": language, "products": [{"name": "Uno"}]})


def incident(**changes: object) -> Incident:
    values: dict[str, object] = {
        "id": "acme-uno-20261124140000",
        "brand": "acme",
        "product": "uno",
        "started_at": START,
        "peak_at": START,
        "updated_at": NOW,
        "bucket_seconds": 600,
        "observed": 23,
        "expected": 2.2,
        "mentions": 30,
    }
    return Incident(**(values | changes))  # type: ignore[arg-type]


def mail(
    phase: Phase = STARTED,
    language: str = "it",
    examples: tuple[Mention, ...] = (),
    story: str = "",
    **changes: object,
) -> Mail:
    counts = np.concatenate((np.ones(60), np.full(4, 9.0)))
    series = Series(NOW - timedelta(minutes=5 * 64), 300, counts, counts, np.ones(64, dtype=np.bool_))
    found = examples or tuple(mention(number) for number in range(1, 4))
    evidence = Evidence(30, 25, ("product-quality", "my-own-topic"), story, 12 if story else 0, found)
    return compose(
        incident(**changes),
        phase,
        brand(language),
        evidence,
        series,
        ("maria@example.com",),
        AlertSettings(),
        MailSettings(dashboard_url="https://ronzio.example/"),
        NOW,
    )


def test_an_italian_start() -> None:
    written = mail()
    assert written.id == "acme-uno-20261124140000/start"
    assert written.subject == "Uno (Acme): 23 menzioni negative in 10 minuti, di solito 2"
    for part in ("23 menzioni negative in 10 minuti", "Il valore abituale è 2", "alle 15:00", "Delusione numero 1"):
        assert part in written.text
        assert part in lxml.html.fromstring(written.html).text_content()
    assert "qualità del prodotto e my own topic" in written.text
    assert "https://ronzio.example/alerts?incident=acme-uno-20261124140000" in written.text


def test_an_english_one() -> None:
    written = mail(language="en", observed=1, expected=0.1)
    assert written.subject == "Uno (Acme): 1 negative mention in 10 minutes, usually fewer than 1"
    assert "What to do now" in written.text


def test_worse_and_over() -> None:
    worse = mail(Phase("worse", 2), severity=2)
    assert worse.id.endswith("/worse-2")
    assert "la situazione peggiora" in worse.subject
    over = mail(Phase("end"), state="ended", ended_at=NOW)
    assert over.id.endswith("/end")
    assert "è finita" in over.subject
    assert "è durata 20 minuti e ha portato 30 menzioni negative" in over.text


@pytest.mark.parametrize(
    ("language", "now", "then"),
    [("it", ("Da allora", "Che cosa si dice"), ("In tutto", "Che cosa si è detto")),
     ("en", ("Since then", "Some of what is being said"), ("In all", "Some of what was said"))],
)  # fmt: skip
def test_what_is_over_is_told_as_past(language: str, now: tuple[str, ...], then: tuple[str, ...]) -> None:
    goes_on = mail(STARTED, language, (mention(1),))
    over = mail(Phase("end"), language, (mention(1),), state="ended", ended_at=NOW)
    for written, said, unsaid in ((goes_on, now, then), (over, then, now)):
        for text in (written.text, written.html):
            assert all(words in text for words in said)
            assert not any(words in text for words in unsaid)


def test_every_worsening_is_a_mail_of_its_own() -> None:
    assert mail_id(incident(), Phase("worse", 2)) != mail_id(incident(), Phase("worse", 3))


def test_a_story_is_named_with_its_copies() -> None:
    written = mail(story="s", examples=(mention(1, story="s", title="Richiamo del lotto 22"), mention(2)))
    assert "Richiamo del lotto 22 (12 menzioni)" in written.text
    assert "da un’unica notizia" in written.text


def test_another_day_is_named() -> None:
    assert "il 23 nov alle 15:20" in mail(started_at=NOW - timedelta(days=1)).text


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("phase", [Phase("start"), Phase("worse", 2), Phase("end")])
def test_nothing_from_outside_becomes_markup(language: str, phase: Phase) -> None:
    hostile = mention(
        1, title=HOSTILE, text=HOSTILE, author=HOSTILE, site=HOSTILE, url="javascript:alert(3)", story="s"
    )
    written = mail(phase, language, (hostile,), "s", ended_at=NOW)
    tree = lxml.html.fromstring(written.html)
    assert not tree.xpath("//script|//img|//iframe|//object|//*[@onerror]")
    assert {link.get("href") for link in tree.xpath("//a")} == {
        "https://ronzio.example/alerts?incident=acme-uno-20261124140000"
    }
    assert HOSTILE in tree.text_content()
    assert "{{ 7 * 7 }}" in written.text


def test_nothing_is_loaded_from_elsewhere() -> None:
    tree = lxml.html.fromstring(mail().html)
    assert not tree.xpath("//img|//link|//*[@src]|//*[contains(@style, 'url(')]")
    assert "url(" not in "".join(tree.xpath("//style/text()"))


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://a.example/x?y=1&z=<b>", True),
        ("http://a.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https:///nowhere", False),
        ("//a.example/x", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url: str, linked: bool) -> None:
    assert web_url(url) == (url if linked else "")


def test_one_line_has_no_breaks_and_no_direction_marks() -> None:
    assert one_line("a\r\n\tb\u202ec\x00d", 50) == "a b c d"
    assert one_line("parola " * 50, 20) == "parola parola…"


def test_examples_are_different_stories_authors_and_texts() -> None:
    copies = [mention(number, story="s", title=f"copia {number}") for number in range(1, 9)]
    one_author = [mention(number, author="furioso", reach=5) for number in range(10, 14)]
    same_text = [mention(number, text="Uguale") for number in range(20, 24)]
    chosen = choose([*same_text, *one_author, *copies])
    assert [example.story or example.author for example in chosen] == ["s", "furioso", "utente20"]


def test_examples_most_read_first_and_at_most_five() -> None:
    chosen = choose([mention(number, reach=number) for number in range(1, 30)])
    assert [example.reach for example in chosen] == [29, 28, 27, 26, 25]


def test_bars_mark_the_incident_and_fit() -> None:
    counts = np.concatenate((np.ones(500), np.full(100, 10.0)))
    series = Series(START, 60, counts, counts, np.ones(600, dtype=np.bool_))
    drawn = bars(series, START + timedelta(minutes=500), START + timedelta(minutes=600))
    assert len(drawn) <= BARS
    assert max(bar.height for bar in drawn) == HEIGHT
    assert all(1 <= bar.height <= HEIGHT for bar in drawn)
    assert [bar.inside for bar in drawn] == sorted(bar.inside for bar in drawn)
    assert sum(bar.mentions for bar in drawn if bar.inside) >= 1000


@pytest.mark.parametrize(
    ("hour", "start", "end", "due"),
    [
        (12, time(22), time(7), 12),  # outside
        (22, time(22), time(7), 30),  # 23 in Rome: until 7 the next day, 6 in UTC
        (3, time(22), time(7), 6),
        (6, time(22), time(7), 6),  # it has ended
        (13, time(13), time(15), 14),
    ],
)
def test_quiet_hours_in_the_brand_s_time_zone(hour: int, start: time, end: time, due: int) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    now = midnight + timedelta(hours=hour)
    waits_until = after_quiet_hours(now, QuietHours(start=start, end=end), "Europe/Rome")
    assert waits_until == midnight + timedelta(hours=due)


def test_without_quiet_hours_it_is_due_at_once() -> None:
    assert after_quiet_hours(NOW, None, "Europe/Rome") == NOW
