"""What a page shows, kept in its address: links can be sent, reloaded and gone back to.

The address wins when it was changed from outside; then the widgets' values; at the end the address says them all.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def restore(page: str, single: Sequence[str] = (), several: Sequence[str] = ()) -> None:
    """Before the page's widgets: puts what the address says into their keys (`<page>.<name>`)."""
    before = st.session_state.get(f"{page}.address")
    now = {name: st.query_params.get_all(name) for name in (*single, *several)}
    if now == before:
        return
    if before is None and not any(now.values()):
        return  # came through the navigation: what was chosen last still holds
    for name in single:
        st.session_state[f"{page}.{name}"] = now[name][-1] if now[name] else None
    for name in several:
        st.session_state[f"{page}.{name}"] = now[name]


def remember(page: str, values: dict[str, str | Sequence[str] | None]) -> None:
    """After the page's widgets: writes their values into the address."""
    wanted = {name: ([value] if isinstance(value, str) else list(value)) for name, value in values.items() if value}
    kept = {name: st.query_params.get_all(name) for name in st.query_params if name not in values}
    if {**kept, **wanted} != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict({**kept, **wanted})
    st.session_state[f"{page}.address"] = {name: wanted.get(name, []) for name in values}
