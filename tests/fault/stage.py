"""A practice with endpoints at the receiver, and what both ends say of each event."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.conftest import made, ok
from tests.fault.checker import Committed, Expected, Request, awaited, faults
from tests.fault.conftest import PATIENCE, Practice, Serving, add_practice, remaining
from tests.fault.postbox import Postbox

TIMEOUT = 1.0
"""Seconds an attempt may take on the grounds here; a lease lasts twice that."""
LEASE = 2 * TIMEOUT
QUICK = {"WEBHOOK_TIMEOUT": str(TIMEOUT), "WEBHOOK_BASE_DELAY": "0.02", "DURABLE": "0"}
"""How a service runs that tests may wait for. Retries come after 0.02, 1.2, 7.2 ... seconds."""
Seen = TypeVar("Seen")


@dataclass
class Ground:
    """A service and a receiver, for several tests to stand on."""

    service: Serving
    postbox: Postbox

    @property
    def data_dir(self) -> Path:
        return self.service.data_dir

    @asynccontextmanager
    async def stage(self) -> AsyncIterator["Stage"]:
        """A fresh practice on it."""
        practice = await add_practice(self.data_dir)
        async with practice.client(self.service.url) as script:
            yield Stage(practice, self.service.url, self.postbox, script)


@asynccontextmanager
async def ground(folder: Path, *words: str, **more: str) -> AsyncIterator[Ground]:
    """A quick service and a receiver; nobody is left in the folder afterwards."""
    async with Serving(folder / "data", *words, **QUICK | more) as service, Postbox(folder) as postbox:
        yield Ground(service, postbox)
    assert remaining(folder / "data", 10) == {}


async def until(holds: Callable[[], Any]) -> Any:
    """Waits for something to become true, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.02)
    return found


