"""The logs in volumes: who reads across them notices nothing, and who comes too late is told so, with the way out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from api.app import create_app
from infra import embedded, housekeeping, recovery, schema, volumes
from infra.settings import Settings
from infra.upkeep import Upkeep
from infra.verify import verified
from infra.volumes import Rule, make_round, rules
from tests.conftest import Case, House, Running, everything, made, ok, refused
from tests.endpoints import endpoint, moved, shown, told
from tests.receiver import Receiver

OPENED = "SELECT max(opened_at) FROM volume WHERE log = 'event'"
NOW, FAR = timedelta(0), timedelta(days=999)


@dataclass(repr=False)
class Library:
    """A database of its own, whose volumes are opened and dropped when a test says so."""

    dsn: str
    running: Running

    async def round(self, *opening: str, dropping: str = "") -> Any:
        """One round: opens what is said, and drops what is said and has a successor."""
        return await make_round(self.dsn, [
            Rule(log, NOW if log in opening else FAR, NOW if log == dropping else None) for log in ("event", "attempt")
        ], self.expired)  # fmt: skip

    async def expired(self, practice_id: UUID, endpoint_id: UUID) -> None:
        """As the service's own rounds tell it."""
        upkeep = Upkeep(self.running.service.store, lambda practice_id: None)
        await upkeep.tell(practice_id, endpoint_id, "expire", {})

    async def open(self, log: str = "event") -> int:
        """Opens the next volume, in which something must have been written; returns its number."""
        before = await self.newest(log)
        await self.round()
        await self.round(log)
        assert await self.newest(log) == before + 1
        return before + 1

    async def drop(self, log: str = "event") -> None:
        """Drops every volume but the open one."""
        await self.round(dropping=log)

    async def newest(self, log: str = "event") -> int:
        sql = "SELECT max(number) FROM volume WHERE log = $1 AND opened_at IS NOT NULL"
        number: int = await self.pool.fetchval(sql, log)
        return number

    async def partitions(self, log: str = "event") -> list[str]:
        sql = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ ('^' || $1 || '_[0-9]+$') ORDER BY oid"
        return [row["relname"] for row in await self.pool.fetch(sql, log)]

    async def faults(self) -> list[str]:
        report: dict[str, Any] = await verified(self.pool)
        assert report["counted"]["objects"] > 0
        return report["faults"]  # type: ignore[no-any-return]

    @property
    def pool(self) -> Any:
        return self.running.service.pool


@pytest.fixture(scope="module")
async def library(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    with embedded.start(data_dir, durable=False) as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setattr(housekeeping, "FIRST", 3600)  # rounds are made here by the tests alone
        name, admin = f"v_{uuid4().hex}", await asyncpg.connect(cluster.dsn)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = cluster.dsn.replace("/bravespace?", f"/{name}?")
        await asyncio.to_thread(schema.upgrade, dsn)
        config = Settings(
            data_dir=tmp_path_factory.mktemp("keys"), database_url=dsn, pool_size=8, webhook_allow_loopback=True,
            webhook_base_delay=3600,
        )  # fmt: skip
        app = create_app(config)
        async with app.router.lifespan_context(app), contextlib.AsyncExitStack() as stack:
            yield Library(dsn, Running(app, app.state.service, httpx.ASGITransport(app=app), stack))
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def case(library: Library) -> Case:
    house = House(library.running)
    await library.running.service.store.found_practice(house.id, "A practice")
    return await house.case()


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volumes, "PATIENCE", 0.1)


async def write(case: Case) -> dict[str, Any]:
    """A rupture and its repair: single moves, and moves with consequences."""
    rupture = await case.rupture("client", summary="It hurt.")
    repair = await case.repair(rupture)
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/recognize", json={"summary": "Seen."}))
    return repair


async def last_number(case: Case) -> int:
    return int(ok(await case.script.get("/v1/practices/me"))["seq"])


async def log_of(who: httpx.AsyncClient, after: int = 0, **params: Any) -> list[dict[str, Any]]:
    """The feed, page by page, as a system reads it that takes next_after as it comes."""
    found: list[dict[str, Any]] = []
    while items := (page := ok(await who.get("/v1/events", params={"after": after, **params})))["items"]:
        found += items
        assert page["next_after"] > after
        after = page["next_after"]
    return found


# -- across volumes ----------------------------------------------------------------------------------------------------


