"""What a receiver may do to an attempt: it ends by its deadline, takes little in, and says what was wrong."""

import asyncio
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra import egress
from infra.egress import READ, Answer, retry_after
from tests.infra.receivers import DEADLINE, Handler, drips, raw, request, says, send, served, way_out

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FAULTS: dict[str, tuple[Handler, str, int | None]] = {
    "says nothing": (raw(b"", "hold"), "timeout", None),
    "never finishes its headers": (raw(OK + b"X: y\r\n", "hold"), "timeout", None),
    "drips its headers": (drips(OK + b"X: ", b"y", 0.05), "timeout", None),
    "drips its body": (drips(OK + b"Content-Length: 1000000\r\n\r\n", b"x", 0.05), "timeout", 200),
    "drips chunks": (drips(CHUNKED, b"1\r\nx\r\n", 0.05), "timeout", 200),
    "drips an error": (drips(b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n", b"x", 0.05), "http_5xx", 500),
    "drips that it is gone": (drips(b"HTTP/1.1 410 Gone\r\nContent-Length: 1000000\r\n\r\n", b"x", 0.05), "gone", 410),
    "continues for ever": (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01), "timeout", None),
    "never ends its body": (drips(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), "delivered", 200),
    "never ends a body of no length": (drips(OK + b"\r\n", b"x" * 4096), "delivered", 200),
    "never ends its headers": (drips(OK, b"X: y\r\n"), "protocol", None),
    "says a header too long": (raw(OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n"), "protocol", None),
    "sends a gzip bomb": (says(b"200 OK\r\nContent-Encoding: gzip", gzip.compress(bytes(20_000_000))), "delivered", 200),
    "lies that it is gzip": (says(b"200 OK\r\nContent-Encoding: gzip", b"not so"), "delivered", 200),
    "closes at once": (raw(b""), "connection", None),
    "half closes at once": (raw(b"", "half"), "connection", None),
    "resets at once": (raw(b"", "reset"), "connection", None),
    "closes within its headers": (raw(OK + b"X: y"), "connection", None),
    "closes within its body": (raw(OK + b"Content-Length: 10\r\n\r\nabc"), "connection", 200),
    "half closes within its body": (raw(OK + b"Content-Length: 10\r\n\r\nabc", "half"), "connection", 200),
    "resets after its headers": (raw(OK + b"Content-Length: 10\r\n\r\n", "reset"), "connection", 200),
    "resets after an error": (raw(b"HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\n", "reset"), "http_5xx", 503),
    "cuts a chunk": (raw(CHUNKED + b"10\r\nabc"), "connection", 200),
    "speaks of something else": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol", None),
    "speaks noise": (raw(b"\x16\x03\x01\x00\xff\r\n\r\n"), "protocol", None),
    "speaks HTTP/2": (raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n"), "protocol", None),
    "speaks HTML": (raw(b"<html>hello</html>\r\n"), "protocol", None),
    "says two lengths": (raw(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), "protocol", None),
    "says a length below nothing": (raw(OK + b"Content-Length: -3\r\n\r\nabc"), "protocol", None),
    "says a status of four digits": (raw(b"HTTP/1.1 2000 OK\r\n\r\n"), "protocol", None),
    "says header names that are none": (raw(OK + b"X-\xff: \xfe\r\nContent-Length: 0\r\n\r\n"), "protocol", None),
    "switches to another protocol": (raw(b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "hold"), "protocol", 101),
}  # fmt: skip


async def test_an_attempt_is_over_by_its_deadline_and_says_what_was_wrong():
    """All at once, through one way out: none of them holds up another."""
    async with way_out() as egress:

        async def attempt(handler: Handler) -> tuple[Answer, float]:
            async with served(handler) as url:
                began = time.monotonic()
                return await send(egress, url), time.monotonic() - began

        await attempt(says(b"204 No Content"))  # the first one imports the client
        answers = await asyncio.gather(*(attempt(handler) for handler, _, _ in FAULTS.values()))
    found = dict(zip(FAULTS, answers, strict=True))
    assert {fault: (answer.outcome, answer.status) for fault, (answer, _) in found.items()} == {
        fault: (outcome, status) for fault, (_, outcome, status) in FAULTS.items()
    }
    for fault, (answer, took) in found.items():
        assert took < DEADLINE + 0.5, fault
        assert answer.took_ms <= took * 1000 + 1, fault
        assert answer.outcome != "timeout" or answer.took_ms >= DEADLINE * 1000 - 1, fault
        assert answer.retry_after is None


async def test_of_a_hundred_megabytes_only_the_beginning_is_taken():
    sent = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request(reader)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(OK + b"Content-Length: 100000000\r\n\r\n")
        for _ in range(100_000_000 // 4000):
            writer.write(b"x" * 4000)
            await writer.drain()
            sent += 4000

    async with served(handler) as url, way_out(webhook_timeout=5) as egress:
        assert (await send(egress, url)).outcome == "delivered"
        tracemalloc.start()
        try:
            for _ in range(5):
                sent = 0
                answer = await send(egress, url)
                assert (answer.outcome, answer.status) == ("delivered", 200)
                await asyncio.sleep(0.01)
                # What lies in the kernel's buffers was sent, but never read.
                assert READ <= sent < READ + 512 * 1024
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 512 * 1024 and peak < 2 * 1024 * 1024


async def test_every_status_has_its_class():
    classes = {
        "delivered": (200, 201, 202, 204, 206, 299), "redirect": (300, 304, 399), "gone": (410,), "throttled": (429,),
        "http_4xx": (400, 401, 404, 409, 451, 499), "http_5xx": (500, 502, 503, 504, 599), "protocol": (600, 999, 99),
    }  # fmt: skip
    async with way_out() as egress:
        for outcome, statuses in classes.items():
            for status in statuses:
                async with served(says(b"%03d Said" % status, b"" if status in (204, 304) else b"because")) as url:
                    answer = await send(egress, url)
                assert (answer.outcome, answer.status) == (outcome, status)


async def test_nobody_there_and_no_such_name(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    async with way_out() as egress:
        assert (await send(egress, url)).outcome == "connection"
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert (await send(egress, "https://nowhere.example.com/")).outcome == "dns"


class NameServer:
    """Takes its time over every name with `slow` in it, and counts how many such questions are open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real, self.over, self.takes = socket.getaddrinfo, threading.Event(), 10.0
        self.open = self.most = 0
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)

    async def until(self, open_: int) -> None:
        async with asyncio.timeout(5):
            while self.open != open_:
                await asyncio.sleep(0.005)

    def answer(self, host: Any, *args: Any, **more: Any) -> Any:
        if "slow" in str(host):
            self.open += 1
            self.most = max(self.most, self.open)
            self.over.wait(self.takes)
            self.open -= 1
        return self.real("127.0.0.1" if "localhost" in str(host) else host, *args, **more)


async def test_names_that_are_never_answered_hold_up_no_other_and_each_holds_one_place(monkeypatch: pytest.MonkeyPatch):
    """More of them than the loop has threads for such work, and one of them asked for by many."""
    server = NameServer(monkeypatch)
    async with served(says(b"204 No Content")) as url, way_out(webhook_timeout=1) as out:
        for name in ("localhost", "two.localhost"):
            # The second time they were given up here, and not yet by the system: they are not asked again meanwhile.
            slow = [asyncio.create_task(send(out, f"http://slow{n}.localhost:1/")) for n in (*range(40), *[0] * 100)]
            await server.until(40)
            assert (await send(out, url.replace("127.0.0.1", name))).outcome == "delivered"
            assert {answer.outcome for answer in await asyncio.gather(*slow)} == {"timeout"}
        assert server.most == 40
        server.over.set()


async def test_of_more_names_that_hang_than_there_are_places_those_that_hung_before_get_half(
    monkeypatch: pytest.MonkeyPatch,
):
    for name, value in {"LOOKUPS": 8, "HUNG": 0.2}.items():
        monkeypatch.setattr(egress, name, value)
    server, names = NameServer(monkeypatch), egress.Names(allow_loopback=True, forbidden=())

    async def asked(numbers: Iterable[int], open_: int) -> list[asyncio.Task[Any]]:
        found = [asyncio.create_task(names.resolve(f"slow{n}.localhost")) for n in numbers]
        await server.until(open_)
        return found

    server.takes = 0.3
    for first in range(0, 30, 6):
        await asyncio.gather(*await asked(range(first, first + 6), 6))
    server.takes, server.most = 10.0, 0
    slow = await asked(range(30), 4)
    for name in ("localhost", "two.localhost", "three.localhost"):
        assert [found["host"] for found in await names.resolve(name)] == ["127.0.0.1"]
    assert server.open == server.most == 4
    server.over.set()
    await asyncio.gather(*slow)
    # Those that were answered at once are as good as any other from then on.
    server.over.clear()
    slow = await asked(range(20, 30), 8)
    server.over.set()
    await asyncio.gather(*slow)
    await names.close()


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that vouches for itself, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pair = tmp_path_factory.mktemp("tls") / "pair.pem"
    written = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pair.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*written))
    return pair


@pytest.fixture(scope="module")
def certified(pair: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context


async def test_a_receiver_that_is_vouched_for_is_told_and_only_by_its_own_name(certified: ssl.SSLContext, pair: Path):
    """In a process of its own: who vouches for others is read once."""
    script = """
import asyncio, sys
from tests.infra.receivers import send, way_out
async def main():
    async with way_out(webhook_timeout=5) as egress:
        for url in sys.argv[1:]:
            print((await send(egress, url)).outcome)
asyncio.run(main())
"""
    async with served(says(b"200 OK"), ssl=certified) as url:
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, url.replace("127.0.0.1", "localhost"), url,
            env=os.environ | {"SSL_CERT_FILE": str(pair)}, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(sender.communicate(), 20)
    assert out.decode().split() == ["delivered", "tls"]


async def test_a_receiver_that_vouches_for_itself_is_told_nothing(certified: ssl.SSLContext):
    heard: list[bytes] = []
    async with served(says(b"200 OK", heard=heard), ssl=certified) as url, way_out() as egress:
        for host in ("127.0.0.1", "localhost"):
            answer = await send(egress, url.replace("127.0.0.1", host))
            assert (answer.outcome, answer.status) == ("tls", None)
    assert heard == []


async def test_a_receiver_that_speaks_no_tls_is_told_apart_from_one_that_hangs():
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with way_out() as egress:
        for handler, outcome in ((plain, "tls"), (hangs, "timeout")):
            async with served(handler) as url:
                assert (await send(egress, url.replace("http:", "https:"))).outcome == outcome


# -- connections -------------------------------------------------------------------------------------------------------


async def test_a_connection_serves_again_unless_more_was_left_in_it():
    async with way_out() as egress:
        for head, body, wanted in (
            (b"200 OK", b"ok", 1), (b"204 No Content", b"", 1), (b"500 No", b"because" * 1000, 1),
            (b"302 Found\r\nLocation: /", b"x", 1), (b"200 OK", b"x" * 8 * READ, 3), (b"500 No", b"x" * 8 * READ, 3),
        ):  # fmt: skip
            opened, answering = 0, says(head, body)

            async def counted(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answering: Handler = answering
            ) -> None:  # fmt: skip
                nonlocal opened
                opened += 1
                await answering(reader, writer)

            async with served(counted) as url:
                for _ in range(3):
                    assert (await send(egress, url)).status == int(head[:3])
            assert opened == wanted, head


async def test_cookies_are_neither_kept_nor_sent_and_nothing_is_added_to_a_request():
    heard: list[bytes] = []
    async with served(says(b"200 OK\r\nSet-Cookie: a=b; Path=/", heard=heard)) as url, way_out() as egress:
        for path in ("?a=%2f&b[]=~", ""):
            assert (await send(egress, url.replace("127.0.0.1", "localhost") + path)).outcome == "delivered"
    lines = heard[0].decode().strip().split("\r\n")
    assert lines[0] == "POST /hook?a=%2f&b[]=~ HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in lines[1:]}
    assert names == {"host", "content-type", "content-length", "webhook-id"}
    assert b"ookie" not in heard[1]


async def test_an_attempt_under_way_when_the_way_out_is_closed_has_failed():
    async with served(raw(b"", "hold")) as url, way_out(webhook_timeout=5) as egress:
        sending = asyncio.create_task(send(egress, url))
        await asyncio.sleep(0.1)
        await egress.close()
        assert (await sending).outcome == "connection"


# -- Retry-After -------------------------------------------------------------------------------------------------------


async def test_only_who_asks_for_time_with_429_or_503_is_heard():
    async with way_out() as egress:
        for status, wait in ((200, None), (301, None), (404, None), (429, 120), (500, None), (503, 120)):
            async with served(says(b"%d Said\r\nRetry-After: 120" % status)) as url:
                assert (await send(egress, url)).retry_after == wait, status


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0), ("7", 7), ("31536000", 31536000), ("0007", 7), ("-1", None), ("1.5", None), ("1e3", None), ("\uff11\uff12", None), ("", None),
     ("soon", None), ("inf", None), ("nan", None), ("9" * 5000, None), ("2 days", None), ("1, 2", None), ("Wed, 99 Oct 2015 07:28:00 GMT", None)],
)  # fmt: skip
def test_seconds_are_seconds_and_garbage_is_nothing(said: str, seconds: float | None):
    assert retry_after(said, 0) == seconds


def test_a_date_is_as_far_away_as_it_is():
    now = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
    for ahead, seconds in ((90, 90), (0, 0), (-3600, 0)):
        assert retry_after(format_datetime(now + timedelta(seconds=ahead), usegmt=True), now.timestamp()) == seconds
    assert retry_after("Mon, 02 Nov 2026 10:00:30 -0000", now.timestamp()) == 30
    assert retry_after("Mon, 02 Nov 99999 10:00:30 GMT", now.timestamp()) is None
