"""Words on the pages: the visitor's language, and names for what the store keeps as ids.

Views say `_("...")`; the language is the visitor's choice in the sidebar, else what the browser asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import streamlit as st

from dashboard import context
from i18n import format_datetime, format_delta, format_number, format_percent, language_or_default, reworded, translator
from index import BadQuery, said_in
from stream import expressions as ex


def language() -> str:
    """ "it" or "en"."""
    chosen = st.session_state.get("language") or st.query_params.get("lang") or st.context.locale
    return language_or_default(chosen, context.current().settings.language)


def _(text: str) -> str:
    """The text in the visitor's language."""
    return translator("dashboard", language()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The right form for a count; `{count}` in it is the caller's to fill in."""
    return translator("dashboard", language()).ngettext(one, many, count)


def number(value: float, decimals: int = 0) -> str:
    return format_number(value, language(), decimals)


def percent(share: float) -> str:
    return format_percent(share, language())


def moment(value: datetime) -> str:
    """Date and time on the installation's clock."""
    return format_datetime(value, language(), context.current().settings.time_zone)


def ago(value: datetime, now: datetime) -> str:
    """ "3 minutes ago"."""
    return format_delta(max(now - value, timedelta(0)), language(), ago=True)


def until(value: datetime, now: datetime) -> str:
    """ "in 3 minutes", or "now"."""
    return format_delta(now - value, language(), ago=True) if value > now + timedelta(seconds=1) else _("now")


def duration(value: timedelta) -> str:
    """ "12 minutes"."""
    return format_delta(value, language())


def label(field: str, value: str) -> str:
    """What a visitor calls a value of a field; ids without a name of ours are made readable."""
    if field == "towards":
        brand, _colon, said = value.rpartition(":")
        return f"{label('brand', brand)}: {attitude_names().get(said, said)}"
    if field in ("brand", "product"):
        return _names().get((field, value), value)
    known = {
        "sentiment": sentiment_names, "status": status_names, "language": language_names, "topic": topic_names,
        "department": department_names, "channel": channel_names, "source": source_names,
    }.get(field)  # fmt: skip
    names = known() if known else {}
    return names.get(value) or (value.replace("-", " ") if field in ("topic", "department") else value)


def _names() -> dict[tuple[str, str], str]:
    names = {}
    for brand in context.current().brands:
        names["brand", brand.id] = brand.name
        names.update({("product", product.id): product.name for product in brand.products})
    return names


def source_names() -> dict[str, str]:
    from dashboard import data

    return {source.id: source.name for source in data.sources()}


def sentiment_names() -> dict[str, str]:
    return {"negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive")}


def attitude_names() -> dict[str, str]:
    """What a text says of one brand."""
    return {**sentiment_names(), "none": _("Only named")}


def status_names() -> dict[str, str]:
    return {
        "new": _("New"), "open": _("Being handled"), "answered": _("Answered"), "closed": _("Closed"),
        "ignored": _("Ignored"),
    }  # fmt: skip


def language_names() -> dict[str, str]:
    return {
        "it": _("Italian"), "en": _("English"), "es": _("Spanish"), "fr": _("French"), "de": _("German"),
        "pt": _("Portuguese"), "und": _("Unknown"),
    }  # fmt: skip


def health_names() -> dict[str, str]:
    return {
        "ok": _("Well"), "waiting": _("Not visited yet"), "failing": _("Does not answer"),
        "silent": _("Unusually silent"), "gone": _("Gone for good"), "forbidden": _("Refuses us"),
        "paused": _("Paused"),
    }  # fmt: skip


def health_advice() -> dict[str, str]:
    """What a state means for whoever reads it, and what to do."""
    return {
        "failing": _("It does not answer, or not as it should. It is tried again by itself, less and less often."),
        "silent": _("It answers, and has brought nothing new for unusually long: is it still the right address?"),
        "gone": _("The server says that this is gone for good: take it out of ronzio.toml, or mend its address."),
        "forbidden": _("We are not let in: by robots.txt, by a sign-in, or because the address is not a public one."),
        "paused": _("It rests until somebody starts it again."),
    }


def channel_names() -> dict[str, str]:
    return {"feed": _("Feed"), "site": _("Site"), "import": _("Import")}


def field_names() -> dict[str, str]:
    return {
        "brand": _("Brand"), "product": _("Product"), "sentiment": _("Sentiment"), "towards": _("Towards"), "topic": _("Topic"),
        "department": _("Department"), "source": _("Source"), "channel": _("Channel"), "site": _("Site"),
        "language": _("Language"), "status": _("Status"), "assignee": _("Assigned to"), "author": _("Author"),
        "story": _("Story"), "event": _("Event"), "terms": _("Terms"), "time": _("Time"), "note": _("Note"),
    }  # fmt: skip


