"""What is stored, as it came in: a mention of the store in, the item that it was made of out."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from index import Json
from stream import Item, Mention

_SAID: Final = re.compile(r', the source says "(.*)"$')  # as Why writes it


def item_of(mention: Mention) -> Item:
    """The item: nothing that machines or humans said of it remains, but for the reason of its language, which tells what the
    source said the language is."""
    said = [_SAID.search(why.by) for why in mention.why if why.tag.startswith("language:")]
    return Item(
        id=mention.id,
        source=mention.source,
        channel=mention.channel,
        fetched_at=mention.fetched_at,
        published_at=mention.published_at,
        date_origin=mention.date_origin,
        url=mention.url,
        site=mention.site,
        title=mention.title,
        text=mention.text,
        author=mention.author,
        author_url=mention.author_url,
        language=next((match[1] for match in said if match), ""),
        reach=mention.reach,
        backfill=mention.backfill,
        extra=mention.extra,
    )


def mention_of(body: Json) -> Mention:
    """A body that the store returned."""
    return msgspec.convert(body, Mention)
