"""A mention's words with marks on what decided its tags and on what the query found.

The browser gets the text in pieces and sets each as text: nothing in it can become markup. In: a text and spans in code
points. Out: a component on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

_CSS = """
.words { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6; font-family: var(--st-font);
  color: var(--st-text-color); }
mark { color: inherit; border-radius: 4px; padding: 1px 2px; background: color-mix(in srgb, #7a8599 30%, transparent); }
mark.brand, mark.product { background: color-mix(in srgb, #3f51c5 26%, transparent); }
mark.topic { background: color-mix(in srgb, #e69f00 32%, transparent); }
mark.query { background: color-mix(in srgb, #f5d90a 55%, transparent); }
"""
_JS = """
export default function ({ data, parentElement }) {
  const words = parentElement.querySelector(".words");
  words.replaceChildren(...data.pieces.map(([text, kind, title]) => {
    const piece = document.createElement(kind ? "mark" : "span");
    piece.textContent = text;
    if (kind) { piece.className = kind; piece.title = title; }
    return piece;
  }));
}
"""


class Span(NamedTuple):
    """[start, end) in code points; `kind` is "brand", "product", "topic" or "query"; `title` is told on hovering."""

    start: int
    end: int
    kind: str
    title: str


def pieces(text: str, spans: Sequence[Span]) -> list[tuple[str, str, str]]:
    """(text, kind, title) from first to last letter, kind "" where nothing is marked. Where spans overlap, the one given
    first holds. Pure."""
    owner: list[Span | None] = [None] * len(text)
    for span in reversed(spans):
        for place in range(max(0, span.start), min(len(text), span.end)):
            owner[place] = span
    found: list[tuple[str, str, str]] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or owner[place] != owner[start]:
            held = owner[start]
            found.append((text[start:place], held.kind if held else "", held.title if held else ""))
            start = place
    return found if text else []


def marked(text: str, spans: Sequence[Span], key: str) -> None:
    """Draws the text."""
    component = st.components.v2.component("ronzio-marked", html='<div class="words"></div>', css=_CSS, js=_JS)
    component(data={"pieces": pieces(text, spans)}, key=key)
