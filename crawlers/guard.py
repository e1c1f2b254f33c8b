"""Keeps requests off private addresses: a source's address in, a connector out that can connect only to what was checked.

The check sits in the connector's socket factory, which gets the very address that is connected to, so a name that
answers one address to the check and another to the connection cannot pass. Literal addresses in any spelling,
redirects and mixed DNS answers all end there. Permission for local addresses belongs to one source, never to the
process: a public page may not redirect into it.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

IPv4 = ipaddress.IPv4Network
IPv6 = ipaddress.IPv6Network

# Own lists: `is_global` of Python 3.11 is out of date, and no list there names 168.63.129.16 (a cloud's own services).
_LOCAL = tuple(
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
_PRIVATE_V4 = tuple(
    IPv4(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
_PUBLIC_V6 = IPv6("2000::/3")
_PRIVATE_V6 = tuple(IPv6(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6("64:ff9b::/96")


class Refused(OSError):
    """The address is not public and the source is not marked local. An OSError, so that clients wrap it as one."""


class Policy:
    """Which addresses one source may reach: public ones; with `local`, also this machine and the local network."""

    def __init__(self, local: bool = False) -> None:
        self.local = local

    def check(self, host: str) -> None:
        """Raises Refused naming the address. `host` is an IP address as the system gives it."""
        address = _plain(ipaddress.ip_address(host.split("%")[0]))
        if self.local and any(address.version == net.version and address in net for net in _LOCAL):
            return
        if _private(address):
            raise Refused(f'the address {host} is not public; a source on this machine or network needs "local = true"')


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in net for net in _PRIVATE_V4)
    return address not in _PUBLIC_V6 or any(address in net for net in _PRIVATE_V6)


class _GuardedResolver(AbstractResolver):
    """Refuses early and readably: any bad answer refuses the name. The socket factory is the guarantee."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for answer in found:
            self._policy.check(answer["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def guarded_connector(policy: Policy, **options: Any) -> aiohttp.TCPConnector:
    """A connector that refuses what `policy` refuses; `options` go to aiohttp.TCPConnector. Needs a running loop."""

    def factory(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        policy.check(address[0])
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(resolver=_GuardedResolver(policy), socket_factory=factory, **options)
