"""Looking again at all there is: after a practice chose other detectors, or one of them has a new version.

One relationship after another, each in a transaction of its own, by what a rating that is written sets off as well. So
it may be stopped at any moment and run again beside any service: what has been looked at stays, and looking twice
changes nothing.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.access import Caller, Role
from domain.move import Around
from infra.conflicts import Moved
from infra.consequences import Together
from infra.upkeep import NAME

LOOKED_AT = "relationships"
"""What a tally calls the relationships, beside the types of the events that came of them."""
SOMEBODY_FIRST = (Moved, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# In the order of their ids, so that those of one practice follow each other.
RELATIONSHIPS = """
SELECT r.practice_id, r.id FROM relationship r WHERE ($1::uuid IS NULL OR r.practice_id = $1) AND (
  EXISTS (SELECT FROM alliance_rating a WHERE a.practice_id = r.practice_id AND a.relationship_id = r.id)
  OR EXISTS (SELECT FROM outcome_score o WHERE o.practice_id = r.practice_id AND o.relationship_id = r.id))
ORDER BY r.practice_id, r.id"""


async def redetected(
    pool: Any, practice_id: UUID | None, begun: Callable[[int], None], done: Callable[[], None]
) -> Counter[str]:
    """Look again at all relationships of a practice; None: of every practice. Returns how often what happened.

    `begun` hears how many relationships there are, `done` of each that has been looked at. Raises LookupError where
    there is no such practice.
    """
    if practice_id and not await pool.fetchval("SELECT 1 FROM practice WHERE id = $1", practice_id):
        raise LookupError(f"There is no practice {practice_id}.")
    found = await pool.fetch(RELATIONSHIPS, practice_id)
    begun(len(found))
    together, tally = Together(pool, held=False), Counter({LOOKED_AT: 0})
    for practice, relationship in found:
        tally.update(await looked_again(together, practice, relationship))
        tally[LOOKED_AT] += 1
        done()
    return tally


async def looked_again(together: Together, practice_id: UUID, relationship_id: UUID) -> list[str]:
    """Look at one, again for as long as others move at the same moment. The types of the events that came of it."""
    caller = Caller(practice_id=practice_id, role=Role.POLICY, id=NAME, origin=NAME)
    while True:
        try:
            return await together.look_again(relationship_id, Around(caller=caller, now=datetime.now(UTC)))
        except SOMEBODY_FIRST:
            continue
