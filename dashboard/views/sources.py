"""Sources: do they answer, when did they last bring something, and where did everything they brought go."""

from __future__ import annotations

import streamlit as st

from dashboard import checks, context, data, learning, parts
from dashboard.words import _, ago, channel_names, health_advice, health_names, inert, ngettext, number, told, until
from stream import SourceStatus, utc_now

_COLOURS = {"ok": "green", "waiting": "gray", "failing": "red", "silent": "orange", "gone": "red", "forbidden": "red"}
_NOTE = 340  # pixels: all of it is seen on a phone, once the table is pushed there
_A_LINE = 60  # letters that fit into it
_MOST_LINES = 3


def page() -> None:
    st.title(_("Sources"))
    every = context.current().settings.refresh_seconds
    names = [_("Health"), _("Where everything went"), _("Could not be handled"), _("Are the tags right?")]
    *live, right = st.tabs(names)
    for tab, draw in zip(live, (_health, _books, _dead), strict=True):
        with tab:
            st.fragment(draw, run_every=every)()
    with right:
        checks.draw()
        learning.corrections()
        learning.history_anew()


def _health() -> None:
    with parts.guarded():
        found = data.sources()
        if not found:
            st.info(
                _(
                    "No source yet. Name some under [[sources]] in ronzio.toml; “ronzio check” tells whether they answer."
                ),
                icon=":material/rss_feed:",
            )
            return
        bad = [one for one in found if one.health not in ("ok", "waiting")]
        if bad:
            text = ngettext("{count} source needs somebody.", "{count} sources need somebody.", len(bad))
            st.warning(text.format(count=number(len(bad))), icon=":material/warning:")
        else:
            st.success(_("All sources are well."), icon=":material/check_circle:")
        for one in bad:
            _one(one)
        well = [one for one in found if one not in bad]
        if well:
            _table(well)


def _one(one: SourceStatus) -> None:
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f":{_COLOURS.get(one.health, 'gray')}-badge[{health_names()[one.health]}] **{inert(one.name)}**")
        st.markdown(health_advice().get(one.health, ""))
        st.text(told(one.error or one.coverage_note))
        st.caption(_times(one))


def _times(one: SourceStatus) -> str:
    now = utc_now()
    times = [
        _("last answer {when}").format(when=ago(one.last_ok_at, now)) if one.last_ok_at else _("never answered"),
        _("last news {when}").format(when=ago(one.last_new_at, now)) if one.last_new_at else _("no news yet"),
    ]
    if one.due_at:
        times.append(_("next visit {when}").format(when=until(one.due_at, now)))
    return " · ".join(times)


def _table(found: list[SourceStatus]) -> None:
    now = utc_now()
    parts.table(
        [
            {
                _("Source"): one.name,
                _("Kind"): channel_names().get(one.channel, one.channel),
                _("State"): health_names()[one.health],
                _("Last answer"): ago(one.last_ok_at, now) if one.last_ok_at else "–",
                _("Last news"): ago(one.last_new_at, now) if one.last_new_at else "–",
                _("Next visit"): until(one.due_at, now) if one.due_at else "–",
                _("Note"): told(one.coverage_note),
                _("Address"): one.url,
            }
            for one in found
        ],
        column_config={_("Note"): st.column_config.TextColumn(width=_NOTE)},
        row_height=_row_height(max((len(told(one.coverage_note)) for one in found), default=0)),
    )


def _row_height(longest: int) -> int | None:
    """Pixels for a note of so many letters: texts are broken in rows that are higher than a line. None = one line."""
    lines = min(_MOST_LINES, 1 + longest // _A_LINE)
    return 12 + 20 * lines if lines > 1 else None


def _books() -> None:
    with parts.guarded():
        books = data.books()
        if not books:
            st.info(_("Nothing was fetched yet."), icon=":material/hourglass_empty:")
            return
        waiting = sum(one.waiting for one in books)
        if waiting < 0:
            st.error(_("The books do not balance: more was handled than fetched."), icon=":material/error:")
        elif waiting:
            text = ngettext(
                "{count} item is being handled right now.", "{count} items are being handled right now.", waiting
            )
            st.info(text.format(count=number(waiting)), icon=":material/hourglass_top:")
        else:
            st.success(_("The books balance: everything that was fetched is accounted for."), icon=":material/balance:")
        names = {one.id: one.name for one in data.sources()}
        parts.table(
            [
                {
                    _("Source"): names.get(one.source, one.source),
                    _("Fetched"): one.fetched,
                    _("Mentions"): one.tally.indexed,
                    _("Known already"): one.tally.duplicate,
                    _("Names no brand"): one.tally.not_a_mention,
                    _("Could not be handled"): one.tally.dead,
                    _("Erased"): one.tally.erased,
                    _("Too large"): one.tally.oversize,
                    _("Being handled"): one.waiting,
                }
                for one in books
            ]
        )
        st.caption(
            _("Fetched = mentions + known already + names no brand + could not be handled + erased + too large.")
        )
        behind = context.index().fresh()["behind"]
        if behind:
            text = ngettext("{count} change is not searchable yet.", "{count} changes are not searchable yet.", behind)
            st.caption(text.format(count=number(behind)))


def _dead() -> None:
    with parts.guarded():
        letters = data.dead_letters()
        if not letters:
            st.success(_("Everything that came in could be handled."), icon=":material/check_circle:")
            return
        st.markdown(
            _(
                "These came in and could not be handled. Nothing is lost: “ronzio dead replay” tries them again, "
                "once the cause is mended."
            )
        )
        parts.table(
            [
                {_("When"): one["at"], _("Source"): one["source"], _("Why"): told(one["reason"]), _("Beginning"): one["value"]}
                for one in letters
            ]
        )  # fmt: skip


page()
