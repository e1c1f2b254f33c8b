"""Pieces that several pages show: a mention as a card, empty and broken states, the brand selector."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from dashboard import context, data
from dashboard.words import _, ago, inert, label, moment, ngettext, number, refusal, told
from index import BadQuery, IndexFailure, Json
from stream import LogError, utc_now

logger = logging.getLogger(__name__)

DOTS = {"negative": ":red[●]", "neutral": ":gray[●]", "positive": ":green[●]", "none": ":gray[○]"}


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Around what asks the store or the log: a question that cannot be answered, and who does not answer, are said in
    words, and the rest of the page stays."""
    try:
        yield
    except BadQuery as error:
        bad_query(error)
    except LogError as error:
        logger.exception("the log does not answer", extra={"action": "page-log-failed"})
        st.error(
            _(
                "What comes in cannot be read right now. This page tries again by itself; "
                "the mentions found so far are on the other pages."
            ),
            icon=":material/cloud_off:",
        )
        st.text(told(str(error)))
    except (IndexFailure, OSError) as error:
        logger.error("the store does not answer: %s", error, extra={"action": "page-store-failed"})
        st.error(
            _("The mentions cannot be read right now. This page tries again by itself."), icon=":material/cloud_off:"
        )
        st.text(told(str(error)))


def bad_query(error: BadQuery) -> None:
    """Why a typed query cannot be answered, and where."""
    headline, reason = refusal(error)
    st.error(headline, icon=":material/error:")
    st.text(reason)


def say_next(text: str, *, done: bool = True) -> None:
    """Keeps what has to be said, of something that was done or could not be, for the next drawing of the page."""
    st.session_state["toast"] = (text, ":material/check:" if done else ":material/error:")


def tell() -> None:
    """Says it."""
    if told := st.session_state.pop("toast", None):
        text, icon = told
        st.toast(text, icon=icon)


def own_brands() -> list[str]:
    return [brand.id for brand in context.current().brands if brand.role == "own"]


def nothing_yet() -> None:
    """The empty state of a new installation."""
    st.info(
        _("No mentions yet. As soon as the sources bring some, they appear here by themselves."),
        icon=":material/hourglass_empty:",
    )
    st.page_link("views/sources.py", label=_("See how the sources are"), icon=":material/rss_feed:")


def when(mention: Json) -> datetime:
    return datetime.fromisoformat(mention["published_at"])


def headline(mention: Json) -> str:
    """The title, or the beginning of the text."""
    return shortened(mention.get("title") or mention.get("text") or "", 140)


def shortened(text: str, most: int) -> str:
    """On one line, at most `most` letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def meta(mention: Json) -> str:
    """Sentiment, place, author and time of a mention in one line, safe as a label."""
    parts = [label("source", mention["source"]), mention.get("author", ""), ago(when(mention), utc_now())]
    return f"{DOTS[mention['sentiment']]} " + inert(" · ".join(part for part in parts if part))


def card(mention: Json, extra: str = "") -> None:
    """A mention in two lines: where and when, and its words; user text only as inert text."""
    with st.container(border=True, gap="xxsmall"):
        st.caption(meta(mention) + (f" · {inert(extra)}" if extra else ""))
        st.text(headline(mention))
        beneath(mention, 140)


def beneath(mention: Json, most: int) -> None:
    """The beginning of the text below a title."""
    if mention.get("title") and mention.get("text"):
        st.caption(inert(shortened(mention["text"], most)))


_BADGES = {"brand": "blue", "product": "blue", "topic": "orange", "status": "gray", "assignee": "violet"}


def tags(mention: Json) -> str:
    """The mention's tags as small coloured labels, safe as Markdown."""
    unclear = inert(_("Sentiment unclear"))
    found = [f":gray-badge[{unclear}]"] if mention.get("unsure") else []
    for field, colour in _BADGES.items():
        values = mention.get(field) or []
        for value in [values] if isinstance(values, str) else values:
            if (field, value) == ("status", "new"):
                continue  # most are; it would say nothing
            found.append(f":{colour}-badge[{inert(label(field, value))}]")
    return " ".join(found)


def mixed_versions(wanted: list[Json]) -> None:
    """Says where figures mix versions of the tagging: tags of different versions are not quite comparable."""
    count = data.older(wanted)
    if count:
        text = ngettext(
            "{count} of these mentions was tagged by an older version of the tagging: “ronzio retag” tags it anew.",
            "{count} of these mentions were tagged by an older version of the tagging: “ronzio retag” tags them anew.",
            count,
        )
        st.caption(":material/history: " + text.format(count=number(count)))


def web_url(url: str) -> str:
    """The address if a browser may be led there (http or https with a host), else ""."""
    try:
        place = urlsplit(url)
    except ValueError:
        return ""
    return url if place.scheme in ("http", "https") and place.hostname else ""


def value_list(field: str, values: list[str] | str | None) -> str:
    """Names of a field's values, for people."""
    found = [values] if isinstance(values, str) else values or []
    return ", ".join(label(field, value) for value in found) or "–"


def stamp(mention: Json) -> str:
    return moment(when(mention))


def table(rows: list[dict[str, Any]], **options: Any) -> None:
    """A table of plain values; a data frame shows user text as it is."""
    st.dataframe(rows, hide_index=True, width="stretch", **options)
