"""What is seen to now and then: kept answers past their day, queues of endpoints that are gone, and the volumes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg

from infra.database import UNREACHABLE
from infra.log import log
from infra.reminding import remind_all
from infra.settings import Settings
from infra.store import Store
from infra.upkeep import Upkeep
from infra.volumes import make_round, rules

FIRST = 1
"""Seconds until the first round: whoever waited for the service to start goes first."""
EVERY = 60
"""Seconds between rounds."""
REMIND_EVERY = 3600
"""Seconds between looks for reminders, which are for a day."""
DROP = """
WITH gone AS (SELECT practice_id, id FROM webhook_endpoint WHERE phase = 'deleted'),
lanes AS (DELETE FROM lane l USING gone g WHERE l.practice_id = g.practice_id AND l.endpoint_id = g.id),
dead AS (DELETE FROM dead d USING gone g WHERE d.practice_id = g.practice_id AND d.endpoint_id = g.id)
DELETE FROM delivery d USING gone g WHERE d.practice_id = g.practice_id AND d.endpoint_id = g.id"""
ERASE = "UPDATE webhook_endpoint SET secrets = NULL WHERE phase = 'deleted' AND secrets IS NOT NULL"
FORGET = "DELETE FROM idempotency WHERE created_at < now() - make_interval(hours => $1)"


async def tidy_for_ever(
    pool: Any, dsn: str, settings: Settings, standing: Callable[[str, int, float], None], told: Callable[[UUID], None]
) -> None:
    """Round after round until cancelled.

    `standing` is told of each log how many volumes it has ahead, and the age of its oldest in seconds; `told` hears of
    the practices in whose logs it writes.
    """
    pause, reminding = FIRST, 0.0
    upkeep = Upkeep(Store(pool), told)

    async def expired(practice_id: UUID, endpoint_id: UUID) -> None:
        await upkeep.tell(practice_id, endpoint_id, "expire", {})

    while True:
        await asyncio.sleep(pause)
        pause = EVERY
        try:
            # First: the logs would grow for ever behind a sweep that takes longer than a statement may.
            for row in await make_round(dsn, rules(settings), expired):
                standing(row["log"], row["ahead"], row["oldest"])
            await pool.execute(FORGET, settings.idempotency_hours)
            await pool.execute(DROP)
            await pool.execute(ERASE)
            if time.monotonic() >= reminding:
                await remind_all(Store(pool), told)
                reminding = time.monotonic() + REMIND_EVERY
        except UNREACHABLE:
            continue
        except asyncpg.PostgresError as error:
            log().warning("put_off_to_the_next_round", error=type(error).__name__)
