"""Dispatchers in processes of their own: killed, stopped in their tracks, and with clocks that are wrong."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fault.checker import Request, stale
from tests.fault.conftest import Serving
from tests.fault.load import Load
from tests.fault.stage import LEASE, TIMEOUT, Endpoint, Ground, Stage, ground, until
from tests.judges.judges import REFUSED, Judges
from tests.receiver import Heard

OVERLAP = 5
"""How long a replaced secret signs on, in seconds, where that is waited for."""

pytestmark = pytest.mark.fault
DELAY = 1.0
"""Seconds before the first retry where clocks are off."""


@pytest.fixture(scope="module")
async def apart(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with ground(tmp_path_factory.mktemp("apart"), "serve", "--no-dispatch") as apart:
        yield apart


@pytest.fixture
async def stage(apart: Ground) -> AsyncIterator[Stage]:
    async with apart.stage() as stage:
        yield stage


def again(request: Request) -> Heard:
    """A request as it came: its headers and its body."""
    lines = (line.partition(":") for line in request.head.split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}, request.body.encode()


def judged(judges: Judges, stage: Stage, request: Request) -> set[str]:
    """What both libraries say of a request, as of when it came, by every secret whose signature it bears."""
    secrets = stage.postbox.secrets[request.path]
    return {verdict for n in request.keys for verdict in judges.say(secrets[n], again(request), request.at)} or {"none"}


def dispatcher(ground: Ground, **more: Any) -> Serving:
    return Serving(ground.data_dir, "dispatch", **ground.service.more | more)


@pytest.mark.row(23)
async def test_an_event_is_received_within_half_a_second_of_its_commit_though_nobody_wakes_the_dispatcher(
    apart: Ground, stage: Stage
):
    """20 events, each after a pause in which everything had come to rest."""
    async with dispatcher(apart):
        endpoint = await stage.endpoint("woken", "client.*")
        chance = random.Random(23)
        for _ in range(20):
            await asyncio.sleep(chance.uniform(0.05, 0.35))
            await stage.clients(1)
        await stage.settled()
        feed = (await stage.read("/v1/events", limit=500))["items"]
        committed = {e["seq"]: datetime.fromisoformat(e["at"]).timestamp() for e in feed}
        took = sorted(r.at - committed[int(r.id.rpartition("_")[2])] for r in endpoint.heard())
        print("commit to receipt, ms:", [round(t * 1000) for t in took])
        assert len(took) == 20
        assert took[17] < 0.5
        assert took[-1] < 1, "half a second, and what this machine may be busy with"
        assert await stage.faults() == []


@pytest.mark.row(2)
async def test_killed_between_the_receivers_disk_and_its_answer_it_sends_exactly_once_more(apart: Ground, stage: Stage):
    """Once, to the point."""
    async with dispatcher(apart) as killed:
        endpoint = await stage.endpoint("held", "client.*", hold=True)
        await stage.clients(1)
        await until(endpoint.heard)
        killed.kill()
    await endpoint.behave()
    async with dispatcher(apart):
        await until(lambda: len(endpoint.heard()) > 1)
        await stage.settled()
        first, again = endpoint.heard()
        assert (first.id, first.body) == (again.id, again.body)
        assert again.timestamp > first.timestamp
        assert await stage.faults(repeats=1) == []


@pytest.mark.row(1)
async def test_dispatchers_killed_again_and_again_under_load_lose_nothing_and_keep_the_order(
    apart: Ground, stage: Stage, judges: Judges
):
    """25 kills, 3 dispatchers, 6 endpoints; npm's library judges what they sent as well."""
    chance, began = random.Random(1), time.monotonic()
    async with AsyncExitStack() as stack:
        hands = [await stack.enter_async_context(dispatcher(apart)) for _ in range(3)]
        for n in range(6):
            await stage.endpoint(f"one-of-six-{n}", delay=0.02)
        async with Load(stage, writers=3) as load:
            for _ in range(25):
                await asyncio.sleep(chance.uniform(0.1, 0.7))
                victim = chance.choice(hands)
                victim.kill()
                await victim.start()
        await stage.settled()
        print(f"{len(await stage.log())} events, 25 kills, {time.monotonic() - began:.1f} s, "
              f"{len(stage.postbox.heard())} requests")  # fmt: skip
        assert load.doubts(await stage.log()) == []
        assert await stage.faults(repeats=None) == []
        assert {verdict for e in stage.endpoints for r in e.heard() for verdict in judged(judges, stage, r)} == {
            "taken"
        }

        writing = asyncio.create_task(stage.clients(40))
        await asyncio.sleep(0.1)
        hands[0].kill()
        killed = time.monotonic()
        await writing
        await stage.settled()
        recovered = time.monotonic() - killed
        print("recovered in", round(recovered, 2))
        assert recovered < LEASE + 1


