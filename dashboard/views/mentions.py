"""Mentions: find them, read them, say who takes care of them and what the machine got wrong."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import bodies, data, detail, learning, parts, state
from dashboard.exports import address
from dashboard.words import _, by_field, field_names, language, ngettext, number, period_name
from index import Json
from stream import SENTIMENTS, STATUSES, mention_id, utc_now

A_PAGE = 20
FURTHEST = 10_000  # mentions that can be turned to page by page; further ones by a narrower query
FIRST = ("brand", "product", "sentiment", "topic", "status")
MORE = ("department", "source", "language", "assignee")


def page() -> None:
    st.title(_("Mentions"))
    state.restore("mentions", single=("q", "period", "mention", *bodies.GROUPS), several=(*FIRST, *MORE))
    with parts.guarded():
        query, period, filters = _asked()
        state.remember("mentions", {"q": query, "period": period, **filters, **_groups(), "mention": _open()})
        wanted = bodies.chosen({**filters, **_groups()}, query)
        if period:
            wanted.append(bodies.within(*bodies.span(bodies.PERIODS[period], utc_now())))
        _results(wanted, query, period, filters)
        if _open():
            detail.show(_open(), query, closed=_close)


def _groups() -> dict[str, list[str]]:
    """The story or the event that is looked at, each empty if it is not."""
    chosen = {field: st.session_state.get(f"mentions.{field}") for field in bodies.GROUPS}
    return {field: [value] if value else [] for field, value in chosen.items()}


def _open() -> str:
    return st.session_state.get("mentions.mention") or ""


def _close() -> None:
    st.session_state["mentions.mention"] = None


def _asked() -> tuple[str, str | None, dict[str, list[str]]]:
    """What the visitor wants to see: typed query, period, filters."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        query = st.text_input(
            _("Search"), key="mentions.q", type="search", icon=":material/search:", persist_state="session",
            placeholder=_('words, "a phrase", author:rossi, sentiment:negative AND topic:delivery'),
            help=_("Words are looked for in title and text. AND, OR, NOT, brackets and field:value work as in Lucene."),
        )  # fmt: skip
    with right:
        period = st.segmented_control(
            _("Period"), list(bodies.PERIODS), key="mentions.period", format_func=period_name, persist_state="session"
        )
    offered = data.choices()
    filters: dict[str, list[str]] = {}
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        for field in FIRST:
            filters[field] = _filter(field, offered, 164)
        with st.popover(_("More filters"), icon=":material/tune:"):
            for field in MORE:
                filters[field] = _filter(field, offered, 260)
    if any(_groups().values()):
        with st.container(horizontal=True, vertical_alignment="center"):
            one = _("Only the mentions of one event.") if _groups()["event"] else _("Only the mentions of one story.")
            st.markdown(f":material/filter_alt: {one}")
            nothing = {f"mentions.{field}": None for field in bodies.GROUPS}
            st.button(_("Show all"), on_click=lambda: st.session_state.update(nothing))
    return query or "", period, filters


def _filter(field: str, offered: dict[str, list[str]], width: int) -> list[str]:
    key = f"mentions.{field}"
    fixed: dict[str, list[str]] = {"sentiment": list(SENTIMENTS), "status": list(STATUSES)}
    options = fixed.get(field) or sorted(offered.get(field, []), key=by_field(field))
    chosen = [value for value in st.session_state.get(key) or [] if value not in options]
    return st.multiselect(
        field_names()[field], [*options, *chosen], key=key, format_func=by_field(field), width=width,
        placeholder=_("All"), persist_state="session",
    )  # fmt: skip


def _results(wanted: list[Json], query: str, period: str | None, filters: dict[str, list[str]]) -> None:
    asked = mention_id(repr((query, period, filters, _groups())))
    turned = st.session_state.get(f"mentions.page-{asked}") or 1  # another question begins on its first page
    drawn_at = utc_now()
    found, total = data.newest(wanted, A_PAGE, (turned - 1) * A_PAGE)
    if not total:
        _nothing(query, period, filters)
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            ngettext("**{count}** mention, newest first", "**{count}** mentions, newest first", total).format(
                count=number(total)
            )
        )
        with st.container(horizontal=True, width="content"):
            learning.topic_from(found, query)
            shown = {**filters, **_groups()}
            st.link_button("CSV", address("csv", query, period, shown, language()), icon=":material/download:")
            st.link_button("Parquet", address("parquet", query, period, shown, language()), icon=":material/download:")
    if turned == 1:
        st.fragment(_newer, run_every=5)(wanted, drawn_at)
    for mention in found:
        _row(mention)
    pages = -(-min(total, FURTHEST) // A_PAGE)
    if pages > 1:
        st.pagination(pages, key=f"mentions.page-{asked}")
    if total > FURTHEST and turned == pages:
        st.caption(_("Older mentions than these are found by a narrower search, or in the export."))


def _newer(wanted: list[Json], since: datetime) -> None:
    """A button when there is something newer; the list stands still while it is read."""
    with parts.guarded():
        fresh = {"range": {"fetched_at": {"gt": since.isoformat()}}}
        count = data.count([*wanted, fresh])
        if count and st.button(
            ngettext("Show {count} new mention", "Show {count} new mentions", count).format(count=number(count)),
            icon=":material/arrow_upward:", key="mentions.newer", width="stretch",
        ):  # fmt: skip
            st.rerun()


def _row(mention: Json) -> None:
    with st.container(border=True, gap="xxsmall", key=f"row-{mention['id']}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(parts.meta(mention))
            st.button(
                _("Open"), key=f"open-{mention['id']}", type="tertiary", icon=":material/open_in_full:",
                on_click=lambda: st.session_state.update({"mentions.mention": mention["id"]}),
            )  # fmt: skip
        st.text(parts.headline(mention))
        parts.beneath(mention, 220)
        st.caption(parts.tags(mention))


def _nothing(query: str, period: str | None, filters: dict[str, list[str]]) -> None:
    if not (query or period or any([*filters.values(), *_groups().values()])):
        parts.nothing_yet()
        return
    st.info(_("No mention matches this. Take away a filter, or choose a longer period."), icon=":material/search_off:")


page()
