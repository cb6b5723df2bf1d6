"""A real service on a real database. Every test has a practice of its own, so nothing is cleaned up."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from hypothesis import settings

from api.app import Service, create_app
from domain.access import Role
from infra.settings import Settings
from tests.judges.judges import Judges
from tests.receiver import Receiver

settings.register_profile("thorough", max_examples=1000)
LONGEST = (
    "test_schemathesis",
    "test_console",
    "test_dispatcher",
    "test_volumes",
    "test_store",
    "test_readme",
    "test_cli",
)
"""Files of few tests that take their time: begun last, they would be waited for by one worker alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, the others as they are."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


# No repr: asyncio words the result of a task whenever a test starts, and all of a service takes 16 ms to word.
@dataclass(repr=False)
class Running:
    """The service under test."""

    app: Any
    service: Service
    transport: httpx.ASGITransport
    stack: AsyncExitStack

    async def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.AsyncClient(transport=self.transport, base_url="http://bravespace.test", headers=headers)
        return await self.stack.enter_async_context(client)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bravespace")


@pytest.fixture(scope="session")
async def running(data_dir: Path) -> AsyncIterator[Running]:
    config = Settings(
        data_dir=data_dir, durable=False, webhook_allow_loopback=True, webhook_base_delay=0.002, webhook_timeout=2,
        cors_origins=["https://app.example"], console_origins=["http://localhost:*"], pool_size=20,
    )  # fmt: skip
    app = create_app(config)
    async with app.router.lifespan_context(app), AsyncExitStack() as stack:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        yield Running(app, app.state.service, transport, stack)


@pytest.fixture(scope="session")
async def address(running: Running) -> AsyncIterator[str]:
    """Where the service under test speaks real HTTP."""
    config = uvicorn.Config(running.app, lifespan="off", log_level="critical", access_log=False, ws="none")
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.bind(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    yield f"http://127.0.0.1:{door.getsockname()[1]}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


@dataclass(repr=False)
class House:
    """A practice, and a way to call as anybody in it."""

    running: Running
    id: UUID = field(default_factory=uuid4)

    def token(self, role: str, subject: Any = None, scope: str | None = None, ttl: int = 600) -> str:
        return self.running.service.keys.issue(self.id, Role(role), str(subject or f"{role}-script"), scope, ttl)

    async def as_(self, role: str, subject: Any = None, scope: str | None = None) -> httpx.AsyncClient:
        return await self.running.client(self.token(role, subject, scope))

    async def case(self) -> "Case":
        """A client, their therapist and their relationship."""
        script = await self.as_("integration")
        therapist_id = made(await script.post("/v1/therapists", json={"display_name": "Dr Rivera"}))["id"]
        client_id = made(await script.post("/v1/clients", json={"label": "K."}))["id"]
        begun = {"client_id": client_id, "therapist_ids": [therapist_id]}
        relationship = made(await script.post("/v1/relationships", json=begun))
        return Case(
            self, relationship["id"], client_id, therapist_id, script, await self.as_("therapist", therapist_id),
            await self.as_("client", client_id), await self.as_("supervisor"),
        )  # fmt: skip


@dataclass(repr=False)
class Case:
    """One therapy, and everybody around it as an API caller."""

    house: House
    relationship_id: str
    client_id: str
    therapist_id: str
    script: httpx.AsyncClient
    therapist: httpx.AsyncClient
    client: httpx.AsyncClient
    supervisor: httpx.AsyncClient

    async def session(self, **said: Any) -> dict[str, Any]:
        body = {"relationship_id": self.relationship_id, "starts_at": "2026-11-02T10:00:00Z", "status": "held", **said}
        return made(await self.script.post("/v1/sessions", json=body))

    async def rupture(self, by: str = "therapist", **said: Any) -> dict[str, Any]:
        caller: httpx.AsyncClient = getattr(self, by)
        return made(await caller.post("/v1/ruptures", json={"relationship_id": self.relationship_id, **said}))

    async def repair(self, rupture: dict[str, Any] | None = None) -> dict[str, Any]:
        rupture = rupture or await self.rupture()
        return made(await self.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}))

    async def plan(self, **consent: Any) -> dict[str, Any]:
        said = {"text_version": "3", "given_on": "2026-09-01", **consent}
        body = {"relationship_id": self.relationship_id, "consent": said}
        return made(await self.therapist.post("/v1/termination-plans", json=body))


def made(response: httpx.Response) -> dict[str, Any]:
    """What was created; says what went wrong if it was not."""
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def ok(response: httpx.Response) -> dict[str, Any]:
    """What came back; says what went wrong if it did."""
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def everything(who: httpx.AsyncClient, collection: str, limit: int = 200) -> dict[str, Any]:
    """All of a collection, page by page."""
    found, response = {}, await who.get(f"/v1/{collection}?limit={limit}")
    while True:
        found |= {item["id"]: item for item in ok(response)["items"]}
        if "next" not in response.links:
            return found
        response = await who.get(response.links["next"]["url"])


def refused(response: httpx.Response, status: int, code: str = "") -> dict[str, Any]:
    """The problem details of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    if code:
        assert problem["type"] == f"/problems/{code}"
    return problem


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    judges = Judges(tmp_path_factory.mktemp("judges"))
    yield judges
    judges.end()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


Found = Callable[[], Awaitable[House]]


@pytest.fixture(scope="session")
def found(running: Running) -> Found:
    """A fresh practice for each example of a test that has many."""

    async def found() -> House:
        house = House(running)
        await running.service.store.found_practice(house.id, "A practice")
        return house

    return found


@pytest.fixture
async def house(found: Found) -> House:
    return await found()


@pytest.fixture
async def case(house: House) -> Case:
    return await house.case()
