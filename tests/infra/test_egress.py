"""The way out leads to no address that must not be sent to: an ear on the port aimed at hears no connection."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from api.app import wire
from api.front import Front
from infra.addresses import Forbidden
from infra.egress import Names, open_socket
from infra.settings import Settings
from tests.conftest import House, Running, refused
from tests.infra.hostile import PUBLIC, RESOLUTIONS, URLS
from tests.infra.receivers import says, send, served, way_out


class Ear:
    """One port of every address of this machine, IPv4 and IPv6. Takes every connection, and counts it."""

    def __init__(self) -> None:
        self.four = socket.create_server(("0.0.0.0", 0))
        self.port = self.four.getsockname()[1]
        self.six = socket.create_server(("::", self.port), family=socket.AF_INET6, dualstack_ipv6=False)

    def count(self) -> int:
        """How many came since the last time: the kernel took each before it answered the first packet."""
        found = 0
        for listening in (self.four, self.six):
            listening.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
                    found += 1
        return found

    def close(self) -> None:
        self.four.close()
        self.six.close()


@pytest.fixture(scope="module")
def open_ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.close()


@pytest.fixture
def ear(open_ear: Ear) -> Ear:
    open_ear.count()
    return open_ear


CONNECTED: ContextVar[list[Any] | None] = ContextVar("connected", default=None)


def watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and (seen := CONNECTED.get()) is not None:
        seen.append(args[1])


sys.addaudithook(watch)


@contextmanager
def connections() -> Iterator[list[Any]]:
    """Every address that Python connects a socket to, wherever it is: the ear hears only of this machine."""
    seen: list[Any] = []
    token = CONNECTED.set(seen)
    try:
        yield seen
    finally:
        CONNECTED.reset(token)


class Zone:
    """What the name system says. Asked for a name it does not know, it lets the system answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.says: dict[str, list[list[str]]] = {}
        """Each name's answers, one after another; the last one stays."""
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)

    def answer(self, host: Any, port: Any, *args: Any, **more: Any) -> list[Any]:
        self.asked.append(str(host))
        if host not in self.says:
            return self._real(host, port, *args, **more)
        answers = self.says[host]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (to, port, 0, 0)) if ":" in to
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (to, port))
            for to in (answers.pop(0) if len(answers) > 1 else answers[0])
        ]  # fmt: skip


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Zone:
    return Zone(monkeypatch)


async def test_the_ear_hears_whoever_comes(ear: Ear):
    """Or else its silence below would prove nothing."""
    async with way_out(webhook_timeout=0.1) as egress:
        for host in ("127.0.0.1", "127.0.0.2", "[::1]", "localhost"):
            with connections() as seen:
                assert (await send(egress, f"http://{host}:{ear.port}/")).outcome == "timeout"
            assert ear.count() == len(seen) == 1


# -- addresses as they are written -------------------------------------------------------------------------------------


def test_the_tables_are_as_long_as_they_should_be():
    assert len(set(URLS)) == len(URLS) > 150
    assert len(set(map(tuple, RESOLUTIONS))) == len(RESOLUTIONS) > 30


@pytest.mark.row(12)
async def test_no_packet_goes_to_an_address_that_must_not_be_sent_to(ear: Ear, zone: Zone):
    """Not even when it was registered before the rule was made, and though its port is allowed."""
    wrong = []
    async with way_out(webhook_allow_loopback=False, webhook_ports=[443, ear.port]) as egress:
        for url in URLS:
            with connections() as seen:
                answer = await send(egress, url.replace("{p}", str(ear.port)))
            if (answer.outcome, answer.status, seen, zone.asked, ear.count()) != ("forbidden_address", None, [], [], 0):
                wrong.append((url, answer, seen))
    assert not wrong


async def test_no_such_address_can_be_registered(ear: Ear, house: House, running: Running, data_dir: Path, zone: Zone):
    service = wire(Settings(data_dir=data_dir))
    service.pool.real = running.service.pool.real
    door = Front(None, routes=service.routes, door=service.door, metrics=service.metrics, limit=10_000)
    headers, transport = {"Authorization": f"Bearer {house.token('integration')}"}, httpx.ASGITransport(app=door)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as script:
        for url in URLS:
            body = {"url": url.replace("{p}", str(ear.port))}
            problem = refused(await script.post("/v1/webhook-endpoints", json=body), 422)
            assert problem["errors"][0]["pointer"] == "#/url", url
        assert (await script.get("/v1/webhook-endpoints")).json()["items"] == []
    assert (zone.asked, ear.count()) == ([], 0)


# -- addresses as names lead to them -----------------------------------------------------------------------------------


@pytest.mark.row(12)
@pytest.mark.parametrize("loopback", [False, True], ids=["production", "development"])
async def test_a_name_that_leads_inside_even_in_part_is_sent_nothing(loopback: bool, ear: Ear, zone: Zone):
    wrong = []
    for found in RESOLUTIONS:
        zone.says["hooks.example.com"], zone.asked = [found], []
        async with way_out(webhook_allow_loopback=loopback, webhook_ports=[ear.port]) as egress:
            with connections() as seen:
                answer = await send(egress, f"https://hooks.example.com:{ear.port}/")
        if (answer.outcome, answer.status, seen, ear.count()) != ("forbidden_address", None, [], 0):
            wrong.append((found, answer, seen))
        assert zone.asked == ["hooks.example.com"]
    assert not wrong


