"""Volumes opened and dropped several times a second, under load, by several processes, some of which are killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from infra import embedded
from tests.conftest import everything, made, ok, refused
from tests.fault.conftest import PATIENCE, ROOT, Practice, Receiver, Serving, add_practice, environment, run

pytestmark = pytest.mark.fault
KEEPER = """
import asyncio, sys
from datetime import timedelta
from infra.volumes import Rule, make_round

async def keep(dsn, length, kept):
    rules = [Rule(log, timedelta(seconds=length), timedelta(seconds=kept)) for log in ("event", "attempt")]
    while True:
        await make_round(dsn, rules)
        print("round", flush=True)
        await asyncio.sleep(0.05)

asyncio.run(keep(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
"""
VOLUMES = "SELECT log, min(number) AS oldest, max(number) AS newest FROM volume GROUP BY log"
TURNED_OVER = f"SELECT min(oldest) > 5 AND min(newest) > 12 FROM ({VOLUMES}) logs"


class Keeper:
    """A process that does nothing but make rounds."""

    def __init__(self, data_dir: Path, dsn: str, length: float, kept: float) -> None:
        self.log = data_dir.with_name(f"{data_dir.name}-keeper-{time.monotonic_ns()}.log")
        words = [sys.executable, "-c", KEEPER, dsn, str(length), str(kept)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, cwd=ROOT, env=environment(data_dir), stdout=log, stderr=log)

    def works(self) -> None:
        assert self.process.poll() is None, self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    async def finished_a_round(self) -> None:
        await until(lambda: "round" in self.log.read_text())


async def until(holds: Any, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not (await found if asyncio.iscoroutine(found := holds()) else found):
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def keepers(
    data_dir: Path, *rules: tuple[float, float]
) -> AsyncIterator[tuple[asyncpg.Connection, list[Keeper]]]:
    """A connection to the service's database, and processes that make rounds in it."""
    with embedded.start(data_dir) as cluster:
        connection, found = await asyncpg.connect(cluster.dsn), [Keeper(data_dir, cluster.dsn, *rule) for rule in rules]
        try:
            yield connection, found
        finally:
            for keeper in found:
                keeper.kill()
            await connection.close()


class Therapy:
    """One relationship, and a hand that writes in it without a pause."""

    def __init__(self, practice: Practice, url: str) -> None:
        self.practice, self.url, self.written = practice, url, 0

    async def write(self, enough: asyncio.Event) -> None:
        async with self.practice.client(self.url) as script:
            therapist_id = made(await script.post("/v1/therapists", json={}))["id"]
            client_id = made(await script.post("/v1/clients", json={}))["id"]
            begun = {"client_id": client_id, "therapist_ids": [therapist_id]}
            relationship_id = made(await script.post("/v1/relationships", json=begun))["id"]
        async with self.practice.client(self.url, "therapist", therapist_id) as therapist:
            while not enough.is_set():
                rupture = made(await therapist.post("/v1/ruptures", json={"relationship_id": relationship_id}))
                repair = made(await therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}))
                said = {"outcome": "not_repaired"}
                ok(await therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=said))
                self.written += 3


async def follow(practice: Practice, url: str, limit: int, done: asyncio.Event) -> list[int]:
    """Who reads the feed as it grows."""
    seen: list[int] = []
    async with practice.client(url) as reader:
        after, last = 0, False
        while not last:
            last = done.is_set()
            while True:
                page = ok(
                    await reader.get("/v1/events", params={"after": after, "limit": limit, "wait": 0 if last else 1})
                )
                seen += [e["seq"] for e in page["items"]]
                after = page["next_after"]
                if not page["items"]:
                    break
    return seen


async def copy(practice: Practice, url: str, done: asyncio.Event) -> dict[str, Any]:
    """Who keeps a copy of the ruptures by what changed."""
    kept: dict[str, Any] = {}
    async with practice.client(url, "supervisor") as reader:
        after, last = 0, False
        while not last:
            last, more = done.is_set(), True
            while more:
                response = await reader.get("/v1/ruptures", params={"changed_after": after, "limit": 50})
                page = ok(response)
                kept |= {item["id"]: item for item in page["items"]}
                after, more = page["next_after"], "next" in response.links
            await asyncio.sleep(0.02)
        assert kept == await everything(reader, "ruptures")
    return kept


