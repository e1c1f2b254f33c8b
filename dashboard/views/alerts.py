"""Alerts: what turned, when, how far; what it is about; which mails told of it."""

from __future__ import annotations

from datetime import UTC, timedelta
from urllib.parse import quote

import streamlit as st

from dashboard import bodies, context, data, letters, look, parts, state
from dashboard.words import _, ago, duration, inert, label, moment, ngettext, number, sentiment_names, told
from index import Json
from stream import Incident, Mail, utc_now


def page() -> None:
    st.title(_("Alerts"))
    state.restore("alerts", single=("incident",))
    names = [_("Incidents"), _("Mails"), *([_("Mailbox")] if letters.box() else [])]
    every = context.current().settings.refresh_seconds
    for tab, draw in zip(st.tabs(names), (_incidents, _mails, _mailbox), strict=False):
        with tab:
            st.fragment(draw, run_every=every)()
    state.remember("alerts", {"incident": st.session_state.get("alerts.incident")})


def _incidents() -> None:
    with parts.guarded():
        found = data.incidents()
        if not found:
            st.success(
                _("Nothing unusual so far. Each brand and product is compared with its own history every minute."),
                icon=":material/check_circle:",
            )
            return
        chosen = next((one for one in found if one.id == st.session_state.get("alerts.incident")), found[0])
        left, right = st.columns([2, 3])
        with left:
            for one in found[:50]:
                _row(one, chosen=one.id == chosen.id)
        with right:
            _incident(chosen)


def _about(one: Incident) -> str:
    brand = label("brand", one.brand)
    return f"{label('product', one.product)} ({brand})" if one.product else brand


def _row(one: Incident, chosen: bool) -> None:
    with st.container(border=True, gap="xxsmall", key=f"incident-{one.id}"):
        badge = ":red-badge[" + _("Going on") + "]" if one.state == "open" else ":gray-badge[" + _("Over") + "]"
        st.markdown(f"{badge} **{inert(_about(one))}**")
        lasted = (one.ended_at or utc_now()) - one.started_at
        count = ngettext("{count} negative mention", "{count} negative mentions", one.mentions)
        st.caption(
            _("{when}, for {duration}").format(when=moment(one.started_at), duration=duration(lasted))
            + " · "
            + count.format(count=number(one.mentions))
        )
        if not chosen:
            st.button(
                _("Look at it"), key=f"see-{one.id}", type="tertiary", icon=":material/arrow_forward:",
                on_click=lambda: st.session_state.update({"alerts.incident": one.id}),
            )  # fmt: skip


def _incident(one: Incident) -> None:
    with st.container(border=True):
        st.subheader(inert(_about(one)))
        usual = _("fewer than one") if one.expected < 0.75 else number(one.expected, 1)
        st.markdown(
            _("At its height, {moment}: **{observed}** negative mentions in {period}. Usual are **{usual}**.").format(
                moment=moment(one.peak_at), observed=number(one.observed), usual=usual,
                period=duration(timedelta(seconds=one.bucket_seconds)),
            )
        )  # fmt: skip
        if one.topics:
            st.markdown(_("About:") + " " + inert(", ".join(label("topic", topic) for topic in one.topics)))
        here: list[Json] = [{"term": {"brand": one.brand}}]
        if one.product:
            here.append({"term": {"product": one.product}})
        start, end, step = bodies.stretch(one, utc_now())
        band = {
            "start": one.started_at.timestamp() * 1000,
            "end": (one.ended_at or end).timestamp() * 1000,
            "name": _("Incident"),
        }
        look.show(
            look.buzz_chart(data.buzz(here, start, end, step), sentiment_names(), [band], step, height=220), "incident"
        )
        st.page_link(
            "views/mentions.py", label=_("The negative mentions, to take care of"), icon=":material/forum:",
            query_params={"brand": one.brand, **({"product": one.product} if one.product else {}),
                          "q": f"{_since(one)} AND {_negative(one)}"},
        )  # fmt: skip
    examples = data.mentions_by_id(one.examples)
    if examples:
        st.markdown("**" + _("Examples") + "**")
        for mention in examples:
            parts.card(mention)
    _told(one)


def _since(one: Incident) -> str:
    last = (one.ended_at or utc_now() + timedelta(days=1)).astimezone(UTC)
    return f"published_at:[{one.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} TO {last:%Y-%m-%dT%H:%M:%SZ}]"


def _negative(one: Incident) -> str:
    """What is negative as a whole, and what is so towards the brand alone."""
    return f'(sentiment:negative OR towards:"{one.brand}:negative")'


def _told(one: Incident) -> None:
    mails = [mail for mail in data.mails() if mail.incident == one.id]
    if mails:
        st.markdown("**" + _("Mails about it") + "**")
        for mail in mails:
            st.caption(f"{_state(mail)} · {inert(mail.subject)}")


def _state(mail: Mail) -> str:
    if mail.sent_at:
        return ":green-badge[" + _("sent {when}").format(when=ago(mail.sent_at, utc_now())) + "]"
    if mail.given_up_at:
        return ":red-badge[" + _("given up") + "]"
    if mail.error:
        return ":orange-badge[" + _("refused, is tried again") + "]"
    return ":gray-badge[" + _("waits") + "]"


def _heading(mail: Mail) -> str:
    return f"{moment(mail.created_at)} · {mail.subject}"


def _line(letter: letters.Letter) -> str:
    return f"{moment(letter.received_at)} · {letter.subject}" if letter.received_at else letter.subject


def _mails() -> None:
    with parts.guarded():
        found = data.mails()
        if not found:
            st.info(_("No mail yet. One is written when an incident begins, worsens or ends."), icon=":material/mail:")
            return
        by_id = {mail.id: mail for mail in found}
        chosen = st.selectbox(_("Mail"), list(by_id), key="alerts.mail", format_func=lambda key: _heading(by_id[key]))
        mail = by_id.get(chosen or "", found[0])
        st.markdown(_state(mail) + " " + inert(", ".join(mail.to)))
        if mail.error and not mail.sent_at:
            st.text(told(mail.error))
        st.iframe(f"/letters/record/{quote(mail.id, safe='')}", height=720, alt=mail.subject)


def _mailbox() -> None:
    found = letters.letters()
    st.caption(_("The demo sends its mail over SMTP to this mailbox on this machine, and to nobody else."))
    if not found:
        st.info(_("No mail has arrived yet."), icon=":material/mail:")
        return
    by_key = {one.key: one for one in found}
    chosen = st.selectbox(_("Arrived"), list(by_key), key="alerts.letter", format_func=lambda key: _line(by_key[key]))
    one = by_key.get(chosen or "", found[0])
    st.text(f"{one.sender} → {one.to}")
    st.iframe(f"/letters/box/{quote(one.key, safe='')}", height=720, alt=one.subject)


page()
