"""How mentions and what goes with them lie in Elasticsearch: indices, templates, aliases, time slices.

    <prefix>mentions              read alias over all slices
    <prefix>mentions-write-2026q4 write alias of one slice
    <prefix>mentions-2026q4-g1    the slice itself: mentions published in that quarter, as shown; g2 after a rebuild
    <prefix>directory             one small document a mention: where it is, whose it is, what humans said of it
    <prefix>state                 positions with their books, erased authors, rebuilds
    <prefix>records               the application's small records
    <prefix>decisions             those of them that people make on the pages

Mentions lie in aliased indices under their own ids and not in data streams, which only take new documents. All mappings are
strict: a document that does not fit is refused and becomes a dead letter, the mapping never grows by accident.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import elasticsearch
import msgspec

from index.elastic.client import Client
from index.elastic.settings import ElasticSettings
from index.fields import FIELDS, UNGROUPED
from index.store import IndexFailure, Json

logger = logging.getLogger(__name__)

LONGEST_WORD: Final = 60  # characters; tantivy counts bytes, so a long word in another script may be found here alone
LONGEST_KEYWORD: Final = 8000  # characters; a longer value is kept, but not searchable
MOST_BUCKETS: Final = 65_000

_TYPES: Final = {"date": "date", "integer": "long", "number": "double", "boolean": "boolean"}
_SHOWN_ONLY: Final = ("author_url", "note", "signature")
_OBJECTS: Final = ("why", "extra", "edited")

_ANALYSIS: Final[Json] = {
    # The same words as the analysis of the one-machine store: runs of letters and digits, lower case, without accents.
    "tokenizer": {"runs": {"type": "pattern", "pattern": r"[^\p{IsAlphabetic}\p{N}]+"}},
    "filter": {"not_too_long": {"type": "length", "max": LONGEST_WORD}},
    "analyzer": {
        "words": {"type": "custom", "tokenizer": "runs", "filter": ["not_too_long", "asciifolding", "lowercase"]}
    },
}


def mentions_mapping() -> Json:
    """Made of `index.fields.FIELDS`; what is not searched is only kept."""
    properties: Json = {}
    for name, kind in FIELDS.items():
        if kind == "text":
            properties[name] = {"type": "text", "analyzer": "words", "norms": False}
        elif kind == "keyword":
            properties[name] = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
            if name in UNGROUPED and name != "id":
                properties[name]["doc_values"] = False
        else:
            properties[name] = {"type": _TYPES[kind]}
    properties |= {name: {"type": "keyword", "index": False, "doc_values": False} for name in _SHOWN_ONLY}
    properties["digest"] = {"type": "keyword", "index": False, "doc_values": False}
    properties |= {name: {"type": "object", "enabled": False} for name in _OBJECTS}
    return {"dynamic": "strict", "properties": properties}


_BY_ORDER: Final[Json] = {"index": False}  # sorted by only
_BY_VALUE: Final[Json] = {"doc_values": False}  # looked for only
DIRECTORY_MAPPING: Final[Json] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword", **_BY_ORDER},  # for going through all of them
        "live": {"type": "boolean", **_BY_VALUE},
        "author": {"type": "long", **_BY_VALUE},  # see people.author_key: erasing an author finds all mentions by it
        "at": {"type": "long", **_BY_VALUE},  # sort_key, for retention
        "written": {"type": "long"},  # microseconds since 1970; newest last: `recent`
        "body": {"type": "object", "enabled": False},
    },
}
STATE_MAPPING: Final[Json] = {
    "dynamic": "strict",
    "properties": {"kind": {"type": "keyword"}, "body": {"type": "object", "enabled": False}},
}
RECORDS_MAPPING: Final[Json] = {
    "dynamic": "strict",
    "properties": {
        "kind": {"type": "keyword"},
        "id": {"type": "keyword"},
        "body": {"type": "binary"},
    },
}


def version_of(mapping: Json) -> str:
    """Changes whenever an index made before would answer otherwise than one made now."""
    return hashlib.blake2b(msgspec.json.encode([mapping, _ANALYSIS], order="deterministic"), digest_size=4).hexdigest()


class Layout:
    """The names of one installation's indices, and making them. `ready` is cheap after the first time."""

    def __init__(self, client: Client, settings: ElasticSettings) -> None:
        self._client = client
        self._settings = settings
        prefix = settings.prefix
        self.mentions = f"{prefix}mentions"
        self.directory = f"{prefix}directory"
        self.state = f"{prefix}state"
        self.records = f"{prefix}records"
        self.decisions = f"{prefix}decisions"
        self.version = version_of(mentions_mapping())
        self._ready = False
        self._slices: set[str] = set()

    # -- slices -------------------------------------------------------------------------------------------------------
    def slice_of(self, published_ms: int) -> str:
        """The slice a mention published then belongs to, such as "2026q4"."""
        moment = datetime.fromtimestamp(published_ms / 1000, UTC)
        match self._settings.slice:
            case "month":
                return f"{moment.year}.{moment.month:02}"
            case "quarter":
                return f"{moment.year}q{(moment.month + 2) // 3}"
            case _:
                return str(moment.year)

    def write_alias(self, slice: str) -> str:
        return f"{self.mentions}-write-{slice}"

    def ensure_slice(self, slice: str) -> None:
        """Makes the slice's first index with both aliases if there is none."""
        if slice in self._slices:
            return
        self.ready()
        if not self.exists(f"/_alias/{self.write_alias(slice)}"):
            index = f"{self.mentions}-{slice}-g1"
            self.create(index)
            # The aliases come once it answers: with them from the start, a search of just then would find it without shards
            added = [{"add": {"index": index, "alias": alias}} for alias in (self.mentions, self.write_alias(slice))]
            self._client.call("POST", "/_aliases", {"actions": added})
        self._slices.add(slice)

    def forget_slices(self) -> None:
        """After a write found its alias gone: retention drops slices."""
        self._slices.clear()

    def slices(self) -> dict[str, str]:
        """slice -> the index behind its write alias."""
        marker = f"{self.mentions}-write-"
        found = {}
        for index, said in self._client.call("GET", f"/_alias/{marker}*", expand_wildcards="open").items():
            for alias in said["aliases"]:
                found[alias.removeprefix(marker)] = index
        return found

    # -- making -------------------------------------------------------------------------------------------------------
    def ready(self) -> None:
        """Makes templates and the indices that are not sliced, if they are not there."""
        if self._ready:
            return
        self._ensure_template()
        one = {"number_of_shards": 1, "number_of_replicas": self._settings.replicas}
        if not self.exists(f"/{self.directory}"):
            self._create(self.directory, {"settings": self._directory_settings(), "mappings": DIRECTORY_MAPPING})
        for name, mapping in (
            (self.state, STATE_MAPPING), (self.records, RECORDS_MAPPING), (self.decisions, RECORDS_MAPPING)
        ):  # fmt: skip
            if not self.exists(f"/{name}"):
                self._create(name, {"settings": one, "mappings": mapping})
        self._ready = True

    def _directory_settings(self) -> Json:
        """Small documents that are mostly looked up by id; a directory as large as the mentions wants as many shards."""
        return {
            "number_of_shards": self._settings.shards,
            "number_of_replicas": self._settings.replicas,
            "refresh_interval": "30s",  # whoever searches it refreshes it first; each second it would cost 2 us an entry
            "gc_deletes": "10m",  # longer than any writer takes, so that a late write cannot bring a deleted entry back
        }

    def _ensure_template(self) -> None:
        """Writes the template where it is missing or was made of other settings or another mapping. Where it is as it should be
        it is only read: most processes may not do more, and would leave out the lifecycle that they may not make."""
        template: Json = {"settings": self.settings(), "mappings": self.mapping()}
        digest = version_of(template)
        path = f"/_index_template/{self.mentions}"
        found = patiently_missing(lambda: self._client.call("GET", path, filter_path="**._meta.digest"), {})
        if found == {"index_templates": [{"index_template": {"_meta": {"digest": digest}}}]}:
            return
        if self._lifecycle():
            template["settings"]["lifecycle"] = {"name": self.mentions}
        meta = {"description": "Mentions of Ronzio", "version": self.version, "digest": digest}
        patterns = [f"{self.mentions}-*-g*"]
        self._client.call(
            "PUT", path, {"index_patterns": patterns, "priority": 300, "template": template, "_meta": meta}
        )

    def _lifecycle(self) -> bool:
        """Where the cluster has lifecycle management, a slice that is past is merged into one segment. Deleting stays with
        `Index.retain`: lifecycles count an index's age, retention counts the mentions' own dates."""
        days = {"month": 31, "quarter": 92, "year": 366}[self._settings.slice]
        policy = {
            "policy": {
                "phases": {
                    "hot": {"actions": {"set_priority": {"priority": 100}}},
                    "warm": {"min_age": f"{days + 2}d", "actions": {"forcemerge": {"max_num_segments": 1}}},
                }
            }
        }
        try:
            self._client.call("PUT", f"/_ilm/policy/{self.mentions}", policy)
        except (elasticsearch.BadRequestError, elasticsearch.NotFoundError):
            return False  # this build has none
        except IndexFailure as error:  # 405 of a build without it; or a key that may not
            logger.info("no lifecycle policy: %s", error, extra={"action": "no-lifecycle"})
            return False
        return True

    def settings(self) -> Json:
        """Of an index of mentions."""
        return {
            "number_of_shards": self._settings.shards,
            "number_of_replicas": self._settings.replicas,
            "refresh_interval": "1s",  # said, so that an index nobody searches is kept fresh too
            "gc_deletes": "10m",
            "analysis": _ANALYSIS,
        }

    def mapping(self) -> Json:
        return {**mentions_mapping(), "_meta": {"version": self.version}}

    def outdated(self) -> list[str]:
        """Slices whose mapping was made by another version of Ronzio: a rebuild brings them up to date."""
        found = []
        for slice, index in self.slices().items():
            mappings = self._client.call("GET", f"/{index}/_mapping")[index]["mappings"]
            if mappings.get("_meta", {}).get("version") != self.version:
                found.append(slice)
        return sorted(found)

    def create(self, index: str) -> None:
        """An index of mentions behind no alias: a rebuild's copy must not be seen before it is whole."""
        self._create(index, {})

    def exists(self, path: str) -> bool:
        try:
            self._client.call("GET", path, filter_path="*.aliases,*.settings.index.uuid")
        except elasticsearch.NotFoundError:
            return False
        return True

    def _create(self, index: str, body: Json) -> None:
        try:
            self._client.call("PUT", f"/{index}", body)
            logger.info("made the index %s", index, extra={"action": "index-made", "index": index})
        except elasticsearch.BadRequestError as error:
            if "resource_already_exists" not in str(error):
                raise IndexFailure(f"Elasticsearch refuses to make {index}: {error}") from error


def patiently_missing(work: Callable[[], Any], nothing: Any) -> Any:
    """What `work` answers, or `nothing` where an index is not there yet."""
    try:
        return work()
    except elasticsearch.NotFoundError:
        return nothing
