import asyncio

import aiohttp
import pytest

from crawlers.guard import Policy, Refused, guarded_connector

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
    "168.63.129.16", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::127.0.0.1",
]  # fmt: skip
HOSTILE = [
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://0:{port}/", "http://１２７.0.0.1:{port}/", "http://user@127.0.0.1:{port}/", "http://169.254.169.254/",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="not public"):
        Policy().check(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_not(address: str) -> None:
    Policy().check(address)


def test_a_local_source_reaches_this_network_and_nothing_stranger() -> None:
    Policy(local=True).check("127.0.0.1")
    Policy(local=True).check("192.168.1.20")
    for address in ("169.254.169.254", "168.63.129.16", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(Refused):
            Policy(local=True).check(address)


@pytest.mark.parametrize("template", HOSTILE)
def test_no_spelling_of_a_private_address_gets_a_connection(template: str) -> None:
    reached = []

    async def main() -> None:
        async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.append(1)
            writer.close()

        server = await asyncio.start_server(canary, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, aiohttp.ClientSession(connector=guarded_connector(Policy()), trust_env=False) as session:
            with pytest.raises((aiohttp.ClientError, ValueError)):
                async with session.get(template.format(port=port), timeout=aiohttp.ClientTimeout(total=5)):
                    pass

    asyncio.run(main())
    assert not reached
