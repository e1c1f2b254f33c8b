"""How often the tags are right: what people said of them, counted; and the mentions drawn at random to be looked at today.

Corrections alone say too little: people mend what is wrong and pass over what is right. So every day ten mentions are drawn
by chance, and people say what they are without being told what the machine thinks.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import streamlit as st

from dashboard import data, parts
from dashboard.words import _, field_names, label, percent, sentiment_names
from index import Json, wilson
from stream import SENTIMENTS, Edit, LogError, LogFull, utc_now

logger = logging.getLogger(__name__)
FEWEST: Final = 20  # looked at; with fewer, nothing is said


def draw() -> None:
    """The tab."""
    with parts.guarded():
        st.subheader(_("How often are the tags right?"))
        _measured()
        st.subheader(_("Ten mentions to check today"))
        st.caption(
            _(
                "Drawn by chance from the last seven days. Say what each of them is; what the machine says is not shown before."
            )
        )
        for mention in data.to_check(parts.own_brands(), today()):
            _one(mention)


def today() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)


def _measured() -> None:
    drawn, everything = data.verdicts(True), data.verdicts(False)
    if drawn:
        parts.table([_row(one) for one in drawn])
    else:
        st.info(
            _(
                "Nobody has checked any yet. A few a day are enough: after a month the figure is good to five points or so."
            ),
            icon=":material/rule:",
        )
    if everything:
        with st.expander(_("Everything that people corrected or confirmed"), icon=":material/edit:"):
            st.caption(_("Not a fair sample: people look for what is wrong, so the tags are better than this."))
            parts.table([_row(one) for one in everything])


def _row(one: data.Verdicts) -> dict[str, object]:
    low, high = wilson(one.right, one.of)
    enough = one.of >= FEWEST
    return {
        _("Brand"): label("brand", one.brand),
        _("Tag"): field_names()[one.field],
        _("Right"): percent(one.right / one.of) if enough else _("too few to say"),
        _("95 % interval"): f"{percent(low)} – {percent(high)}" if enough else "",
        _("Looked at"): one.of,
        _("“Cannot say”"): one.unsure,
        _("Judged by"): one.engine,
    }


def _one(mention: Json) -> None:
    with st.container(border=True, gap="xxsmall", key=f"check-{mention['id']}"):
        st.text(parts.headline(mention))
        parts.beneath(mention, 400)
        if "drawn" in mention.get("checked", []):
            st.caption(
                ":material/check: " + _("Checked: {label}").format(label=sentiment_names()[mention["sentiment"]])
            )
            return
        with st.container(horizontal=True):
            for sentiment in SENTIMENTS:
                st.button(
                    sentiment_names()[sentiment], key=f"check-{mention['id']}-{sentiment}",
                    on_click=say, args=([mention["id"]], {"sentiment": sentiment}, True),
                )  # fmt: skip


def say(ids: Sequence[str], changes: dict[str, str | list[str]], drawn: bool) -> None:
    """Stores what a visitor says of mentions; of `drawn` ones it counts for how often tags are right."""
    who = (st.session_state.get("who") or "").strip() or _("a colleague")
    applied = True
    for id in ids:
        edit = Edit(id=uuid.uuid4().hex, at=utc_now(), by=who, mention=id, changes=changes, drawn=drawn)
        try:
            data.store_edit(edit)
        except LogFull:
            parts.say_next(_("Not saved: the disk of this machine is full."), done=False)
            return
        except LogError:
            logger.exception("the log does not answer", extra={"action": "page-log-failed"})
            parts.say_next(_("Not saved: Ronzio cannot be reached just now. Try again in a minute."), done=False)
            return
        applied = applied and data.await_edit(id, changes)  # waits once where tagging is not running
    st.cache_data.clear()
    parts.say_next(_("Saved.") if applied else _("Saved; it shows as soon as the tagging is running again."))
