"""Work that goes on in the background for as long as the process lives."""

import asyncio
from collections.abc import Awaitable

import asyncpg

from infra.database import UNREACHABLE
from infra.log import broken

PASSING: tuple[type[BaseException], ...] = (*UNREACHABLE, asyncpg.TransactionRollbackError)
"""What a statement raises that would be done the next time."""
BREATH = 1.0
"""Seconds before it is tried again."""


async def survived(what: str, work: Awaitable[bool], *, otherwise: bool) -> bool:
    """What `work` gives; `otherwise`, after a breath, when the database is away or something of ours is broken."""
    try:
        return await work
    except PASSING:
        pass
    except Exception as error:  # noqa: BLE001 - a loop that dies of one surprise would stop everybody's deliveries
        broken(error, during=what)
    await asyncio.sleep(BREATH)
    return otherwise
