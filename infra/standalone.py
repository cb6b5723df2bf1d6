"""What the command line does with a database when no service runs, or beside one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from infra.database import Database, open_pool
from infra.schema import migrate, upgrade
from infra.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Any]:
    """A pool on the database of this installation, migrated where it is ours to migrate."""
    database = Database(settings)
    try:
        dsn = await asyncio.to_thread(lambda: database.dsn)
        pool = await open_pool(dsn, 4)
        try:
            if database.embedded:
                await migrate(pool, dsn)
            yield pool
        finally:
            await pool.close()
    finally:
        await asyncio.to_thread(database.release)


async def found(settings: Settings, id: UUID, name: str) -> None:
    """A new practice."""
    from infra.store import Store

    async with opened(settings) as pool:
        await Store(pool).found_practice(id, name)


async def known(settings: Settings, id: UUID) -> bool:
    """Whether there is such a practice."""
    from infra.store import Store

    async with opened(settings) as pool:
        return await Store(pool).practice(id) is not None


async def bring_up_to_date(settings: Settings) -> None:
    """Run the migrations that are missing."""
    database = Database(settings)
    try:
        await asyncio.to_thread(lambda: upgrade(database.dsn))
    finally:
        await asyncio.to_thread(database.release)


async def proof(settings: Settings) -> dict[str, Any]:
    """What `verify` finds."""
    from infra.verify import verified

    async with opened(settings) as pool:
        return await verified(pool)


async def redetect(
    settings: Settings, practice_id: UUID | None, begun: Callable[[int], None], done: Callable[[], None]
) -> Counter[str]:
    """Look again at every relationship of one practice or of all; see `infra.redetection`."""
    from infra.redetection import redetected

    async with opened(settings) as pool:
        return await redetected(pool, practice_id, begun, done)


async def deliver(settings: Settings, begun: Callable[[Any], None]) -> None:
    """Deliver webhooks until interrupted. `begun` is given the dispatcher."""
    import signal

    from infra.deliveries import Dispatcher
    from infra.garbage import relax
    from infra.keys import Keys

    async with opened(settings) as pool:
        dispatcher = Dispatcher(pool, Keys(settings).seal, settings)
        begun(dispatcher)
        work = asyncio.create_task(dispatcher.run())
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, work.cancel)
        relax()
        try:
            await work
        except asyncio.CancelledError:
            return
