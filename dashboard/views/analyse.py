"""Analyse: any question in Lucene syntax, grouped, drawn, and exported."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import bodies, data, look, parts, state
from dashboard.exports import address
from dashboard.words import (
    _,
    by_field,
    field_names,
    label,
    language,
    moment,
    ngettext,
    number,
    period_name,
    sentiment_names,
)
from stream import SENTIMENTS, utc_now

GROUPS = (
    "time",
    "brand",
    "product",
    "sentiment",
    "topic",
    "department",
    "source",
    "site",
    "language",
    "author",
    "status",
    "assignee",
)
STEPS = {"15m": "15s", "1h": "1m", "6h": "5m", "24h": "1h", "7d": "6h", "30d": "1d"}
MOST_LINES = len(look.SERIES)


def page() -> None:
    st.title(_("Analyse"))
    state.restore("analyse", single=("q", "period"), several=("by",))
    if st.session_state.get("analyse.period") not in bodies.PERIODS:
        st.session_state["analyse.period"] = "24h"
    if "analyse.by" not in st.session_state:
        st.session_state["analyse.by"] = ["topic"]
    query = st.text_input(
        _("Query"), key="analyse.q", type="search", icon=":material/search:", persist_state="session",
        placeholder="brand:aurora AND sentiment:negative AND (spedizione OR consegna) NOT author:redazione",
        help=_("Lucene syntax: words, \"phrases\", field:value, AND, OR, NOT, brackets, ranges such as score:[-1 TO -0.5]."),
    ) or ""  # fmt: skip
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        by = st.multiselect(
            _("Group by"), GROUPS, key="analyse.by", max_selections=2, format_func=field_names().__getitem__,
            placeholder=_("Not at all"), persist_state="session",
        )  # fmt: skip
    with right:
        period = st.segmented_control(
            _("Period"), list(bodies.PERIODS), key="analyse.period", required=True, format_func=period_name,
            persist_state="session",
        )  # fmt: skip
    state.remember("analyse", {"q": query, "period": period, "by": by})
    with parts.guarded():
        _answer(query, period or "24h", by)


def _answer(query: str, period: str, by: list[str]) -> None:
    start, end = bodies.span(bodies.PERIODS[period], utc_now())
    wanted = [*bodies.chosen({}, query), bodies.within(start, end)]
    frame = data.analysis(wanted, by, STEPS[period])
    total = data.count(wanted)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(ngettext("**{count}** mention", "**{count}** mentions", total).format(count=number(total)))
        with st.container(horizontal=True, width="content"):
            st.link_button("CSV", address("csv", query, period, {}, language()), icon=":material/download:")
            st.link_button("Parquet", address("parquet", query, period, {}, language()), icon=":material/download:")
    if not total:
        st.info(
            _("No mention matches this. Take away a word, or choose a longer period."), icon=":material/search_off:"
        )
        return
    parts.mixed_versions(wanted)
    if by and not frame.empty:
        with st.container(border=True):
            _chart(frame, by, STEPS[period])
    _table(frame, by)
    with st.expander(_("The same on the command line and in a notebook"), icon=":material/terminal:"):
        groups = "".join(f" --by {'day' if field == 'time' else field}" for field in by)
        st.code(f"ronzio query {shlex.quote(query or '*')} --since {period}{groups}", language="bash")
        grouping = ["day" if field == "time" else field for field in by]
        st.code(f"import ronzio\nronzio.query({query or '*'!r}, since={period!r}, by={grouping!r})", language="python")


def _chart(frame: pd.DataFrame, by: list[str], step: str) -> None:
    if "time" in by:
        other = next((field for field in by if field != "time"), None)
        shown = _every_step(frame, other, pd.Timedelta(step))
        look.show(look.lines_chart(shown, other), "analysis")
        return
    first = by[0]
    rows = frame.groupby(first, sort=False)[["mentions", *SENTIMENTS]].sum().nlargest(20, "mentions")
    named = [
        {"name": label(first, str(key)), **{one: int(row[one]) for one in SENTIMENTS}} for key, row in rows.iterrows()
    ]
    look.show(look.stacked_chart(named, sentiment_names()), "analysis")


def _every_step(frame: pd.DataFrame, other: str | None, step: pd.Timedelta) -> pd.DataFrame:
    """Columns time, mentions and `other` by name, for the values most talked about: steps without mentions are zeros."""
    wide = frame.assign(**({other: frame[other].astype(str)} if other else {})).pivot_table(
        index="time", columns=other, values="mentions", aggfunc="sum"
    )
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max(), freq=step, name="time")).fillna(0)
    if other is None:
        return wide.reset_index()
    most = wide.sum().nlargest(MOST_LINES).index
    named = wide[most].rename(columns=by_field(other)).rename_axis(columns=other)
    return named.reset_index().melt(id_vars="time", value_name="mentions")


def _table(frame: pd.DataFrame, by: list[str]) -> None:
    names = field_names()
    rows = []
    for row in frame.to_dict("records"):
        shown: dict[str, Any] = {
            names[field]: moment(row[field]) if field == "time" else label(field, str(row[field])) for field in by
        }
        shown |= {_("Mentions"): row["mentions"]}
        shown |= {sentiment_names()[one]: row[one] for one in SENTIMENTS}
        shown |= {
            _("Negative share"): round(row["negative"] / row["mentions"], 2) if row["mentions"] else None,
            _("Mean score"): None if row["score"] is None else round(row["score"], 2),
        }
        rows.append(shown)
    shown_as = {  # numbers, so that a click on a heading sorts them as such
        _("Negative share"): st.column_config.NumberColumn(format="percent"),
        _("Mean score"): st.column_config.NumberColumn(format="localized"),
    }
    parts.table(rows, column_config=shown_as)


page()
