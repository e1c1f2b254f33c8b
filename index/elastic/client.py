"""Talking to Elasticsearch: one client, its errors in our words, and bulk requests with an outcome for each item.

What an item's status means: 2xx done; 404 and 409 are answers the caller asked for; 429 and 503 are sent again after a
pause; a block by a full disk is `StoreFull`; 400 is the document's fault and stays its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import elastic_transport
import elasticsearch
import msgspec

from index.elastic.settings import API_KEY, PASSWORD, ElasticSettings
from index.store import IndexFailure, Json, StoreFull, StoreUnavailable

logger = logging.getLogger(__name__)
QUIET: Final = logging.getLogger("elastic_transport")  # the library tells of every try; what counts is told by us

PATIENCE: Final = 20.0  # seconds items are sent again before the whole call is given up
SHORT_PATIENCE: Final = 5.0  # the same for other requests: somebody may be waiting for the answer
BUSY: Final = (429, 503)
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
BULK_BYTES: Final = 8 << 20  # of one request; Elasticsearch takes 100 MB, small ones share the machine better
_STATUS: Final = (
    "items.*.status,items.*.error.type,items.*.error.reason"  # with the whole answer an item costs 3 us more
)
_PLACE: Final = f"{_STATUS},items.*._seq_no,items.*._primary_term"


class StoreRefused(IndexFailure):
    """Elasticsearch does not let this process in, or not do this: password, API key, certificate or role."""


class Operation(NamedTuple):
    """One item of a bulk request: the action line and, except for deletes, the document."""

    action: bytes
    document: bytes | None = None


class Outcome(NamedTuple):
    """What became of an item. `place` is (sequence number, primary term) to pass on as if_seq_no and if_primary_term, where
    the caller of `bulk` asked for it."""

    status: int
    place: tuple[int, int] = (-1, 0)
    reason: str = ""

    @property
    def done(self) -> bool:
        return self.status < 300


class _Serializer(elastic_transport.JsonSerializer):
    """msgspec instead of the standard library's json: five times faster on search answers."""

    def loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else msgspec.json.encode(data)