async def test_a_loopback_name_that_leads_elsewhere_is_sent_nothing(ear: Ear, zone: Zone):
    for found in (["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], [PUBLIC], ["127.0.0.1", PUBLIC], ["169.254.169.254"]):
        zone.says["receiver.localhost"] = [found]
        async with way_out() as egress:
            with connections() as seen:
                answer = await send(egress, f"http://receiver.localhost:{ear.port}/")
        assert (answer.outcome, seen, ear.count()) == ("forbidden_address", [], 0), found


@pytest.mark.row(12)
async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed_there(ear: Ear, zone: Zone):
    """A real delivery to a place that is allowed; then the same name leads to the ear, in a network that is not."""
    zone.says["rebind.localhost"] = [["127.0.0.1"], ["127.0.0.2"]]
    async with way_out(webhook_forbidden_networks=["127.0.0.2/32"]) as egress, served(says(b"200 OK")) as url:
        assert (await send(egress, url.replace("127.0.0.1", "rebind.localhost"))).outcome == "delivered"
        assert (await send(egress, f"http://rebind.localhost:{ear.port}/")).outcome == "forbidden_address"
    assert (zone.asked, ear.count()) == (["rebind.localhost"] * 2, 0)


async def test_a_name_that_was_public_when_it_was_looked_at_is_looked_at_again(ear: Ear, zone: Zone):
    zone.says["hooks.example.com"] = [[PUBLIC], ["127.0.0.1"]]
    names = Names(allow_loopback=False, forbidden=())
    assert [entry["host"] for entry in await names.resolve("hooks.example.com", ear.port)] == [PUBLIC]
    await names.close()
    async with way_out(webhook_allow_loopback=False, webhook_ports=[ear.port]) as egress:
        assert (await send(egress, f"https://hooks.example.com:{ear.port}/")).outcome == "forbidden_address"
    assert ear.count() == 0


class Unguarded:
    """A name server whose answers nobody checks: what changes after the check comes this way."""

    def __init__(self, *found: str) -> None:
        self.found = found

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": to, "port": port, "family": 0, "proto": 6, "flags": 0} for to in self.found]

    async def close(self) -> None:
        pass


@pytest.mark.row(12)
@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1"], ["::ffff:127.0.0.1"], ["0.0.0.0"], ["2130706433"]],
    ids="+".join,
)
async def test_what_changes_between_check_and_connect_gets_no_socket(found: list[str], ear: Ear):
    guard: Any = partial(open_socket, allow_loopback=False, forbidden=())
    resolver: Any = Unguarded(*found)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver, socket_factory=guard)) as client:
        with pytest.raises(aiohttp.ClientConnectorError) as error:
            await client.post(f"http://hooks.example.com:{ear.port}/")
    assert isinstance(error.value.__cause__, Forbidden)
    assert ear.count() == 0


@pytest.mark.row(12)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"])
async def test_neither_does_a_literal_which_no_resolver_is_asked_about(host: str, ear: Ear):
    guard: Any = partial(open_socket, allow_loopback=False, forbidden=())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=guard)) as client:
        with pytest.raises(aiohttp.ClientConnectorError) as error:
            await client.post(f"http://{host}:{ear.port}/")
    assert isinstance(error.value.__cause__, Forbidden)
    assert ear.count() == 0


# -- redirects and proxies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_never_followed(status: int, ear: Ear):
    """Not even in development, where the place it names could be registered."""
    for to in (
        f"http://127.0.0.1:{ear.port}/",
        f"http://[::1]:{ear.port}/",
        f"//127.0.0.1:{ear.port}/",
        "http://[",
        "/",
    ):
        heard: list[bytes] = []
        head = f"{status} Elsewhere\r\nLocation: {to}\r\nRefresh: 0; url={to}".encode()
        async with served(says(head, b"gone there", heard)) as url, way_out() as egress:
            answer = await send(egress, url)
        assert (answer.outcome, answer.status, len(heard), ear.count()) == ("redirect", status, 1, 0)


async def test_a_proxy_of_the_environment_is_not_heeded(ear: Ear, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for spelling in (name, name.lower()):
            monkeypatch.setenv(spelling, f"http://127.0.0.1:{ear.port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with served(says(b"200 OK", b"ok")) as url, way_out() as egress:
        assert (await send(egress, url)).outcome == "delivered"
    assert ear.count() == 0


async def test_a_proxy_that_is_set_takes_every_delivery_and_looks_names_up_itself(ear: Ear, zone: Zone):
    heard: list[bytes] = []
    async with served(says(b"502 Bad Gateway", heard=heard)) as proxy:
        proxy = proxy.replace("http://", "http://us:pw@")
        async with way_out(webhook_proxy=proxy, webhook_allow_loopback=False) as production:
            tunnelled = await send(production, "https://hooks.example.com/path")
        async with way_out(webhook_proxy=proxy) as development:
            plain = await send(development, f"http://127.0.0.1:{ear.port}/x")
    assert [head.split(b"\r\n")[0] for head in heard] == [
        b"CONNECT hooks.example.com:443 HTTP/1.1", b"POST http://127.0.0.1:%d/x HTTP/1.1" % ear.port,
    ]  # fmt: skip
    assert all(b"proxy-authorization: basic dxm6chc=" in head.lower() for head in heard)
    assert (tunnelled.outcome, tunnelled.status) == ("connection", None)
    assert (plain.outcome, plain.status) == ("http_5xx", 502)
    assert "hooks.example.com" not in zone.asked
    assert ear.count() == 0


async def test_a_proxy_is_asked_for_no_address_that_must_not_be_sent_to():
    heard: list[bytes] = []
    async with (
        served(says(b"200 OK", heard=heard)) as proxy,
        way_out(webhook_allow_loopback=False, webhook_proxy=proxy) as egress,
    ):
        for url in URLS:
            assert (await send(egress, url.replace("{p}", "443"))).outcome == "forbidden_address"
    assert heard == []
