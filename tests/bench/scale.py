"""What is left of the rates when the database is large, and what one busy practice costs its writers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench import seed
from tests.bench.contest import Budget, Results
from tests.bench.ground import Ground, cluster, database, filled
from tests.bench.operations import OPERATIONS, Operation, fewer, spread
from tests.bench.rounds import Measured, Rig, Series, alternate, ratio

KEPT = {"read": 0.80, "list": 0.75, "move": 0.85, "keyed": 0.85, "create": 0.85}
"""The share of the small database's requests per CPU-second, service and Postgres, that the large one keeps."""


async def grow(
    data_dir: Path, rig_of: Callable[[int], Rig], tell: Callable[[str], None]
) -> tuple[Results, dict[str, Series]]:
    """The service on a small and on a large database of the same server, in turn; then writers, alone and crowded."""
    async with cluster(data_dir) as (dsn, postmaster), AsyncExitStack() as stack:
        rig, grounds = rig_of(postmaster), {}
        for name, size in {"small": seed.SMALL, "large": seed.BIG}.items():
            tell(f"filling the {name} database with {size.practices * size.events_each:,} events")
            own = await database(dsn, name)
            grounds[name] = await stack.enter_async_context(filled(data_dir, own, size, f"ours-{name}"))
        results = {op.name: await compare(rig, grounds, op, tell) for op in OPERATIONS}
        return results, await crowd(rig, grounds["small"], tell)


async def compare(
    rig: Rig, grounds: dict[str, Ground], operation: Operation, tell: Callable[[str], None]
) -> dict[str, Series]:
    """One operation on both."""
    loop = asyncio.get_running_loop()
    least = min(repairs_of(ground) for ground in grounds.values())
    lanes = {
        name: spread(operation, fewer(ground.practices, least) if operation.writes else ground.practices)
        for name, ground in grounds.items()
    }  # fmt: skip

    def once(name: str, number: int) -> Measured:
        ground = grounds[name]
        if operation.writes:
            asyncio.run_coroutine_threadsafe(seed.reset(ground.pool, ground.size), loop).result()
        tell(f"{operation.says}: {name} database, round {number + 1} of {rig.rounds}")
        return rig.measure(ground.ours, lanes[name], f"bench-{number}" if operation.keyed else "")

    return await asyncio.to_thread(alternate, grounds, rig.rounds, once)


def repairs_of(ground: Ground) -> int:
    """How many repairs the people of a database are asked for."""
    return sum(len(person.repairs) for staff in ground.practices for person in staff)


async def crowd(rig: Rig, ground: Ground, tell: Callable[[str], None]) -> dict[str, Series]:
    """32 writers in one practice, whose events are numbered one by one, beside 32 practices with one writer each."""
    loop = asyncio.get_running_loop()
    move = next(op for op in OPERATIONS if op.name == "move")
    one = ground.practices[:1]
    many = fewer(ground.practices, sum(len(person.repairs) for person in one[0]))
    lanes = {"one practice": spread(move, one), "32 practices": spread(move, many)}

    def once(name: str, number: int) -> Measured:
        asyncio.run_coroutine_threadsafe(seed.reset(ground.pool, ground.size), loop).result()
        tell(f"32 writers in {name}, round {number + 1} of {rig.rounds}")
        return rig.measure(ground.ours, lanes[name])

    return await asyncio.to_thread(alternate, lanes, rig.rounds, once)


def budgets(results: Results) -> list[Budget]:
    """What was promised to be kept."""
    return [
        Budget(f"{name}: kept with {seed.BIG.practices * seed.BIG.events_each:,} events, by all CPU",
               ratio(results[name]["small"], results[name]["large"], "total"), limit)
        for name, limit in KEPT.items()
    ]  # fmt: skip