async def test_who_reads_across_volumes_sees_every_event_once_and_in_order(library: Library, case: Case):
    for _ in range(4):
        await write(case)
        await library.open()
    await write(await case.house.case())
    last = await last_number(case)
    held = await library.pool.fetch("SELECT volume FROM event WHERE practice_id = $1 ORDER BY seq", case.house.id)
    assert len({row["volume"] for row in held}) == 5
    whole = await log_of(case.supervisor, limit=500)
    assert [e["seq"] for e in whole] == list(range(1, last + 1))
    for limit in (1, 2, 3, 7):
        assert await log_of(case.supervisor, limit=limit) == whole
    for after in range(last):
        page = ok(await case.supervisor.get("/v1/events", params={"after": after, "limit": 5}))
        assert page["items"] == whole[after : after + 5]
    for types in ("repair.*", "rupture.reported", "relationship.begun"):
        wanted = [e for e in whole if e["type"] == types or types == f"{e['resource']}.*"]
        assert await log_of(case.supervisor, limit=2, types=types) == wanted
    theirs = await log_of(case.client, limit=2)
    assert {e["seq"] for e in theirs} < {e["seq"] for e in whole}
    assert len([e for e in theirs if e["type"] == "rupture.reported"]) == 4


async def test_a_volume_that_is_opened_meanwhile_is_found_by_who_follows(library: Library, case: Case):
    seen, after = [], 0
    for _ in range(4):
        await write(case)
        page = ok(await case.supervisor.get("/v1/events", params={"after": after}))
        seen += [e["seq"] for e in page["items"]]
        after = page["next_after"]
        await library.open()
        assert ok(await case.supervisor.get("/v1/events", params={"after": after})) == {
            "items": [],
            "next_after": after,
        }
    polling = asyncio.create_task(case.supervisor.get("/v1/events", params={"after": after, "wait": 5}))
    await asyncio.sleep(0.05)
    await case.rupture()
    seen += [e["seq"] for e in ok(await polling)["items"]]
    assert seen == list(range(1, await last_number(case) + 1))


async def test_what_changed_is_told_across_volumes(library: Library, case: Case):
    sessions = [await case.session(status="planned") for _ in range(4)]
    copy, after = {}, 0
    for turn in range(5):
        for session in (sessions[turn % 4], sessions[0]):
            said = {"status": ("held", "missed")[turn % 2]}
            ok(await case.script.post(f"/v1/sessions/{session['id']}/correct", json=said))
        await library.open()
    for limit in (1, 3, 200):
        copy, after, more = {}, 0, True
        while more:
            response = await case.script.get("/v1/sessions", params={"changed_after": after, "limit": limit})
            page = ok(response)
            copy |= {item["id"]: item for item in page["items"]}
            after, more = page["next_after"], "next" in response.links
        assert copy == await everything(case.script, "sessions")
        assert after == await last_number(case)


async def test_an_objects_history_and_a_timeline_go_through_volumes(library: Library, case: Case):
    repair = await write(case)
    steps = ("stay-present", "invite-reflection", "validate-emotions")
    for step in steps:
        await library.open()
        ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/{step}", json={"summary": step}))
    history = ok(await case.therapist.get(f"/v1/repairs/{repair['id']}/history"))
    assert [v["version"] for v in history["items"]] == [1, 2, 3, 4, 5]
    assert history["complete"] is True
    timeline = ok(await case.therapist.get(f"/v1/relationships/{case.relationship_id}/timeline"))
    assert timeline["complete"] is True
    told = [{n: v for n, v in entry.items() if n != "says"} for entry in timeline["items"]]
    assert told == [e for e in await log_of(case.supervisor) if e["relationship_id"] == case.relationship_id]


# -- below the horizon -------------------------------------------------------------------------------------------------


async def begun_anew(library: Library, case: Case) -> int:
    """Some history, of which only the last stretch is kept. Returns the first number that is still told."""
    for _ in range(2):
        await write(case)
        await library.open()
    horizon = await last_number(case) + 1
    await library.drop()
    await write(case)
    return horizon


async def test_who_reads_from_below_the_horizon_is_told_so_with_the_way_out(library: Library, case: Case):
    horizon = await begun_anew(library, case)
    last = await last_number(case)
    for path in (
        "/v1/events", "/v1/events?after=0", f"/v1/events?after={horizon - 2}", "/v1/events?after=1&wait=20",
        "/v1/events?types=rupture.*", "/v1/ruptures?changed_after=0", f"/v1/repairs?changed_after={horizon - 2}",
    ):  # fmt: skip
        problem = refused(await case.supervisor.get(path), 410, "history-gone")
        assert (problem["oldest"], problem["newest"]) == (horizon, last)
        assert f"go on after {last}" in problem["detail"]
    kept = await log_of(case.supervisor, horizon - 1)
    assert [e["seq"] for e in kept] == list(range(horizon, last + 1))
    changed = ok(await case.supervisor.get("/v1/ruptures", params={"changed_after": horizon - 1}))
    assert len(changed["items"]) == 1
    page = (await case.supervisor.get("/problems/history-gone")).text
    assert "go on after" in page


