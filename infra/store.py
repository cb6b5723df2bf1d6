"""The store: one statement per decision, and no other way to write."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from domain.access import Caller
from domain.measure import Instrument
from domain.move import Around, ConsentText, Decision, Endings
from domain.policies import alone
from domain.returning import Scores
from domain.signal import Signal
from infra.conflicts import TAKEN, Moved, Taken
from infra.consequences import KEEP, Together
from infra.insights import COUNTS
from infra.milestones import Book, Horizon, horizon, page
from infra.reviving import reader
from infra.rows import (
    Kept,
    changed_values,
    event_values,
    identity,
    kept_row,
    kept_values,
    renames,
    subject_of,
    wording,
)  # fmt: skip
from infra.shelves import SHELVES, Shelf
from infra.trajectory import Record

AT_ODDS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
SAME_MOMENT = "Somebody else moved at the same moment; read it again and decide anew."
Pool = Any  # asyncpg's pool, whose generic parameter says nothing here.


class Store:
    """Everything that is read and written."""

    def __init__(self, pool: Pool, *, held: bool = False) -> None:
        """`pool` leads to a migrated database; `held`: it is one connection, in a transaction that holds rows."""
        self.pool = pool
        self._book = Book(pool)
        self._held, self._together = held, Together(pool, held=held)

    # -- reading ---------------------------------------------------------------------------------------------------

    async def practice(self, practice_id: UUID) -> Mapping[str, Any] | None:
        """The tenant itself."""
        row: Mapping[str, Any] | None = await self.pool.fetchrow("SELECT * FROM practice WHERE id = $1", practice_id)
        return row

    async def row(self, shelf: Shelf, caller: Caller, id: UUID, key: str | None = None) -> Mapping[str, Any] | None:
        """One object in the caller's sight, with what is kept under `key`."""
        statement = shelf.read(caller.role, keyed=key is not None)
        values: dict[str, Any] = {"practice_id": caller.practice_id, "id": id, **subject_of(caller)}
        if key is not None:
            values |= {"caller": identity(caller), "key": key}
        row: Mapping[str, Any] | None = await self.pool.fetchrow(statement.sql, *statement.args(values))
        return row

    async def page(
        self, shelf: Shelf, caller: Caller, filters: Mapping[str, Any], *, after: UUID, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """A page by id."""
        statement = shelf.listing(caller.role, tuple(sorted(filters)), changed=False)
        by = {f"by_{name}": value for name, value in filters.items()}
        values = {"practice_id": caller.practice_id, "after": after, "limit": limit, **by, **subject_of(caller)}
        rows: Sequence[Mapping[str, Any]] = await self.pool.fetch(statement.sql, *statement.args(values))
        return rows

    async def changed(
        self, shelf: Shelf, caller: Caller, filters: Mapping[str, Any], *, after: int, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], int, bool]:
        """The current state of what the log names after `after`, where to go on, and whether there is more.

        Raises HistoryGone when events after that number are no longer kept.
        """
        named, upto = await self._book.read(caller.practice_id, after, limit, changes, shelf.machine.subject)
        more = len(named) == limit
        until = named[-1]["seq"] if more else max(upto, after)
        last = {event["subject_id"]: event["seq"] for event in named}
        statement = shelf.listing(caller.role, tuple(sorted(filters)), changed=True)
        by = {f"by_{name}": value for name, value in filters.items()}
        changed = {"changed_ids": list(last), "changed_seqs": list(last.values())}
        values = {"practice_id": caller.practice_id, **changed, **by}
        rows = await self.pool.fetch(statement.sql, *statement.args(values | subject_of(caller)))
        return rows, until, more

    async def among(
        self, shelf: Shelf, practice_id: UUID, ids: list[UUID], relationship_id: UUID | None
    ) -> frozenset[UUID]:
        """Those of the ids that the practice has, within the relationship where one is given."""
        within = " AND relationship_id = $3" if relationship_id else ""
        sql = f"SELECT id FROM {shelf.table.name} WHERE practice_id = $1 AND id = ANY ($2){within}"
        args = (practice_id, ids, relationship_id) if relationship_id else (practice_id, ids)
        return frozenset(row["id"] for row in await self.pool.fetch(sql, *args))

    async def plan_of(self, practice_id: UUID, relationship_id: UUID) -> UUID | None:
        """The id of a relationship's termination plan."""
        sql = "SELECT id FROM termination_plan WHERE practice_id = $1 AND relationship_id = $2"
        found: UUID | None = await self.pool.fetchval(sql, practice_id, relationship_id)
        return found

    async def rupture_type(self, practice_id: UUID, rupture_id: UUID) -> str:
        """The type of a rupture."""
        sql = "SELECT type FROM rupture WHERE practice_id = $1 AND id = $2"
        found: str = await self.pool.fetchval(sql, practice_id, rupture_id)
        return found

    async def counts(self, practice_id: UUID, since: date) -> Mapping[str, Any]:
        """What a practice's insights are made of, by name; from the day `since` on."""
        found: Mapping[str, Any] = await self.pool.fetchval(COUNTS, practice_id, since)
        return found

    async def forms(self, practice_id: UUID, code: str) -> tuple[Instrument, ...]:
        """The practice's own instruments of a code (of any, if it is empty), those that are retired among them."""
        rows = await self.pool.fetch(FORMS, practice_id, code)
        return tuple(SHELVES["instrument"].state(row) for row in rows)

    async def texts(self, practice_id: UUID, policy_id: UUID) -> tuple[ConsentText, ...]:
        """The text that a policy keeps for clients to be told, if it is in force."""
        rows = await self.pool.fetch(TEXTS, practice_id, policy_id)
        return tuple(map(reader(ConsentText), rows))

    async def horizon(self, practice_id: UUID) -> Horizon:
        """Where the log begins and ends."""
        return await horizon(self.pool, practice_id)

    async def secrets(self, practice_id: UUID, endpoint_id: UUID) -> bytes | None:
        """The sealed secrets of a webhook endpoint."""
        sql = "SELECT secrets FROM webhook_endpoint WHERE practice_id = $1 AND id = $2"
        sealed: bytes | None = await self.pool.fetchval(sql, practice_id, endpoint_id)
        return sealed

    async def kept(self, caller: Caller, key: str) -> Kept | None:
        """The answer under an Idempotency-Key."""
        row = await self.pool.fetchrow(KEPT, caller.practice_id, identity(caller), key)
        return Kept(key, row[0], row[1], row[2], row[3].encode()) if row else None

    async def scores(self, caller: Caller, relationship_id: UUID) -> Scores:
        """The ratings of a relationship in the caller's sight."""
        return await Record(self.pool).scores(caller, relationship_id)

    async def endings(self, practice_id: UUID, relationship_id: UUID) -> Endings:
        """What an ending has to reckon with."""
        row = await self.pool.fetchrow(ENDINGS, practice_id, relationship_id)
        known = {n: v for n, v in row.items() if v is not None}
        found: Endings = reader(Endings)({**known, "no_contact_policy": row["outreach_attempts"] is not None})
        return found

    async def seen_on(self, practice_id: UUID, signal: Signal) -> date | None:
        """The day of the form that a signal was seen in, or else of its session (UTC)."""
        found: date | None = await self.pool.fetchval(SEEN_ON, practice_id, signal.outcome_score_id, signal.session_id)
        return found

    # -- writing ---------------------------------------------------------------------------------------------------

    async def write(
        self, decision: Decision, around: Around, version: int, kept: Kept | None = None,
        secrets: bytes | None = None,
    ) -> int:  # fmt: skip
        """Write a decision with all that follows from it. Returns how many deliveries it set off.

        Raises Moved when `version` is no longer the row's, Taken when something that must be unique is not.
        """
        try:
            if self._held or not alone(decision.event.type) or renames(decision):
                return await self._together.write(decision, around, version, kept, secrets)
            return await self._write_one(decision, around, version, kept, secrets)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "idempotency_pkey":
                raise Moved("A request with this Idempotency-Key was finished a moment ago; repeat it.") from None
            name = str(error.constraint_name)
            detail = TAKEN.get(name, "An object with this id exists already.")
            raise Taken(detail, name, place_of(decision, error)) from None
        except AT_ODDS:
            raise Moved(SAME_MOMENT) from None

    async def _write_one(
        self, decision: Decision, around: Around, version: int, kept: Kept | None, secrets: bytes | None
    ) -> int:
        shelf = SHELVES[decision.machine.subject]
        values = event_values(decision, around, version) | changed_values(shelf, decision, around, version)
        if around.relationship:
            values["seen_phase"] = around.relationship.phase
        if kept:
            values |= kept_values(kept, around.caller)
        if decision.before is None:
            statement = shelf.make(keyed=kept is not None)
            values["new_secrets"] = secrets
        else:
            said = wording(decision)
            values |= {"said_fields": list(said), "said_texts": list(said.values())}
            seen = decision.move.knows == "where"
            changed, added = frozenset(decision.changes), frozenset(decision.event.add)
            if secrets:
                changed, values = changed | {"secrets"}, values | {"new_secrets": secrets}
            statement = shelf.write(changed, added, keyed=kept is not None, worded=bool(said), seen=seen)
        row = await self.pool.fetchrow(statement.sql, *statement.args(values))
        if row is None:
            raise Moved("Somebody else moved first; read it again and decide anew.")
        sent: int = row["sent"]
        return sent

    @asynccontextmanager
    async def held(self, practice_id: UUID, plan_id: UUID) -> AsyncIterator["Store"]:
        """Hold a plan and its relationship until what is decided about them is written.

        What it gives reads and writes on the one connection that holds them: the others of the pool may all be waiting.
        Raises Moved when somebody else held one of them and waited for the other.
        """
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                for statement in (HOLD_RELATIONSHIP, HOLD_PLAN):
                    await connection.execute(statement, practice_id, plan_id)
                yield Store(connection, held=True)
        except AT_ODDS:
            raise Moved(SAME_MOMENT) from None

    async def keep(self, caller: Caller, kept: Kept) -> bool:
        """Keep an answer under its Idempotency-Key; of two at once the first stands. False for the other."""
        done: str = await self.pool.execute(f"{KEEP} ON CONFLICT DO NOTHING", *kept_row(kept, caller))
        return done.endswith(" 1")

    async def found_practice(self, id: UUID, name: str) -> None:
        """A new practice."""
        async with self.pool.acquire() as connection, connection.transaction():
            # It begins in the volume that is open, and no other is opened until it is there to be moved on.
            await connection.execute("LOCK TABLE volume IN SHARE MODE")
            await connection.execute(FOUND, id, name)


