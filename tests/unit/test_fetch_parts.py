"""Unpacking within bounds, Retry-After, what a status means."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers import AuthExpired, Forbidden, Gone, RateLimited, Unreachable
from crawlers.fetch import refusal, retry_after
from crawlers.inflate import MEMBERS, Inflater, Oversize, UnknownEncoding

NOW = datetime(2026, 3, 3, 10, tzinfo=UTC)


def unpack(encoding: str, body: bytes, *, limit: int = 10_000, step: int = 7) -> bytes:
    inflater = Inflater(encoding, limit)
    return b"".join(inflater.feed(body[i : i + step]) for i in range(0, len(body), step))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "": bytes, "identity": bytes, "gzip": gzip.compress, "x-gzip": gzip.compress, "GZIP": gzip.compress,
    "deflate": zlib.compress,
}  # fmt: skip


@given(st.binary(max_size=3000), st.sampled_from(sorted(PACKERS)), st.integers(1, 500))
def test_round_trip(data: bytes, encoding: str, step: int) -> None:
    assert unpack(encoding, PACKERS[encoding](data), step=step) == data


def test_deflate_without_a_header() -> None:
    assert unpack("deflate", raw_deflate(b"ciao" * 100)) == b"ciao" * 100


def test_several_gzip_members_and_padding() -> None:
    assert unpack("gzip", gzip.compress(b"uno") + gzip.compress(b"due") + b"\0" * 9, step=1000) == b"unodue"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_a_bomb_ends_at_the_limit(encoding: str) -> None:
    body = PACKERS[encoding](b"\0" * 5_000_000)
    with pytest.raises(Oversize):
        unpack(encoding, body, limit=10_000, step=100_000)
    assert unpack(encoding, PACKERS[encoding](b"\0" * 10_000), limit=10_000, step=100_000) == b"\0" * 10_000


def test_endless_empty_members_end() -> None:
    with pytest.raises(Oversize):
        unpack("gzip", gzip.compress(b"") * (MEMBERS + 2), step=1 << 20)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(UnknownEncoding):
        Inflater(encoding, 100)


def test_a_cut_off_body_is_known() -> None:
    inflater = Inflater("gzip", 10_000)
    inflater.feed(gzip.compress(b"ciao" * 50)[:-9])
    assert not inflater.complete


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), ("0", 60), ("5", 60), ("9999999", 86400), ("9" * 400, 86400), ("", None), ("presto", None),
        ("-5", None), ("Tue, 03 Mar 2026 11:00:00 GMT", 3600), ("Tue, 03 Mar 2020 11:00:00 GMT", 60),
        ("Tue, 03 Mar 2026 11:00:00 -0000", 3600),
    ],
)  # fmt: skip
def test_retry_after(value: str, seconds: int | None) -> None:
    assert retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_what_a_status_means() -> None:
    kinds = {410: Gone, 401: AuthExpired, 403: Forbidden, 451: Forbidden, 404: Unreachable, 500: Unreachable}
    kinds |= {503: Unreachable, 429: RateLimited}
    assert {status: type(refusal(status, "u", None, NOW)) for status in kinds} == kinds
    limited = refusal(503, "u", timedelta(minutes=5), NOW)
    assert isinstance(limited, RateLimited)
    assert limited.until == NOW + timedelta(minutes=5)
