"""Try an expression: what would it have found, before it becomes a brand's or a product's query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import data, parts, state
from dashboard.marked import Span, marked
from dashboard.words import _, inert, moment, ngettext, number, problem
from stream import expressions as ex

if TYPE_CHECKING:
    from enrichment import Example, Preview

_LONGEST = 600  # letters of an example's text that are shown
_AROUND = 120  # letters in front of the first place found


def page() -> None:
    st.title(_("Try an expression"))
    st.markdown(_("What a brand's or a product's query would have found among the last things fetched, stored or not."))
    state.restore("expressions", single=("q",), several=())
    text = st.text_input(
        _("Expression"), key="expressions.q", icon=":material/rule:", persist_state="session",
        placeholder='=TIM AND (rete OR fibra OR offert*) AND NOT "tim cook"',
        help=_(
            "AND, OR, NOT in capitals, brackets, \"phrases\", word NEAR/5 word, ONEAR/5 for a fixed order, beginnings such as "
            "offert*, =TIM exactly as written, site: author: lang: source:"
        ),
    ) or ""  # fmt: skip
    state.remember("expressions", {"q": text})
    if text.strip():
        with parts.guarded():
            _answer(text)
    else:
        st.info(
            _("Write an expression above: Ronzio shows what it would have found, and what in each text made it fit."),
            icon=":material/lightbulb:",
        )


def _answer(text: str) -> None:
    try:
        found = data.preview(text)
    except ex.ExpressionError as error:
        _wrong(text, error)
        return
    _counts(found)
    for place, example in enumerate(found.examples):
        _example(example, place)
    if found.matched:
        st.subheader(_("Take it over"))
        st.markdown(_("In ronzio.toml, under the brand or product; then start Ronzio again."))
        quotes = "'" if "'" not in text else "'''"
        st.code(f"query = {quotes}{text.strip()}{quotes}", language="toml")


def _wrong(text: str, error: ex.ExpressionError) -> None:
    """What is wrong, with a sign under the letter it starts at."""
    st.error(inert(problem(error)), icon=":material/error:")
    if error.column:
        st.code(f"{text}\n{' ' * (error.column - 1)}^", language=None)


def _counts(found: Preview) -> None:
    left, middle, right = st.columns(3)
    looked = [_("of the last {count} things fetched").format(count=number(found.looked))]
    if found.since:
        looked.append(_("since {when}").format(when=moment(found.since)))
    with left:
        st.metric(_("Would match"), number(found.matched), border=True)
        st.caption(inert(", ".join(looked)))
    with middle:
        st.metric(_("Not stored so far"), number(found.matched - found.stored), border=True)
        st.caption(_("because they name none of the brands, or wait to be tagged"))
    with right:
        st.metric(_("Among the stored"), number(found.kept_matched), border=True)
        st.caption(
            ngettext("of the last {count} mention", "of the last {count} mentions", found.kept_looked).format(
                count=number(found.kept_looked)
            )
        )


def _example(example: Example, place: int) -> None:
    with st.container(border=True, gap="xxsmall", key=f"example-{place}"):
        known = [moment(example.published_at), example.site, example.author]
        state_of = _("stored") if example.stored else _("not stored so far")
        st.caption(inert(" · ".join(part for part in (*known, state_of) if part)))
        for field, text in (("title", example.title), ("text", example.text)):
            spans = [Span(start, end, "query", term) for of, start, end, term in example.spans if of == field]
            if not text:
                continue
            first = min((span.start for span in spans), default=0)
            begin = first - _AROUND if first > _LONGEST - _AROUND else 0
            shown = text[begin : begin + _LONGEST]
            moved = [span._replace(start=span.start - begin, end=span.end - begin) for span in spans]
            marked(("…" if begin else "") + shown, [
                span._replace(start=span.start + bool(begin), end=span.end + bool(begin)) for span in moved
            ], key=f"example-{place}-{field}")  # fmt: skip


page()
