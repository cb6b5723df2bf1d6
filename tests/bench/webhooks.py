"""The run of `webhooks`: a backlog, single events at a steady pace, and a backlog with bad receivers among the good."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from infra.keys import Keys
from infra.secrets import new_secret
from infra.settings import Settings
from tests.bench import backlog, seed, senders, usual_sender
from tests.bench.agreement import agree_on_bytes
from tests.bench.bare_sender import LANES, Work
from tests.bench.contest import NOISY, Budget
from tests.bench.cpu import cores, wait_for_quiet
from tests.bench.ground import Ground, cluster, filled
from tests.bench.operations import OPERATIONS, spread
from tests.bench.receiver import FAILING, HANGING, KEPT, TAKEN, TIMED
from tests.bench.rounds import Rig, Series, alternate, ratio
from tests.bench.servers import BenchError, serving

RATE = 100.0
"""Events per second where single ones are measured."""
STRAGGLERS = 60.0
"""How long the last of them may take, in seconds: on a busy machine the usual way falls behind."""
READY = 2.0
"""How long a sender of its own process has to start before anything is written for it, in seconds."""
ON_THE_WAY = 256
"""How many deliveries may have come without being recorded when a sender is ended."""
IN_HAND = 50
"""Deliveries of each endpoint that the bare loop is given; it sends them over and over again."""
FEW = 5
"""Deliveries of each of as many endpoints that are compared byte by byte."""
REFUSING = ""
BAD = (HANGING,) * 8 + (FAILING,) * 6 + (REFUSING,) * 6
"""What becomes of requests to every tenth endpoint."""
EACH_IN_TEN = 10
LATEST = {"serve": 50.0, "dispatch": 500.0}
"""From the event to its receipt, the slowest of a hundred, in milliseconds: by the serving process, and by another."""
SAYS = {
    "ours": "the service", "bare": "A: bare loop", "usual": "B: SQLModel + httpx",
    "serve": "the service, by serve", "dispatch": "the service, by dispatch", "commit": "a commit alone",
    "alone": "180 healthy endpoints", "with bad": "with 20 bad ones in between",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """Where all parts play."""

    rig: Rig
    ground: Ground
    receiver: senders.Receiver
    endpoints: list[UUID]
    secret: str
    loop: asyncio.AbstractEventLoop
    tell: Callable[[str], None]

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Something with the database, from the thread that measures."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def aim(self, path: str, hosts: int) -> None:
        """Every endpoint leads to this path of the receiver, on so many hosts in all."""
        self.do(backlog.aim(self.ground.pool, {
            id: self.receiver.address(number % hosts, path) for number, id in enumerate(self.endpoints)
        }))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delay:
    """One window of single deliveries: milliseconds from when each was written to when it was received."""

    p50: float
    p99: float
    longest: float
    others: float
    """How many cores other work on the machine kept busy meanwhile, where the service was measured."""


@dataclass(frozen=True, slots=True)
class Drain:
    """A backlog at endpoints that answer."""

    rate: float
    """Deliveries per second, from the first request of all to the last of these."""
    share: float
    """How much of it came before patience ran out."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much the part with bad receivers sends."""

    each: int
    """Deliveries of each endpoint."""
    timeout: float
    """The service's deadline for one, in seconds."""
    patience: float
    """How long the healthy ones may take, in seconds."""


QUICK, SMALL, BIG = Scale(20, 1.0, 20), Scale(100, 3.0, 60), Scale(backlog.EACH, 15.0, 180)
"""The deadline shrinks with the backlog, so that a receiver that hangs takes the same share of the time."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured, sender by sender."""

    backlogs: Mapping[str, Series]
    delays: Mapping[str, Series]
    drains: Mapping[str, Series]


async def deliver(data_dir: Path, rig_of: Callable[[int], Rig], scale: Scale, tell: Callable[[str], None]) -> Found:
    """Measure everything."""
    async with cluster(data_dir) as (dsn, postmaster):
        tell("filling the database")
        async with filled(data_dir, dsn, backlog.SIZE) as ground:
            secret = new_secret()
            endpoints = await backlog.furnish(ground.pool, Keys(Settings(data_dir=data_dir)).seal, secret)
            await usual_sender.create(dsn)
            with senders.receiving(ground) as receiver:
                stage = Stage(rig_of(postmaster), ground, receiver, endpoints, secret, asyncio.get_running_loop(), tell)
                return await asyncio.to_thread(play, stage, scale)


def play(stage: Stage, scale: Scale) -> Found:
    """Every part."""
    stage.tell("comparing what is sent")
    agree_on_bytes({name: kept(stage, name) for name in ("ours", "bare", "usual")}, stage.secret)
    return Found(backlogs(stage), delays(stage), drains(stage, scale))


