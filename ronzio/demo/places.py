"""The places of the demo's web: who publishes, in which language and format, and at which address.

Each place has its own loopback address where the system gives us one (Linux does: 127.0.0.2, 127.0.0.3 ...), because
the crawler is polite by host: one request at a time, with a pause. Elsewhere all live on 127.0.0.1; paths are the same.
"""

from __future__ import annotations

import functools
import socket
from typing import Literal, NamedTuple

from ronzio.demo.companies import Language

WEB_PORT = 8765
MAIL_PORT = 8025


class Place(NamedTuple):
    """One publisher. `weight` is its share of the comments; 0 for papers, which publish news only."""

    id: str
    name: str
    language: Language
    feed: Literal["rss", "atom", "json"]
    weight: int = 0
    dates: Literal["standard", "italian"] = "standard"
    boilerplate: str = ""

    @property
    def feed_path(self) -> str:
        return f"/{self.id}/{ {'rss': 'feed.xml', 'atom': 'atom.xml', 'json': 'feed.json'}[self.feed] }"

    @property
    def archive_path(self) -> str:
        return f"/{self.id}/archive.json"


PLACES: tuple[Place, ...] = (
    Place("agenzia", "Agenzia Larix", "it", "json", boilerplate="(Larix) Riproduzione consentita agli abbonati."),
    Place(
        "gazzetta",
        "La Gazzetta del Navile",
        "it",
        "rss",
        dates="italian",
        boilerplate="Segui la Gazzetta del Navile anche sul canale dei lettori. Ogni mattina le notizie della tua zona.",
    ),
    Place(
        "corriere", "Corriere di Valtorta", "it", "rss", boilerplate="Leggi anche: tutte le notizie di oggi in valle."
    ),
    Place("cronache", "Cronache Brembane", "it", "atom", boilerplate="© Cronache Brembane, riproduzione riservata."),
    Place(
        "mercati",
        "Mercati e Marche",
        "it",
        "rss",
        boilerplate="Iscriviti alla lettera di Mercati e Marche: ogni lunedì.",
    ),
    Place("courier", "The Retail Courier", "en", "rss", boilerplate="Sign up for the Retail Courier's weekly letter."),
    Place("brandwatchers", "Shelf Notes", "en", "atom", boilerplate="Shelf Notes is read by people who stock shelves."),
    Place("piazza", "Piazza", "it", "json", weight=38),
    Place("pareri", "Pareri sinceri", "it", "rss", weight=18),
    Place("tazzina", "Forum La Tazzina", "it", "atom", weight=18, dates="standard"),
    Place("chatter", "Chatter Lane", "en", "json", weight=16),
    Place("board", "The Kettle Board", "en", "atom", weight=10),
)
BY_ID = {place.id: place for place in PLACES}
TALK = tuple(place for place in PLACES if place.weight)
PAPERS = tuple(place for place in PLACES if not place.weight)
AGENCY = BY_ID["agenzia"]


@functools.cache
def host(place: Place) -> str:
    """The loopback address of a place: its own where the system has more than one."""
    return f"127.0.0.{PLACES.index(place) + 2}" if _many_addresses() else "127.0.0.1"


def base(place: Place, port: int) -> str:
    """The beginning of the place's addresses, without a slash at the end."""
    return f"http://{host(place)}:{port}"


@functools.cache
def _many_addresses() -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True
