"""What a dispatcher writes, and when: on a database where nobody else delivers."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from api.app import create_app
from infra import embedded, schema
from infra.clauses import HEALTH
from infra.deliveries import IN_FLIGHT, Dispatcher
from infra.patience import NARROW
from infra.queue import FINISH, READ, TAKE
from infra.recovery import Recoveries
from infra.settings import Settings
from infra.turns import POLL, TURN
from infra.upkeep import Upkeep
from tests.conftest import House, Running, ok
from tests.endpoints import (
    QUEUED,
    clients,
    copied,
    lived,
    moved,
    queued,
    redelivered,
    registered,
    shown,
    told,
)  # fmt: skip
from tests.receiver import Receiver


@pytest.fixture(scope="module")
async def quiet(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service that delivers nothing, on a database of its own."""
    with embedded.start(data_dir, durable=False) as cluster:
        admin, name = await asyncpg.connect(cluster.dsn), f"d_{uuid4().hex}"
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = cluster.dsn.replace("/bravespace?", f"/{name}?")
        await asyncio.to_thread(schema.upgrade, dsn)
        config = Settings(
            data_dir=tmp_path_factory.mktemp("keys"), database_url=dsn, dispatch=False, webhook_allow_loopback=True,
            webhook_base_delay=0.002, webhook_timeout=2,
        )  # fmt: skip
        app = create_app(config)
        async with app.router.lifespan_context(app), contextlib.AsyncExitStack() as stack:
            yield Running(app, app.state.service, httpx.ASGITransport(app=app), stack)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def house(quiet: Running) -> House:
    house = House(quiet)
    await quiet.service.store.found_practice(house.id, "A practice")
    return house


class Slow:
    """The pool, over a line on which one statement is long on its way there, or its answer on its way back."""

    def __init__(self, house: House, statement: str, way: str = "there") -> None:
        self.pool, self.statement, self.way = house.running.service.pool, statement, way
        self.gone = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)

    async def fetch(self, sql: str, *args: Any) -> Any:
        if sql is not self.statement:
            return await self.pool.fetch(sql, *args)
        if self.way == "there":
            await self.linger()
        found = await self.pool.fetch(sql, *args)
        if self.way == "back" and found:
            await self.linger()
        return found

    async def linger(self) -> None:
        self.gone.set()
        await asyncio.sleep(0.1)