def prepare(stage: Stage, name: str, endpoints: list[UUID], each: int, *, again: bool = True) -> Work | None:
    """The same deliveries for any sender: in the service's tables, in the usual way's, or in hand."""
    pool = stage.ground.pool
    stage.receiver.forget()
    if name == "ours":
        stage.do(backlog.fill(pool, endpoints, each))
    elif name == "usual":
        stage.do(backlog.fill_usual(pool, endpoints, stage.secret, each))
    else:
        deliveries = stage.do(backlog.bodies(pool, endpoints, min(each, IN_HAND)))
        return Work(deliveries=deliveries, secret=stage.secret, again=again)
    return None


def kept(stage: Stage, name: str) -> list[str]:
    """A few requests of a sender as they came over the wire, each once."""
    stage.aim(KEPT, LANES)
    some = stage.endpoints[:FEW]
    work = prepare(stage, name, some, FEW, again=False)
    with senders.sending(name, stage.ground, work):
        if not senders.wait_for(stage.receiver, KEPT, FEW * FEW, senders.PATIENCE):
            raise BenchError(
                f"The sender {name} did not send everything:\n{senders.log_of(name, stage.ground).read_text()}"
            )
    requests: list[str] = stage.receiver.ask(path=KEPT)
    return requests


def backlogs(stage: Stage) -> dict[str, Series]:
    """A backlog of every sender in turn, at as many hosts as the references have connections."""
    stage.aim(TAKEN, LANES)

    def once(name: str, number: int) -> senders.Sent:
        stage.tell(f"a backlog: {name}, round {number + 1} of {stage.rig.rounds}")
        work = prepare(stage, name, stage.endpoints, backlog.EACH)
        wait_for_quiet(stage.rig.patience)
        with senders.sending(name, stage.ground, work) as process:
            sent = senders.window(
                stage.rig, name, stage.ground, stage.receiver, process, backlog.SIZE.practices * backlog.EACH
            )
        if not work:
            recorded(stage, name, all_succeed=True)
        return sent

    return alternate(("bare", "ours", "usual"), stage.rig.rounds, once)


def recorded(stage: Stage, name: str, *, all_succeed: bool) -> None:
    """Raises BenchError unless what came was recorded as delivered, each delivery once."""
    found, came = stage.do(backlog.outcomes(stage.ground.pool, usual=name == "usual")), stage.receiver.count()
    in_vain = all_succeed and found["attempts"] != found["delivered"]
    if in_vain or not 0 <= came - found["delivered"] <= ON_THE_WAY:
        raise BenchError(f"{name} sent something in vain or twice: {dict(found)}, and {came} came")


def delays(stage: Stage) -> dict[str, Series]:
    """Single deliveries at a steady pace, each written when the last is long gone."""
    stage.aim(TIMED, len(stage.endpoints))
    ways = {"serve": moves, "dispatch": moves, "usual": trickled, "bare": posted}

    def once(name: str, number: int) -> Delay:
        stage.tell(f"{RATE:g} a second: {name}, round {number + 1} of {stage.rig.rounds}")
        stage.do(seed.reset(stage.ground.pool, stage.ground.size))
        stage.do(backlog.empty(stage.ground.pool))
        if name in ("usual", "commit"):
            stage.do(backlog.fill_usual(stage.ground.pool, stage.endpoints, stage.secret, IN_HAND, due=False))
        stage.receiver.forget()
        wait_for_quiet(stage.rig.patience)
        if name == "commit":
            return delay(stage.do(trickle(stage)), 0.0)
        begun, others = ways[name](stage, name)
        return delay(received(stage, name, begun), others)

    return alternate((*ways, "commit"), stage.rig.rounds, once)


def delay(times: Mapping[str, tuple[float, float]], others: float) -> Delay:
    """The figures of a window from its beginnings and ends."""
    took = sorted(1000 * (end - begun) for begun, end in times.values())
    return Delay(took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)], took[-1], others)


def moves(stage: Stage, name: str) -> tuple[dict[str, float], float]:
    """Steps of repairs over HTTP. An event is timed by the service as it decides, a moment before its commit."""
    move = next(op for op in OPERATIONS if op.name == "move")
    lanes = spread(move, stage.ground.practices[:LANES])
    ground, beside = stage.ground, {"receiver": stage.receiver.pid}
    if name == "serve":
        with serving("delivering", ground.data_dir, ground.dsn, cores()[0]) as server:
            measured = stage.rig.measure(server, lanes, rate=RATE, beside=beside)
            settled(stage)
    else:
        with senders.sending("ours", ground) as process:
            time.sleep(READY)
            measured = stage.rig.measure(ground.ours, lanes, rate=RATE, beside={**beside, "sender": process.pid})
            settled(stage)
            senders.still_running("ours", ground, process)
    written = stage.do(backlog.written(ground.pool))
    start = min(written.values()) + stage.rig.warm_up
    return {id: at for id, at in written.items() if at >= start}, measured.others


def settled(stage: Stage) -> None:
    """Wait until all that was written has come; what has not by then is missed later on."""
    senders.wait_for(stage.receiver, TIMED, len(stage.do(backlog.written(stage.ground.pool))), STRAGGLERS)


