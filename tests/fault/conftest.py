"""Real processes, killed: the service as a child, a receiver that remembers, and a look at what is left."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from domain.access import Role
from infra import standalone
from infra.keys import Keys
from infra.settings import Settings
from tests.conftest import ok

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
NO_TLS = ssl.create_default_context()  # made once: httpx would read every certificate of the system for each client


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    clean = {n: v for n, v in os.environ.items() if not n.startswith("BRAVESPACE_")}
    ours = {
        "DATA_DIR": str(data_dir), "DATABASE_URL": "", "WEBHOOK_ALLOW_LOOPBACK": "1", "WEBHOOK_BASE_DELAY": "0.2",
        "WEBHOOK_TIMEOUT": "2",
    }  # fmt: skip
    return clean | {f"BRAVESPACE_{n}": v for n, v in (ours | more).items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def bravespace(*words: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", *words]


async def run(data_dir: Path, *words: str, **more: str) -> tuple[int, str, str]:
    """A command to its end: exit code, standard output, standard error."""
    child = await asyncio.create_subprocess_exec(
        *bravespace(*words), cwd=ROOT, env=environment(data_dir, **more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), PATIENCE)
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


def left_of(data_dir: Path) -> dict[int, str]:
    """Every living process that works in or for a data directory."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            around = (entry / "environ").read_bytes().decode(errors="replace")
            works_in = os.readlink(entry / "cwd")
            ours = f"BRAVESPACE_DATA_DIR={data_dir}" in around.split("\0") or str(data_dir) in said + works_in
            if ours and int(entry.name) != os.getpid():
                found[int(entry.name)] = said
    return found


def remaining(data_dir: Path, patience: float) -> dict[int, str]:
    """The same, once those who are on their way out had so many seconds."""
    deadline = time.monotonic() + patience
    while (left := left_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


class Serving:
    """`bravespace serve`, or another long-running command, as a child."""

    def __init__(self, data_dir: Path, *words: str, under: tuple[str, ...] = (), **more: str) -> None:
        """`under` is the command it runs under, such as one that sets its clock."""
        self.data_dir, self.words, self.more, self.under = data_dir, words or ("serve",), more, under
        self.port = free_port()
        self.log = data_dir.with_name(f"{data_dir.name}-{self.port}.log")

    async def __aenter__(self) -> "Serving":
        try:
            await self.start()
        except BaseException:
            self.kill()  # who is not let in is not led out either
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    async def start(self, sign: str = "/readyz") -> float:
        """Returns the seconds until it was ready."""
        began = time.monotonic()
        words = [*self.words, *(("--port", str(self.port)) if self.words[0] == "serve" else ())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.under, *bravespace(*words)], cwd=ROOT, env=environment(self.data_dir, **self.more),
                stdout=log, stderr=log,
            )  # fmt: skip
        while self.words[0] == "serve" and not await self.shows(sign):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < PATIENCE, self.log.read_text()
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def shows(self, sign: str) -> bool:
        try:
            async with httpx.AsyncClient(base_url=self.url, timeout=2, verify=NO_TLS) as anybody:
                return (await anybody.get(sign)).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill -9, and no word to it before."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    async def end(self, sign: int = signal.SIGTERM) -> float:
        """Asks it to end; returns the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(sign)
        while self.process.poll() is None:
            assert time.monotonic() - began < PATIENCE, self.log.read_text()
            await asyncio.sleep(0.01)
        return time.monotonic() - began


@dataclass
class Practice:
    """A practice of a service that runs elsewhere."""

    data_dir: Path
    id: UUID
    keys: Keys

    def client(self, url: str, role: str = "integration", subject: Any = "script") -> httpx.AsyncClient:
        token = self.keys.issue(self.id, Role(role), str(subject), None, 600)
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=15, limits=limits, verify=NO_TLS)


async def add_practice(data_dir: Path) -> Practice:
    """A new practice in a data directory."""
    config, id = Settings(data_dir=data_dir, database_url=""), uuid4()
    await standalone.found(config, id, "A practice")
    return Practice(data_dir, id, Keys(config))


@dataclass
class Heard:
    """One request that reached the receiver."""

    id: str
    timestamp: str
    signature: str
    body: bytes


async def log_of(practice: Practice, url: str) -> list[dict[str, Any]]:
    found, after = [], 0
    async with practice.client(url) as script:
        while page := ok(await script.get("/v1/events", params={"after": after, "limit": 500}))["items"]:
            found += page
            after = page[-1]["seq"]
    return found


def to_be_told(log: list[dict[str, Any]]) -> set[int]:
    """The numbers that the only endpoint is told, if it asked for everything: all since its ping but its own affairs."""
    ping = next(e["seq"] for e in log if e["type"] == "webhook_endpoint.pinged")
    return {ping} | {e["seq"] for e in log if e["seq"] > ping and e["resource"] != "webhook_endpoint"}


class Receiver:
    """Takes webhooks, and remembers every attempt before it answers."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.slow = 0.005
        self.handlers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Receiver":
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for writer in self.handlers:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                said = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(said["content-length"]))
                found = (said["webhook-id"], said["webhook-timestamp"], said["webhook-signature"], body)
                self.heard.append(Heard(*found))
                await asyncio.sleep(self.slow)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        self.handlers.discard(writer)
        writer.close()

    def numbers(self) -> set[int]:
        return {int(h.id.rpartition("_")[2]) for h in self.heard}

    async def until(self, wanted: set[int], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not wanted <= self.numbers():
            missing = sorted(wanted - self.numbers())
            assert time.monotonic() < deadline, f"never came: {missing[:20]} of {len(wanted)}"
            await asyncio.sleep(0.02)

    def is_faithful(self, secret: str) -> None:
        """Every signature verifies, the same id brings the same bytes, and each resource's first news come in order."""
        judge = Webhook(secret)
        bodies: dict[str, bytes] = {}
        first: dict[str, list[int]] = {}
        for one in self.heard:
            names = {"webhook-id": one.id, "webhook-timestamp": one.timestamp, "webhook-signature": one.signature}
            data = judge.verify(one.body.decode(), names)["data"]
            if one.id not in bodies:
                first.setdefault(data["id"], []).append(data["version"])
            assert bodies.setdefault(one.id, one.body) == one.body
        assert all(versions == sorted(versions) for versions in first.values())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory of its own, and nobody left in it afterwards."""
    folder = tmp_path / "data"
    yield folder
    left = remaining(folder, 10)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == {}