@pytest.mark.row(14)
async def test_a_dispatcher_that_was_asleep_beyond_its_lease_wakes_up_to_nothing_it_may_still_do(
    apart: Ground, stage: Stage
):
    """Stopped twice for a lease and a half while another works on, 4 endpoints."""
    async with dispatcher(apart) as sleeper, dispatcher(apart) as other:
        for n in range(4):
            await stage.endpoint(f"one-of-four-{n}", delay=0.05)
        async with Load(stage, writers=3) as load:
            for _ in range(2):
                await asyncio.sleep(0.4)
                sleeper.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(1.5 * LEASE)
                sleeper.process.send_signal(signal.SIGCONT)
        await stage.settled()
        late = [text for e in stage.endpoints for text in stale(e.heard())]
        assert late == []
        assert load.doubts(await stage.log()) == []
        assert await stage.faults(repeats=None) == []
        other.kill()
        await stage.clients(5)
        await stage.settled()


def clock(skew: str) -> tuple[str, ...]:
    """What a command runs under to be so far from the truth; how time passes stays as it is."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")  # Debian's libfaketime; `.ci/run` installs it
    return ("env", f"LD_PRELOAD={library}", f"FAKETIME={skew}", "FAKETIME_DONT_FAKE_MONOTONIC=1")


@pytest.fixture(scope="module")
async def skewed(apart: Ground) -> AsyncIterator[Endpoint]:
    """16 of 56 events are refused once; the first attempts are one dispatcher's, the second the other's."""
    async with apart.stage() as stage:
        async with (
            dispatcher(apart, under=clock("+600s"), WEBHOOK_BASE_DELAY=str(DELAY)) as ahead,
            dispatcher(apart, under=clock("-600s"), WEBHOOK_BASE_DELAY=str(DELAY)) as behind,
        ):
            endpoint = await stage.endpoint("refusing", "client.*")
            for sends, retries in ((ahead, behind), (behind, ahead)):
                before = len(endpoint.heard())
                await asyncio.sleep(1)  # so that both have started, and rest
                retries.process.send_signal(signal.SIGSTOP)
                await endpoint.behave()
                await stage.clients(20)  # so that few enough fail for the endpoint to pass as sound
                await until(lambda count=before + 20: len(endpoint.heard()) == count)
                await endpoint.behave(status=500, first=True)
                await stage.clients(8)
                await until(lambda count=before + 28: len(endpoint.heard()) == count)
                await asyncio.sleep(0.5)
                retries.process.send_signal(signal.SIGCONT)
                sends.process.send_signal(signal.SIGSTOP)
                await stage.settled()
                sends.process.send_signal(signal.SIGCONT)
        yield endpoint


@pytest.mark.row(15)
async def test_dispatchers_whose_clocks_are_off_by_ten_minutes_send_nothing_early_and_nothing_late(skewed: Endpoint):
    heard = skewed.heard()
    refused, taken = ({r.id: r.at for r in heard if r.taken is was} for was in (False, True))
    gaps = sorted(taken[id] - at for id, at in refused.items())
    print("refusal to retry, s:", [round(g, 2) for g in gaps])
    assert len(gaps) == 16
    assert gaps[0] > DELAY * 0.8 - 0.02
    assert gaps[-1] < DELAY * 1.2 + 0.5 + 0.2, "the delay, its jitter, a poll and some patience"
    assert [f for f in await skewed.stage.faults() if not f.startswith("S")] == []


@pytest.mark.row(13)
@pytest.mark.row(15)
async def test_a_dispatcher_whose_clock_is_off_signs_with_the_right_time_all_the_same(skewed: Endpoint):
    assert [r.timestamp - round(r.at) for r in skewed.heard() if not r.verified] == []


async def test_a_secret_is_replaced_under_load_and_no_receiver_notices_whichever_it_knows(
    apart: Ground, stage: Stage, judges: Judges
):
    """Once, in the middle of a load, with an overlap of five seconds; then the old one no longer signs."""
    async with dispatcher(apart):
        endpoint = await stage.endpoint("rotating")
        async with Load(stage, writers=3):
            await until(lambda: len(endpoint.heard()) > 30)
            before, secrets = time.time(), stage.postbox.secrets[endpoint.path]
            secrets.append((await endpoint.move("rotate-secret", overlap_seconds=OVERLAP))["secret"])
            await endpoint.behave()
            after = time.time()
            await until(lambda: endpoint.heard()[-1].at > after + 1.5 * TIMEOUT)
        await stage.settled()
        heard = endpoint.heard()
        assert {(r.signatures, *r.keys) for r in heard if r.at < before} == {(1, 0)}
        assert {(r.signatures, *r.keys) for r in heard if after + TIMEOUT < r.at < before + OVERLAP} == {(2, 0, 1)}
        assert await stage.faults() == []
        await asyncio.sleep(max(0, before + OVERLAP + TIMEOUT - time.time()))
        lapsed = {e.webhook_id for e in await stage.clients(5)}
        await stage.settled()
        assert {(r.signatures, *r.keys) for r in endpoint.heard() if r.id in lapsed} == {(1, 1)}
        assert {verdict for r in endpoint.heard() for verdict in judged(judges, stage, r)} == {"taken"}
        assert {judges.say(secrets[1 - r.keys[0]], again(r), r.at) for r in endpoint.heard() if len(r.keys) == 1} == {
            REFUSED
        }
