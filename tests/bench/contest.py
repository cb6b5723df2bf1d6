"""The default run: the five operations on the service and on the three references, in turn, on one database."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import seed
from tests.bench.agreement import agree
from tests.bench.cpu import cores
from tests.bench.ground import Ground, cluster, filled
from tests.bench.operations import OPERATIONS, Operation, spread
from tests.bench.rounds import Figure, Measured, Rig, Series, alternate, ratio
from tests.bench.servers import Server, serving

ORDER = ("F", "ours", "B", "U")
Results = dict[str, dict[str, Series]]
"""Operation to server to what was measured."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise, and how it came out."""

    says: str
    figure: Figure
    limit: float
    at_most: bool = False
    judged: bool = True
    """False where other work on the machine decided it: a ratio bears that, a time does not."""

    @property
    def met(self) -> bool:
        """Whether the median keeps it."""
        return self.figure.median <= self.limit if self.at_most else self.figure.median >= self.limit


FLOOR = {"read": 0.90, "list": 0.90, "move": 0.80, "create": 0.80, "keyed": 0.65}
"""How much of the floor's throughput per CPU-second is kept. With an Idempotency-Key: of the floor without one."""
USUAL = {"read": 5.0, "list": 5.0, "move": 6.0}
"""How many times the usual way's throughput per CPU-second."""
TAIL = {"read": 10.0, "move": 15.0, "keyed": 15.0, "create": 15.0}
"""The slowest of a hundred requests, in milliseconds, with 32 connections on one worker kept busy."""


NOISY = 0.15
"""So many cores of other work make times doubtful."""


async def contest(data_dir: Path, rig_of: Callable[[int], Rig], tell: Callable[[str], None]) -> Results:
    """Measure everything."""
    async with cluster(data_dir) as (dsn, postmaster):
        tell("filling the database")
        async with filled(data_dir, dsn, seed.SMALL) as ground:
            with ExitStack() as stack:
                servers = {"ours": ground.ours}
                for name in ORDER:
                    if name != "ours":
                        servers[name] = stack.enter_context(serving(name, data_dir, dsn, cores()[0]))
                tell("comparing what they answer and write")
                await agree(ground, servers)
                rig = rig_of(postmaster)
                return {op.name: await compete(rig, ground, servers, op, tell) for op in OPERATIONS if not op.keyed}


async def compete(
    rig: Rig, ground: Ground, servers: Mapping[str, Server], operation: Operation, tell: Callable[[str], None]
) -> dict[str, Series]:
    """One operation on every server, in turn. The move with a key is measured in the move's own rounds."""
    keyed = next(op for op in OPERATIONS if op.keyed) if operation.name == "move" else None
    names = [*ORDER[:2], *(["keyed"] if keyed else []), *ORDER[2:]]
    loop, lanes = asyncio.get_running_loop(), spread(operation, ground.practices)

    def once(name: str, number: int) -> Measured:
        if operation.writes:
            asyncio.run_coroutine_threadsafe(seed.reset(ground.pool, ground.size), loop).result()
        tell(f"{operation.says}: {name}, round {number + 1} of {rig.rounds}")
        return rig.measure(servers.get(name, ground.ours), lanes, f"bench-{number}" if name == "keyed" else "")

    return await asyncio.to_thread(alternate, names, rig.rounds, once)


def budgets(results: Results) -> list[Budget]:
    """Every promise beside what was measured."""
    found = []
    for name, limit in FLOOR.items():
        of = "move" if name == "keyed" else name
        ours = results[of]["keyed" if name == "keyed" else "ours"]
        found.append(Budget(f"{name}: share of F, service CPU", ratio(results[of]["F"], ours, "service"), limit))
    for name, limit in USUAL.items():
        times = ratio(results[name]["U"], results[name]["ours"], "service")
        found.append(Budget(f"{name}: times U, service CPU", times, limit))
    for name, most in TAIL.items():
        series = results["move"]["keyed"] if name == "keyed" else results[name]["ours"]
        quiet = series.figure("others").median <= NOISY
        found.append(Budget(f"{name}: p99 in ms", series.figure("p99"), most, at_most=True, judged=quiet))
    return found