class Copy:
    """A system that keeps copies of some collections, and takes the way out that it is shown."""

    def __init__(self, who: httpx.AsyncClient, *collections: str) -> None:
        self.who, self.anew = who, 0
        self.kept: dict[str, dict[str, Any]] = {name: {} for name in collections}
        self.after = dict.fromkeys(collections, 0)

    async def follow(self) -> None:
        for name in self.kept:
            while await self.look(name):
                pass

    async def look(self, name: str) -> bool:
        """Takes one page; true when there may be another."""
        response = await self.who.get(f"/v1/{name}", params={"changed_after": self.after[name], "limit": 2})
        if response.status_code == 410:
            self.after[name] = refused(response, 410)["newest"]
            self.anew += 1
            self.kept[name] = await everything(self.who, name, 2)
            return True
        page = ok(response)
        self.kept[name] |= {item["id"]: item for item in page["items"]}
        self.after[name] = page["next_after"]
        return "next" in response.links


async def test_who_takes_the_way_out_while_others_write_ends_with_everything_as_it_is(library: Library, case: Case):
    copy = Copy(case.supervisor, "ruptures", "repairs", "sessions", "relationships")
    await write(case)
    await copy.follow()
    await begun_anew(library, case)
    async with asyncio.TaskGroup() as group:
        group.create_task(copy.follow())
        for _ in range(3):
            group.create_task(write(case))
    await copy.follow()
    assert copy.anew == 4
    for name, kept in copy.kept.items():
        assert kept == await everything(case.supervisor, name)
        assert kept or name == "sessions"


async def test_who_is_in_the_midst_of_reading_when_it_is_dropped_is_told_at_the_next_page(library: Library, case: Case):
    await write(case)
    last = await last_number(case)
    for path, name in (("/v1/events", "after"), ("/v1/ruptures", "changed_after")):
        after = ok(await case.supervisor.get(path, params={name: last - 2, "limit": 1}))["next_after"]
        assert after < last
    await library.open()
    await write(case)
    await library.drop()
    for path, name in (("/v1/events", "after"), ("/v1/ruptures", "changed_after")):
        refused(await case.supervisor.get(path, params={name: last - 1}), 410, "history-gone")


async def test_who_had_read_everything_loses_nothing_when_all_of_it_is_dropped(library: Library, case: Case):
    await write(case)
    last = await last_number(case)
    nothing = {"items": [], "next_after": last}
    assert ok(await case.supervisor.get("/v1/events", params={"after": last})) == nothing
    await library.open()
    await library.drop()
    assert ok(await case.supervisor.get("/v1/events", params={"after": last})) == nothing
    refused(await case.supervisor.get("/v1/events", params={"after": last - 1}), 410)
    rupture = await case.rupture()
    assert [e["id"] for e in await log_of(case.supervisor, last)] == [rupture["id"]]


async def test_a_history_that_has_lost_its_beginning_begins_later_and_says_so(library: Library, case: Case):
    repair = await write(case)
    await library.open()
    await library.drop()
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/stay-present"))
    later = await write(case)

    async def told(path: str) -> tuple[list[int], bool]:
        page = ok(await case.therapist.get(path))
        return [item["version"] for item in page["items"]], page["complete"]

    assert await told(f"/v1/repairs/{repair['id']}/history") == ([3], False)
    assert await told(f"/v1/repairs/{repair['id']}/history?after=1") == ([3], False)
    assert await told(f"/v1/repairs/{repair['id']}/history?after=2") == ([3], True)
    assert await told(f"/v1/repairs/{repair['id']}/history?after=3") == ([], True)
    assert await told(f"/v1/repairs/{later['id']}/history") == ([1, 2], True)
    assert await told(f"/v1/clients/{case.client_id}/history") == ([], False)
    timeline = f"/v1/relationships/{case.relationship_id}/timeline"
    events, complete = await told(timeline)
    assert (len(events), complete) == (5, False)
    begun = await last_number(case) - 4
    assert await told(f"{timeline}?after={begun}") == (events[1:], True)


async def test_who_read_a_timeline_before_its_beginning_was_dropped_is_told_that_it_is_not_all(
    library: Library, case: Case
):
    timeline = f"/v1/relationships/{case.relationship_id}/timeline"
    assert ok(await case.therapist.get(timeline))["complete"] is True
    await begun_anew(library, case)
    assert ok(await case.therapist.get(timeline))["complete"] is False


