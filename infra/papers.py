"""What letter, report and readiness need beside the plan: who met how often, what the log says, what stood open."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.access import Role
from domain.attainment import AttainmentPhase
from domain.letter import Meetings
from domain.move import STABLE_SESSIONS
from domain.practice import PolicyKind
from domain.readiness import Ruptures
from domain.relationship import RELATIONSHIP
from domain.report import Logged
from domain.rupture import OPEN, RupturePhase

SCREENED = RELATIONSHIP.type_of(RELATIONSHIP.by_name["screen_risk"])
STANDING = ", ".join(f"'{phase}'" for phase in OPEN)
MEETINGS = """
SELECT count(*)::int AS count, (min(starts_at) AT TIME ZONE 'UTC')::date AS first_on FROM session
WHERE practice_id = $1 AND relationship_id = $2 AND phase = 'held'"""
NAMES = "SELECT id, display_name FROM therapist WHERE practice_id = $1 AND id = ANY ($2::uuid[])"
LOG = """
SELECT type, version, at, actor_kind, actor_id, target, data FROM event
WHERE practice_id = $1 AND subject_id = $2 AND ($3::text IS NULL OR type = $3) ORDER BY version"""
RUPTURES = f"""
SELECT count(*)::int AS recorded, count(*) FILTER (WHERE phase IN ({STANDING}))::int AS open,
  count(*) FILTER (WHERE phase = '{RupturePhase.SUSPECTED}')::int AS suspected,
  count(*) FILTER (WHERE phase = '{RupturePhase.UNREPAIRED}')::int AS unrepaired,
  count(*) FILTER (WHERE phase = '{RupturePhase.ENDED_UNREPAIRED}')::int AS ended_unrepaired
FROM rupture WHERE practice_id = $1 AND relationship_id = $2
 AND phase NOT IN ('{RupturePhase.DISMISSED}', '{RupturePhase.ENTERED_IN_ERROR}')"""
GOALS = f"""
SELECT * FROM goal_attainment WHERE practice_id = $1 AND relationship_id = $2
 AND phase <> '{AttainmentPhase.ENTERED_IN_ERROR}' ORDER BY id"""
STABLE = f"""
SELECT stable_sessions FROM policy WHERE practice_id = $1 AND kind = '{PolicyKind.TRANSITION}' AND phase = 'current'
ORDER BY updated_at DESC LIMIT 1"""


class Papers:
    """What is on record around an ending."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self._pool = pool

    async def meetings(self, practice_id: UUID, relationship_id: UUID) -> Meetings:
        """The sessions held."""
        return Meetings(**await self._pool.fetchrow(MEETINGS, practice_id, relationship_id))

    async def names(self, practice_id: UUID, ids: Iterable[UUID]) -> Mapping[UUID, str]:
        """The names of therapists, as far as they have one here."""
        rows = await self._pool.fetch(NAMES, practice_id, list(ids))
        return {row["id"]: row["display_name"] for row in rows if row["display_name"]}

    async def log(self, practice_id: UUID, plan_id: UUID) -> tuple[Logged, ...]:
        """Everything that happened to a plan."""
        return await self._logged(practice_id, plan_id, None)

    async def screenings(self, practice_id: UUID, relationship_id: UUID) -> tuple[Logged, ...]:
        """Every screening of risk."""
        return await self._logged(practice_id, relationship_id, SCREENED)

    async def _logged(self, practice_id: UUID, id: UUID, type: str | None) -> tuple[Logged, ...]:
        rows = await self._pool.fetch(LOG, practice_id, id, type)
        return tuple(Logged(**{**row, "actor_kind": Role(row["actor_kind"])}) for row in rows)

    async def ruptures(self, practice_id: UUID, relationship_id: UUID) -> Ruptures:
        """How many ruptures there are, and how they stand."""
        return Ruptures(**await self._pool.fetchrow(RUPTURES, practice_id, relationship_id))

    async def goals(self, practice_id: UUID, relationship_id: UUID) -> Sequence[Mapping[str, Any]]:
        """The goals that were scaled, as rows: not everybody is shown all of one."""
        rows: Sequence[Mapping[str, Any]] = await self._pool.fetch(GOALS, practice_id, relationship_id)
        return rows

    async def stable_sessions(self, practice_id: UUID) -> int:
        """Over how many scores the practice looks for stability."""
        return await self._pool.fetchval(STABLE, practice_id) or STABLE_SESSIONS