@asynccontextmanager
async def delivering(house: House, pool: Any = None, **said: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher, with the service's settings but for what is said otherwise, ended as the service ends it."""
    service = house.running.service
    settings = service.settings.model_copy(update=said)
    dispatcher = Dispatcher(pool or service.pool, service.keys.seal, settings)
    task = asyncio.create_task(dispatcher.run())
    yield dispatcher
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def left(house: House) -> tuple[int, int]:
    """How many deliveries are still to be sent, and how many lanes are leased."""
    pool = house.running.service.pool
    waiting = await pool.fetchval("SELECT count(*) FROM delivery WHERE practice_id = $1", house.id)
    return waiting, await pool.fetchval("SELECT count(lease) FROM lane WHERE practice_id = $1", house.id)


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("statement", [TAKE, READ, FINISH], ids=["leases", "reads", "writes"])
async def test_a_dispatcher_that_is_ended_sends_nothing_twice_and_keeps_no_lease_whatever_it_was_at(
    house: House, receiver: Receiver, statement: str, way: str
):
    owner = await registered(house, receiver, "client.*")
    async with delivering(house):
        await told(house, owner, "verified")
    receiver.forget()
    await clients(house, 3)
    slow = Slow(house, statement, way)
    async with delivering(house, slow):
        await slow.gone.wait()
    waiting, leased = await left(house)
    assert leased == 0
    assert waiting + len(receiver.got) == 3
    async with delivering(house):
        await receiver.until_taken(3)
    assert len(receiver.got) == 3


async def test_what_a_dispatcher_saw_last_is_told_though_it_is_ended(house: House, receiver: Receiver):
    owner = await registered(house, receiver, "client.*")
    receiver.decides = lambda event: 410
    async with delivering(house, Slow(house, FINISH)):
        await receiver.until(1)
    assert (await shown(house, owner))["phase"] == "disabled"


async def test_a_ping_is_crossed_off_only_when_its_endpoint_is_verified(house: House, receiver: Receiver):
    owner = await registered(house, receiver, "client.*")
    async with delivering(house):
        await told(house, owner, "verified")
    pool = house.running.service.pool
    verified, crossed_off = await pool.fetchrow(
        """SELECT (SELECT xmin::text::bigint FROM event WHERE subject_id = $1 AND type = 'webhook_endpoint.verified'),
             (SELECT xmin::text::bigint FROM attempt WHERE endpoint_id = $1)""",
        owner["id"],
    )
    assert verified < crossed_off


async def test_a_recovery_asked_for_as_another_ends_is_not_forgotten(house: House, receiver: Receiver):
    owner = await registered(house, receiver, "client.*")
    async with delivering(house):
        await told(house, owner, "verified")
    await clients(house, 1)

    class Interrupted(Upkeep):
        """Somebody asks for more just before the first is said to be over."""

        async def tell(self, practice_id: UUID, endpoint_id: UUID, name: str, said: Mapping[str, Any]) -> None:
            if (await shown(house, owner))["recovery"]["after_seq"] == 1:
                await moved(house, owner, "recover", after_seq=0)
            await super().tell(practice_id, endpoint_id, name, said)

    service = house.running.service
    recoveries = Recoveries(service.pool, Interrupted(service.store, lambda practice_id: None))
    await moved(house, owner, "recover", after_seq=1)
    await recoveries.step()
    assert (await shown(house, owner))["recovery"]["after_seq"] == 0
    await recoveries.step()
    assert (await shown(house, owner))["recovery"] is None


async def test_a_rate_is_not_only_kept_but_used(house: House, receiver: Receiver):
    """The next turn is due between two polls, and does not wait for the later."""
    rate = int(TURN / (1.6 * POLL))
    owner = await registered(house, receiver, "client.*", rate_per_second=rate)
    async with delivering(house):
        await told(house, owner, "verified")
    receiver.forget()
    await queued(house, owner, 5 * TURN)
    async with delivering(house):
        await receiver.until_taken(5 * TURN)
    turns = [receiver.at[(n + 1) * TURN] - receiver.at[n * TURN] for n in range(4)]
    assert min(turns) >= TURN / rate - 0.02
    assert sorted(turns)[2] < 1.9 * POLL, turns


async def test_an_address_is_not_verified_by_an_answer_of_the_one_before_it(house: House, receiver: Receiver):
    receiver.slow = 0.3
    owner = await registered(house, receiver, "client.*")
    async with Receiver(decides=lambda event: 500) as new, delivering(house):
        await receiver.until(1)
        await moved(house, owner, "relocate", url=new.url)
        await receiver.until_taken(1)
        await new.until(1)
        assert (await shown(house, owner))["phase"] == "pending"
        new.decides = lambda event: 200
        await told(house, owner, "verified")
        assert new.taken


async def test_what_comes_after_an_event_that_is_sent_once_more_does_not_wait_for_its_old_time(
    house: House, receiver: Receiver
):
    owner = await registered(house, receiver, "client.*")
    async with delivering(house):
        await told(house, owner, "verified")
    receiver.forget()
    await lived(house, str(uuid4()), 3)
    pool, of = house.running.service.pool, owner["id"]
    head, *_, last = [
        row["seq"] for row in await pool.fetch("SELECT seq FROM delivery WHERE endpoint_id = $1 ORDER BY seq", of)
    ]
    # The first has failed, the second waits with it, and the third has only just happened.
    await pool.execute(
        """UPDATE delivery SET next_at = now() + interval '1 hour', attempt = CASE seq WHEN $2 THEN 3 ELSE 0 END
           WHERE endpoint_id = $1 AND seq < $3""",
        of, head, last,
    )  # fmt: skip
    assert (await redelivered(house, owner, head)).status_code == 202
    async with delivering(house):
        await receiver.until_taken(3)
    assert [event["data"]["version"] for event in receiver.taken] == [1, 2, 3]


async def test_a_new_address_is_pinged_at_once_though_the_old_one_was_to_be_pinged_again_later(
    house: House, receiver: Receiver
):
    nobody = "http://localhost:9/nobody"
    owner = await registered(house, receiver, "client.*", url=nobody)
    pool = house.running.service.pool
    later = "UPDATE delivery SET next_at = now() + interval '1 hour', attempt = 5 WHERE endpoint_id = $1"
    await pool.execute(later, owner["id"])
    await moved(house, owner, "relocate", url=receiver.url)
    async with delivering(house):
        await told(house, owner, "verified")
    assert receiver.types() == ["webhook_endpoint.pinged"]


async def test_a_recovery_that_can_not_go_on_holds_up_no_other(house: House, receiver: Receiver):
    owners = [await registered(house, receiver, "client.*") for _ in range(2)]
    for owner in owners:
        await moved(house, owner, "recover", after_seq=0)
    service, failed = house.running.service, list[UUID]()

    class Broken(Upkeep):
        """What comes first fails."""

        async def tell(self, practice_id: UUID, endpoint_id: UUID, *said: Any) -> None:
            if not failed:
                failed.append(endpoint_id)
                raise ArithmeticError
            await super().tell(practice_id, endpoint_id, *said)

    await Recoveries(service.pool, Broken(service.store, lambda practice_id: None)).step()
    left = {owner["id"]: (await shown(house, owner))["recovery"] for owner in owners}
    assert [id for id, recovery in left.items() if recovery] == [str(id) for id in failed]


async def test_however_many_endpoints_there_are_a_dispatcher_has_only_so_many_connections_open(
    house: House, receiver: Receiver
):
    owners = [await registered(house, receiver, "client.*") for _ in range(24)]
    async with delivering(house):
        for owner in owners:
            await told(house, owner, "verified")
    first, pool = await copied(house, 30), house.running.service.pool
    for owner in owners:
        await pool.execute(QUEUED, house.id, owner["id"], first)
    receiver.forget()
    receiver.slow = 0.2
    async with delivering(house):
        await receiver.until_taken(24 * 30, 30)
    assert IN_FLIGHT / 2 < receiver.most <= IN_FLIGHT + 24


async def test_a_look_for_work_does_not_go_through_what_waits_for_an_address_that_answers_no_ping(
    house: House, receiver: Receiver
):
    owner, pool = await registered(house, receiver, "client.*"), house.running.service.pool
    await pool.execute("UPDATE delivery SET next_at = now() + interval '1 hour' WHERE endpoint_id = $1", owner["id"])
    await queued(house, owner, 5000)
    await pool.execute("ANALYZE delivery")
    plan = await pool.fetch(f"EXPLAIN (ANALYZE) {TAKE}", 64, uuid4(), 4.0, 60.0, 60.0)
    rows = [float(found[1]) for line in plan if (found := re.search(r"actual time=\S+ rows=([0-9.]+)", line[0]))]
    assert rows and max(rows) < 1000


async def test_the_oldest_that_is_due_is_told_whatever_its_number(house: House, receiver: Receiver):
    owner, pool = await registered(house, receiver, "client.*"), house.running.service.pool
    await pool.execute("DELETE FROM delivery WHERE endpoint_id = $1", owner["id"])
    assert (await shown(house, owner))["health"]["oldest_due_at"] is None
    await queued(house, owner, 6)
    numbers = [
        r["seq"] for r in await pool.fetch("SELECT seq FROM delivery WHERE endpoint_id = $1 ORDER BY 1", owner["id"])
    ]
    since = "UPDATE delivery SET first_at = now() - $3::interval WHERE endpoint_id = $1 AND seq = $2 RETURNING first_at"
    again = "UPDATE delivery SET next_at = now() + $3::interval WHERE endpoint_id = $1 AND seq = $2 RETURNING next_at"

    async def due() -> datetime:
        return datetime.fromisoformat((await shown(house, owner))["health"]["oldest_due_at"])

    # The first of them was recovered just now; what waits for its next attempt is not due, however old it is.
    waits = await pool.fetchval(since, owner["id"], numbers[0], timedelta(0))
    for age, seq in enumerate(reversed(numbers[1:]), 1):
        ready = await pool.fetchval(since, owner["id"], seq, timedelta(minutes=age))
    assert await due() == ready < waits
    await pool.fetchval(since, owner["id"], numbers[2], timedelta(days=1))
    await pool.fetchval(again, owner["id"], numbers[2], timedelta(hours=1))
    assert await due() == ready
    retry = await pool.fetchval(again, owner["id"], numbers[3], timedelta(hours=-2))
    assert await due() == retry < ready


async def test_how_an_endpoint_fares_is_told_without_going_through_its_backlog(house: House, receiver: Receiver):
    owner, pool = await registered(house, receiver, "client.*"), house.running.service.pool
    await queued(house, owner, 15_000)
    await pool.execute("UPDATE delivery SET next_at = now() WHERE endpoint_id = $1 AND seq % 10 = 0", owner["id"])
    await pool.execute("ANALYZE delivery")
    plan = await pool.fetch(f"EXPLAIN (ANALYZE) SELECT {HEALTH} FROM webhook_endpoint WHERE id = $1", owner["id"])
    read = "using (delivery_ready|delivery_waiting) .*actual time=\\S+ rows=([0-9.]+)"
    rows = {found[1]: float(found[2]) for line in plan if (found := re.search(read, line[0]))}
    assert rows == {"delivery_ready": 1000, "delivery_waiting": 1}


async def test_a_commit_wakes_the_dispatcher_of_its_process_which_would_not_look_for_an_hour(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    dispatcher = house.running.service.dispatcher
    for name in ("poll", "look"):
        monkeypatch.setattr(dispatcher, name, 3600)
    delivering = asyncio.create_task(dispatcher.run())
    owner = await registered(house, receiver, "client.*")
    await told(house, owner, "verified")
    receiver.forget()
    for n in range(5):
        async with asyncio.timeout(10):
            while (await shown(house, owner))["health"]["backlog"]:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # it has written down what it sent, found nothing more, and rests
        await clients(house, 1)
        await receiver.until_taken(n + 1)
    seq = receiver.taken[0]["data"]["seq"]
    await asyncio.sleep(0.1)
    assert (await redelivered(house, owner, seq)).status_code == 202
    await receiver.until_taken(6)
    delivering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivering


# -- while a turn lasts ------------------------------------------------------------------------------------------------


async def held_up(house: House, receiver: Receiver, **said: Any) -> tuple[dict[str, Any], str]:
    """An endpoint that was enabled, and the client whose next event it will think about for longer than a turn."""
    owner = await registered(house, receiver, "client.*", **said)
    async with delivering(house):
        await told(house, owner, "verified")
    receiver.forget()
    receiver.slow, receiver.over = 10, (client := str(uuid4()))
    await lived(house, client, 1)
    return owner, client


@asynccontextmanager
async def lasting(house: House, receiver: Receiver) -> AsyncIterator[None]:
    """A turn that goes on while the receiver thinks."""
    async with delivering(house):
        await receiver.until(1)
        yield
        await receiver.down()


async def test_an_event_that_is_not_answered_holds_up_no_other_resource_of_its_endpoint(
    house: House, receiver: Receiver
):
    await held_up(house, receiver)
    async with lasting(house, receiver):
        for n in range(3):
            await clients(house, 2)
            await receiver.until_taken(2 * (n + 1), 4 * POLL)


async def test_the_order_of_each_resource_holds_while_a_turn_goes_on(house: House, receiver: Receiver):
    _, slow = await held_up(house, receiver)
    receiver.slow = 1
    well, failing = str(uuid4()), str(uuid4())
    refuses = [500]
    receiver.decides = lambda event: refuses.pop() if event["data"]["id"] == failing and refuses else 200
    async with delivering(house):
        await receiver.until(1)
        script = await house.as_("integration")
        await asyncio.gather(lived(house, well, 1), lived(house, failing, 1))
        await receiver.until(3, 4 * POLL)
        for version in range(2, 5):
            for client in (slow, well, failing):
                said = {"json": {"label": f"{version}."}, "headers": {"If-Match": "*"}}
                ok(await script.patch(f"/v1/clients/{client}", **said))
            await asyncio.sleep(0.1)
        receiver.slow = 0
        await receiver.until_taken(12)
    events = [(event["data"]["id"], event["data"]["version"]) for event in receiver.events()]
    order = {client: [version for id, version in events if id == client] for client in (slow, well, failing)}
    assert order == {slow: [1, 2, 3, 4], well: [1, 2, 3, 4], failing: [1, 1, 2, 3, 4]}
    assert events.index((well, 2)) < events.index((slow, 2)), "it waits for nobody but itself"


async def test_what_waits_behind_a_failed_event_is_not_sent_while_a_turn_goes_on(house: House, receiver: Receiver):
    await held_up(house, receiver)
    client, pool = str(uuid4()), house.running.service.pool
    await lived(house, client, 1)
    later = "UPDATE delivery SET next_at = now() + interval '1 hour', attempt = 5 WHERE subject_id = $1"
    await pool.execute(later, client)
    script = await house.as_("integration")
    async with lasting(house, receiver):
        ok(await script.patch(f"/v1/clients/{client}", json={"label": "2."}, headers={"If-Match": "*"}))
        (other,) = await clients(house, 1)
        await receiver.until_taken(1, 4 * POLL)
        await asyncio.sleep(2 * POLL)
    assert [event["data"]["id"] for event in receiver.taken] == [other]
    assert len(receiver.got) == 2


async def test_an_endpoint_that_is_paused_is_sent_nothing_more_though_its_turn_goes_on(
    house: House, receiver: Receiver
):
    owner, _ = await held_up(house, receiver)
    async with lasting(house, receiver):
        await moved(house, owner, "pause")
        await clients(house, 2)
        await asyncio.sleep(3 * POLL)
    assert len(receiver.got) == 1


async def test_a_dispatcher_that_lost_a_lane_reads_nothing_more_of_it(house: House, receiver: Receiver):
    owner, _ = await held_up(house, receiver)
    async with lasting(house, receiver):
        taken = "UPDATE lane SET lease = $2 WHERE endpoint_id = $1"
        await house.running.service.pool.execute(taken, owner["id"], uuid4())
        await clients(house, 2)
        await asyncio.sleep(3 * POLL)
    assert len(receiver.got) == 1


async def test_a_rate_is_kept_while_a_turn_goes_on(house: House, receiver: Receiver):
    await held_up(house, receiver, rate_per_second=4)
    await clients(house, 20)
    async with delivering(house):
        await receiver.until(6)
        await asyncio.sleep(0.5)
    sent = [at - receiver.at[0] for at in receiver.at]
    assert len([at for at in sent if at < 0.9]) == 4
    assert len([at for at in sent if at < 1.5]) == 8


async def test_an_open_breaker_lets_one_probe_through_however_long_that_takes(house: House, receiver: Receiver):
    owner, _ = await held_up(house, receiver)
    await house.running.service.pool.execute("UPDATE lane SET trips = 1 WHERE endpoint_id = $1", owner["id"])
    async with lasting(house, receiver):
        await clients(house, 2)
        await asyncio.sleep(3 * POLL)
    assert len(receiver.got) == 1


async def test_turns_that_go_on_are_read_of_together_and_no_more_often_than_is_polled(house: House):
    service, reads = house.running.service, list[float]()

    class Counting(Slow):
        """How often deliveries are read."""

        async def fetch(self, sql: str, *args: Any) -> Any:
            if sql is READ and house.id in args[0]:
                reads.append(time.monotonic())
            return await service.pool.fetch(sql, *args)

    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(Receiver()) for _ in range(8)]
        owners = [await registered(house, receiver, "client.*") for receiver in receivers]
        async with delivering(house):
            for owner in owners:
                await told(house, owner, "verified")
        (client,) = await clients(house, 1)
        for receiver in receivers:
            receiver.forget()
            receiver.slow, receiver.over = 10, client
        async with delivering(house, Counting(house, READ)):
            await asyncio.sleep(5 * POLL)
            assert 3 <= len(reads) <= 7
            for receiver in receivers:
                receiver.slow = 0
            while await left(house) != (0, 0):
                await asyncio.sleep(0.05)
            reads.clear()
            await asyncio.sleep(3 * POLL)
            assert reads == []


async def test_many_endpoints_that_begin_to_hang_together_hold_up_nobody_else(house: House, receiver: Receiver):
    async with Receiver() as hanging:
        many = [await registered(house, hanging, "client.*") for _ in range(64)]
        well = await registered(house, receiver, "client.*")
        async with delivering(house):
            for owner in (*many, well):
                await told(house, owner, "verified")
        hanging.forget()
        hanging.slow = 60
        await clients(house, NARROW + 1)
        await house.running.service.pool.execute("DELETE FROM delivery WHERE endpoint_id = $1", well["id"])
        async with delivering(house, webhook_timeout=15):
            await hanging.until(IN_FLIGHT)
            receiver.forget()
            await clients(house, 1)
            await receiver.until_taken(1, 2)
            assert hanging.busy >= IN_FLIGHT
            await hanging.down()
