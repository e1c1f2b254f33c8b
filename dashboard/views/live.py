"""Live: what is being said right now, against what is usual."""

from __future__ import annotations

import contextlib
from typing import Any

import streamlit as st

from dashboard import bodies, context, data, look, parts, state
from dashboard.words import _, by_field, inert, label, moment, ngettext, number, percent, period_name, sentiment_names
from index import IndexFailure, Json, Rising
from stream import Brand, Incident, utc_now

ENOUGH = 30  # mentions in the period before, for shares and percentages to be compared


def page() -> None:
    st.title(_("Live"))
    state.restore("live", single=("brand", "period"))
    brands = parts.own_brands()
    if st.session_state.get("live.brand") not in brands:
        st.session_state["live.brand"] = brands[0] if brands else None
    if st.session_state.get("live.period") not in bodies.PERIODS:
        st.session_state["live.period"] = _telling_period(st.session_state["live.brand"])
    left, right = st.columns([3, 4], vertical_alignment="bottom")
    with left:
        brand = st.segmented_control(
            _("Brand"), brands, key="live.brand", format_func=by_field("brand"), required=True, persist_state="session"
        )
    with right:
        period = st.segmented_control(
            _("Period"), list(bodies.PERIODS), key="live.period", required=True, persist_state="session",
            format_func=period_name,
        )  # fmt: skip
    state.remember("live", {"brand": brand, "period": period})
    if brand and period:
        every = context.current().settings.refresh_seconds
        st.fragment(_live, run_every=every)(brand, bodies.PERIODS[period])


def _telling_period(brand: str | None) -> str:
    """The shortest period with enough in it to look at: a small brand's hour is empty."""
    for key in ("1h", "24h", "7d"):
        start, end = bodies.span(bodies.PERIODS[key], utc_now())
        with contextlib.suppress(IndexFailure):  # told where the figures are asked for
            if data.count([{"term": {"brand": brand}}, bodies.within(start, end)]) >= ENOUGH:
                return key
    return "30d" if brand else "24h"


def _live(brand: str, period: bodies.Period) -> None:
    here: list[Json] = [{"term": {"brand": brand}}]
    start, end = bodies.span(period, utc_now())
    with parts.guarded(), data.ahead(data.of_live(here, start, end, period.step, [one.id for one in _voices(brand)])):
        now = data.totals(here, start, end)
        before = data.totals(here, start - period.length, start)
        if not now["mentions"] and not before["mentions"] and not data.newest([], 1)[1]:
            parts.nothing_yet()
            return
        incidents = [one for one in data.incidents() if one.brand == brand and (one.ended_at or end) >= start]
        _tell_open(incidents)
        _figures(now, before, incidents)
        with st.container(border=True):
            st.subheader(_("Mentions over time, by sentiment"))
            frame = data.buzz(here, start, end, period.step)
            names = sentiment_names()
            bands = [_band(one, start.timestamp() * 1000, end.timestamp() * 1000) for one in incidents]
            look.show(look.buzz_chart(frame, names, bands, period.step), "buzz")
            st.caption(
                _("The palest bar is still being counted. A red band is an incident: unusually much negative talk.")
            )
            parts.mixed_versions([*here, bodies.within(start, end)])
        left, right = st.columns(2)
        with left, st.container(border=True, height="stretch"):
            _voice(brand, start, end)
        with right, st.container(border=True, height="stretch"):
            _topics(here, start, end)
        with st.container(border=True):
            _rising(here, brand, period, start, end)
        left, right = st.columns(2)
        with left, st.container(border=True, height="stretch"):
            _stories(here, start, end)
        with right, st.container(border=True, height="stretch"):
            st.subheader(_("Newest mentions"))
            found, _total = data.newest([*here, bodies.within(start, end)], data.NEWEST)
            for mention in found:
                parts.card(mention)
            if not found:
                st.caption(_("None in this period."))


def _tell_open(incidents: list[Incident]) -> None:
    for one in incidents:
        if one.state == "open":
            about = label("product", one.product) if one.product else label("brand", one.brand)
            text = _("Unusually much negative talk about {what} since {time}: {count} negative mentions.")
            st.error(
                text.format(what=inert(about), time=moment(one.started_at), count=number(one.mentions)),
                icon=":material/warning:",
            )
            st.page_link(
                "views/alerts.py", label=_("See what it is about"), icon=":material/arrow_forward:",
                query_params={"incident": one.id},
            )  # fmt: skip


def _figures(now: dict[str, float], before: dict[str, float], incidents: list[Incident]) -> None:
    share = now["negative"] / now["mentions"] if now["mentions"] else 0.0
    points = None
    if before["mentions"] >= ENOUGH:
        share_before = before["negative"] / before["mentions"]
        points = _("{count} points").format(count=number(100 * (share - share_before), 1))
    with st.container(horizontal=True):
        _metric(_("Mentions"), number(now["mentions"]), _change(now["mentions"], before["mentions"]), "off")
        _metric(_("Negative share"), percent(share), points, "inverse")
        _metric(_("Authors"), number(now["authors"]), _change(now["authors"], before["authors"]), "off")
        open_now = sum(one.state == "open" for one in incidents)
        words = ngettext("{count} in this period", "{count} in this period", len(incidents))
        told = words.format(count=len(incidents)) if incidents else None
        _metric(_("Open incidents"), number(open_now), told, "off", arrow=False)
    st.caption(_("Changes are against the period just before."))


