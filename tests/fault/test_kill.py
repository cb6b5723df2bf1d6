"""What is left when something is killed without a word: everything that was acknowledged, whole."""

import asyncio
import itertools
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from infra import embedded
from infra.database import open_pool
from tests.conftest import everything, made, ok
from tests.fault.conftest import Practice, Receiver, Serving, add_practice, log_of, remaining, run, to_be_told
from tests.fault.load import Watch

pytestmark = pytest.mark.fault
GONE = (httpx.TransportError,)


class Burst:
    """Writers that never stop, and what each of them was told."""

    def __init__(self, practice: Practice, url: str) -> None:
        self.practice, self.url = practice, url
        self.told: dict[str, tuple[str, int]] = {}
        self.tried: set[str] = set()
        self.keys: dict[str, tuple[dict[str, Any], bytes | None]] = {}
        self.moves: dict[str, str] = {}

    async def prepare(self) -> None:
        async with self.practice.client(self.url) as script:
            self.therapist_id = made(await script.post("/v1/therapists", json={"display_name": "Dr Rivera"}))["id"]
            client_id = made(await script.post("/v1/clients", json={"label": "K."}))["id"]
            begun = {"client_id": client_id, "therapist_ids": [self.therapist_id]}
            self.relationship_id = made(await script.post("/v1/relationships", json=begun))["id"]

    async def write(self) -> None:
        """Until the service is gone."""
        async with (
            self.practice.client(self.url) as script,
            self.practice.client(self.url, "therapist", self.therapist_id) as therapist,
        ):
            hands = [self.put(script), self.put(script), self.book(script), self.book(script)]
            hands += [self.mend(therapist), self.mend(therapist), self.mend(therapist)]
            await asyncio.gather(*hands)

    def note(self, collection: str, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code in (200, 201), response.text
        shown: dict[str, Any] = response.json()
        before = self.told.get(shown["id"], ("", 0))[1]
        self.told[shown["id"]] = (collection, max(before, shown["version"]))
        return shown

    async def put(self, script: httpx.AsyncClient) -> None:
        """Clients under ids of ours, each corrected once."""
        with suppress(*GONE):
            while True:
                id = str(uuid4())
                self.tried.add(id)
                at = f"/v1/clients/{id}"
                self.note("clients", await script.put(at, json={"label": "A"}, headers={"If-None-Match": "*"}))
                self.note("clients", await script.patch(at, json={"label": "B"}, headers={"If-Match": '"1"'}))

    async def book(self, script: httpx.AsyncClient) -> None:
        """Sessions under keys."""
        with suppress(*GONE):
            for minute in itertools.count():
                key = uuid4().hex
                body = {"relationship_id": self.relationship_id, "starts_at": f"2026-10-01T09:{minute % 60:02}:00Z"}
                self.keys[key] = (body, None)
                response = await script.post("/v1/sessions", json=body, headers={"Idempotency-Key": key})
                self.note("sessions", response)
                self.keys[key] = (body, response.content)

    async def mend(self, therapist: httpx.AsyncClient) -> None:
        """Ruptures and their repairs: moves that move two things at once."""
        with suppress(*GONE):
            while True:
                body = {"relationship_id": self.relationship_id, "summary": "It hurt."}
                rupture = self.note("ruptures", await therapist.post("/v1/ruptures", json=body))
                begun = await therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]})
                repair = self.note("repairs", begun)
                self.moves[repair["id"]] = rupture["id"]
                said = {"outcome": "repaired", "client_resolution": 5}
                self.note("repairs", await therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=said))

    async def is_all_there(self) -> None:
        async with self.practice.client(self.url) as script:
            log, after = [], 0
            while page := ok(await script.get("/v1/events", params={"after": after, "limit": 500}))["items"]:
                log += page
                after = page[-1]["seq"]
            assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
            versions: dict[str, list[int]] = defaultdict(list)
            for event in log:
                versions[event["id"]].append(event["version"])
            assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
            for id, (collection, version) in self.told.items():
                assert versions[id][-1] >= version, (collection, id, version, versions[id])
            held = {c: await everything(script, c) for c in ("clients", "sessions", "ruptures", "repairs")}
            for id, (collection, version) in self.told.items():
                assert held[collection][id]["version"] >= version
            for id in self.tried - self.told.keys():
                assert (id in held["clients"]) == (id in versions)
            for repair in held["repairs"].values():
                pair = (repair["phase"], held["ruptures"][repair["rupture_id"]]["phase"])
                assert pair in {("opened", "in_repair"), ("concluded", "repaired")}
            for rupture in held["ruptures"].values():
                repaired = [r for r in held["repairs"].values() if r["rupture_id"] == rupture["id"]]
                assert len(repaired) == (rupture["phase"] != "confirmed")

    async def keys_still_hold(self) -> None:
        """Asked again, what was answered is answered the same, and what was not happens once."""
        async with self.practice.client(self.url) as script:
            for key, (body, answer) in list(self.keys.items())[-15:]:
                headers = {"Idempotency-Key": key}
                again = await script.post("/v1/sessions", json=body, headers=headers)
                assert again.status_code == 201
                assert answer in (None, again.content)
                assert answer is None or again.headers["idempotent-replayed"] == "true"
                third = await script.post("/v1/sessions", json=body, headers=headers)
                assert (third.content, third.headers["idempotent-replayed"]) == (again.content, "true")