def changes(volume: int, most: int) -> str:
    """What changed in a volume: the events of one kind of thing."""
    return page(
        volume,
        f"SELECT seq, subject_id FROM event WHERE practice_id = $1 AND volume = {volume} AND seq > $2 AND subject = $3 "
        f"ORDER BY seq LIMIT {most}",
    )


def place_of(decision: Decision, error: asyncpg.UniqueViolationError) -> str:
    """Which of the identifiers that are to be given is another's; empty where it is about something else."""
    if error.constraint_name != "external_id_pkey":
        return ""
    names = decision.after.external_identifiers
    keys = [f", {decision.machine.subject}, {name.system}, {name.value})" for name in names]
    return next((f"external_identifiers/{i}" for i, key in enumerate(keys) if key in (error.detail or "")), "")


FOUND = """
WITH founded AS (
  INSERT INTO practice (id, name, volume)
  SELECT $1, $2, max(number) FROM volume WHERE log = 'event' AND opened_at IS NOT NULL RETURNING id, volume)
INSERT INTO milestone (practice_id, volume, first_seq) SELECT id, volume, 1 FROM founded"""
KEPT = """
SELECT fingerprint, status, headers, body FROM idempotency WHERE practice_id = $1 AND caller = $2 AND key = $3"""
FORMS = "SELECT * FROM instrument WHERE practice_id = $1 AND $2 IN (code, '') ORDER BY code, edition"
SEEN_ON = """
SELECT coalesce((SELECT rated_on FROM outcome_score WHERE practice_id = $1 AND id = $2),
  (SELECT (starts_at AT TIME ZONE 'UTC')::date FROM session WHERE practice_id = $1 AND id = $3))"""
