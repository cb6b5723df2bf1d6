"""What is swept up now and then: kept answers that are past their day."""

import asyncio
from typing import Any

from infra.database import UNREACHABLE
from infra.settings import Settings

EVERY = 600
"""Seconds between rounds."""
FORGET = "DELETE FROM idempotency WHERE created_at < now() - make_interval(hours => $1)"


async def tidy_for_ever(pool: Any, settings: Settings) -> None:
    """Sweep until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await pool.execute(FORGET, settings.idempotency_hours)
        except UNREACHABLE:
            continue