def topic_names() -> dict[str, str]:
    return {
        "customer-care": _("Customer care"), "product-quality": _("Product quality"), "price": _("Price"),
        "billing": _("Payments and invoices"), "delivery": _("Delivery"), "punctuality": _("Delays"),
        "returns": _("Returns and refunds"), "website-app": _("Website and app"), "store-staff": _("Stores and staff"),
        "safety": _("Safety and health"), "legal": _("Legal matters"), "privacy": _("Privacy"), "work": _("Work"),
        "sustainability": _("Environment and society"), "business": _("Company and market"),
        "advertising": _("Advertising"), "product-request": _("Requests and ideas"),
        "orders": _("Orders and bookings"),
    }  # fmt: skip


def department_names() -> dict[str, str]:
    return {
        "customer-care": _("Customer care"), "product": _("Product"), "marketing": _("Marketing"),
        "administration": _("Administration"), "logistics": _("Logistics"), "operations": _("Operations"),
        "digital": _("Digital"), "retail": _("Retail"), "legal": _("Legal"), "hr": _("Human resources"),
        "sustainability": _("Sustainability"), "management": _("Management"),
    }  # fmt: skip


def period_name(key: str) -> str:
    return {
        "15m": _("15 minutes"), "1h": _("1 hour"), "6h": _("6 hours"), "24h": _("24 hours"), "7d": _("7 days"),
        "30d": _("30 days"),
    }[key]  # fmt: skip


def reason(by: str) -> str:
    """What decided a tag, in the visitor's language; the words themselves stay as they were found."""
    start, _quote, rest = by.partition(' "')
    if start in ("keyword", "query") and rest:
        return {"keyword": _("keyword"), "query": _("query")}[start] + f' "{rest}'
    for kind, field in (("product ", "product"), ("topic ", "topic")):
        if by.startswith(kind):
            names = [label(field, value) for value in by.removeprefix(kind).split(", ")]
            return f"{field_names()[field]}: {', '.join(names)}"
    if by.startswith("words, the source says"):
        return by.replace("words, the source says", _("words, and the source says"))
    if by.startswith("words: "):
        return by.replace("words:", _("words:"), 1).replace("(negated)", _("(negated)"))
    if by.startswith("model "):
        return _("model") + by.removeprefix("model")
    unsure, then, what_there_is = by.partition("; ")
    if by.startswith("cannot say") and then:
        return f"{told(unsure)}; {reason(what_there_is)}"
    return {
        "words": _("words of the text"), "no word of sentiment": _("no word of sentiment"),
        "no single word: all of it together": _("no single word: all of it together"),
        "only names it": _("only names it"), "compared with another brand": _("compared with another brand"),
    }.get(by) or told(by)  # fmt: skip


def told(text: str) -> str:
    """What a program said in English, of an error or of a state, in the visitor's language where there are words for it."""
    return reworded(text, language())


def problem(error: BadQuery | ex.ExpressionError, spoken: str = "") -> str:
    """What is wrong with a typed query, in the visitor's language (or in `spoken`) where there are words for it."""
    spoken = spoken or language()
    if not error.template:
        return reworded(str(error), spoken)
    return translator("expressions", spoken).gettext(error.template).format(**said_in(spoken, error.values))


def refusal(error: BadQuery, spoken: str = "") -> tuple[str, str]:
    """That a typed query cannot be answered and where, and why not; in the language of `problem`."""
    _ = translator("dashboard", spoken or language()).gettext
    place = _(" (at letter {column})").format(column=error.column) if error.column else ""
    return _("The query cannot be answered") + place, problem(error, spoken)


def inert(text: str) -> str:
    """User text for a label that would read it as Markdown: every letter with a meaning there becomes an entity, and
    addresses do not become links."""
    special = frozenset("\\`*_{}[]()<>#+-.!|~$:@/&=^\"'")
    plain = "".join(f"&#{ord(ch)};" if ch in special else ch for ch in " ".join(text.split()))
    for start in ("http", "www"):
        plain = plain.replace(start, f"{start[:-1]}\u2060{start[-1]}")
    return plain


Format = Callable[[str], str]


def by_field(field: str) -> Format:
    """A `format_func` for selectors of a field's values."""
    return lambda value: label(field, value)