TEXTS = """
SELECT id AS policy_id, edition FROM policy WHERE practice_id = $1 AND id = $2
  AND kind IN ('informed_consent', 'confidentiality') AND phase = 'current'"""
# What a client keeps from their therapist is not told of at the ending either.
ENDINGS = """
SELECT (SELECT count(*) FROM rupture WHERE practice_id = $1 AND relationship_id = $2
          AND phase IN ('confirmed', 'in_repair')) AS open_ruptures,
  (SELECT count(*) FROM signal WHERE practice_id = $1 AND relationship_id = $2
    AND kind = 'risk_item' AND phase = 'raised' AND NOT private_to_client) AS risk_answers,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('policy_id', id, 'edition', edition)), '[]') FROM policy
    WHERE practice_id = $1 AND kind = 'informed_consent' AND phase = 'current') AS consent_texts,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('therapist_id', w.therapist_id, 'successor_ids', ARRAY(
      SELECT t.id FROM therapist t WHERE t.practice_id = $1 AND t.phase = 'active'
       AND t.id IN (w.successor_therapist_id, w.deputy_therapist_id) ORDER BY t.id = w.deputy_therapist_id))
    ORDER BY w.updated_at DESC), '[]')
    FROM policy w JOIN relationship r ON r.practice_id = $1 AND r.id = $2
    WHERE w.practice_id = $1 AND w.kind = 'professional_will' AND w.phase = 'current'
     AND (w.therapist_id IS NULL OR w.therapist_id = ANY (r.therapist_ids))) AS wills,
  c.outreach_attempts, c.outreach_channels
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT outreach_attempts, outreach_channels FROM policy WHERE practice_id = $1
   AND kind = 'no_contact' AND phase = 'current' ORDER BY updated_at DESC LIMIT 1) c ON true"""
HOLD_RELATIONSHIP = """
SELECT 1 FROM relationship r JOIN termination_plan p ON p.practice_id = r.practice_id AND p.relationship_id = r.id
WHERE p.practice_id = $1 AND p.id = $2 FOR NO KEY UPDATE OF r"""
HOLD_PLAN = "SELECT 1 FROM termination_plan WHERE practice_id = $1 AND id = $2 FOR NO KEY UPDATE"
