"""What those who run an endpoint do and see: given up, gone, disabled, paused, deleted, recovered."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import ok
from tests.fault.checker import Committed
from tests.fault.stage import TIMEOUT, Endpoint, Ground, Stage, ground, shown, until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Where ten attempts take five seconds and not three days."""
    async with ground(tmp_path_factory.mktemp("hasty"), WEBHOOK_BASE_DELAY="0.0001") as hasty:
        yield hasty


@pytest.fixture
async def stage(hasty: Ground) -> AsyncIterator[Stage]:
    async with hasty.stage() as stage:
        yield stage


async def patched(stage: Stage, client: Committed, version: int) -> Committed:
    """A client's next version."""
    said = {"json": {"label": f"K. {version}"}, "headers": {"If-Match": f'"{version - 1}"'}}
    ok(await stage.script.patch(f"/v1/clients/{client.resource}", **said))
    return next(e for e in reversed(await stage.log()) if (e.resource, e.version) == (client.resource, version))


@pytest.mark.row(19)
async def test_an_event_no_receiver_will_take_holds_up_its_own_resource_alone_and_is_given_up_in_plain_sight(
    stage: Stage,
):
    """One event, ten attempts, 20 others meanwhile."""
    picky = await stage.endpoint("picky", "client.*")
    (client,) = await stage.clients(1)
    await picky.delivered(client.seq)
    await picky.behave(status=500, only=client.resource)
    poison = await patched(stage, client, 2)
    await picky.behave(status=500, only=poison.webhook_id)
    after = [await patched(stage, client, version) for version in (3, 4)]
    for _ in range(20):
        await stage.clients(1)
        await asyncio.sleep(0.1)
    refused = await until(lambda: r if len(r := [r for r in picky.heard() if r.id == poison.webhook_id]) == 10 else [])
    meanwhile = [r for r in picky.heard() if refused[0].at < r.at < refused[-1].at]
    assert {r.resource for r in meanwhile if not r.taken} == {client.resource}
    assert len({r.resource for r in meanwhile if r.taken}) >= 15
    picky.expected.excused = {poison.seq}
    await stage.settled()
    assert [r.id for r in picky.heard() if r.resource == client.resource][-2:] == [e.webhook_id for e in after]
    assert min(r.at for r in picky.heard() if r.version > 2) > refused[-1].at
    dead = await picky.deliveries("dead")
    assert {seq: d["attempts"] for seq, d in dead.items()} == {poison.seq: 10}
    assert [a["outcome"] for a in await picky.attempts(poison.seq)] == ["http_5xx"] * 10
    assert await stage.faults() == []


@pytest.mark.row(10)
async def test_a_receiver_that_says_it_is_gone_is_sent_no_more_and_others_hear_of_it(stage: Stage):
    """60 events at once."""
    gone = await stage.endpoint("gone", "client.*", status=410, delay=0.6)
    listener = await stage.endpoint("listener", "webhook_endpoint.*")
    events = await stage.clients(60)
    await gone.is_in("disabled")
    (disabled,) = (e for e in await stage.log() if (e.type, e.resource) == ("webhook_endpoint.disabled", gone.id))
    await until(lambda: disabled.webhook_id in {r.id for r in stage.postbox.heard(listener.path)})
    await asyncio.sleep(TIMEOUT)
    refused = gone.heard()
    assert len(refused) <= 32, "what was under way, and what took its place before the word was out"
    await asyncio.sleep(0.5)
    assert len(gone.heard()) == len(refused)

    kept = {e.seq: e for e in events if e.seq < disabled.seq}
    waiting = (await gone.deliveries("pending")).keys()
    assert len(kept) > len(refused)
    assert {seq for seq, e in kept.items() if e.webhook_id not in {r.id for r in refused}} <= waiting
    tried = [e.seq for e in events if e.webhook_id in {r.id for r in refused}]
    assert {(await gone.attempts(seq))[-1]["outcome"] for seq in tried} == {"gone"}

    await gone.behave()
    await gone.move("enable")
    await gone.is_in("enabled")
    for seq in kept.keys() - waiting:
        again = await stage.script.post(f"{gone.at}/deliveries/{seq}/redeliver")
        assert again.status_code == 202, again.text
    gone.expected.until = disabled.seq
    await stage.settled()
    assert await stage.faults() == []


