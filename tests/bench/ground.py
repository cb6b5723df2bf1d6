"""The ground everything stands on: one embedded database, migrated and filled, and the servers on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from infra import embedded
from infra.database import open_pool
from infra.keys import Keys
from infra.schema import upgrade
from infra.settings import Settings
from tests.bench import seed
from tests.bench.cpu import cores, pin
from tests.bench.operations import Person, people
from tests.bench.servers import Server, serving


@dataclass(frozen=True, slots=True)
class Ground:
    """A filled database, and the service on it."""

    data_dir: Path
    dsn: str
    pool: Any
    size: seed.Size
    ours: Server
    practices: list[list[Person]]


@asynccontextmanager
async def cluster(data_dir: Path) -> AsyncIterator[tuple[str, int]]:
    """The database server, on its core: where it is, and its process id."""
    running = await asyncio.to_thread(embedded.start, data_dir, durable=True)
    try:
        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        pin(postmaster, cores()[1])
        yield running.dsn, postmaster
    finally:
        await asyncio.to_thread(running.release)


async def database(dsn: str, name: str) -> str:
    """One more database on the same server, for what is compared with it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return dsn.replace("@/bravespace?", f"@/{name}?")


@asynccontextmanager
async def filled(data_dir: Path, dsn: str, size: seed.Size, name: str = "ours") -> AsyncIterator[Ground]:
    """The service on a database of this size."""
    await asyncio.to_thread(upgrade, dsn)
    pool = await open_pool(dsn, 2)
    keys = Keys(Settings(data_dir=data_dir))
    try:
        with serving(name, data_dir, dsn, cores()[0]) as ours:
            await seed.begin(pool, keys, ours.port)
            await seed.multiply(pool, size)
            yield Ground(data_dir, dsn, pool, size, ours, await people(pool, keys))
    finally:
        await pool.close()