def posted(stage: Stage, name: str) -> tuple[dict[str, float], float]:
    """The bare loop at the same pace: from before it signs."""
    many = int(RATE * stage.rig.seconds)
    deliveries = stage.do(backlog.bodies(stage.ground.pool, stage.endpoints, IN_HAND))[:many]
    work = Work(deliveries=deliveries, secret=stage.secret, rate=RATE, seconds=stage.rig.seconds)
    with senders.sending(name, stage.ground, work) as process:
        process.wait(stage.rig.seconds + senders.PATIENCE)
    said = senders.log_of(name, stage.ground).read_text()
    if process.returncode:
        raise BenchError(f"The bare loop failed:\n{said[-3000:]}")
    return json.loads(said.splitlines()[-1]), 0.0


def trickled(stage: Stage, name: str) -> tuple[dict[str, float], float]:
    """Rows for the usual way, one by one."""
    with senders.sending(name, stage.ground) as process:
        time.sleep(READY + stage.rig.warm_up)
        times = stage.do(trickle(stage))
        senders.wait_for(stage.receiver, TIMED, len(times), STRAGGLERS)
        senders.still_running(name, stage.ground, process)
    return {id: begun for id, (begun, _) in times.items()}, 0.0


async def trickle(stage: Stage) -> dict[str, tuple[float, float]]:
    """A row at a time: when its insertion was begun and when it was committed, by webhook-id."""
    pool, loop, times = stage.ground.pool, asyncio.get_running_loop(), {}
    many = int(RATE * stage.rig.seconds)
    ids = [id for _, id, _ in (await backlog.bodies(pool, stage.endpoints, IN_HAND))[:many]]
    start = loop.time()
    for number, id in enumerate(ids):
        await asyncio.sleep(start + number / RATE - loop.time())
        begun = time.time()
        await backlog.one_usual(pool, id, stage.endpoints[number % len(stage.endpoints)])
        times[id] = begun, time.time()
    return times


def received(stage: Stage, name: str, begun: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """When each was begun and received. Raises BenchError when one never came."""
    came = stage.receiver.ask(path=TIMED)
    if missing := begun.keys() - came.keys():
        raise BenchError(f"{name}: {len(missing)} of {len(begun)} never came, {min(missing)} for one")
    return {id: (at, came[id]) for id, at in begun.items()}


def drains(stage: Stage, scale: Scale) -> dict[str, Series]:
    """The backlog of endpoints that answer, each on a host of its own: alone, and with bad ones in between."""
    bad = {number * EACH_IN_TEN: path for number, path in enumerate(BAD)}
    healthy = [id for number, id in enumerate(stage.endpoints) if number not in bad]

    def once(name: str, number: int) -> Drain:
        stage.tell(f"a backlog {name}, round {number + 1} of {stage.rig.rounds}")
        prepare(stage, "ours", stage.endpoints if name == "with bad" else healthy, scale.each)
        wait_for_quiet(stage.rig.patience)
        with senders.sending("ours", stage.ground, timeout=scale.timeout) as process:
            first = senders.first_arrival("ours", stage.ground, stage.receiver, process)
            done = senders.wait_for(stage.receiver, TAKEN, len(healthy) * scale.each, scale.patience)
            senders.still_running("ours", stage.ground, process)
            heard = stage.receiver.ask()
        recorded(stage, "ours", all_succeed=False)
        came, end = heard["counts"][TAKEN], heard["last"][TAKEN] if done else time.time()
        return Drain(rate=came / (end - first), share=came / (len(healthy) * scale.each))

    with socket.socket() as deaf:
        # Bound and not listening: whoever connects is refused, and nobody else gets the port.
        deaf.bind(("", 0))
        refusing = f"http://{senders.HOSTS[0]}:{deaf.getsockname()[1]}/"
        addresses = {}
        for number, id in enumerate(stage.endpoints):
            path = bad.get(number, TAKEN)
            addresses[id] = refusing if path == REFUSING else stage.receiver.address(number, path)
        stage.do(backlog.aim(stage.ground.pool, addresses))
        return alternate(("alone", "with bad"), stage.rig.rounds, once)


def budgets(found: Found) -> list[Budget]:
    """What was promised of webhooks, and how it came out."""
    ours, bare, usual = (found.backlogs[name] for name in ("ours", "bare", "usual"))
    kept = Budget("backlog: healthy endpoints' rate kept with 20 of 200 bad",
                  ratio(found.drains["with bad"], found.drains["alone"], "rate"), 0.8)  # fmt: skip
    return [
        Budget("backlog: share of A, CPU of sender and Postgres", ratio(bare, ours, "total"), 0.55),
        Budget("backlog: times B, CPU of sender and Postgres", ratio(usual, ours, "total"), 8.0),
        kept,
        *(
            Budget(f"{RATE:g}/s, {SAYS[name]}: p99 in ms to receipt", found.delays[name].figure("p99"), most,
                   at_most=True, judged=found.delays[name].figure("others").median <= NOISY)
            for name, most in LATEST.items()
        ),
    ]  # fmt: skip
