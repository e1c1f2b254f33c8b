"""Teaching from the pages: a topic from mentions chosen on a page, and what people's corrections teach; each is measured and
shown before it is switched on, and can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import context, history, parts
from dashboard.words import _, by_field, department_names, moment, number, told
from index import IndexFailure, Json
from stream import slug, utc_now

if TYPE_CHECKING:
    from enrichment import Enricher, Measured, Models, Quality

DEPARTMENT = "customer-care"


def _enricher() -> Enricher:
    from enrichment import Enricher, EnrichmentSettings  # takes a second to load: only for who teaches

    here = context.current()
    return Enricher(here.brands, here.tagging or EnrichmentSettings())


def _models() -> Models:
    from enrichment import Models

    return Models(context.index().records)


def _who() -> str:
    return (st.session_state.get("who") or "").strip() or _("a colleague")


def _switch(changes: dict[str, int], what: str, trained: bool) -> None:
    _models().switch(changes, by=_who(), at=utc_now(), what=what, trained=trained)
    parts.say_next(_("Switched on: it holds for what comes in from now on."))
    st.session_state.pop("learning", None)


# -- a topic from mentions ----------------------------------------------------------------------------------------------
def topic_from(found: Sequence[Json], query: str) -> None:
    """A form over the mentions of a page, which `query` found, if it says anything."""
    with st.popover(_("Teach a topic from these"), icon=":material/school:"):
        st.caption(_("Choose 10 to 20 mentions of one topic. It is measured first, and switched on by you."))
        names = {mention["id"]: parts.headline(mention) for mention in found}
        chosen = st.multiselect(
            _("Examples"), list(names), default=list(names), format_func=names.__getitem__, key="teach-examples"
        )
        title = st.text_input(_("Name of the topic"), key="teach-name", placeholder=_("Lost luggage"))
        department = st.selectbox(
            _("Who should know"), list(department_names()), key="teach-department", accept_new_options=True,
            format_func=by_field("department"),
        )  # fmt: skip
        if st.button(_("Learn and measure"), type="primary", disabled=not title, key="teach"):
            theirs = query if 2 * len(chosen) > len(names) else ""  # else it finds much that is something else
            st.session_state["learning"] = _teach(chosen, theirs, title, department or DEPARTMENT)
        if answer := st.session_state.get("learning"):
            _result(*answer)


def _teach(mentions: Sequence[str], query: str, title: str, department: str) -> tuple[str, Quality | None, str, int]:
    """(what to say, how good it is, the topic, its version); no quality where it cannot be taught."""
    from enrichment import CannotTeach, Lesson, TooFewExamples, teach

    lesson = Lesson(slug(title), slug(department), title.strip(), mentions, query=query)
    try:
        with st.spinner(_("Learning …")):
            topic = teach(context.index(), _enricher(), lesson, by=_who(), at=utc_now())
    except (CannotTeach, TooFewExamples) as error:
        return told(str(error)), None, "", 0
    text = _("It would tag {count} of the latest {all} mentions.").format(
        count=number(topic.would_tag), all=number(topic.looked_at)
    )
    return text, topic.quality, topic.id, topic.version


def _result(text: str, quality: Quality | None, topic: str, version: int) -> None:
    if quality is None:
        st.error(_("This cannot be learnt."), icon=":material/error:")
        st.text(text)
        return
    parts.table(
        [
            {_("Measure"): name, _("Value"): _share(measured)}
            for name, measured in (
                (_("Precision: of what it names, right"), quality.precision),
                (_("Recall: of the examples, found"), quality.recall),
                (_("Both in one (F1)"), quality.f1),
            )
        ]
    )
    st.caption(_("By cross-validation, with 95 % intervals.") + " " + text)
    st.button(
        _("Switch on"), icon=":material/toggle_on:", key="teach-on",
        on_click=_switch, args=({f"topic/{topic}": version}, f"topic {topic}: version {version} on", False),
    )  # fmt: skip


def _share(measured: Measured) -> str:
    return f"{number(measured.value, 2)} ({number(measured.low, 2)} – {number(measured.high, 2)})"


# -- corrections --------------------------------------------------------------------------------------------------------
def corrections() -> None:
    """What people's corrections would teach, and the way back."""
    st.subheader(_("Learn from corrections"))
    if st.button(_("Measure what training would gain"), icon=":material/model_training:", key="train"):
        with st.spinner(_("Learning …")):
            st.session_state["training"] = _train()
    if "training" in st.session_state:
        lines, gains = st.session_state["training"]
        for line in lines:
            st.text(line)
        if gains:
            st.button(_("Switch on"), key="train-on", type="primary", on_click=_switch_training, args=(gains,))
    try:
        tagging = _models().tagging()
    except IndexFailure:
        return  # said elsewhere on the page
    if tagging is not None:
        st.caption(
            _("Last change: {what}, {when}, by {who}.").format(
                what=told(tagging.what), when=moment(tagging.at), who=tagging.by
            )
        )
        if tagging.models or tagging.before:
            st.button(_("Undo the last change"), icon=":material/undo:", key="train-undo", on_click=_undo)


def history_anew() -> None:
    """What is switched on, for what is there already."""
    history.draw(_who())


def _train() -> tuple[list[str], dict[str, int]]:
    """What to say, and the versions that gain."""
    from enrichment import SENTIMENT, CannotTrain, train_sentiment, train_topics

    enricher, lines, gains = _enricher(), [], {}
    try:
        model = train_sentiment(context.index(), enricher, by=_who(), at=utc_now())
        for name, (before, after) in ((_("by cross-validation"), model.crossed), (_("on the newest"), model.later)):
            lines.append(
                _("Sentiment, {how}: macro-F1 {before} without, {after} with {count} corrections").format(
                    how=name, before=number(before, 1), after=number(after, 1), count=number(model.examples)
                )
            )
        if model.gains:
            gains[SENTIMENT] = model.version
        else:
            lines.append(_("It does not gain both ways, and stays off."))
    except CannotTrain as error:
        lines.append(_("Sentiment") + f": {told(str(error))}")
    for one in train_topics(context.index(), enricher, by=_who(), at=utc_now()):
        before, after = one.before.quality.f1.value, one.topic.quality.f1.value
        lines.append(f"{one.topic.name}: F1 {number(before, 2)} → {number(after, 2)}")
        if after >= before:
            gains[f"topic/{one.topic.id}"] = one.topic.version
    return lines, gains


def _switch_training(gains: dict[str, int]) -> None:
    _switch(gains, f"trained {', '.join(gains)}", True)
    st.session_state.pop("training", None)


def _undo() -> None:
    from enrichment import NoSuchModel

    try:
        done = _models().undo(by=_who(), at=utc_now())
        parts.say_next(told(done.what))
    except NoSuchModel as error:
        parts.say_next(told(str(error)), done=False)