async def test_a_relationship_that_began_after_the_horizon_has_all_of_its_timeline(library: Library, case: Case):
    await write(case)
    await library.open()
    await library.drop()
    other = await case.house.case()
    await write(other)
    timeline = ok(await other.therapist.get(f"/v1/relationships/{other.relationship_id}/timeline"))
    assert timeline["complete"] is True
    assert timeline["items"][0]["type"] == "relationship.begun"


async def test_one_practices_horizon_is_not_anothers(library: Library, case: Case):
    await begun_anew(library, case)
    newcomer = House(library.running)
    await library.running.service.store.found_practice(newcomer.id, "Another practice")
    theirs = await newcomer.case()
    await library.open()
    await write(theirs)
    assert [e["seq"] for e in await log_of(theirs.supervisor)] == list(range(1, await last_number(theirs) + 1))
    refused(await case.supervisor.get("/v1/events"), 410)


# -- verify ------------------------------------------------------------------------------------------------------------


async def test_verify_finds_no_fault_in_what_is_left_after_a_drop(library: Library, case: Case):
    repair = await write(case)
    assert await library.faults() == []
    await begun_anew(library, case)
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/stay-present"))
    assert await library.faults() == []
    await library.open()
    assert await library.faults() == []
    await library.drop()
    assert await library.faults() == []


# -- rounds ------------------------------------------------------------------------------------------------------------


async def test_the_log_is_kept_for_ever_unless_a_policy_says_otherwise(library: Library, case: Case):
    for_ever, attempts = rules(Settings(event_days=0, attempt_days=30))
    assert (for_ever.kept, attempts.kept) == (None, timedelta(days=30))
    assert rules(Settings(event_days=90))[0].kept == timedelta(days=90)
    await write(case)
    await library.open()
    await write(case)
    await make_round(library.dsn, [for_ever, attempts])
    assert [e["seq"] for e in await log_of(case.supervisor)] == list(range(1, await last_number(case) + 1))


async def test_a_volume_goes_when_all_in_it_is_past_its_time_and_not_before(library: Library, case: Case):
    await write(case)
    await library.open()
    old = (await library.partitions())[0]
    kept = timedelta(days=3)
    age = "UPDATE volume SET opened_at = opened_at - $1::interval WHERE log = 'event' AND opened_at IS NOT NULL"
    await library.pool.execute(age, kept - timedelta(minutes=5))
    await make_round(library.dsn, [Rule("event", FAR, kept)])
    assert (await library.partitions())[0] == old
    await library.pool.execute(age, timedelta(minutes=5))
    await make_round(library.dsn, [Rule("event", FAR, kept)])
    assert old not in await library.partitions()
    assert await library.pool.fetchval("SELECT count(*) FROM volume WHERE log = 'event' AND opened_at IS NOT NULL") == 1


async def test_a_spare_always_stands_ready_and_nothing_else_is_left_over(library: Library, case: Case):
    for _ in range(3):
        await write(case)
        newest = await library.open()
        assert (await library.partitions())[-1] == f"event_{newest + 1}"
    await library.drop()
    assert await library.partitions() == [f"event_{newest}", f"event_{newest + 1}"]
    numbers = await library.pool.fetch("SELECT number FROM volume WHERE log = 'event' ORDER BY number")
    assert [row["number"] for row in numbers] == [newest, newest + 1]
    assert await library.pool.fetchval("SELECT min(volume) FROM milestone") == newest


async def test_a_volume_in_which_nothing_was_written_stays_open(library: Library, case: Case):
    newest = await library.open()
    for _ in range(3):
        await library.round("event")
    assert await library.newest() == newest
    await case.rupture()
    await library.round("event")
    assert await library.newest() == newest + 1


async def test_of_many_rounds_at_once_one_does_the_work(library: Library, case: Case):
    await write(case)
    newest = await library.newest()
    await asyncio.gather(*(library.round("event") for _ in range(6)))
    assert newest <= await library.newest() <= newest + 1
    assert [e["seq"] for e in await log_of(case.supervisor)] == list(range(1, await last_number(case) + 1))


