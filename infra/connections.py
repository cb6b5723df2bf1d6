"""The pool's connections without the pool's ceremony.

Measured: a call through asyncpg's own pool costs two and a half times one on a connection in hand, for every release
makes a shielded task and every acquisition a proxy and a timer. Here a sound connection goes back to a list; only one
that broke, or was interrupted, goes back to the pool to be mended or replaced.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

PATIENCE = 5.0
"""Seconds that a caller waits for a connection while all of them are in use."""


class Connections:
    """Up to `size` connections of a pool, each used by one caller at a time."""

    def __init__(self, pool: Any, size: int) -> None:
        """`size` is the pool's own: nobody else may draw from it."""
        self._pool, self._free = pool, asyncio.Semaphore(size)
        self._idle: deque[Any] = deque()

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """One row."""
        return await self._on_one("fetchrow", sql, *args)

    async def fetch(self, sql: str, *args: Any) -> Any:
        """Every row."""
        return await self._on_one("fetch", sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of one row."""
        return await self._on_one("fetchval", sql, *args)

    async def execute(self, sql: str, *args: Any) -> Any:
        """Nothing but the effect."""
        return await self._on_one("execute", sql, *args)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """A connection for several statements."""
        await self._turn()
        try:
            connection = await self._take()
            sound = False
            try:
                yield connection
                sound = True
            finally:
                await self._give_back(connection, sound=sound)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _on_one(self, method: str, sql: str, *args: Any) -> Any:
        await self._turn()
        try:
            connection = await self._take()
            sound = False
            try:
                found = await getattr(connection, method)(sql, *args)
                sound = True
                return found
            finally:
                if sound:
                    self._idle.append(connection)
                else:
                    await self._give_back(connection, sound=False)
        finally:
            self._free.release()

    async def _turn(self) -> None:
        """Wait until one is free. Raises TimeoutError: where none comes free, nobody waits behind those who wait."""
        if not self._free.locked():
            await self._free.acquire()
            return
        async with asyncio.timeout(PATIENCE):
            await self._free.acquire()

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            await self._pool.release(connection)
        return await self._pool.acquire()

    async def _give_back(self, connection: Any, *, sound: bool) -> None:
        if sound and not connection.is_closed():
            self._idle.append(connection)
        else:
            # What was interrupted may still be under way on the server: the pool waits for that, or throws it away.
            await asyncio.shield(self._pool.release(connection))