@dataclass
class Aftermath:
    """A service that was killed five times in the middle of writing and delivering, and runs again."""

    service: Serving
    burst: Burst
    receiver: Receiver
    secret: str


@pytest.fixture(scope="module")
async def aftermath(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aftermath]:
    data_dir, chance, starts = tmp_path_factory.mktemp("killed") / "data", random.Random(1), []
    async with Serving(data_dir) as service, Receiver() as receiver:
        burst = Burst(await add_practice(data_dir), service.url)
        async with burst.practice.client(service.url) as script:
            endpoint = made(await script.post("/v1/webhook-endpoints", json={"url": receiver.url}))
        await burst.prepare()
        for _ in range(5):
            told, heard = len(burst.told), len(receiver.heard)
            writing = asyncio.create_task(burst.write())
            while len(burst.told) < told + 12 or len(receiver.heard) < heard + 25:
                await asyncio.sleep(0.005)
                assert not writing.done(), writing.exception()
            await asyncio.sleep(chance.uniform(0, 0.2))
            service.kill()
            await writing
            starts.append(round(await service.start(), 2))
            await burst.keys_still_hold()
        print("ready again after kill -9:", starts)
        yield Aftermath(service, burst, receiver, endpoint["secret"])
    assert remaining(data_dir, 10) == {}


async def test_nothing_acknowledged_is_lost_when_the_service_is_killed_in_the_middle_of_writing(aftermath: Aftermath):
    await aftermath.burst.is_all_there()
    code, said, err = await run(aftermath.service.data_dir, "verify")
    assert code == 0, said + err


async def test_every_event_arrives_when_the_service_is_killed_in_the_middle_of_delivering(aftermath: Aftermath):
    receiver, service, practice = aftermath.receiver, aftermath.service, aftermath.burst.practice
    async with practice.client(service.url) as script:
        # What was under way when it was killed waits for its lease to run out: let that time pass.
        with embedded.start(service.data_dir) as cluster:
            pool = await open_pool(cluster.dsn, 1)
            done = await pool.execute("UPDATE lane SET leased_until = now() WHERE lease IS NOT NULL")
            await pool.close()
        await receiver.until(to_be_told(await log_of(practice, service.url)))
        receiver.is_faithful(aftermath.secret)
        (endpoint,) = ok(await script.get("/v1/webhook-endpoints"))["items"]
        pending = f"/v1/webhook-endpoints/{endpoint['id']}/deliveries?state=pending"
        for _ in range(100):
            if not ok(await script.get(pending))["items"]:
                break
            await asyncio.sleep(0.05)
        assert ok(await script.get(pending))["items"] == []
    repeated = len(receiver.heard) - len({h.id for h in receiver.heard})
    print(f"{repeated} events sent again, {done.split()[1]} endpoints were being served at a kill")


async def test_requests_are_put_off_and_not_broken_while_the_database_is_killed_and_comes_back(
    data_dir: Path, record_property: Any
):
    async with Serving(data_dir) as service:
        practice = await add_practice(data_dir)
        watch = Watch(practice, service.url)
        asking = asyncio.create_task(watch.ask_all())
        windows = []
        for _ in range(3):
            await asyncio.sleep(0.4)
            postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])
            killed = time.monotonic()
            os.kill(postmaster, signal.SIGKILL)
            await asyncio.sleep(0.05)
            while not (ended := [a for a in watch.answers if a[0] > killed + 0.05 and a[2].status_code < 300]):
                assert time.monotonic() - killed < 15, "it did not come back"
                assert not asking.done(), asking.exception()
                await asyncio.sleep(0.01)
            windows.append(min(a[1] for a in ended) - killed)
        await asyncio.sleep(0.5)
        watch.over.set()
        await asking
        assert service.process.poll() is None
        statuses = {r.status_code for _, _, r in watch.answers}
        longest = max(end - began for began, end, _ in watch.answers)
        print(
            "back after:", [round(w, 2) for w in windows], "statuses:", statuses, "longest answer:", round(longest, 2)
        )
        record_property("unavailable_seconds", [round(w, 2) for w in windows])
        assert statuses <= {200, 201, 503}, [line for line in service.log.read_text().splitlines() if "broken" in line]
        assert longest < 6
        for _, _, response in watch.answers:
            if response.status_code == 503:
                assert response.headers["content-type"] == "application/problem+json"
                assert int(response.headers["retry-after"]) > 0
                assert response.json()["type"] == "/problems/unavailable"
        assert {r.status_code for _, _, r in watch.answers[-12:]} <= {200, 201}
        async with practice.client(service.url) as script:
            held = await everything(script, "clients")
        assert watch.written.keys() <= held.keys()
        undecided = watch.unsure & held.keys()
        print("answered with 503 and written all the same:", len(undecided), "of", len(watch.unsure))
        code, said, err = await run(data_dir, "verify")
        assert code == 0, said + err