class Client:
    """An Elasticsearch client; safe in several threads. Closing it closes its connections."""

    def __init__(self, settings: ElasticSettings) -> None:
        if QUIET.level == logging.NOTSET:
            QUIET.setLevel(logging.CRITICAL)
        self.settings = settings
        self.where = ", ".join(settings.hosts)
        options: dict[str, Any] = {}
        if settings.ca_file is not None:
            options["ca_certs"] = str(settings.ca_file)
        try:
            if key := settings.api_key():
                options["api_key"] = key
            elif settings.username:
                options["basic_auth"] = (settings.username, settings.password())
            self._who = _who(settings, bool(key))
            self.raw = elasticsearch.Elasticsearch(
                list(settings.hosts),
                serializer=_Serializer(),
                http_compress=settings.compress,
                request_timeout=settings.timeout_s,
                max_retries=2,
                retry_on_timeout=False,
                retry_on_status=(),
                **options,
            )
        except (ValueError, OSError) as error:
            raise StoreRefused(f"Elasticsearch at {self.where}: {error}") from None

    def close(self) -> None:
        self.raw.close()

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request, answered as decoded JSON; sent again for `SHORT_PATIENCE` seconds while the answer is 429 or 503, as
        it is while an index that is searched is just being made. Raises what `speaking` raises, `elasticsearch.NotFoundError`,
        `elasticsearch.ConflictError` and `elasticsearch.BadRequestError`."""
        headers = {"accept": "application/vnd.elasticsearch+json; compatible-with=9"}
        if body is not None:
            headers["content-type"] = "application/vnd.elasticsearch+json; compatible-with=9"
        pause, deadline = FIRST_PAUSE, time.monotonic() + SHORT_PATIENCE
        with self.speaking():
            while True:
                try:
                    return self.raw.perform_request(method, path, params=params, headers=headers, body=body).body
                except elasticsearch.ApiError as error:
                    if error.status_code not in BUSY or blocked(reason_of(error)) or time.monotonic() > deadline:
                        raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def mget(self, path: str, body: Json) -> list[Json]:
        """The documents asked for, `found` or not. Raises what `call` raises, also where only some could not be read: to be
        unreadable is not to be missing."""
        pause, deadline = FIRST_PAUSE, time.monotonic() + SHORT_PATIENCE
        while True:
            documents: list[Json] = self.call("POST", f"{path}/_mget", body)["docs"]
            failed = [one["error"] for one in documents if "error" in one]
            error = next((error for error in failed if error["type"] != "index_not_found_exception"), None)
            if error is None:
                return documents
            reason = f"{error['type']}: {error.get('reason')}"
            if error["type"] == "security_exception":
                raise full_or_forbidden(self.where, reason, 403)
            if time.monotonic() > deadline:  # before, the index may just be being made
                raise StoreUnavailable(f"Elasticsearch at {self.where} cannot read {path.strip('/')}: {brief(reason)}")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def msearch(self, path: str, bodies: Sequence[Json]) -> list[Json]:
        """An answer for each search, in order, or {"error": ..., "status": ...} in its place. Raises what `speaking` raises."""
        lines = [
            line for body in bodies for line in (b'{"allow_partial_search_results":false}', msgspec.json.encode(body))
        ]
        headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
        with self.speaking():
            answer = self.raw.perform_request(
                "POST", f"{path}/_msearch", headers=headers, body=b"\n".join(lines) + b"\n"
            ).body
        found: list[Json] = answer["responses"]
        return found

    def bulk(self, operations: Sequence[Operation], *, places: bool = False, **params: Any) -> list[Outcome]:
        """Does all of them; answers an outcome for each, in order, with its place if `places`. Raises StoreFull,
        StoreUnavailable when items cannot be placed for `PATIENCE` seconds: some may be done then, so operations must bear
        being done again."""
        params = {"filter_path": _PLACE if places else _STATUS, **params}
        outcomes: list[Outcome] = [Outcome(0)] * len(operations)
        left = list(range(len(operations)))
        pause, deadline = FIRST_PAUSE, time.monotonic() + PATIENCE
        while left:
            again: list[int] = []
            for part in _parts(operations, left):
                for number, outcome in zip(part, self._send([operations[n] for n in part], params), strict=True):
                    outcomes[number] = outcome
                    if outcome.status in (*BUSY, 403):
                        again.append(number)
            if again:
                self._wait_or_give_up(outcomes[again[0]], len(again), pause, deadline)
                pause = min(2 * pause, LONGEST_PAUSE)
            left = again
        return outcomes

    def _send(self, operations: Sequence[Operation], params: Json) -> list[Outcome]:
        lines: list[bytes] = []
        for action, document in operations:
            lines.append(action)
            if document is not None:
                lines.append(document)
        body = b"\n".join(lines) + b"\n"
        headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
        with self.speaking():
            try:
                answer = self.raw.perform_request("POST", "/_bulk", params=params, headers=headers, body=body).body
            except elasticsearch.ApiError as error:
                if error.status_code not in BUSY:
                    raise
                return [Outcome(error.status_code, reason=reason_of(error))] * len(operations)
        return [_outcome(next(iter(item.values()))) for item in answer["items"]]

    def _wait_or_give_up(self, outcome: Outcome, count: int, pause: float, deadline: float) -> None:
        if blocked(outcome.reason) or outcome.status == 403:
            raise full_or_forbidden(self.where, outcome.reason, outcome.status)
        if time.monotonic() + pause > deadline:
            raise StoreUnavailable(f"Elasticsearch at {self.where} is overloaded: {outcome.reason}")
        extra = {"action": "bulk-again", "items": count, "status": outcome.status}
        logger.info("Elasticsearch asked to wait with %d documents: %s", count, outcome.reason, extra=extra)
        time.sleep(pause)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turns the client's errors into ours. Raises StoreUnavailable, StoreFull, StoreRefused; lets 400, 404, 409 through."""
        try:
            yield
        except elasticsearch.AuthenticationException:
            raise StoreRefused(f"Elasticsearch at {self.where} refuses {self._who}") from None
        except elasticsearch.AuthorizationException as error:
            raise full_or_forbidden(self.where, reason_of(error), 403) from None
        except elastic_transport.TlsError as error:
            raise StoreRefused(
                f"Elasticsearch at {self.where}: its certificate is not trusted ({error.message}); name its authority in ca_file"
            ) from None
        except (elastic_transport.ConnectionError, elastic_transport.ConnectionTimeout) as error:
            raise StoreUnavailable(f"Elasticsearch at {self.where} cannot be reached: {brief(error.message)}") from None
        except (elasticsearch.NotFoundError, elasticsearch.ConflictError, elasticsearch.BadRequestError):
            raise
        except elasticsearch.ApiError as error:
            reason = reason_of(error)
            if blocked(reason):
                raise full_or_forbidden(self.where, reason, error.status_code) from None
            raise StoreUnavailable(f"Elasticsearch at {self.where} answers {error.status_code}: {reason}") from None
        except elastic_transport.TransportError as error:
            raise StoreUnavailable(f"Elasticsearch at {self.where}: {brief(error.message)}") from None