async def shown(ask: Callable[[], Awaitable[Seen]], wanted: Callable[[Seen], Any]) -> Seen:
    """Asks until the answer is one that is wanted, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(seen := await ask()):
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.02)
    return seen


def memory(service: Serving) -> int:
    """Megabytes a process has in memory."""
    (line,) = (s for s in Path(f"/proc/{service.process.pid}/status").read_text().split("\n") if s.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


@dataclass
class Endpoint:
    """An endpoint at the receiver."""

    stage: "Stage"
    id: str
    expected: Expected

    @property
    def path(self) -> str:
        """Where the receiver hears it."""
        return self.expected.path

    @property
    def at(self) -> str:
        """Where the service has it."""
        return f"/v1/webhook-endpoints/{self.id}"

    async def behave(self, **behaviour: Any) -> None:
        await self.stage.postbox.behave(self.path, **behaviour)

    def heard(self) -> list[Request]:
        """What came since it was enabled: the ping that enables it is not counted."""
        return [r for r in self.stage.postbox.heard(self.path) if not r.type.startswith("webhook_endpoint.")]

    async def move(self, name: str, **said: Any) -> dict[str, Any]:
        return ok(await self.stage.script.post(f"{self.at}/{name}", json=said))

    async def is_in(self, phase: str) -> None:
        await shown(lambda: self.stage.read(self.at), lambda endpoint: endpoint["phase"] == phase)

    async def deliveries(self, state: str = "") -> dict[int, dict[str, Any]]:
        """Every delivery in a state, by number."""
        query = {"limit": 200} | ({"state": state} if state else {})
        found: dict[int, dict[str, Any]] = {}
        while True:
            page = await self.stage.read(f"{self.at}/deliveries", **query)
            found |= {item["seq"]: item for item in page["items"]}
            if page["next_before"] is None:
                return found
            query["before"] = page["next_before"]

    async def attempts(self, seq: int) -> list[dict[str, Any]]:
        """Every attempt at one event, in order."""
        log: list[dict[str, Any]] = (await self.stage.read(f"{self.at}/deliveries/{seq}"))["attempt_log"]
        return log

    async def attempted(self, seq: int) -> list[dict[str, Any]]:
        """The same, once there is one."""
        return await shown(lambda: self.attempts(seq), bool)

    async def delivered(self, seq: int) -> list[dict[str, Any]]:
        """The same, once one of them succeeded."""
        return await shown(lambda: self.attempts(seq), lambda log: log and log[-1]["outcome"] == "delivered")


class Stage:
    """A practice, its endpoints, and its log."""

    def __init__(self, practice: Practice, url: str, postbox: Postbox, script: httpx.AsyncClient) -> None:
        self.practice, self.url, self.postbox, self.script = practice, url, postbox, script
        self.endpoints: list[Endpoint] = []
        self.events: list[Committed] = []

    async def endpoint(self, name: str, *filters: str, port: int | None = None, **behaviour: Any) -> Endpoint:
        """A new one, enabled; its ping is answered, and only then does the path behave as it is told to."""
        path = f"/{self.practice.id.hex[:12]}/{name}"
        said = {"url": f"http://127.0.0.1:{port or self.postbox.port}{path}", "event_types": filters or ("*",)}
        registered = made(await self.script.post("/v1/webhook-endpoints", json=said))
        self.postbox.secrets[path] = [registered["secret"]]
        endpoint = Endpoint(self, registered["id"], Expected(path, said["event_types"]))
        await endpoint.behave()
        await endpoint.is_in("enabled")
        endpoint.expected.after = await self.reached()
        if behaviour:
            await endpoint.behave(**behaviour)
        self.endpoints.append(endpoint)
        return endpoint

    async def read(self, address: str, **query: Any) -> dict[str, Any]:
        return ok(await self.script.get(address, params=query))

    async def reached(self) -> int:
        """How far the log goes."""
        seq: int = (await self.read("/v1/practices/me"))["seq"]
        return seq

    async def log(self) -> list[Committed]:
        """Everything that was committed, read from the feed."""
        while True:
            after = self.events[-1].seq if self.events else 0
            page = (await self.read("/v1/events", after=after, limit=500))["items"]
            self.events += [
                Committed(f"evt_{self.practice.id.hex}_{e['seq']}", e["seq"], e["type"], e["id"], e["version"])
                for e in page
            ]
            if not page:
                return self.events

    async def clients(self, count: int) -> list[Committed]:
        """So many new clients: as many events, each of another resource."""
        gate = asyncio.Semaphore(8)

        async def one() -> str:
            async with gate:
                id: str = made(await self.script.post("/v1/clients", json={"label": "K."}))["id"]
                return id

        ids = set(await asyncio.gather(*(one() for _ in range(count))))
        return [e for e in await self.log() if e.resource in ids]

    async def settled(self, patience: float = PATIENCE) -> float:
        """Waits until everything committed so far was taken or accounted for, and nothing waits at the service.

        Returns the seconds it took.
        """
        began = time.monotonic()
        log = list(await self.log())
        while missing := self.missing(log):
            assert time.monotonic() - began < patience, f"{len(missing)} never came, of {len(log)}: {missing[:5]}"
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        for endpoint in self.endpoints:
            while waiting := (await endpoint.deliveries("pending")).keys() - set(endpoint.expected.excused):
                assert time.monotonic() - began < patience, f"{endpoint.path} still waits for {sorted(waiting)[:5]}"
                await asyncio.sleep(0.05)
        return took

    def missing(self, log: list[Committed]) -> list[str]:
        found = []
        for endpoint in self.endpoints:
            taken = {r.id for r in self.postbox.heard(endpoint.path) if r.taken}
            owed = awaited(log, endpoint.expected)
            left = [e for id, e in owed.items() if id not in taken and e.seq not in endpoint.expected.excused]
            found += [f"{endpoint.path} {e.seq} {e.type}" for e in left]
        return found

    async def faults(self, repeats: int | None = 0) -> list[str]:
        """What is wrong between the log and the receiver's file (see `checker`)."""
        here = f"/{self.practice.id.hex[:12]}/"
        requests = [r for r in self.postbox.heard() if r.path.startswith(here)]
        return faults(await self.log(), [e.expected for e in self.endpoints], requests, repeats)
