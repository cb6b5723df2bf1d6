"""The change feed: who reads it while others write sees every event once, in order, without a gap."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from api.app import Service, wire
from api.front import Front
from infra import embedded
from infra.database import open_pool
from infra.store import Store
from tests.conftest import Case, House, made, ok, refused


class Reader:
    """A system that follows the feed."""

    def __init__(self, who: httpx.AsyncClient, **params: Any) -> None:
        self.who, self.params = who, params
        self.after, self.seen, self.polls = 0, [], 0  # type: ignore[var-annotated]

    async def poll(self) -> list[dict[str, Any]]:
        page = ok(await self.who.get("/v1/events", params={**self.params, "after": self.after}))
        items: list[dict[str, Any]] = page["items"]
        numbers = [e["seq"] for e in items]
        assert numbers == sorted(set(numbers))
        assert all(n > self.after for n in numbers)
        assert page["next_after"] >= (numbers[-1] if numbers else self.after)
        self.after, self.polls = page["next_after"], self.polls + 1
        self.seen += items
        return items

    async def follow(self, until: asyncio.Event) -> None:
        while not until.is_set():
            await self.poll()
            await asyncio.sleep(0)
        while await self.poll():
            pass

    @property
    def numbers(self) -> list[int]:
        return [e["seq"] for e in self.seen]


async def write(case: Case, times: int) -> None:
    """What a busy therapy writes: single moves, moves with consequences, corrections."""
    for n in range(times):
        rupture = await case.rupture("client")
        repair = made(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}))
        at = f"/v1/repairs/{repair['id']}"
        ok(await case.therapist.post(f"{at}/recognize", json={"summary": f"{n}"}))
        ok(await case.therapist.post(f"{at}/conclude", json={"outcome": "not_repaired"}))
        ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "low"}))


async def last_number(house: House) -> int:
    practice = await house.running.service.store.practice(house.id)
    assert practice
    return int(practice["seq"])


async def test_readers_in_a_race_see_every_event_once_in_order_and_without_a_gap(house: House):
    cases = [await house.case() for _ in range(9)]
    supervisor, done = await house.as_("supervisor"), asyncio.Event()
    readers = [
        Reader(supervisor, limit=500), Reader(supervisor, limit=1), Reader(supervisor, limit=3, wait=1),
        Reader(supervisor, limit=7, wait=1), Reader(await house.as_("integration"), limit=100),
    ]  # fmt: skip
    some = Reader(supervisor, limit=2, types="repair.concluded,rupture.*", wait=1)
    mine = Reader(cases[0].therapist, limit=2)
    theirs = Reader(cases[1].client, limit=3, wait=1)
    async with asyncio.TaskGroup() as group:
        for reader in (*readers, some, mine, theirs):
            group.create_task(reader.follow(done))
        await asyncio.gather(*(write(case, 2) for case in cases))
        done.set()
    last = await last_number(house)
    assert last > 9 * 2 * 6
    for reader in readers:
        assert reader.numbers == list(range(1, last + 1))
        assert reader.seen == readers[0].seen
    everything = readers[0].seen
    wanted = [e for e in everything if e["type"] == "repair.concluded" or e["resource"] == "rupture"]
    assert some.seen == wanted
    assert {e["relationship_id"] for e in mine.seen} == {cases[0].relationship_id, None}
    about = [e for e in everything if e["relationship_id"] == cases[0].relationship_id]
    assert [e for e in mine.seen if e["relationship_id"]] == about
    about = [e for e in everything if e["relationship_id"] == cases[1].relationship_id]
    heard = [e for e in theirs.seen if e["relationship_id"]]
    assert heard == [e for e in about if e["type"] != "relationship.risk_screened"]
    assert {r.after for r in (*readers, some, mine, theirs)} == {last}


async def test_versions_and_phases_in_the_feed_tell_each_things_life(case: Case):
    await write(case, 2)
    reader = Reader(case.supervisor)
    await reader.poll()
    lives: dict[str, list[dict[str, Any]]] = {}
    for event in reader.seen:
        lives.setdefault(event["id"], []).append(event)
    for life in lives.values():
        assert [e["version"] for e in life] == list(range(1, len(life) + 1))
        assert life[0]["from"] == "new"
        assert [e["from"] for e in life[1:]] == [e["to"] for e in life[:-1]]
    assert all("summary" not in e for e in reader.seen)


async def woken(case: Case, act: Callable[[], Awaitable[Any]], **params: Any) -> tuple[float, dict[str, Any]]:
    """How long after `act` began a waiting reader had its answer, and what it was."""
    after = await last_number(case.house)
    query = {"after": after, "wait": 5, **params}
    polling = asyncio.create_task(case.supervisor.get("/v1/events", params=query))
    await asyncio.sleep(0.15)
    assert not polling.done()
    began = time.monotonic()
    await act()
    page = ok(await polling)
    return time.monotonic() - began, page


async def test_a_waiting_reader_hears_at_once_of_what_this_process_writes(case: Case):
    waits = []
    for _ in range(5):
        took, page = await woken(case, case.rupture)
        assert [e["type"] for e in page["items"]] == ["rupture.reported"]
        waits.append(took)
    assert sorted(waits)[2] < 0.1, waits


async def test_a_waiting_reader_hears_of_a_consequence_with_its_cause(case: Case):
    rupture = await case.rupture()
    _, page = await woken(case, lambda: case.repair(rupture))
    assert [e["type"] for e in page["items"]] == ["repair.begun", "rupture.repair_begun"]


@pytest.fixture
async def elsewhere(data_dir: Any) -> AsyncIterator[Store]:
    """A store with a pool of its own: what another process on the same database is."""
    with embedded.start(data_dir) as cluster:
        pool = await open_pool(cluster.dsn, 2)
        yield Store(pool)
        await pool.close()


async def test_a_waiting_reader_soon_hears_of_what_another_process_writes(case: Case, elsewhere: Store):
    other = wire(case.house.running.service.settings)
    other.pool.real = elsewhere.pool
    transport = httpx.ASGITransport(app=front(other))
    token = case.house.token("integration")
    body = {"relationship_id": case.relationship_id, "starts_at": "2026-10-01T09:00:00Z"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://elsewhere.test", headers={"Authorization": f"Bearer {token}"}
    ) as script:
        waits = []
        for _ in range(3):
            took, page = await woken(case, lambda: script.post("/v1/sessions", json=body))
            assert [e["type"] for e in page["items"]] == ["session.recorded"]
            waits.append(took)
    assert sorted(waits)[1] < 0.7, waits


def front(service: Service) -> Any:
    return Front(None, routes=service.routes, door=service.door, metrics=service.metrics, limit=1024 * 1024)


async def test_a_wait_that_brings_nothing_ends_with_an_empty_page(case: Case):
    after = await last_number(case.house)
    began = time.monotonic()
    page = ok(await case.supervisor.get("/v1/events", params={"after": after, "wait": 1}))
    assert page == {"items": [], "next_after": after}
    assert 0.95 < time.monotonic() - began < 1.6


async def test_a_reader_who_waits_for_one_type_is_not_woken_to_an_empty_page_by_another(case: Case):
    async def both() -> None:
        await case.session()
        await asyncio.sleep(0.1)
        await case.rupture()

    _, page = await woken(case, both, types="rupture.*")
    assert [e["type"] for e in page["items"]] == ["rupture.reported"]
    assert page["next_after"] == await last_number(case.house)


async def test_many_readers_wait_at_once_and_all_hear(case: Case):
    after = await last_number(case.house)
    polls = [
        asyncio.create_task(case.supervisor.get("/v1/events", params={"after": after, "wait": 5})) for _ in range(30)
    ]  # fmt: skip
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await case.rupture()
    pages = [ok(response) for response in await asyncio.gather(*polls)]
    assert time.monotonic() - began < 1
    assert all(page == pages[0] for page in pages)
    assert len(pages[0]["items"]) == 1


async def test_a_reader_moves_on_past_what_is_not_theirs_to_see(house: House):
    mine, other = await house.case(), await house.case()
    await write(other, 3)
    last = await last_number(house)
    for who in (mine.therapist, mine.client):
        reader = Reader(who, limit=100)
        await reader.poll()
        assert reader.after == last
        assert {e["relationship_id"] for e in reader.seen} <= {mine.relationship_id, None}
        assert other.client_id not in {e["id"] for e in reader.seen}
        assert await reader.poll() == []
    assert {e["id"] for e in reader.seen} == {mine.client_id, mine.therapist_id, mine.relationship_id}


async def test_small_pages_of_a_narrow_sight_miss_nothing(house: House):
    mine, other = await house.case(), await house.case()
    for _ in range(3):
        await mine.rupture()
        await write(other, 1)
    await mine.rupture()
    await write(other, 1)
    reader = Reader(mine.client, limit=1, types="rupture.*")
    for _ in range(20):
        await reader.poll()
    assert len(reader.seen) == 4
    assert reader.after == await last_number(house)


async def test_a_therapist_who_joins_hears_from_then_on_and_can_read_back(house: House):
    case = await house.case()
    await case.rupture()
    newcomer_id = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    newcomer = Reader(await house.as_("therapist", newcomer_id))
    await newcomer.poll()
    assert not [e for e in newcomer.seen if e["relationship_id"]]
    both = {"therapist_ids": [case.therapist_id, newcomer_id]}
    at = f"/v1/relationships/{case.relationship_id}"
    ok(await case.script.patch(at, json=both, headers={"If-Match": '"1"'}))
    assert [e["type"] for e in await newcomer.poll()] == ["relationship.revised"]
    newcomer.after = 0
    assert "rupture.reported" in {e["type"] for e in await newcomer.poll()}


async def test_another_practices_events_are_never_seen(house: House, case: Case):
    stranger = House(case.house.running)
    await house.running.service.store.found_practice(stranger.id, "Another practice")
    await write(case, 1)
    assert ok(await (await stranger.as_("supervisor")).get("/v1/events")) == {"items": [], "next_after": 0}


async def test_who_is_at_the_end_is_told_nothing_and_stays_there(case: Case):
    last = await last_number(case.house)
    page = ok(await case.supervisor.get("/v1/events", params={"after": last}))
    assert page == {"items": [], "next_after": last}


async def test_what_can_never_match_is_refused_by_name(case: Case):
    for query in (
        "types=rupture.exploded", "types=ruptures.*", "types=", "types=rupture.*,", "types=rup*", "limit=0",
        "limit=501", "limit=ten", "after=-1", "after=1.5", "wait=31", "wait=-1", "since=3", "after=1&after=2",
    ):  # fmt: skip
        problem = refused(await case.supervisor.get(f"/v1/events?{query}"), 422)
        name = query.partition("=")[0]
        assert problem.get("errors", [{"parameter": "after"}])[0]["parameter"] == name, query


async def test_who_may_not_read_a_kind_of_thing_does_not_hear_of_it(case: Case):
    await write(case, 1)
    clerk = Reader(await case.house.as_("integration", scope="events.read sessions.read"))
    await case.session()
    await clerk.poll()
    assert {e["resource"] for e in clerk.seen} == {"session"}
    assert clerk.after == await last_number(case.house)
    admin = Reader(await case.house.as_("admin"))
    await admin.poll()
    assert not {e["resource"] for e in admin.seen} & {"rupture", "repair", "relationship", "client", "session"}
    refused(await (await case.house.as_("integration", scope="ruptures.read")).get("/v1/events"), 403)


async def test_the_timeline_tells_the_same_events_and_hides_the_same(case: Case):
    await write(case, 2)
    at = f"/v1/relationships/{case.relationship_id}/timeline"
    for who in (case.supervisor, case.therapist, case.client):
        reader = Reader(who, limit=500)
        await reader.poll()
        about = [e for e in reader.seen if e["relationship_id"]]
        told, after = [], 0
        while page := ok(await who.get(at, params={"after": after, "limit": 4}))["items"]:
            told += [{n: v for n, v in entry.items() if n != "says"} for entry in page]
            after = page[-1]["seq"]
        assert told == about