@pytest.mark.row(22)
async def test_volumes_are_opened_and_dropped_under_load_and_nobody_notices(data_dir: Path, receiver: Receiver):
    length, kept = 0.3, 6.0
    async with Serving(data_dir) as service, keepers(data_dir, (length, kept), (length, kept)) as (database, rounds):
        practices = [await add_practice(data_dir) for _ in range(2)]
        async with practices[0].client(service.url) as script:
            endpoint = made(await script.post("/v1/webhook-endpoints", json={"url": receiver.url}))
            await until(lambda: database.fetchval("SELECT 1 FROM webhook_endpoint WHERE phase = 'enabled'"))
            begun = ok(await script.get("/v1/practices/me"))["seq"]
        therapies = [Therapy(practices[place % 2], service.url) for place in range(8)]
        enough, done = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            reading = [
                group.create_task(follow(practice, service.url, limit, done))
                for practice in practices for limit in (500, 40)
            ]  # fmt: skip
            group.create_task(copy(practices[0], service.url, done))
            hands = [group.create_task(therapy.write(enough)) for therapy in therapies]
            await until(lambda: database.fetchval(TURNED_OVER), 3 * PATIENCE)
            enough.set()
            await asyncio.gather(*hands)
            done.set()
        for keeper in rounds:
            keeper.works()
        async with practices[0].client(service.url) as script:
            last = ok(await script.get("/v1/practices/me"))["seq"]
            problem = refused(await script.get("/v1/events"), 410, "history-gone")
            assert 1 < problem["oldest"] <= problem["newest"] + 1 == last + 1
        assert reading[0].result()[-1] == last
        for one, other in ((0, 1), (2, 3)):
            numbers = reading[one].result()
            assert numbers == list(range(1, len(numbers) + 1)) == reading[other].result()
        await receiver.until({2} | set(range(begun + 1, last + 1)))
        receiver.is_faithful(endpoint["secret"])
        deadlocks = await database.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        volumes = {row["log"]: f"{row['oldest']} to {row['newest']}" for row in await database.fetch(VOLUMES)}
        print(f"{sum(t.written for t in therapies)} writes, {len(receiver.heard)} deliveries, volumes left: {volumes}")
        assert deadlocks == 0
        code, said, err = await run(data_dir, "verify")
        assert code == 0, said + err


PENDING = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"
LEFT = (
    "SELECT to_regclass($1) IS NULL AND NOT EXISTS (SELECT FROM volume WHERE log = 'event' AND closed_at IS NOT NULL)"
)


@asynccontextmanager
async def halfway(database: asyncpg.Connection, dsn: str) -> AsyncIterator[str]:
    """Somebody reads so long that a volume is being detached for as long as this lasts."""
    reader = await asyncpg.connect(dsn)
    change = reader.transaction(isolation="repeatable_read", readonly=True)
    await change.start()
    await reader.fetch("SELECT FROM event LIMIT 1")
    try:
        await until(lambda: database.fetchval(PENDING))
        yield str(await database.fetchval(PENDING))
    finally:
        reader.terminate()


async def put(script: httpx.AsyncClient) -> None:
    made(await script.post("/v1/clients", json={"label": "K."}))


@pytest.mark.row(22)
async def test_a_drop_whose_process_is_killed_halfway_is_finished_by_the_next(data_dir: Path):
    async with Serving(data_dir) as service:
        practice = await add_practice(data_dir)
        async with practice.client(service.url) as script, keepers(data_dir, (0.2, 0.2)) as (database, rounds):
            with embedded.start(data_dir) as cluster:
                await put(script)
                async with halfway(database, cluster.dsn) as name:
                    rounds[0].kill()
                    await put(script)
                    refused(await script.get("/v1/events"), 410, "history-gone")
            async with keepers(data_dir, (3600, 3600)) as (_, others):
                await until(lambda: database.fetchval(LEFT, name))
                others[0].works()
                await put(script)
        code, said, err = await run(data_dir, "verify")
        assert code == 0, said + err


@pytest.mark.row(22)
async def test_a_drop_that_the_database_itself_did_not_survive_is_finished_when_it_is_back(data_dir: Path):
    async with Serving(data_dir) as service:
        practice = await add_practice(data_dir)
        async with practice.client(service.url) as script:
            async with keepers(data_dir, (0.2, 0.2)) as (database, _):
                with embedded.start(data_dir) as cluster:
                    await put(script)
                    async with halfway(database, cluster.dsn) as name:
                        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])
                        os.kill(postmaster, signal.SIGKILL)
                        await asyncio.sleep(0.1)
            await until(lambda: shown(script))
            async with keepers(data_dir, (3600, 3600)) as (database, _):
                await until(lambda: database.fetchval(LEFT, name))
            await put(script)
        code, said, err = await run(data_dir, "verify")
        assert code == 0, said + err


async def shown(script: httpx.AsyncClient) -> bool:
    return (await script.get("/v1/clients")).status_code == 200
