"""Everything a trajectory is drawn from, in one statement: what one caller may see of one relationship."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from domain.access import Caller, Role
from domain.detection import Series
from domain.episodes import Mending
from domain.form import Form, InstrumentKind
from domain.instruments import form_of
from domain.measure import Instrument, in_force
from domain.relationship import Transition
from domain.returning import Scores
from domain.rupture import RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.signal import SIGNAL
from domain.telling import in_words
from domain.trajectory import RuptureMark, Seat, SignalMark, Trajectory, trajectory
from infra.clauses import IN_SIGHT
from infra.reviving import reader
from infra.watch import BASELINES, IN_FORCE, SIGNALS, TURNS, alliance, ratings

Row = Mapping[str, Any]


class Record:
    """What is on record about relationships, as far as a picture needs it."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self._pool = pool

    async def trajectory(self, caller: Caller, relationship_id: UUID) -> Trajectory:
        """The trajectory of a relationship in the caller's sight."""
        told = await self._told(caller, relationship_id)
        own, series = drawn(told)
        return in_words(trajectory(
            relationship_id, series=series, titles=titles(series, own), limited=caller.role is not Role.CLIENT,
            seats=tuple(map(reader(Seat), told["seats"])), signals=tuple(map(reader(SignalMark), told["signals"])),
            ruptures=tuple(map(reader(RuptureMark), told["ruptures"])),
            transitions=tuple(map(reader(Transition), told["transitions"])), mending=reader(Mending)(told["mending"]),
        ))  # fmt: skip

    async def scores(self, caller: Caller, relationship_id: UUID) -> Scores:
        """The ratings of a relationship in the caller's sight."""
        told = await self._told(caller, relationship_id)
        return Scores(drawn(told)[1], reader(Mending)(told["mending"]).repair_window)

    async def _told(self, caller: Caller, relationship_id: UUID) -> Row:
        found: Row = await self._pool.fetchval(
            everything(caller.role), caller.practice_id, relationship_id, NO_ANSWERS
        )  # fmt: skip
        return found


def drawn(told: Row) -> tuple[tuple[Form, ...], tuple[Series, ...]]:
    """The practice's own forms, and the ratings as series."""
    own = in_force(map(reader(Instrument), told["forms"]))
    turns, baselines = ([date.fromisoformat(day) for day in told[name]] for name in ("turns", "baselines"))
    return own, alliance([revived(row) for row in told["ratings"]], own, turns, baselines)


def revived(row: Row) -> dict[str, Any]:
    """A rating that came as JSON, as the detectors read it."""
    return {
        **row, "session_id": UUID(row["session_id"]), "starts_at": datetime.fromisoformat(row["starts_at"]),
    }  # fmt: skip


def titles(series: Sequence[Series], own: Sequence[Form]) -> dict[str, str]:
    """The instruments' names, by code."""
    named = {(s.instrument, s.version) for s in series if s.instrument}
    forms = (form_of(*n, [f for f in own if f.code == n[0]], InstrumentKind.ALLIANCE) for n in sorted(named))
    return {form.code: form.title for form in forms}


SHOWN = ", ".join(f"'{phase}'" for phase in (SessionPhase.HELD, SessionPhase.MISSED, SessionPhase.LATE_CANCELLED))
HIDDEN = ", ".join(f"'{phase}'" for phase in (RupturePhase.DISMISSED, RupturePhase.ENTERED_IN_ERROR))
LABELLED = f"CASE WHEN r.shared_with_client THEN r.type ELSE '{RuptureType.UNSPECIFIED}' END"
"""How clinicians describe a rupture is a client's to read once it is shared with them."""
RUPTURES = f"""
SELECT r.id, %s AS type, r.phase, r.session_id,
  coalesce(r.happened_on, (s.starts_at AT TIME ZONE 'UTC')::date, (r.created_at AT TIME ZONE 'UTC')::date)
    AS happened_on,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'concluded_on', p.concluded_on, 'outcome', p.outcome,
     'begun_on', least((p.created_at AT TIME ZONE 'UTC')::date,
       (SELECT min((step ->> 'taken_on')::date) FROM jsonb_array_elements(p.steps) step))) ORDER BY p.created_at, p.id),
     '[]')
   FROM repair p WHERE p.practice_id = $1 AND p.relationship_id = $2 AND p.rupture_id = r.id) AS repairs
FROM rupture r LEFT JOIN session s ON s.practice_id = r.practice_id AND s.id = r.session_id
WHERE r.practice_id = $1 AND r.relationship_id = $2 AND r.phase NOT IN ({HIDDEN})"""
NO_ANSWERS: tuple[str, ...] = ()
"""A picture shows scores: the answers of no form are read."""


@cache
def everything(role: Role) -> str:
    """The statement, for what a role is in sight of."""
    signals = IN_SIGHT["signal"].get(role, "true") if role in SIGNAL.read_by else "false"
    ruptures = RUPTURES.replace("%s", LABELLED if role is Role.CLIENT else "r.type")
    return f"""
WITH sat AS MATERIALIZED (
  SELECT id, starts_at, phase, CASE WHEN phase = 'held' THEN
    row_number() OVER (PARTITION BY phase ORDER BY starts_at, id) END AS ordinal
  FROM session WHERE practice_id = $1 AND relationship_id = $2 AND phase IN ({SHOWN})),
seen AS MATERIALIZED ({ratings(IN_SIGHT["alliance_rating"].get(role, "true"))})
SELECT jsonb_build_object(
  'seats', (SELECT coalesce(jsonb_agg(jsonb_build_object('session_id', id, 'starts_at', starts_at, 'status', phase,
    'ordinal', ordinal) ORDER BY starts_at, id), '[]') FROM sat),
  'ratings', (SELECT coalesce(jsonb_agg(to_jsonb(seen)), '[]') FROM seen),
  'turns', ({TURNS}), 'baselines', ({BASELINES}),
  'forms', (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'item_texts'), '[]') FROM instrument i
    WHERE i.practice_id = $1 AND i.code IN (SELECT instrument FROM seen)),
  'mending', coalesce((SELECT to_jsonb(p) FROM (SELECT repair_rules, repair_window {IN_FORCE}) p), '{{}}'),
  'signals', (SELECT coalesce(jsonb_agg(to_jsonb(signal) ORDER BY sat.starts_at, signal.id), '[]')
    FROM ({SIGNALS}) signal JOIN sat ON sat.id = signal.session_id WHERE {signals}),
  'ruptures', (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.happened_on, r.id), '[]') FROM ({ruptures}) r),
  'transitions', (SELECT transitions FROM relationship WHERE practice_id = $1 AND id = $2))"""
