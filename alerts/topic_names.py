"""The names of topics as a mail's reader knows them. A topic of the user's own shows its id, made readable."""

from __future__ import annotations

from i18n import translator


def topic_name(identifier: str, language: str) -> str:
    """The name of a topic that comes with Ronzio, in the middle of a sentence; else the id with spaces."""
    _ = translator("alerts", language).gettext
    names = {
        "customer-care": _("customer care"),
        "product-quality": _("product quality"),
        "price": _("price"),
        "billing": _("payments and invoices"),
        "delivery": _("delivery"),
        "punctuality": _("delays and disruptions"),
        "returns": _("returns and refunds"),
        "website-app": _("website and app"),
        "store-staff": _("stores and staff"),
        "safety": _("safety and health"),
        "legal": _("legal matters"),
        "privacy": _("privacy and data"),
        "work": _("work"),
        "sustainability": _("environment and society"),
        "business": _("company and market"),
        "advertising": _("advertising and communication"),
        "orders": _("orders and bookings"),
        "product-request": _("requests and ideas"),
    }
    return names.get(identifier) or identifier.replace("-", " ").replace("_", " ")
