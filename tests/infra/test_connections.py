"""The pool's connections, without the pool's ceremony."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra import connections, embedded
from infra.connections import Connections
from infra.database import open_pool


@pytest.fixture
async def only_one(data_dir: Any) -> AsyncIterator[Connections]:
    """A pool of one connection."""
    with embedded.start(data_dir) as cluster:
        one = Connections(await open_pool(cluster.dsn, 1), 1)
        yield one
        await one.close()


async def test_nobody_waits_without_end_for_a_connection(only_one: Connections, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    async with only_one.acquire() as held:
        with pytest.raises(TimeoutError):
            await only_one.fetchval("SELECT 1")
        with pytest.raises(TimeoutError):
            async with only_one.acquire():
                pass
        assert await held.fetchval("SELECT 2") == 2
    assert await only_one.fetchval("SELECT 3") == 3


async def test_who_waits_a_while_is_served(only_one: Connections):
    async with only_one.acquire() as held:
        waiting = [asyncio.create_task(only_one.fetchval("SELECT $1::int", n)) for n in range(20)]
        await held.execute("SELECT pg_sleep(0.05)")
    assert await asyncio.gather(*waiting) == list(range(20))


async def test_a_statement_that_is_given_up_takes_no_connection_with_it(only_one: Connections):
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await only_one.fetchval("SELECT pg_sleep(5)")
    assert await only_one.fetchval("SELECT 1") == 1
