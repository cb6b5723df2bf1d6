"""Where a delivery may go: what a name leads to is looked at when it is connected to."""

import asyncio
from typing import Any

import pytest

from infra.addresses import Forbidden, PublicOnly, is_public


class Answers:
    """A name server that says what it is told to."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"host": address, "port": port} for address in self._addresses]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "led_to",
    [
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("93.184.216.34", "192.168.0.1"),
        ("::1",),
        ("fd00::1",),
        ("64:ff9b::a00:1",),
        ("2002:7f00:1::",),
        ("::ffff:10.0.0.1",),
        ("224.0.0.1",),
    ],
)
async def test_a_name_that_leads_within_is_not_followed(led_to: tuple[str, ...]):
    with pytest.raises(Forbidden):
        await PublicOnly(Answers(*led_to), allow_loopback=led_to != ("::1",)).resolve("hooks.example.com")


async def test_a_name_on_the_public_internet_is():
    found = await PublicOnly(Answers("93.184.216.34"), allow_loopback=False).resolve("hooks.example.com", 443)
    assert [entry["host"] for entry in found] == ["93.184.216.34"]


async def test_loopback_is_for_developers():
    assert await PublicOnly(Answers("127.0.0.1"), allow_loopback=True).resolve("localhost")
    with pytest.raises(Forbidden):
        await PublicOnly(Answers("127.0.0.1"), allow_loopback=False).resolve("localhost")


async def test_a_delivery_to_such_a_name_sends_no_packet():
    from aiohttp import ClientSession, TCPConnector

    heard = []
    server = await asyncio.start_server(lambda reader, writer: heard.append(writer.close()), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    resolver: Any = PublicOnly(Answers("127.0.0.1"), allow_loopback=False)
    async with ClientSession(connector=TCPConnector(resolver=resolver)) as client:
        with pytest.raises(OSError):
            await client.post(f"http://hooks.example.com:{port}/")
    server.close()
    assert heard == []


@pytest.mark.parametrize("host", ["example.com", "hooks.eu-west.example.co.uk", "93.184.216.34", "2606:2800:220:1::1"])
def test_an_ordinary_host_is_public(host: str):
    assert is_public(host)


@pytest.mark.parametrize(
    "host", ["localhost", "intranet", "127.0x1", "2130706433", "0x7f.1", "10.1", "[v1.x]", ".", ""]
)
def test_an_address_in_disguise_is_not(host: str):
    assert not is_public(host)