async def test_a_practice_that_is_founded_while_volumes_are_opened_is_never_left_behind(library: Library, case: Case):
    done = asyncio.Event()

    async def turn_over() -> None:
        while not done.is_set():
            await case.rupture()
            await library.round("event", dropping="event")

    async def found() -> House:
        house = House(library.running)
        await library.running.service.store.found_practice(house.id, "Another practice")
        made(await (await house.as_("integration")).post("/v1/clients", json={}))
        return house

    turning = asyncio.create_task(turn_over())
    before = await library.newest()
    houses = []
    while await library.newest() < before + 4:
        houses += [await found() for _ in range(3)]
    done.set()
    await turning
    newest = await library.newest()
    assert await library.pool.fetchval("SELECT count(*) FROM practice WHERE volume <> $1", newest) == 0
    for house in houses:
        made(await (await house.as_("integration")).post("/v1/clients", json={}))
    assert await library.faults() == []


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_no_volume_is_opened_while_a_practice_is_being_founded_in_the_one_before(
    library: Library, case: Case, impatient: None
):
    await write(case)
    await library.round()
    opened, newcomer = await library.newest(), House(library.running)
    blocker = await asyncpg.connect(library.dsn)
    change = blocker.transaction()
    await change.start()
    await blocker.execute("INSERT INTO practice (id, name, volume) VALUES ($1, 'The same', 1)", newcomer.id)
    founding = asyncio.create_task(library.running.service.store.found_practice(newcomer.id, "A newcomer"))
    while not await library.pool.fetchval(WAITING):
        await asyncio.sleep(0.01)
    await library.round("event")
    assert await library.newest() == opened
    await change.rollback()
    await blocker.close()
    await founding
    made(await (await newcomer.as_("integration")).post("/v1/clients", json={}))
    await library.round("event")
    assert await library.newest() == opened + 1
    assert await library.pool.fetchval("SELECT min(volume) FROM practice") == opened + 1
    assert await library.faults() == []


async def test_a_partition_is_no_spare_while_a_write_is_under_way_that_does_not_know_it(
    library: Library, case: Case, impatient: None
):
    await write(case)
    await library.round()
    writer = await asyncpg.connect(library.dsn)
    async with writer.transaction():
        await writer.execute("DELETE FROM event WHERE practice_id = $1", uuid4())
        await library.round("event")
        opened = await library.newest()
        await case.rupture()
        # The partition after it is there; it is not opened, for the writer would not find it.
        assert (await library.partitions())[-1] == f"event_{opened + 1}"
        for _ in range(2):
            await library.round("event")
        assert await library.newest() == opened
        await case.rupture()
    await writer.close()
    await library.round()
    await library.round("event")
    assert await library.newest() == opened + 1
    made(await case.script.post("/v1/clients", json={}))


async def test_who_holds_a_practice_up_delays_its_next_volume_and_no_write_elsewhere(
    library: Library, case: Case, impatient: None
):
    await write(case)
    await library.round()
    opened = await library.newest()
    holder = await asyncpg.connect(library.dsn)
    async with holder.transaction():
        await holder.execute("UPDATE practice SET name = 'Held' WHERE id = $1", case.house.id)
        await library.round("event")
        assert await library.newest() == opened
        other = House(library.running)
        await library.running.service.store.found_practice(other.id, "Another practice")
        made(await (await other.as_("integration")).post("/v1/clients", json={}))
    await holder.close()
    await library.round("event")
    assert await library.newest() == opened + 1
    await write(case)
    assert await library.faults() == []


PENDING = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"


async def test_a_drop_that_was_held_up_halfway_is_finished_by_the_next_round(
    library: Library, case: Case, impatient: None
):
    await begun_anew(library, case)
    reader = await asyncpg.connect(library.dsn)
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        await reader.fetch("SELECT * FROM event LIMIT 1")
        await library.open()
        old = (await library.partitions())[0]
        await library.drop()
        assert await library.pool.fetchval(PENDING) == old
        # Readers are told already, and writers notice nothing.
        refused(await case.supervisor.get("/v1/events"), 410, "history-gone")
        await write(case)
        assert await library.faults() == []
    await reader.close()
    await library.round()
    assert await library.pool.fetchval(PENDING) is None
    assert old not in await library.partitions()
    assert await library.faults() == []


# -- what is still to be delivered, and what was -----------------------------------------------------------------------


async def attempts(library: Library, case: Case, count: int) -> None:
    """Wait for so many, beside the ping."""
    sql = "SELECT count(*) - 1 FROM attempt WHERE practice_id = $1"
    for _ in range(200):
        if await library.pool.fetchval(sql, case.house.id) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was never attempted")