@pytest.mark.row(21)
@pytest.mark.parametrize("move", ["disable", "pause", "delete"])
async def test_what_is_stopped_in_the_middle_of_delivering_is_sent_nothing_once_an_attempt_has_had_its_time(
    stage: Stage, move: str
):
    """150 events to a receiver that takes 0.4 s for each."""
    endpoint = await stage.endpoint("slow", "client.*", delay=0.4)
    events = await stage.clients(150)
    await until(lambda: len(endpoint.heard()) > 3)
    if move == "delete":
        etag = (await stage.script.get(endpoint.at)).headers["etag"]
        ok(await stage.script.delete(endpoint.at, headers={"If-Match": etag}))
    else:
        await endpoint.move(move)
    stopped = time.time()
    await asyncio.sleep(TIMEOUT + 1)
    heard = endpoint.heard()
    print("sent:", len(heard), "of them after it was stopped:", sum(r.at > stopped for r in heard))
    assert max(r.at for r in heard) < stopped + TIMEOUT
    assert len(heard) < len(events)
    if move == "delete":
        endpoint.expected.filters = ()
    else:
        waiting = (await endpoint.deliveries("pending")).keys()
        assert {e.seq for e in events if e.webhook_id not in {r.id for r in heard}} <= waiting
        await endpoint.behave()
        await endpoint.move("resume" if move == "pause" else "enable")
        await stage.settled()
    assert await stage.faults() == []


async def recover(endpoint: Endpoint, **said: Any) -> None:
    """Asks for a recovery."""
    answer = await endpoint.stage.script.post(f"{endpoint.at}/recover", json=said)
    assert answer.status_code == 200 and answer.json()["recovery"], answer.text


async def recovered(endpoint: Endpoint) -> None:
    """Waits until everything that was asked for is on its way."""
    await shown(lambda: endpoint.stage.read(endpoint.at), lambda endpoint: endpoint["recovery"] is None)


async def missed(stage: Stage, count: int) -> tuple[Endpoint, list[Committed]]:
    """An endpoint that was disabled while so many events passed it by."""
    endpoint = await stage.endpoint("missed", "client.*")
    await endpoint.move("disable")
    events = await stage.clients(count)
    await endpoint.move("enable")
    await endpoint.is_in("enabled")
    await asyncio.sleep(0.3)
    assert endpoint.heard() == []
    return endpoint, events


@pytest.mark.row(20)
async def test_a_gap_is_recovered_by_number_or_by_time_and_twice_at_once_is_no_more_than_twice(stage: Stage):
    """200 events; a part of them, then all, twice, then those of a time."""
    endpoint, events = await missed(stage, 200)
    first = [e for e in events if e.seq <= events[49].seq]
    await recover(endpoint, after_seq=events[0].seq - 1, until_seq=first[-1].seq)
    await recovered(endpoint)
    await until(lambda: len(endpoint.heard()) >= 50)
    await asyncio.sleep(0.3)
    assert times(endpoint) == dict.fromkeys((e.webhook_id for e in first), 1)

    await recover(endpoint, after_seq=first[-1].seq)
    await recover(endpoint, after_seq=first[-1].seq)
    await recovered(endpoint)
    await stage.settled()
    assert max(times(endpoint).values()) <= 2
    assert {times(endpoint)[e.webhook_id] for e in first} == {1}

    before, since = times(endpoint), datetime.now(UTC).isoformat()
    later = await stage.clients(10)
    await stage.settled()
    await recover(endpoint, since=since)
    await recovered(endpoint)
    await until(lambda: all(times(endpoint)[e.webhook_id] == 2 for e in later))
    await asyncio.sleep(0.3)
    assert times(endpoint) == before | {e.webhook_id: 2 for e in later}
    assert await stage.faults(repeats=None) == []


def times(endpoint: Endpoint) -> dict[str, int]:
    """How often each id came."""
    return dict(Counter(r.id for r in endpoint.heard()))


@pytest.mark.row(20)
async def test_a_recovery_that_is_killed_half_way_goes_on_where_it_was(hasty: Ground, stage: Stage):
    """300 events, two kills within the first 30 ms of the recovery."""
    endpoint, events = await missed(stage, 300)
    chance = random.Random(20)
    await recover(endpoint, after_seq=events[0].seq - 1)
    for _ in range(2):
        await asyncio.sleep(chance.uniform(0, 0.03))
        hasty.service.kill()
        await hasty.service.start()
    await recovered(endpoint)
    await stage.settled()
    assert len(times(endpoint)) == 300
    assert max(times(endpoint).values()) <= 3, "once, and once more for each kill it was under way at"
    assert await stage.faults(repeats=None) == []
