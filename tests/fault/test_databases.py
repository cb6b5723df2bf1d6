"""A database that crashes or is out of reach, and a service that is killed in the middle of talking to it."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from infra import embedded
from tests.conftest import made
from tests.fault.checker import repeated
from tests.fault.conftest import Serving, add_practice, remaining
from tests.fault.load import Load, Watch
from tests.fault.postbox import Postbox
from tests.fault.proxy import Proxy
from tests.fault.stage import LEASE, QUICK, Ground, Stage, ground, memory

pytestmark = pytest.mark.fault


@dataclass
class Reached(Ground):
    """A service that reaches its database through a line that can fail."""

    line: Proxy


@pytest.fixture(scope="module")
async def reached(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reached]:
    folder = tmp_path_factory.mktemp("reached")
    cluster = await asyncio.to_thread(embedded.start, folder / "data", durable=False)
    await add_practice(folder / "data")  # which also makes the tables
    (sockets,) = parse_qs(urlsplit(cluster.dsn).query)["host"]
    async with Proxy(Path(sockets) / embedded.SOCKET) as line:
        url = f"postgresql://{embedded.NAME}@127.0.0.1:{line.port}/{embedded.NAME}?sslmode=disable"
        async with Serving(folder / "data", **QUICK, DATABASE_URL=url) as service, Postbox(folder) as postbox:
            yield Reached(service, postbox, line)
    await asyncio.to_thread(cluster.release)
    assert remaining(folder / "data", 10) == {}


@pytest.fixture
async def stage(reached: Reached) -> AsyncIterator[Stage]:
    async with reached.stage() as stage:
        yield stage


@pytest.mark.row(3)
async def test_killed_before_its_commit_it_wrote_nothing_and_the_same_request_again_writes_once(
    reached: Reached, stage: Stage
):
    """The database has the whole statement but the message that commits it."""
    await stage.endpoint("all", "client.*")
    said = {"json": {"label": f"L-{uuid4()}"}, "headers": {"Idempotency-Key": "once"}}
    reached.line.stop_at(said["json"]["label"].encode(), committed=False)
    asking = asyncio.create_task(stage.script.post("/v1/clients", **said))
    await asyncio.wait_for(reached.line.marked.wait(), 5)
    before = len(await stage.log())
    reached.service.kill()
    with pytest.raises(httpx.TransportError):
        await asking
    await reached.service.start()
    assert len(await stage.log()) == before
    answer = await stage.script.post("/v1/clients", **said)
    assert "idempotent-replayed" not in answer.headers
    assert [e.resource for e in (await stage.log())[before:]] == [made(answer)["id"]]
    await stage.settled()
    assert await stage.faults() == []


@pytest.mark.row(3)
async def test_killed_between_its_commit_and_its_answer_it_delivers_once_and_answers_the_same_request_again(
    reached: Reached, stage: Stage
):
    """The database has committed, and its word never came back."""
    await stage.endpoint("all", "client.*")
    before = len(await stage.log())
    said = {"json": {"label": f"L-{uuid4()}"}, "headers": {"Idempotency-Key": "once"}}
    reached.line.stop_at(said["json"]["label"].encode(), committed=True)
    asking = asyncio.create_task(stage.script.post("/v1/clients", **said))
    await asyncio.wait_for(reached.line.marked.wait(), 5)
    while len(written := (await stage.log())[before:]) == 0:
        await asyncio.sleep(0.02)
    await stage.settled()
    assert not asking.done()
    reached.service.kill()
    with pytest.raises(httpx.TransportError):
        await asking
    await reached.service.start()
    answer = await stage.script.post("/v1/clients", **said)
    assert answer.headers["idempotent-replayed"] == "true"
    assert [e.resource for e in written] == [made(answer)["id"]]
    assert len(await stage.log()) == before + 1
    await asyncio.sleep(LEASE)
    assert await stage.faults() == []


@pytest.mark.row(5)
async def test_a_database_out_of_reach_is_said_so_costs_no_memory_and_is_missed_no_longer_than_it_is_away(
    reached: Reached, stage: Stage
):
    """8 s of refused connections, then 2 s in which nothing comes back."""
    await stage.endpoint("all")
    watch = Watch(stage.practice, stage.url)
    asking = asyncio.create_task(watch.ask_all())
    await asyncio.sleep(1)
    reached.line.fault, gone = "refuse", time.monotonic()
    reached.line.reset_all()
    await asyncio.sleep(2)
    settled = memory(reached.service)
    await asyncio.sleep(6)
    grown = memory(reached.service) - settled
    reached.line.fault, back = "", time.monotonic()
    await asyncio.sleep(1)
    reached.line.fault = "blackhole"
    await asyncio.sleep(2)
    reached.line.fault = ""
    await asyncio.sleep(1)
    watch.over.set()
    await asking

    meanwhile = [r for began, ended, r in watch.answers if began > gone + 0.2 and ended < back]
    assert len(meanwhile) > 50
    assert {r.status_code for r in meanwhile} == {503}
    for response in meanwhile:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == "/problems/unavailable"
        assert int(response.headers["retry-after"]) > 0
    print("grown by", grown, "MB in", len(meanwhile), "refusals; longest:", max(e - b for b, e, _ in watch.answers))
    assert grown < 6
    assert {r.status_code for _, _, r in watch.answers} <= {200, 201, 503}
    assert max(ended - began for began, ended, _ in watch.answers) < 2 + 2.5, (
        "as long as the silence, and some patience"
    )
    resumed = min(e for b, e, r in watch.answers if b > back and r.status_code < 300) - back
    print("resumed after", round(resumed, 2))
    assert resumed < 2
    await stage.settled()
    assert await stage.faults(repeats=None) == []


@pytest.mark.row(4)
async def test_a_database_that_crashes_under_load_loses_nothing_that_was_answered_and_no_lane_stays_stuck(
    tmp_path: Path,
):
    """Three crashes of an embedded server that flushes its commits, 3 endpoints."""
    chance, crashes = random.Random(4), []
    async with ground(tmp_path, DURABLE="1") as crashing, crashing.stage() as stage:
        for n in range(3):
            await stage.endpoint(f"one-of-three-{n}", delay=0.01)
        async with Load(stage, writers=3) as load:
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.6, 1.2))
                postmaster = int((crashing.data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])
                crashes.append(time.time())
                os.kill(postmaster, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
            await asyncio.sleep(1)
        await stage.settled()
        assert load.doubts(await stage.log()) == []
        # Results are committed without waiting for the disk: what was answered in the last moments is sent again.
        moments = [r for r in stage.postbox.heard() if any(c - 0.7 < r.at < c + 0.2 for c in crashes)]
        again = sum(len(repeated(e.heard())) for e in stage.endpoints)
        print(len(stage.postbox.heard()), "requests,", len(moments), "just before a crash,", again, "repeated;",
              load.repeated, "writes said again")  # fmt: skip
        assert await stage.faults(repeats=len(moments)) == []
        await stage.clients(20)
        assert await stage.settled() < LEASE + 1