async def test_what_was_not_delivered_when_its_volume_goes_is_not_sent_and_the_endpoint_is_told(
    library: Library, case: Case, receiver: Receiver
):
    owner = await endpoint(case.house, receiver, "rupture.*")
    receiver.decides = lambda event: 500
    rupture = await case.rupture()
    await attempts(library, case, 1)
    await library.open()
    await case.rupture()
    await library.drop()
    waiting = "SELECT seq FROM delivery WHERE practice_id = $1"
    horizon = await last_number(case) - 1
    assert [row["seq"] for row in await library.pool.fetch(waiting, case.house.id)] == [horizon]
    assert await told(case.house, owner, "deliveries_expired", after=horizon) == ["deliveries_expired"]
    assert (await shown(case.house, owner))["health"]["dead"] == 0
    assert ok(await case.supervisor.get(f"/v1/ruptures/{rupture['id']}"))["id"] == rupture["id"]
    assert await library.faults() == []


async def test_an_event_that_is_no_longer_kept_can_not_be_sent_again(library: Library, case: Case, receiver: Receiver):
    owner = (await endpoint(case.house, receiver, "rupture.*"))["id"]
    receiver.decides = lambda event: 500
    await case.rupture()
    gone = await last_number(case)
    await attempts(library, case, 1)
    await library.open()
    await library.drop()
    refused(await case.script.post(f"/v1/webhook-endpoints/{owner}/deliveries/{gone}/redeliver"), 404)
    assert await library.pool.fetchval("SELECT count(*) FROM delivery WHERE practice_id = $1", case.house.id) == 0


async def test_what_was_given_up_is_counted_and_shown_as_long_as_its_event_is_kept_and_no_longer(
    library: Library, case: Case, receiver: Receiver
):
    owner = await endpoint(case.house, receiver, "rupture.*")
    receiver.decides = lambda event: 500
    for _ in range(2):
        await case.rupture()
        given_up = "UPDATE delivery SET attempt = 9, next_at = now() WHERE practice_id = $1"
        async with asyncio.timeout(10):
            while (health := (await shown(case.house, owner))["health"])["backlog"] or not health["dead"]:
                await library.pool.execute(given_up, case.house.id)
                await asyncio.sleep(0.02)
        dead = (await shown(case.house, owner, "deliveries?state=dead"))["items"]
        # The one before it went with its volume; or else it would be counted and nobody could see it.
        assert ([d["seq"] for d in dead], health["dead"]) == ([await rupture_number(case)], 1)
        metrics = (await (await library.running.client()).get("/metrics")).text
        assert 'bravespace_delivery_backlog{state="dead"} 1.0' in metrics
        await library.open()
        assert (await shown(case.house, owner))["health"]["dead"] == 1
        await case.script.post("/v1/clients", json={})
        await library.drop()
        assert (await shown(case.house, owner))["health"]["dead"] == 0


async def rupture_number(case: Case) -> int:
    sql = "SELECT max(seq) FROM event WHERE practice_id = $1 AND subject = 'rupture'"
    number: int = await case.house.running.service.pool.fetchval(sql, case.house.id)
    return number


async def test_an_attempt_that_ends_after_its_volume_went_is_buried_nowhere(
    library: Library, case: Case, receiver: Receiver
):
    owner = await endpoint(case.house, receiver, "rupture.*")
    receiver.decides, receiver.slow = lambda event: 500, 0.5
    await moved(case.house, owner, "pause")
    await case.rupture()
    await library.pool.execute("UPDATE delivery SET attempt = 9 WHERE practice_id = $1", case.house.id)
    await moved(case.house, owner, "resume")
    await receiver.until(1)
    # The tenth is under way, and what is not sent goes with its volume.
    await library.pool.execute("DELETE FROM delivery WHERE practice_id = $1", case.house.id)
    await attempts(library, case, 1)
    assert (await shown(case.house, owner))["health"]["dead"] == 0


async def recovery_of(case: Case, owner: str, **stretch: Any) -> httpx.Response:
    return await case.script.post(f"/v1/webhook-endpoints/{owner}/recover", json=stretch)


