"""On the page: history tagged anew with what is switched on now. A button that asks for it, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import context, data, parts
from dashboard.words import _, ago, moment, ngettext, number, told
from index import IndexFailure
from stream import utc_now

if TYPE_CHECKING:
    from enrichment import RetagWish

EVERY: Final = 2  # seconds between two looks at how far it is


def draw(who: str) -> None:
    st.subheader(_("Tag history anew"))
    st.caption(
        _(
            "What is switched on holds for what comes in from then on. This gives it to the mentions that are there already; "
            "what people said of them stays. New mentions go first, and this page need not stay open."
        )
    )
    st.fragment(_state, run_every=EVERY)(who)


def _state(who: str) -> None:
    from enrichment import retag_wish

    with parts.guarded():
        wish = retag_wish(context.index().records)
        if wish is not None and wish.finished_at is None:
            _under_way(wish)
            return
        older = data.older([])
        if wish is not None:
            _done(wish)
        if older > (wish.unnamed if wish is not None else 0):  # those cannot be tagged anew
            text = ngettext(
                "{count} mention was tagged by an older version of the tagging.",
                "{count} mentions were tagged by an older version of the tagging.",
                older,
            )
            st.text(text.format(count=number(older)))
            st.button(
                _("Tag history with the new version"),
                icon=":material/history:",
                key="retag",
                on_click=_ask,
                args=(who,),
            )
            if refused := st.session_state.pop("retag-refused", ""):
                st.error(
                    _("This cannot be asked for from here now; “ronzio retag” does the same."), icon=":material/error:"
                )
                st.text(told(refused))
        else:
            st.text(_("Everything was tagged by the version that is at work now."))


def _under_way(wish: RetagWish) -> None:
    if not wish.engine:
        text = _("Asked for {when}, by {who}: the tagging takes it up within seconds, as soon as it runs.")
        st.progress(0.0, text.format(when=ago(wish.asked_at, utc_now()), who=wish.by))
        return
    text = _("{done} of {total} mentions were tagged anew so far. Until then figures mix both versions.")
    share = min(1.0, wish.done / wish.total) if wish.total else 0.0
    st.progress(share, text.format(done=number(wish.done), total=number(wish.total)))


def _done(wish: RetagWish) -> None:
    if wish.finished_at is None:
        return
    count = ngettext("{count} mention", "{count} mentions", wish.retagged).format(count=number(wish.retagged))
    text = _("Last tagged anew {when}, asked for by {who}: {mentions}; {by_hand} of them keep tags that people gave.")
    words = text.format(when=moment(wish.finished_at), who=wish.by, mentions=count, by_hand=number(wish.by_hand))
    if wish.unnamed:
        left = ngettext(
            "{count} names none of the brands any more and stays as it was.",
            "{count} name none of the brands any more and stay as they were.",
            wish.unnamed,
        )
        words += " " + left.format(count=number(wish.unnamed))
    st.caption(words)


def _ask(who: str) -> None:
    from enrichment import ask_for_retag

    try:
        ask_for_retag(context.index().records, by=who, at=utc_now())
    except IndexFailure as error:  # also where pages may only read
        st.session_state["retag-refused"] = str(error)
