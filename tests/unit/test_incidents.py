"""How an incident starts, worsens and ends; driven by decisions, without a detector."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detector import Decision, State
from alerts.incidents import Event, advance
from alerts.settings import AlertSettings
from stream import Incident

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
ALERT = AlertSettings(quiet_minutes=30)


def decision(minute: int, state: State = "unusual", observed: int = 20, seconds: int = 300) -> Decision:
    until = START + timedelta(minutes=minute)
    began = until - timedelta(seconds=seconds)
    return Decision(state, until, seconds, observed, 2.0, 9.0, began, "")


def follow(
    *decisions: Decision, quiet: float | None = None, alert: AlertSettings = ALERT
) -> tuple[Incident | None, list[Event]]:
    """Runs decisions through one after the other; quiet time is what has passed unless given."""
    incident: Incident | None = None
    events: list[Event] = []
    for one in decisions:
        passed = (one.until - incident.updated_at).total_seconds() if incident else 0.0
        incident, event = advance(incident, one, passed if quiet is None else quiet, alert, brand="acme", product="uno")
        if event:
            events.append(event)
        if incident and incident.state == "ended":
            break
    return incident, events


def test_it_starts_once() -> None:
    incident, events = follow(decision(5), decision(10), decision(15))
    assert incident is not None and incident.state == "open"
    assert events == ["started"]
    assert incident.started_at == START
    assert incident.id == "acme-uno-20260302100000"


@pytest.mark.parametrize("state", ["usual", "elevated", "unknown"])
def test_nothing_but_the_unusual_starts_one(state: State) -> None:
    assert follow(decision(5, state)) == (None, [])


def test_the_peak_is_the_highest_rate() -> None:
    incident, _ = follow(decision(5), decision(10, observed=31), decision(15, observed=25))
    assert incident is not None
    assert (incident.observed, incident.peak_at) == (31, START + timedelta(minutes=5))


def test_a_longer_stretch_with_more_mentions_is_no_higher_peak() -> None:
    incident, _ = follow(decision(5), decision(60, observed=120, seconds=3600))
    assert incident is not None
    assert (incident.observed, incident.bucket_seconds) == (20, 300)


def test_it_worsens_when_the_rate_doubles_since_last_told() -> None:
    incident, events = follow(decision(5), decision(30, observed=39), decision(35, observed=41))
    assert events == ["started", "worsened"]
    assert incident is not None and incident.severity == 2
    assert follow(decision(5), decision(30, observed=41), decision(60, observed=70))[1] == ["started", "worsened"]
    assert follow(decision(5), decision(30, observed=41), decision(60, observed=90))[1][2:] == ["worsened"]


def test_one_rise_is_one_worsening() -> None:
    rise = [decision(5), decision(30, observed=45), decision(35, observed=100), decision(40, observed=110)]
    assert follow(*rise)[1] == ["started", "worsened"]
    assert follow(*rise, decision(55, observed=120))[1] == ["started", "worsened", "worsened"]


def test_a_doubling_that_chance_makes_is_none() -> None:
    """20 in an hour is 1.7 in five minutes; 5 of them may be chance."""
    assert follow(decision(60, seconds=3600), decision(90, observed=5))[1] == ["started"]


def test_mails_about_one_incident_are_limited() -> None:
    many = [decision(25 * step, observed=10 * 3**step) for step in range(1, 9)]
    incident, events = follow(*many, alert=AlertSettings(most_mails=4))
    assert events == ["started", "worsened", "worsened"]
    assert incident is not None and incident.severity == 8


def test_it_ends_after_quiet_time_when_it_was_last_unusual() -> None:
    incident, events = follow(decision(5), decision(10), decision(30, "usual"), decision(40, "usual"))
    assert events == ["started", "ended"]
    assert incident is not None and incident.state == "ended"
    assert incident.ended_at == START + timedelta(minutes=10)


def test_what_is_elevated_keeps_it_open() -> None:
    steps = [decision(5), *(decision(minute, "elevated") for minute in range(10, 120, 5))]
    incident, events = follow(*steps)
    assert events == ["started"]
    assert incident is not None and incident.state == "open"


def test_a_gap_in_the_data_ends_nothing() -> None:
    assert follow(decision(5), *(decision(minute, "unknown") for minute in range(10, 300, 5)))[1] == ["started"]
    assert follow(decision(5), decision(300, "usual"), quiet=300.0)[1] == ["started"]


def test_the_same_look_twice_changes_nothing() -> None:
    once, _ = follow(decision(5), decision(10))
    twice, events = follow(decision(5), decision(10), decision(10))
    assert once == twice
    assert events == ["started"]


@given(
    st.lists(st.tuples(st.sampled_from(["usual", "elevated", "unusual", "unknown"]), st.integers(5, 500)), max_size=60)
)
@settings(deadline=None)
def test_events_come_in_order_and_within_the_limit(steps: list[tuple[State, int]]) -> None:
    rows = [decision(5 * number, state, observed) for number, (state, observed) in enumerate(steps, 1)]
    incident, events = follow(*rows)
    assert events.count("started") <= 1
    assert "ended" not in events[:-1]
    assert not events or events[0] == "started"
    assert len(events) <= ALERT.most_mails
    if incident:
        assert incident.started_at <= incident.peak_at <= incident.updated_at