async def shown_until(case: Case, owner: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds(await shown(case.house, owner)):
            await asyncio.sleep(0.05)


async def test_what_is_no_longer_kept_can_not_be_recovered_and_the_refusal_says_what_can(
    library: Library, case: Case, receiver: Receiver
):
    owner = (await endpoint(case.house, receiver, "rupture.*"))["id"]
    began = datetime.now(UTC)
    horizon = await begun_anew(library, case)
    last, opened = await last_number(case), await library.pool.fetchval(OPENED)
    for stretch in ({"after_seq": 0}, {"after_seq": horizon - 2}, {"since": began.isoformat()},
                    {"since": (opened - timedelta(microseconds=1)).isoformat()}, {"after_seq": 1, "until_seq": 2}):  # fmt: skip
        problem = refused(await recovery_of(case, owner, **stretch), 410, "history-gone")
        assert (problem["oldest"], problem["newest"]) == (horizon, last)
        assert f"after_seq {horizon - 1}." in problem["detail"]
    assert ok(await case.script.get(f"/v1/webhook-endpoints/{owner}"))["recovery"] is None
    receiver.forget()
    for stretch in ({"after_seq": horizon - 1}, {"since": opened.isoformat()}):
        ok(await recovery_of(case, owner, **stretch))
        await receiver.until_taken(2)  # a rupture, and the repair that begins
        receiver.forget()


async def test_a_practice_that_has_lost_nothing_recovers_from_whenever_it_likes(
    library: Library, case: Case, receiver: Receiver
):
    await library.open()
    await library.drop()
    newcomer = House(library.running)
    await library.running.service.store.found_practice(newcomer.id, "Another practice")
    theirs = await newcomer.case()
    owner = (await endpoint(newcomer, receiver, "rupture.*"))["id"]
    await theirs.rupture()
    await receiver.until_taken(1)
    for stretch in ({"after_seq": 0}, {"since": "2020-01-01T00:00:00Z"}):
        receiver.forget()
        ok(await recovery_of(theirs, owner, **stretch))
        await receiver.until_taken(1)


async def test_a_recovery_whose_beginning_goes_while_it_waits_says_from_where_it_went_on(
    library: Library, case: Case, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    owner = await endpoint(case.house, receiver, "rupture.*", "webhook_endpoint.*")
    for _ in range(3):
        await case.rupture()
    for name, value in {"ENOUGH": 0, "PIECE": 2}.items():  # two events, and then it waits for a turn
        monkeypatch.setattr(recovery, name, value)
    await library.open()
    last = await case.rupture()
    horizon = await last_number(case)
    await receiver.until_taken(4)
    receiver.forget()
    ok(await recovery_of(case, owner["id"], after_seq=0))
    await shown_until(case, owner, lambda found: found["health"]["recovered_to"] == 2)
    await library.drop()
    await shown_until(case, owner, lambda found: found["recovery"]["went_on_after"] == horizon - 1)
    monkeypatch.setattr(recovery, "ENOUGH", 500)
    types = await told(case.house, owner, "recovery_finished", after=horizon - 1)
    assert types == ["recovery_asked", "recovery_shortened", "recovery_finished"]
    assert [event["data"]["id"] for event in await receiver.until_taken(1)] == [last["id"]]
    assert await library.faults() == []


@pytest.mark.parametrize("stretch", [{"after_seq": 0}, {"since": "2020-01-01T00:00:00Z"}])
async def test_a_recovery_all_of_which_is_gone_before_its_turn_says_so_before_it_ends(
    library: Library, case: Case, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, stretch: dict[str, Any]
):
    owner = await endpoint(case.house, receiver, "rupture.*")
    await case.rupture()

    async def nobody(self: Any) -> bool:
        return False

    with monkeypatch.context() as held:
        held.setattr(recovery.Recoveries, "step", nobody)
        ok(await recovery_of(case, owner["id"], **stretch))
        await library.open()
        await case.rupture()
        horizon = await last_number(case)
        await library.drop()
    types = await told(case.house, owner, "recovery_finished", after=horizon - 1)
    assert types == ["recovery_shortened", "recovery_finished"]
    history = ok(await case.script.get(f"/v1/webhook-endpoints/{owner['id']}/history?after=1"))["items"]
    assert [v["changed"]["recovery"]["went_on_after"] for v in history if v["type"].endswith("shortened")] == [
        horizon - 1
    ]


async def test_the_record_of_attempts_is_dropped_by_its_own_policy(library: Library, case: Case, receiver: Receiver):
    owner = (await endpoint(case.house, receiver, "rupture.*"))["id"]
    await case.rupture()
    first = await last_number(case)
    await attempts(library, case, 1)
    await library.open("attempt")
    await case.rupture()
    await attempts(library, case, 2)
    at = f"/v1/webhook-endpoints/{owner}/deliveries"
    log = ok(await case.script.get(f"{at}/{first}"))["attempt_log"]
    assert [a["outcome"] for a in log] == ["delivered"]
    await library.drop("attempt")
    refused(await case.script.get(f"{at}/{first}"), 404)
    assert len(ok(await case.script.get(f"{at}/{first + 1}"))["attempt_log"]) == 1
    assert [e["seq"] for e in await log_of(case.script)] == list(range(1, first + 2))


# -- the service's own housekeeping ------------------------------------------------------------------------------------


async def test_housekeeping_makes_its_rounds_and_the_metrics_tell_how_the_logs_stand(
    library: Library, case: Case, monkeypatch: pytest.MonkeyPatch
):
    for name in ("FIRST", "EVERY"):
        monkeypatch.setattr(housekeeping, name, 0.02)
    service = library.running.service
    told: dict[str, tuple[int, float]] = {}

    def standing(log: str, ahead: int, oldest: float) -> None:
        told[log] = (ahead, oldest)
        service.metrics.standing(log, ahead, oldest)

    tidying = asyncio.create_task(
        housekeeping.tidy_for_ever(service.pool, library.dsn, service.settings, standing, library.running.service.dispatcher.heard)
    )  # fmt: skip
    while len(told) < 2:
        await asyncio.sleep(0.01)
        assert not tidying.done()
    tidying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await tidying
    assert {log: ahead for log, (ahead, _) in told.items()} == {"event": 1, "attempt": 1}
    metrics = (await (await library.running.client()).get("/metrics")).text
    assert 'bravespace_volumes_ahead{log="event"} 1.0' in metrics
    assert f'bravespace_oldest_volume_seconds{{log="attempt"}} {told["attempt"][1]}' in metrics


async def test_a_sweep_that_takes_too_long_keeps_no_volume_from_being_seen_to(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(housekeeping, "FIRST", 0.02)
    seen = asyncio.Event()

    class Busy:
        async def execute(self, sql: str, *args: Any) -> None:
            raise TimeoutError

    tidying = asyncio.create_task(
        housekeeping.tidy_for_ever(
            Busy(), library.dsn, library.running.service.settings, lambda *told: seen.set(), lambda id: None
        )
    )
    await asyncio.wait_for(seen.wait(), 10)
    tidying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await tidying


# -- what outlives the log ---------------------------------------------------------------------------------------------


async def there_and_back(case: Case) -> None:
    """An ending is planned, and the two go on working after all."""
    plan = f"/v1/termination-plans/{(await case.plan())['id']}"
    ending = {"kind": "client_initiated", "target_date": "2027-01-15", "agreed_by_client": True}
    ok(await case.therapist.post(f"{plan}/plan-ending", json=ending))
    ok(await case.therapist.post(f"{plan}/return-to-work"))


async def rate(case: Case, number: int, score: float) -> dict[str, Any]:
    """What the client thought of a weekly session."""
    session = await case.session(starts_at=f"2026-01-{5 + 7 * number:02}T10:00:00Z")
    said = {"session_id": session["id"], "instrument": "wai-sr", "shared_with_therapist": True}
    return made(await case.client.post("/v1/alliance-ratings", json={**said, "scores": total(score)}))


def total(score: float) -> list[dict[str, Any]]:
    return [{"subscale": "total", "score": score}]


async def drawn(case: Case) -> dict[str, Any]:
    """The relationship's picture, in numbers."""
    return ok(await case.supervisor.get(f"/v1/relationships/{case.relationship_id}/trajectory"))


async def test_what_parts_the_ratings_parts_them_still_when_the_log_tells_of_it_no_more(library: Library, case: Case):
    admin = await case.house.as_("admin")
    drops = {"kind": "detection", "title": "Drops", "detectors": [{"detector": "rci_drop"}]}
    made(await admin.post("/v1/policies", json=drops))
    await there_and_back(case)
    for number, score in enumerate((4.0, 4.17, 4.25)):
        rating = await rate(case, number, score)
    path = f"/v1/relationships/{case.relationship_id}"
    other = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    changes = [{"since": "2026-01-25", "changed": ["therapists"]}]
    said = {"therapist_ids": [other], "treatment_changes": changes}
    ok(await case.script.patch(path, json=said, headers={"If-Match": "*"}))
    before = await drawn(case)
    await library.open()
    await library.drop()
    sql = "SELECT count(*) FROM event WHERE practice_id = $1 AND subject = 'relationship'"
    assert await library.pool.fetchval(sql, case.house.id) == 0
    assert await drawn(case) == before
    assert [spell.keys() for spell in before["transitions"]] == [{"begun_on", "over_on"}]
    await rate(case, 3, 3.0)
    higher = {"scores": total(4.4)}
    ok(await case.client.patch(f"/v1/alliance-ratings/{rating['id']}", json=higher, headers={"If-Match": "*"}))
    assert ok(await case.supervisor.get("/v1/signals"))["items"] == []
    runs = [point["run"] for point in (await drawn(case))["panels"][0]["lines"][0]["points"]]
    assert runs[0] == runs[1] == runs[2] != runs[3]
    assert await library.faults() == []
