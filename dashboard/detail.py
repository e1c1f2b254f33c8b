"""One mention in full: its words with marks, why it was tagged so, and the form in which people say what holds."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import bodies, checks, context, data, parts
from dashboard.marked import Span, marked
from dashboard.words import (
    _,
    by_field,
    field_names,
    inert,
    label,
    ngettext,
    number,
    percent,
    reason,
    sentiment_names,
    status_names,
    told,
)
from index import BadQuery, Json, highlights, parse_query
from stream import EDITABLE, SENTIMENTS, STATUSES, Edit, LogError, LogFull, utc_now

_LISTS = data.LISTS


def show(mention_id: str, query: str, closed: Callable[[], None]) -> None:
    """Opens the mention over the page; `closed` is called when the visitor closes it."""
    st.dialog(_("Mention"), width="large", on_dismiss=closed)(_content)(mention_id, query)


def _content(mention_id: str, query: str) -> None:
    parts.tell()  # a click in here draws this alone, and not the page
    with parts.guarded():
        found = data.mentions_by_id((mention_id,))
        if not found:
            st.info(_("This mention is not here (any more)."), icon=":material/search_off:")
            return
        mention = found[0]
        st.caption(parts.meta(mention) + f" · {inert(parts.stamp(mention))}")
        _towards(mention)
        _words(mention, query)
        url = parts.web_url(mention.get("url", ""))
        with st.container(horizontal=True):
            if url:
                st.link_button(_("Open where it was published"), url, icon=":material/open_in_new:")
            _same(mention)
            _confirm(mention)
        care, why, facts = st.tabs([_("Take care of it"), _("Why these tags"), _("Details")])
        with care:
            _form(mention)
        with why:
            _why(mention)
        with facts:
            _facts(mention)


def _towards(mention: Json) -> None:
    """What is said of each brand, where it is not what is said of the whole."""
    said = [one.rpartition(":") for one in mention.get("towards", [])]
    if len(said) > 1 or any(word != mention["sentiment"] for _brand, _colon, word in said):
        names = [f"{parts.DOTS[word]} {inert(label('towards', f'{brand}:{word}'))}" for brand, _colon, word in said]
        st.markdown(_("Towards each brand") + " · " + " · ".join(names))


def _same(mention: Json) -> None:
    """Ways to the other mentions of its story, and of its event where that has more stories."""
    event = mention.get("event", "")
    stories = data.event_stories((event,)).get(event, 1) if event else 1
    ways = {"story": _("Same story")}
    if stories > 1:
        ways["event"] = ngettext("Same event: {count} story", "Same event: {count} stories", stories)
    for field, words in ways.items():
        if mention.get(field):
            chosen = {f"mentions.{other}": mention[field] if other == field else None for other in bodies.GROUPS}
            st.button(
                words.format(count=number(stories)), icon=":material/content_copy:" if field == "story" else ":material/hub:",
                on_click=st.session_state.update, args=({**chosen, "mentions.mention": None},), key=f"same-{field}",
            )  # fmt: skip


def _confirm(mention: Json) -> None:
    """One click says that the machine is right; without it only mistakes would ever be counted."""
    if "sentiment" in mention.get("edited", {}):
        return
    sentiment = mention["sentiment"]
    st.button(
        _("The sentiment is right: {label}").format(label=sentiment_names()[sentiment].lower()),
        icon=":material/thumb_up:", key=f"right-{mention['id']}",
        on_click=checks.say, args=([mention["id"]], {"sentiment": sentiment}, False),
    )  # fmt: skip


def _words(mention: Json, query: str) -> None:
    try:
        asked = parse_query(query) if query else None
    except BadQuery:
        asked = None  # said beside the search field
    for field in ("title", "text"):
        text = mention.get(field, "")
        if not text:
            continue
        spans = (
            [Span(*span, "query", _("found by your search")) for span in highlights(text, asked, field)]
            if asked
            else []
        )
        spans += [
            Span(why["start"], why["end"], why["tag"].partition(":")[0], _named(why["tag"]))
            for why in mention.get("why", [])
            if why.get("field", "text") == field and why.get("start", -1) >= 0
        ]
        with st.container(key=f"words-{field}"):
            marked(text, spans, key=f"marked-{field}-{mention['id']}")


def _named(tag: str) -> str:
    field, _colon, value = tag.partition(":")
    return f"{field_names().get(field, field)}: {label(field, value)}"


def _form(mention: Json) -> None:
    key = mention["id"]
    options = data.choices()
    with st.form(f"edit-{key}", border=False):
        left, right = st.columns(2)
        given: dict[str, Any] = {}
        with left:
            given["status"] = st.selectbox(
                _("Status"), STATUSES, index=_place(STATUSES, mention["status"]), format_func=status_names().__getitem__
            )
        with right:
            given["assignee"] = st.selectbox(
                _("Assigned to"), _people(options, mention), index=_place(_people(options, mention), mention.get("assignee")),
                accept_new_options=True, placeholder=_("Nobody: type a name"),
            ) or ""  # fmt: skip
        given["note"] = st.text_area(_("Note for colleagues"), mention.get("note", ""), height=80, max_chars=4000)
        with st.expander(_("Correct what the machine said"), icon=":material/edit:"):
            given["sentiment"] = st.segmented_control(
                _("Sentiment"), SENTIMENTS, default=mention["sentiment"], required=True,
                format_func=sentiment_names().__getitem__,
            )  # fmt: skip
            for field in _LISTS:
                given[field] = _several(field, mention, options)
        who = st.text_input(
            _("Your name"), key="who", persist_state="session", placeholder=_("so that colleagues know who it was")
        )
        if st.form_submit_button(_("Save"), type="primary", icon=":material/save:"):
            _save(mention, given, who or "")


def _people(options: dict[str, list[str]], mention: Json) -> list[str]:
    known = [name for name in options.get("assignee", []) if name]
    own = mention.get("assignee", "")
    return [*known, own] if own and own not in known else known


def _place(values: Any, value: str | None) -> int | None:
    return list(values).index(value) if value in values else None


def _several(field: str, mention: Json, options: dict[str, list[str]]) -> list[str]:
    now = list(mention.get(field, []))
    known = {
        "brand": [brand.id for brand in context.current().brands],
        "product": [product.id for brand in context.current().brands for product in brand.products],
    }.get(field) or sorted(options.get(field, []))  # fmt: skip
    return st.multiselect(
        field_names()[field], [*known, *(value for value in now if value not in known)], default=now,
        format_func=by_field(field), placeholder=_("None"), key=f"edit-{field}-{mention['id']}",
    )  # fmt: skip


def changed(mention: Json, given: dict[str, Any]) -> dict[str, str | list[str]]:
    """The fields that were given another value than the mention has. Pure."""
    found = {}
    for field in EDITABLE:
        before = mention.get(field, [] if field in _LISTS else "")
        if field in given and given[field] != before:
            found[field] = given[field]
    return found


def _save(mention: Json, given: dict[str, Any], who: str) -> None:
    changes = changed(mention, given)
    if not changes:
        st.info(_("Nothing was changed."))
        return
    edit = Edit(
        id=uuid.uuid4().hex, at=utc_now(), by=who.strip() or _("a colleague"), mention=mention["id"], changes=changes
    )
    try:
        data.store_edit(edit)
    except LogFull:
        st.error(_("Not saved: the disk of this machine is full."), icon=":material/error:")
        return
    except LogError as error:
        st.error(_("Not saved: Ronzio cannot be reached just now. Try again in a minute."), icon=":material/error:")
        st.text(told(str(error)))
        return
    applied = data.await_edit(mention["id"], changes)
    st.cache_data.clear()
    parts.say_next(_("Saved.") if applied else _("Saved; it shows as soon as the tagging is running again."))
    st.rerun()


def _why(mention: Json) -> None:
    rows: dict[tuple[str, str], float] = {}
    for why in mention.get("why", []):
        told = (why["tag"], why["by"])
        rows[told] = max(why["confidence"], rows.get(told, 0.0))
    parts.table(
        [
            {_("Tag"): _named(tag), _("What decided"): reason(by), _("How sure"): percent(sure)}
            for (tag, by), sure in rows.items()
            if not tag.startswith("story:")
        ]
    )
    for field, who in mention.get("edited", {}).items():
        st.text(_("{field}: said by {who}").format(field=field_names().get(field, field), who=who))
    st.caption(_("What people say always holds over what the machine says."))


def _facts(mention: Json) -> None:
    origin = {
        "stated": _("stated by the source"), "zone-assumed": _("stated without a time zone"),
        "fetched": _("not stated: the time it was found"),
    }[mention["date_origin"]]  # fmt: skip
    rows = [
        (_("Published"), f"{parts.stamp(mention)} ({origin})"),
        (_("Source"), label("source", mention["source"])),
        (_("Site"), mention.get("site", "")),
        (_("Author"), mention.get("author", "")),
        (_("Language"), label("language", mention["language"])),
        (_("Score"), f"{mention['score']:+.2f}"),
        (_("Sentiment judged by"), mention.get("judged_by", "")),
        (_("Reach"), str(mention.get("reach") or "")),
        (_("Address"), mention.get("url", "")),
        (_("Identifier"), mention["id"]),
    ]
    parts.table([{_("What"): name, _("Value"): value} for name, value in rows if value])