def _metric(name: str, value: str, delta: str | None, colour: Any, arrow: bool = True) -> None:
    st.metric(
        name, value, delta, delta_color=colour, border=True, height="stretch", delta_arrow="auto" if arrow else "off"
    )


def _change(now: float, before: float) -> str | None:
    """The change in per cent; as a number where there was too little for a percentage to mean anything."""
    sign = "+" if now >= before else ""
    if before < ENOUGH:
        return sign + number(now - before) if now != before else None
    return f"{sign}{number(100 * (now - before) / before)} %"


def _band(one: Incident, first: float, last: float) -> dict[str, Any]:
    ended = one.ended_at.timestamp() * 1000 if one.ended_at else last
    name = label("product", one.product) if one.product else label("brand", one.brand)
    return {"start": max(first, one.started_at.timestamp() * 1000), "end": min(last, ended), "name": name}


def _voices(brand: str) -> list[Brand]:
    """The brand and its competitors."""
    known = {one.id: one for one in context.current().brands}
    rivals = {name.casefold() for name in known[brand].competitors}
    return [one for one in known.values() if one.id == brand or one.id in rivals or one.name.casefold() in rivals]


def _voice(brand: str, start: Any, end: Any) -> None:
    st.subheader(_("Share of voice"))
    shown = _voices(brand)
    among = bodies.one_of("brand", [one.id for one in shown])
    rows = data.grouped([bodies.within(start, end), among], "brand", data.VOICES)
    counts = {row["key"]: row["mentions"] for row in rows}
    total = sum(counts.get(one.id, 0) for one in shown)
    if not total:
        st.caption(_("None in this period."))
        return
    look.show(
        look.voice_chart(
            [
                {
                    "name": one.name, "mentions": counts.get(one.id, 0), "share": counts.get(one.id, 0) / total,
                    "own": one.id == brand,
                    "text": f"{percent(counts.get(one.id, 0) / total)}  ({number(counts.get(one.id, 0))})",
                }
                for one in shown
            ]
        ),
        "voice",
    )  # fmt: skip
    st.caption(_("Of all mentions of these brands in this period."))


def _topics(here: list[Json], start: Any, end: Any) -> None:
    st.subheader(_("What it is about"))
    rows = data.grouped([*here, bodies.within(start, end)], "topic", data.TOPICS_SHOWN)
    if not rows:
        st.caption(_("None in this period."))
        return
    named = [{**row, "name": label("topic", row["key"])} for row in rows]
    look.show(look.stacked_chart(named, sentiment_names()), "topics")


def _rising(here: list[Json], brand: str, period: bodies.Period, start: Any, end: Any) -> None:
    """Terms that are new or more frequent than before, with how often and an example."""
    st.subheader(_("Rising this week") if period.key == "7d" else _("Rising in this period"))
    risen = data.risen(here, start, end)
    if not risen.terms:
        st.caption(
            _("Nothing is talked about clearly more than before.") if risen.comparable
            else _("There are too few mentions before this period to compare with.")
        )  # fmt: skip
        return
    for one in risen.terms:
        _risen(one, brand, period)
    words = _(
        "Words and phrases in more of this period's {now} mentions than in the {before} of the four periods before."
    )
    st.caption(words.format(now=number(risen.now), before=number(risen.before)))


def _risen(one: Rising, brand: str, period: bodies.Period) -> None:
    """A term as the way to its mentions, with how often it comes up and an example."""
    with st.container(gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "views/mentions.py", label=inert(one.term), icon=":material/trending_up:", width="content",
                query_params={"brand": brand, "period": period.key, "q": bodies.phrase("terms", one.term)},
            )  # fmt: skip
            change = _("new") if one.times is None else f"× {number(one.times, 1)}"
            counts = _("{now} now, {before} before").format(now=number(one.now), before=number(one.before))
            st.caption(f"{counts} · {change}")
        st.caption(inert(parts.headline(one.example)))


def _stories(here: list[Json], start: Any, end: Any) -> None:
    st.subheader(_("Stories most talked about"))
    rows = data.stories([*here, bodies.within(start, end)])
    for row in rows:
        count = ngettext("{count} mention", "{count} mentions", row["mentions"]).format(count=number(row["mentions"]))
        if row["event_stories"] > 1:
            of = ngettext(
                "part of an event with {count} story", "part of an event with {count} stories", row["event_stories"]
            )
            count += " · " + of.format(count=number(row["event_stories"]))
        parts.card(row["first"], count)
    if not rows:
        st.caption(_("None in this period."))


page()
