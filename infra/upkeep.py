"""What follows for an endpoint from how it answers: moves like any other, in the log and on the feed."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.access import Caller, Role
from domain.errors import Refused
from domain.move import Around
from domain.webhook import WEBHOOK_ENDPOINT
from infra.conflicts import Moved
from infra.database import UNREACHABLE
from infra.shelves import SHELVES
from infra.store import Store

NAME = "bravespace"
"""Who the service is in the log, when it acts on its own."""


class Upkeep:
    """Makes the service's own moves on endpoints."""

    def __init__(self, store: Store, told: Callable[[UUID], None]) -> None:
        """`told` hears of every practice whose log grew."""
        self._store, self._told = store, told

    async def tell(
        self, practice_id: UUID, endpoint_id: UUID, name: str, said: Mapping[str, Any], url: str | None = None
    ) -> None:
        """Make a move, if it is open; wait for a database that is away.

        `url`: only while this is its address. How one answered says nothing of another that took its place.
        """
        caller = Caller(practice_id=practice_id, role=Role.POLICY, id=NAME, origin=NAME)
        while True:
            try:
                await self._move(caller, endpoint_id, name, said, url)
            except Moved:
                continue
            except Refused:
                return None
            except UNREACHABLE:
                await asyncio.sleep(1)
                continue
            return self._told(practice_id)

    async def _move(
        self, caller: Caller, endpoint_id: UUID, name: str, said: Mapping[str, Any], url: str | None
    ) -> None:
        shelf, move = SHELVES[WEBHOOK_ENDPOINT.subject], WEBHOOK_ENDPOINT.by_name[name]
        row = await self._store.row(shelf, caller, endpoint_id)
        if row is None or url not in (None, row["url"]):
            return
        around = Around(caller=caller, now=datetime.now(UTC))
        decision = WEBHOOK_ENDPOINT.decide(move, shelf.state(row), move.takes(**said), around, id=endpoint_id)
        await self._store.write(decision, around, row["version"])
