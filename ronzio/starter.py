"""The commented `ronzio.toml` that `ronzio init` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from enrichment import rule_for
from stream import slug

_HEAD = """\
# Ronzio: what is being said about your brands.
# Check this file with "ronzio check", start everything with "ronzio run".
# Every setting with its meaning: docs/settings.md

data_dir = "ronzio-data"        # everything Ronzio keeps; back this folder up
# keep_mentions_days = 730      # older mentions are deleted

"""

_BRAND = """\
[[brands]]
name = {name}
language = {language}                  # of the mails about this brand: "it" or "en"
time_zone = "Europe/Rome"
{how}
# exact = ["TIM"]               # only as written here
# query = 'acme NEAR/5 (guasto OR rotto)'  # an expression: docs/brands.md; try it with "ronzio match"
# exclude = ["acme corporation"]  # a text with one of these is not about the brand
competitors = {competitors}
# alert_to = ["maria@example.com"]   # else [mail] to
{products}
"""

_KEYWORDS = "keywords = {keywords}     # whole words; case and accents do not matter; l'Acme and #acme match too"

_RULE = """\
# {name} is also {also}: this rule tells them apart. Try changes with "ronzio match"; docs/brands.md explains it.
query = '''
{query}
'''"""

_PRODUCT = """
  [[brands.products]]
  name = {name}
  # keywords = [{name}]
  # needs_brand = true          # for a common word: counts only where the brand is named as well
"""

_NO_PRODUCT = """
  # [[brands.products]]
  # name = "Acme Uno"
"""

_RIVAL = """
[[brands]]
name = {name}
role = "competitor"             # compared with; never alerts
{how}"""

_SOURCE = """
[[sources]]
kind = {kind}
url = {url}
"""

_SOURCES_HELP = """
# Where mentions come from. A kind is "feed" (RSS, Atom, JSON Feed, also an alert service's own feed),
# "site" (crawled politely: robots.txt, sitemaps, links) or "opml" (a list of feeds).
# "ronzio try URL" shows what a source would bring before you add it.
"""

_NO_SOURCE = """
# [[sources]]
# kind = "feed"
# url = "https://www.example.com/feed.xml"
# interval = "15m"
"""

_TAIL = """
[alerts]
# every = 60                    # seconds between looks
# min_mentions = 5              # never fewer negative mentions than this

[mail]
{mail}# host = "smtp.example.com"     # your provider's server
# port = 587
# security = "starttls"         # "none", "starttls" or "tls"
# user = "alerts@example.com"   # the password comes from the environment: RONZIO_MAIL_PASSWORD
# from = "Ronzio <alerts@example.com>"

[dashboard]
# port = 8501
# language = "it"
"""


def starter(
    brand: str,
    *,
    products: Sequence[str] = (),
    competitors: Sequence[str] = (),
    sources: Sequence[str] = (),
    mail_to: Sequence[str] = (),
    language: str = "it",
    rules: bool = True,
) -> str:
    """The text of a new configuration. Values are quoted as TOML strings; the result always loads. `rules`: brands whose
    names mean something else as well are looked for by a rule instead of the bare name."""
    parts = [
        _HEAD,
        _BRAND.format(
            name=quote(brand),
            language=quote(language),
            how=_rule(brand, rules) or _KEYWORDS.format(keywords=_list([brand])),
            competitors=_list([slug(rival) for rival in competitors]),
            products="".join(_PRODUCT.format(name=quote(product)) for product in products) or _NO_PRODUCT,
        ),
        *(_RIVAL.format(name=quote(rival), how=_with_line_end(_rule(rival, rules))) for rival in competitors),
        _SOURCES_HELP,
        *(_SOURCE.format(kind=quote(kind_of(url)), url=quote(url)) for url in sources),
        "" if sources else _NO_SOURCE,
        _TAIL.format(mail=f"to = {_list(mail_to)}\n" if mail_to else '# to = ["maria@example.com"]\n'),
    ]
    return "".join(parts)


def _rule(name: str, rules: bool) -> str:
    """The lines of the rule for an ambiguous name; "" where there is none."""
    known = rule_for(name) if rules else None
    return _RULE.format(name=known.name, also=known.also["en"], query=known.query.strip()) if known else ""


def _with_line_end(text: str) -> str:
    return text + "\n" if text else ""


def kind_of(url: str) -> str:
    """A guess by the address: "opml", "feed" or "site"; the file's reader may change it."""
    path = url.lower().split("?")[0].rstrip("/")
    if path.endswith(".opml"):
        return "opml"
    last = path.rsplit("/", 1)[-1]
    feedish = path.endswith((".xml", ".rss", ".atom", ".json", ".rdf")) or last in ("feed", "rss", "atom", "feeds")
    return "feed" if feedish or "google.com/alerts" in path or "/feeds/" in path else "site"


def quote(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(quote(text) for text in texts) + "]"
