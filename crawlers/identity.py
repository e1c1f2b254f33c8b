"""Identity of an address: many spellings of one page in, one key out. For comparing only: fetch the address as given.

What is only tracking goes; nothing that might select another page does: unknown parameters, case of the path,
`%2F`, double slashes, `#!` routes and the order of equal names stay.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_TRACKING_PREFIXES = (
    "utm_", "mc_", "pk_", "piwik_", "mtm_", "matomo_", "at_campaign", "at_medium", "at_custom", "hsa_", "__hs", "oly_",
    "vero_", "wt_mc", "wt.mc", "ns_", "stm_", "itm_", "trk_", "gaa_",
)  # fmt: skip
_TRACKING = frozenset(
    """fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igshid igsh li_fat_id mkt_tok _hsenc
    _hsmi _openstat epik srsltid ck_subscriber_id wickedid rb_clickid s_cid cmpid cmp_id ncid sc_cid ftag xtor at_xt
    cn-reloaded fb_action_ids fb_action_types fb_source fb_ref _ga _gl guccounter guce_referrer guce_referrer_sig
    __twitter_impression mibextid feature_share __tn__""".split()
)
_AMP = {"amp": ("", "1", "true"), "outputtype": ("amp",)}  # parameters that select the same page for phones
_MOBILE = re.compile(r"^(?:(?:www\d?|m|mobile|amp)\.)+(?=[^.]+\.[^.])")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_IN_PATH = frozenset(b"/!$&'()*+,;=:@")
_IN_QUERY = frozenset(b"!$'()*,;:@/?+[]")
_IN_FRAGMENT = frozenset(b"!$&'()*+,;=:@/?#")


def canonical_key(url: str) -> str:
    """The key of a web address. Idempotent: the key of a key is itself. Raises ValueError for anything but http(s)."""
    cleaned = re.sub(r"[\t\r\n]", "", url).strip(" \x00\x0b\x0c\x1f")
    parts = urlsplit(f"http:{cleaned}" if cleaned.startswith("//") else cleaned)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{url[:200]}" is no web address')
    port = "" if parts.port in (None, 80, 443) else f":{parts.port}"
    fragment = f"#{_escape(parts.fragment, _IN_FRAGMENT)}" if parts.fragment.startswith(("!", "/")) else ""
    return f"//{_host(parts.hostname)}{port}{_path(parts.path)}{_query(parts.query)}{fragment}"


def site_of(url: str) -> str:
    """The host an address is on, without "www." and the like; "" where it has none."""
    try:
        return _host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def _host(name: str) -> str:
    name = name.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        plain = name if name.isascii() else name.encode("idna").decode("ascii")
        return _MOBILE.sub("", plain)
    return f"[{address.compressed}]" if address.version == 6 else name


def _path(path: str) -> str:
    path = _without_dots(_escape(path or "/", _IN_PATH))
    path = re.sub(r";jsessionid=[^/;]*", "", path, flags=re.IGNORECASE)
    path = re.sub(r"(?<=.)/(?:amp/?|amp\.html)$", "", path) or "/"
    return path.rstrip("/") or "/"


def _query(query: str) -> str:
    kept = []
    for part in filter(None, query.split("&")):
        name, sign, value = part.partition("=")
        name = _escape(name, _IN_QUERY)
        lower = name.lower()
        if lower in _TRACKING or lower.startswith(_TRACKING_PREFIXES) or value.lower() in _AMP.get(lower, ()):
            continue
        kept.append(name + (sign + _escape(value, _IN_QUERY | {ord("=")}) if sign else ""))
    kept.sort(key=lambda part: part.partition("=")[0])  # stable: equal names keep their order
    return f"?{'&'.join(kept)}" if kept else ""


def _escape(text: str, safe: frozenset[int]) -> str:
    """Percent-encoding made uniform without ever decoding a reserved byte: %41 -> A, %2f -> %2F, à -> %C3%A0."""
    data = text.encode("utf-8", "surrogatepass")
    out = []
    place = 0
    while place < len(data):
        byte = data[place]
        width = 1
        if byte == ord("%") and _ESCAPE.match(data, place):
            byte, width = int(data[place + 1 : place + 3], 16), 3
        written = chr(byte) if byte in _UNRESERVED or (width == 1 and byte in safe) else f"%{byte:02X}"
        out.append(written)
        place += width
    return "".join(out)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    closing = "/" if segments and segments[-1] in (".", "..") and kept else ""
    return "/" + "/".join(kept) + closing
