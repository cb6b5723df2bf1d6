"""Several processes on one data directory, and a database that is not there."""

import asyncio
import signal
import time
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from infra import embedded
from infra.keys import Keys
from infra.settings import Settings
from tests.conftest import made, ok, refused
from tests.fault.conftest import (
    NO_TLS,
    Practice,
    Receiver,
    Serving,
    add_practice,
    free_port,
    log_of,
    remaining,
    run,
    to_be_told,
)  # fmt: skip

pytestmark = pytest.mark.fault


async def register(practice: Practice, url: str, times: int) -> None:
    """Clients, each over a connection of its own, so that every worker has its share."""
    for _ in range(times):
        async with practice.client(url) as script:
            client = made(await script.post("/v1/clients", json={"label": "K."}))
            at = f"/v1/clients/{client['id']}"
            ok(await script.patch(at, json={"label": "L."}, headers={"If-Match": '"1"'}))


async def test_a_database_that_is_not_there_at_the_start_is_said_so_plainly(data_dir: Path):
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    commands = (["serve", "--port", str(free_port())], ["verify"], ["migrate"])
    began = time.monotonic()
    ends = await asyncio.gather(*(run(data_dir, *words, DATABASE_URL=url) for words in commands))
    print("ended after", round(time.monotonic() - began, 2))
    for words, (code, out, err) in zip(commands, ends, strict=True):
        assert code not in (0, -9), words
        assert "BRAVESPACE_DATABASE_URL" in err, f"{words}: {err[-2000:]}"
        assert "Traceback" not in out + err, f"{words}: {err[-2000:]}"
    assert remaining(data_dir, 1) == {}


async def test_a_database_that_was_never_migrated_is_said_so_plainly(data_dir: Path, tmp_path: Path):
    with embedded.start(data_dir) as cluster:
        connection = await asyncpg.connect(cluster.dsn)
        await connection.execute("CREATE DATABASE bare TEMPLATE template0")
        await connection.close()
        url = cluster.dsn.replace("/bravespace?", "/bare?")
        service = Serving(tmp_path / "other", DATABASE_URL=url)
        service.data_dir.mkdir()
        try:
            await service.start("/healthz")
            keys = Keys(Settings(data_dir=service.data_dir))
            practice = Practice(service.data_dir, uuid4(), keys)
            async with practice.client(service.url) as script:
                for path in ("/readyz", "/v1/clients"):
                    problem = refused(await script.get(path), 503, "unavailable")
                    assert "migrate" in problem["detail"]
                assert (await run(service.data_dir, "migrate", DATABASE_URL=url))[0] == 0
                assert ok(await script.get("/readyz")) == {"status": "ready"}
            code, id, _ = await run(service.data_dir, "practice", "add", "Ours", DATABASE_URL=url)
            assert code == 0
            await register(Practice(service.data_dir, UUID(id.strip()), keys), service.url, 1)
        finally:
            service.kill()


async def test_service_and_commands_may_all_be_started_at_the_same_moment_on_a_folder_that_is_not_there(data_dir: Path):
    service = Serving(data_dir)
    words = (
        ["practice", "add", "One"], ["practice", "add", "Two"], ["verify"],
        ["token", "--practice", str(uuid4()), "--role", "admin"],
    )  # fmt: skip
    try:
        _, *ends = await asyncio.gather(service.start(), *(run(data_dir, *w) for w in words))
        assert [code for code, _, _ in ends] == [0, 0, 0, 2], ends
        for _, id, _ in ends[:2]:
            await register(Practice(data_dir, UUID(id.strip()), Keys(Settings(data_dir=data_dir))), service.url, 1)
        told = ["token", "--practice", ends[0][1].strip(), "--role", "integration"]
        (code, token, err), (proven, said, _) = await asyncio.gather(run(data_dir, *told), run(data_dir, "verify"))
        assert (code, err, proven, said.split()[0]) == (0, "", 0, "0")
        async with httpx.AsyncClient(base_url=service.url, verify=NO_TLS) as script:
            headers = {"Authorization": f"Bearer {token.strip()}"}
            assert len(ok(await script.get("/v1/clients", headers=headers))["items"]) == 1
    finally:
        service.kill()


async def test_two_services_on_one_data_directory_share_what_they_know(data_dir: Path):
    async with Serving(data_dir) as one, Serving(data_dir) as other:
        practice = await add_practice(data_dir)
        await asyncio.gather(*(register(practice, s.url, 8) for s in (one, other, one, other)))
        log = await log_of(practice, one.url)
        assert log == await log_of(practice, other.url)
        assert [e["seq"] for e in log] == list(range(1, 65))
        async with practice.client(other.url, "supervisor") as reader, practice.client(one.url) as script:
            polling = asyncio.create_task(reader.get("/v1/events", params={"after": 64, "wait": 5}))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            made(await script.post("/v1/clients", json={}))
            assert [e["seq"] for e in ok(await polling)["items"]] == [65]
            assert time.monotonic() - began < 1.5
        one.kill()
        await register(practice, other.url, 1)
        async with practice.client(other.url) as reader:
            waiting = asyncio.create_task(reader.get("/v1/events", params={"after": 67, "wait": 30}))
            await asyncio.sleep(0.2)
            took = await other.end()
            print("ended with a reader waiting in", round(took, 2))
            assert took < 5
            assert remaining(data_dir, 1) == {}
            await asyncio.gather(waiting, return_exceptions=True)


async def test_two_workers_write_one_dense_log_deliver_it_and_leave_nobody_behind(data_dir: Path, receiver: Receiver):
    async with Serving(data_dir, "serve", "--workers", "2") as service:
        practice = await add_practice(data_dir)
        async with practice.client(service.url) as script:
            endpoint = made(await script.post("/v1/webhook-endpoints", json={"url": receiver.url}))
        begun = time.monotonic()
        await asyncio.gather(*(register(practice, service.url, 10) for _ in range(8)))
        log = await log_of(practice, service.url)
        print("160 writes in", round(time.monotonic() - begun, 2))
        assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
        assert len(log) == 160 + len([e for e in log if e["resource"] == "webhook_endpoint"])
        await receiver.until(to_be_told(log))
        receiver.is_faithful(endpoint["secret"])
        assert len(receiver.heard) == len({h.id for h in receiver.heard}), "sent twice though nothing failed"
        took = await service.end(signal.SIGTERM)
        print("ended in", round(took, 2))
        assert took < 5
        assert remaining(data_dir, 1) == {}


async def test_delivery_runs_in_a_process_of_its_own(data_dir: Path, receiver: Receiver):
    async with Serving(data_dir, "serve", "--no-dispatch") as service:
        practice = await add_practice(data_dir)
        async with practice.client(service.url) as script:
            endpoint = made(await script.post("/v1/webhook-endpoints", json={"url": receiver.url}))
        await register(practice, service.url, 5)
        await asyncio.sleep(0.7)
        assert receiver.heard == []
        async with Serving(data_dir, "dispatch") as dispatcher:
            await receiver.until(to_be_told(await log_of(practice, service.url)))
            await register(practice, service.url, 5)
            told = to_be_told(await log_of(practice, service.url))
            await receiver.until(told)
            receiver.is_faithful(endpoint["secret"])
            assert len(receiver.heard) == len(told) == 21
            assert await dispatcher.end() < 5
        assert dispatcher.process.returncode == 0
        await register(practice, service.url, 1)
        await asyncio.sleep(0.7)
        assert len(receiver.heard) == 21
