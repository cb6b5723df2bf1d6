"""What relationships' reminders rest on, and the service's own round that tells each of them once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from domain.access import Caller, Role
from domain.due import Clock, Standing, due
from domain.errors import Refused
from domain.move import Around
from domain.reminders import Reminding
from domain.termination import TERMINATION_PLAN
from infra.conflicts import Moved
from infra.reviving import reader
from infra.rows import sight
from infra.shelves import SHELVES
from infra.store import Store
from infra.upkeep import NAME

EACH = 200
"""How many plans are looked at together."""
REMIND = TERMINATION_PLAN.by_name["remind"]
SHELF = SHELVES[TERMINATION_PLAN.subject]
BEFORE_ALL = UUID(int=0)


class Standings:
    """Reads what reminders rest on."""

    def __init__(self, pool: Any) -> None:
        """`pool` is the database's."""
        self._pool = pool

    async def of(self, practice_id: UUID, ids: Iterable[UUID]) -> tuple[tuple[Standing, ...], Clock]:
        """How these relationships stand, and when their practice wants to be reminded."""
        rows = await self._pool.fetch(STANDINGS, practice_id, list(ids))
        clock = await self._pool.fetchrow(CLOCK, practice_id)
        return tuple(map(reader(Standing), rows)), reader(Clock)({n: v for n, v in clock.items() if v is not None})


async def remind_all(store: Store, told: Callable[[UUID], None], today: date | None = None) -> int:
    """Tell, in every practice, what has fallen due and was not told yet. Returns how many reminders that were.

    Any number of processes may do so at once: a reminder that another told first is one that was told.
    """
    today, count, place = today or datetime.now(UTC).date(), 0, (BEFORE_ALL, BEFORE_ALL)
    while rows := await store.pool.fetch(WAITING, *place, EACH):
        place = rows[-1]["practice_id"], rows[-1]["id"]
        for practice_id in dict.fromkeys(row["practice_id"] for row in rows):
            ids = [row["relationship_id"] for row in rows if row["practice_id"] == practice_id]
            known, clock = await Standings(store.pool).of(practice_id, ids)
            for standing in known:
                count += await remind(store, practice_id, untold(standing, clock, today), standing, told)
    return count


def untold(standing: Standing, clock: Clock, today: date) -> Sequence[Reminding]:
    """What is due of a plan and was not told."""
    said = {(r.kind, r.due_on, r.text_version) for r in standing.plan.reminders} if standing.plan else set()
    owed = (
        Reminding(kind=r.kind, due_on=r.due_on, days_before=r.days_before, text_version=r.text_version)
        for r in due(standing, clock, today=today, until=today)
        if (r.kind, r.due_on, r.text_version) not in said
    )
    return tuple(dict.fromkeys(owed))  # two answers of one day are one thing to tell


async def remind(
    store: Store, practice_id: UUID, owed: Sequence[Reminding], standing: Standing, told: Callable[[UUID], None]
) -> int:
    """Make the moves, and say how many were made. What moved meanwhile waits for the next round."""
    if standing.plan is None:
        return 0
    caller, count = Caller(practice_id=practice_id, role=Role.POLICY, id=NAME, origin=NAME), 0
    for reminding in owed:
        row = await store.row(SHELF, caller, standing.plan.id)
        if row is None:
            break
        around = Around(caller=caller, now=datetime.now(UTC), relationship=sight(row))
        try:
            decision = TERMINATION_PLAN.decide(REMIND, SHELF.state(row), reminding, around, id=standing.plan.id)
            await store.write(decision, around, row["version"])
        except (Refused, Moved):
            break
        told(practice_id)
        count += 1
    return count


STANDINGS = """
SELECT r.id AS relationship_id, r.phase, coalesce(r.started_on, (r.created_at AT TIME ZONE 'UTC')::date) AS begun_on,
  to_jsonb(p) AS plan, t.edition, t.edition_since,
  ARRAY(SELECT (s.starts_at AT TIME ZONE 'UTC')::date FROM session s
    WHERE s.practice_id = $1 AND s.relationship_id = r.id AND s.phase = 'missed' AND s.starts_at > coalesce(
      (SELECT max(h.starts_at) FROM session h WHERE h.practice_id = $1 AND h.relationship_id = r.id
        AND h.phase IN ('held', 'late_cancelled')), '-infinity') ORDER BY 1) AS missed_on,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('signal_id', g.id, 'seen_on', least(
      coalesce(o.rated_on, (s.starts_at AT TIME ZONE 'UTC')::date), (g.created_at AT TIME ZONE 'UTC')::date))
    ORDER BY g.id), '[]')
    FROM signal g LEFT JOIN outcome_score o ON o.practice_id = $1 AND o.id = g.outcome_score_id
    LEFT JOIN session s ON s.practice_id = $1 AND s.id = g.session_id
    WHERE g.practice_id = $1 AND g.relationship_id = r.id AND g.kind = 'risk_item' AND g.phase = 'raised'
     AND NOT g.private_to_client) AS risk_answers
FROM relationship r LEFT JOIN termination_plan p ON p.practice_id = $1 AND p.relationship_id = r.id
LEFT JOIN policy t ON t.practice_id = $1 AND t.id = (p.consent ->> 'policy_id')::uuid AND t.phase = 'current'
WHERE r.practice_id = $1 AND r.id = ANY($2) ORDER BY r.id"""
CLOCK = """
SELECT t.days_before_ending, t.mention_days, t.review_every_days, t.transfer_days, c.missed_sessions, c.silent_days
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT * FROM policy WHERE practice_id = $1 AND kind = 'transition' AND phase = 'current'
  ORDER BY updated_at DESC LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT * FROM policy WHERE practice_id = $1 AND kind = 'no_contact' AND phase = 'current'
  ORDER BY updated_at DESC LIMIT 1) c ON true"""
WAITING = f"""
SELECT practice_id, id, relationship_id FROM termination_plan
WHERE phase IN ({", ".join(f"'{phase}'" for phase in REMIND.source)}) AND (practice_id, id) > ($1, $2)
ORDER BY practice_id, id LIMIT $3"""
