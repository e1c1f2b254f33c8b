"""The page's frame: navigation and language. Streamlit runs this for every visitor and every click.

The pages lie in `views/`: a folder called `pages/` would be served by Streamlit beside this script, past any sign-in.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import parts
from dashboard.words import _, language
from i18n import LANGUAGES

HERE = Path(__file__).parent
_STYLE = """
.stMainBlockContainer { padding-top: 3.2rem; padding-bottom: 4rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; } }
/* over the header, out of the flow: else the page would jump up when it is drawn */
.stMainBlockContainer > [data-testid="stVerticalBlock"] > [data-testid="stElementContainer"]:has(> [data-testid="stSpinner"]) {
  position: absolute; top: 1rem; right: 1.5rem; width: auto; z-index: 999991; pointer-events: none;
}
"""


def main() -> None:
    st.set_page_config(page_title="Ronzio", page_icon=str(HERE / "theme" / "icon.png"), layout="wide")
    wanted = st.query_params.get("lang")
    if wanted in LANGUAGES and "language" not in st.session_state:
        st.session_state["language"] = wanted
    st.html(f"<style>{_STYLE}</style>")
    st.logo(str(HERE / "theme" / "logo.svg"), size="large")
    views = HERE / "views"
    page = st.navigation(
        {
            _("Watch"): [
                st.Page(views / "live.py", title=_("Live"), icon=":material/monitoring:", default=True),
                st.Page(views / "mentions.py", title=_("Mentions"), icon=":material/forum:", url_path="mentions"),
                st.Page(views / "alerts.py", title=_("Alerts"), icon=":material/notifications:", url_path="alerts"),
            ],
            _("Understand"): [
                st.Page(views / "analyse.py", title=_("Analyse"), icon=":material/query_stats:", url_path="analyse"),
                st.Page(
                    views / "expressions.py",
                    title=_("Try an expression"),
                    icon=":material/rule:",
                    url_path="expressions",
                ),
                st.Page(views / "sources.py", title=_("Sources"), icon=":material/rss_feed:", url_path="sources"),
            ],
        }
    )
    st.session_state["language_choice"] = language()
    with st.sidebar:
        st.segmented_control(
            _("Language"), LANGUAGES, key="language_choice", required=True,
            format_func={"it": "Italiano", "en": "English"}.__getitem__, on_change=_choose_language,
        )  # fmt: skip
    parts.tell()
    if st.session_state.get("shown") == page.url_path:
        page.run()
        return
    with st.spinner(_("One moment …")):  # only where there is nothing yet
        page.run()
    st.session_state["shown"] = page.url_path


def _choose_language() -> None:
    st.session_state["language"] = st.session_state["language_choice"]


main()
