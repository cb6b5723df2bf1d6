"""Receivers that break, hang, lie, flood and say no: each fails alone, and is dealt with by the book."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.conftest import made, ok
from tests.fault.proxy import Proxy
from tests.fault.stage import TIMEOUT, Endpoint, Ground, Stage, ground, memory, until

pytestmark = pytest.mark.fault
LATEST = 1000 * TIMEOUT + 700
"""Milliseconds an attempt may have taken: its time, and what this machine may be busy with."""
ROUNDS, MOST = 7, 50
"""How many rounds there are at least, and at most: few say little where others use the machine as well."""
UNCHANGED = 1.1
HANGS = {"hold": True, "status": 0}
RATE = 40
"""How many events in a second an endpoint takes that says so."""
FLOODED = {"delivered", "protocol", "timeout"}
"""An answer that says 200 and then never stops: its status may count or its body may, as long as it ends."""


@pytest.fixture(scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with ground(tmp_path_factory.mktemp("serving")) as serving:
        yield serving


@pytest.fixture
async def stage(serving: Ground) -> AsyncIterator[Stage]:
    async with serving.stage() as stage:
        yield stage


@pytest.mark.row(6)
async def test_a_connection_that_breaks_in_any_way_ends_the_attempt_in_time_says_why_and_is_tried_again(stage: Stage):
    """The line: each way once."""
    why = {
        "refuse": {"connection"}, "reset": {"connection"}, "half_close": {"connection", "protocol"},
        "cut": {"connection", "protocol"}, "drip": {"timeout"}, "blackhole": {"timeout"},
    }  # fmt: skip
    async with AsyncExitStack() as stack:
        lines = {fault: await stack.enter_async_context(Proxy(stage.postbox.port)) for fault in why}
        there = {fault: await stage.endpoint(fault, "client.*", port=line.port) for fault, line in lines.items()}
        for fault, line in lines.items():
            await there[fault].behave(body="ok")
            line.fault = fault
        lines["refuse"].reset_all()  # the connection that the ping went through would still serve
        (event,) = await stage.clients(1)
        tries = {fault: await endpoint.attempted(event.seq) for fault, endpoint in there.items()}
        for line in lines.values():
            line.fault = ""
            line.reset_all()
        for fault, (first, *_) in tries.items():
            print(fault, first)
            assert first["outcome"] in why[fault], fault
            assert first["took_ms"] < LATEST, fault
            await there[fault].delivered(event.seq)
        assert await stage.faults(repeats=None) == []


@pytest.mark.row(6)
async def test_an_answer_without_end_is_not_read_to_its_end_and_fills_no_memory(serving: Ground, stage: Stage):
    """The body: 100 MB, without end, and 100 MB in gzip; three events to each."""
    there = {kind: await stage.endpoint(kind, "client.*", flood=kind, times=3) for kind in ("large", "endless", "bomb")}
    before = memory(serving.service)
    events = await stage.clients(3)
    for kind, endpoint in there.items():
        for event in events:
            log = await endpoint.delivered(event.seq)
            assert {a["outcome"] for a in log} <= FLOODED, (kind, log)
            assert max(a["took_ms"] for a in log) < LATEST
    grown = memory(serving.service) - before
    poured = await until(lambda: found if stage.postbox.heard() and len(found := stage.postbox.poured) >= 9 else [])
    print("grown by", grown, "MB; taken of each, kB:", [n // 1024 for n in poured])
    assert grown < 30
    assert max(poured) < 16 << 20, "what was read, and what the kernel holds of an open connection"
    assert await stage.faults(repeats=None) == []


@pytest.mark.row(7)
async def test_a_receiver_that_hangs_holds_up_nobody_else(stage: Stage):
    """50 endpoints at one address; in each round 24 events while one of them hangs, and 24 while none does."""
    hanging, *others = await asyncio.gather(*(stage.endpoint(f"one-of-fifty-{n}", "client.*") for n in range(50)))
    await stage.clients(5)  # so that every connection is there
    await stage.settled()
    grown = list[float]()
    while len(grown) < ROUNDS or (statistics.median(grown) > UNCHANGED and len(grown) < MOST):
        slowest = dict[bool, float]()
        for hangs in random.sample((False, True), 2):
            await hanging.behave(**HANGS if hangs else {})
            slowest[hangs] = statistics.quantiles(await told(stage, others), n=100)[98]
        grown.append(slowest[True] / slowest[False])
        print("p99, ms, hung and calm:", round(1000 * slowest[True]), round(1000 * slowest[False]))
    await hanging.behave()
    print("p99 with one that hangs, by that with none:", [round(g, 2) for g in grown], statistics.median(grown))
    assert statistics.median(grown) < UNCHANGED


async def told(stage: Stage, endpoints: list[Endpoint]) -> list[float]:
    """Seconds from each of two dozen writes to its receipt by each endpoint."""
    began = {}
    for _ in range(24):
        now = time.time()
        began[made(await stage.script.post("/v1/clients", json={}))["id"]] = now
        await asyncio.sleep(0.03)
    found: list[float] = await until(lambda: receipts(endpoints, began))
    return found


def receipts(endpoints: list[Endpoint], began: dict[str, float]) -> list[float]:
    """Seconds from each write to its receipt by each of them, once all are there."""
    paths, took = {e.path for e in endpoints}, dict[tuple[str, str], float]()
    for request in endpoints[0].stage.postbox.heard():
        if request.path in paths and request.resource in began:
            took.setdefault((request.path, request.resource), request.at - began[request.resource])
    return list(took.values()) if len(took) == len(endpoints) * len(began) else []


@pytest.mark.row(8)
async def test_an_endpoint_that_is_down_is_left_alone_and_then_told_everything_in_order_and_at_its_rate(stage: Stage):
    """Down for 3 s with 200 events on 50 resources."""
    async with Proxy(stage.postbox.port) as line:
        endpoint = await stage.endpoint("down", "client.*", port=line.port)
        limited = {"json": {"rate_per_second": RATE}, "headers": {"If-Match": "*"}}
        ok(await stage.script.patch(endpoint.at, **limited))
        line.fault = "refuse"
        line.reset_all()
        asked, down = line.asked, time.monotonic()
        for event in await stage.clients(50):
            for version in (1, 2, 3):
                said = {"json": {"label": f"K. {version}"}, "headers": {"If-Match": f'"{version}"'}}
                ok(await stage.script.patch(f"/v1/clients/{event.resource}", **said))
        await asyncio.sleep(max(0.0, 3 - (time.monotonic() - down)))
        probes = line.asked - asked
        line.fault = ""
        waited = await stage.settled(30)
        print("200 events waited,", probes, "connections while it was down; all there", round(waited, 2), "s after")
        assert len(endpoint.heard()) == 200
        assert await stage.faults() == []
        at = sorted(r.at for r in endpoint.heard())
        ahead = max(n - m - RATE * (at[n] - at[m]) for m in range(200) for n in range(m + 1, 200))
        print("more than its rate at any time:", round(ahead), "of", RATE)
        assert ahead < 1.25 * RATE, "a second's worth at once, give or take what the way there takes"
        assert probes < 40, "a window of 16, a few until the breaker opens, and a probe each time it lets one through"


@pytest.mark.row(9)
async def test_a_receiver_that_says_when_to_come_again_is_left_alone_until_then_whatever_the_resource(stage: Stage):
    """Seconds, a date, what no clock can mean, and what is no time at all."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)
    said = {"seconds": "2", "date": date, "absurd": "31536000", "garbage": "in a while"}
    there = {
        kind: await stage.endpoint(kind, "client.*", status=429, times=1, headers={"Retry-After": value})
        for kind, value in said.items()
    }
    (first,) = await stage.clients(1)
    for endpoint in there.values():
        await endpoint.attempted(first.seq)
    await stage.clients(6)
    refused = {kind: endpoint.heard()[0].at for kind, endpoint in there.items()}
    await there["garbage"].delivered(first.seq)
    there["absurd"].expected.excused = {e.seq for e in await stage.log()}
    await stage.settled()
    gaps = {kind: [r.at - refused[kind] for r in e.heard()[1:]] for kind, e in there.items()}
    print("s after the refusal:", {kind: [round(g, 2) for g in found] for kind, found in gaps.items()})
    until_date = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp() - refused["date"]
    assert min(gaps["seconds"]) > 2 - 0.05
    assert max(gaps["seconds"]) < 2 * 1.2 + 1.5
    assert min(gaps["date"]) > until_date - 1
    assert max(gaps["date"]) < until_date * 1.2 + 1.5
    assert max(gaps["garbage"]) < 2
    assert gaps["absurd"] == []
    waiting = await there["absurd"].deliveries("pending")
    assert len(waiting) == 7
    due = [datetime.fromisoformat(d["next_at"]) for d in waiting.values() if d["next_at"]]
    assert max(due) < datetime.now(UTC) + timedelta(hours=24 * 1.2), "a day, and its jitter"
    assert await stage.faults() == []


@pytest.mark.row(11)
async def test_a_redirect_to_an_inner_address_is_a_failure_and_nobody_goes_there(stage: Stage):
    """Each kind once."""
    knocks = []
    inner = await asyncio.start_server(lambda _, writer: (knocks.append(1), writer.close())[1], "127.0.0.1", 0)
    to = {"Location": f"http://127.0.0.1:{inner.sockets[0].getsockname()[1]}/latest/meta-data"}
    async with inner:
        there = {
            status: await stage.endpoint(str(status), "client.*", status=status, headers=to, times=1)
            for status in (301, 302, 307)
        }
        (event,) = await stage.clients(1)
        for status, endpoint in there.items():
            refused, *_, last = await endpoint.delivered(event.seq)
            assert (refused["status"], refused["outcome"], last["status"]) == (status, "redirect", 200)
        assert knocks == []
        assert await stage.faults() == []