def _who(settings: ElasticSettings, key: bool) -> str:
    if key:
        return f"the API key: wrong, expired or taken back ({API_KEY} or api_key_file)"
    if settings.username:
        return f'user "{settings.username}": wrong name or password ({PASSWORD} or password_file)'
    return f"requests without a user: name one in username, or an API key in {API_KEY}"


_DONE: Final = {status: Outcome(status) for status in (200, 201)}


def _outcome(item: Json) -> Outcome:
    if len(item) == 1 and item["status"] in _DONE:
        return _DONE[item["status"]]
    error = item.get("error")
    reason = f"{error.get('type')}: {error.get('reason')}" if error else ""
    return Outcome(item["status"], (item.get("_seq_no", -1), item.get("_primary_term", 0)), reason)


def _parts(operations: Sequence[Operation], numbers: Sequence[int]) -> Iterator[list[int]]:
    part: list[int] = []
    size = 0
    for number in numbers:
        document = operations[number].document
        length = len(operations[number].action) + (len(document) if document else 0)
        if part and size + length > BULK_BYTES:
            yield part
            part, size = [], 0
        part.append(number)
        size += length
    if part:
        yield part


def blocked(reason: str) -> bool:
    """Is this a block that Elasticsearch or its administrator has put on an index?"""
    return "blocked by" in reason


def full_or_forbidden(where: str, reason: str, status: int) -> IndexFailure:
    """A disk that is full, a closed door, or a block that somebody has set and will lift."""
    if "flood-stage" in reason or "read-only-allow-delete" in reason or "disk usage" in reason:
        return StoreFull(f"Elasticsearch at {where} takes nothing more, its disk is full: {reason}")
    if blocked(reason):
        return StoreUnavailable(f"Elasticsearch at {where} takes nothing for now: {reason}")
    return StoreRefused(f"Elasticsearch at {where} does not allow this ({status}): {brief(reason)}")


def reason_of(error: elasticsearch.ApiError) -> str:
    """Type and reason of an error's answer."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        inner = body["error"]
        cause = (inner.get("root_cause") or [inner])[0]
        while isinstance(cause.get("caused_by"), dict) and not cause.get("reason"):
            cause = cause["caused_by"]
        return f"{cause.get('type')}: {cause.get('reason')}"
    return brief(str(body))


def brief(text: str) -> str:
    """At most 200 characters of it."""
    return text if len(text) <= 200 else text[:197] + "..."


def action(kind: str, index: str, id: str, **options: Any) -> bytes:
    """The action line of a bulk item."""
    return msgspec.json.encode({kind: {"_index": index, "_id": id, **options}})


def again(work: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Calls `work` until it answers True; False after `seconds`."""
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE / 5
    while not work():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
    return True
