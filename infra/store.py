"""The store: one statement per decision, and no other way to write."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from domain.access import Caller, Role, Stamp
from domain.errors import Refused
from domain.machine import Decision, Machine
from domain.move import Around, Endings
from domain.policies import following
from domain.relationship import RelationshipPhase, Risk
from domain.values import plain, texts
from infra.shelves import SHELVES, Shelf

Pool = Any  # asyncpg's pool, whose generic parameter says nothing here.


class Taken(Refused):
    """Another object already has what must be unique."""

    status = 409
    code = "taken"
    title = "Somebody else has it already"

    def __init__(self, detail: str, constraint: str) -> None:
        """`constraint` is the database's name for what must be unique."""
        super().__init__(detail)
        self.constraint = constraint


class Moved(Refused):
    """Somebody else moved first; nothing was written."""

    status = 409
    code = "moved-meanwhile"
    title = "Somebody else moved first"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer under an Idempotency-Key."""

    key: str
    fingerprint: bytes
    status: int = 0
    headers: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sight:
    """A relationship as guards and policies see it."""

    client_id: UUID
    therapist_ids: list[UUID]
    phase: RelationshipPhase
    risk: Risk
    screened_on: date | None


TAKEN = {
    "repair_one_active": "This rupture has a repair under way; go on with that one.",
    "termination_plan_one_each": "This relationship has a plan already; make the move on that one.",
    "external_id_pkey": "An external identifier already names another object of this kind.",
}
"""Constraints whose breach is an answer, by name."""


def sight(row: Mapping[str, Any]) -> Sight | None:
    """The relationship a row was read with."""
    if "_client_id" not in row:
        return None
    return Sight(
        client_id=row["_client_id"],
        therapist_ids=row["_therapist_ids"],
        phase=RelationshipPhase(row["_phase"]),
        risk=Risk(row["_risk"]),
        screened_on=row["_screened_on"],
    )


class Store:
    """Everything that is read and written."""

    def __init__(self, pool: Pool) -> None:
        """`pool` leads to a migrated database."""
        self.pool = pool

    # -- reading ---------------------------------------------------------------------------------------------------

    async def practice(self, practice_id: UUID) -> Mapping[str, Any] | None:
        """The tenant itself."""
        row: Mapping[str, Any] | None = await self.pool.fetchrow("SELECT * FROM practice WHERE id = $1", practice_id)
        return row

    async def row(self, shelf: Shelf, caller: Caller, id: UUID, key: str | None = None) -> Mapping[str, Any] | None:
        """One object in the caller's sight, with what is kept under `key`."""
        statement = shelf.read(caller.role, keyed=key is not None)
        values = {
            "practice_id": caller.practice_id,
            "id": id,
            "caller": identity(caller),
            "key": key,
            **subject_of(caller),
        }
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
        """The current state of what the log names after `after`, where to go on, and whether there is more."""
        subject = shelf.machine.subject
        stretch = await self.pool.fetchrow(CHANGED, caller.practice_id, subject, after, limit)
        more = stretch["found"] == limit
        until = stretch["last"] if more else max(stretch["seq"], after)
        statement = shelf.listing(caller.role, tuple(sorted(filters)), changed=True)
        by = {f"by_{name}": value for name, value in filters.items()}
        values = {"practice_id": caller.practice_id, "seq": after, "until": until, "subject": subject, **by}
        rows = await self.pool.fetch(statement.sql, *statement.args(values | subject_of(caller)))
        return rows, until, more

    async def exists(self, shelf: Shelf, practice_id: UUID, id: UUID, relationship_id: UUID | None) -> bool:
        """Whether the practice has it, within the relationship where one is given."""
        within = " AND relationship_id = $3" if relationship_id else ""
        sql = f"SELECT 1 FROM {shelf.table.name} WHERE practice_id = $1 AND id = $2{within}"
        args = (practice_id, id, relationship_id) if relationship_id else (practice_id, id)
        return await self.pool.fetchval(sql, *args) is not None

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

    async def secrets(self, practice_id: UUID, endpoint_id: UUID) -> bytes | None:
        """The sealed secrets of a webhook endpoint."""
        sql = "SELECT secrets FROM webhook_endpoint WHERE practice_id = $1 AND id = $2"
        sealed: bytes | None = await self.pool.fetchval(sql, practice_id, endpoint_id)
        return sealed

    async def kept(self, caller: Caller, key: str) -> Kept | None:
        """The answer under an Idempotency-Key."""
        row = await self.pool.fetchrow(KEPT, caller.practice_id, identity(caller), key)
        return Kept(key, row[0], row[1], row[2], row[3].encode()) if row else None

    async def endings(self, practice_id: UUID, relationship_id: UUID) -> Endings:
        """What an ending has to reckon with."""
        row = await self.pool.fetchrow(ENDINGS, practice_id, relationship_id)
        known = {n: v for n, v in row.items() if v is not None}
        return Endings(**known, no_contact_policy=row["outreach_attempts"] is not None)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def write(
        self, decision: Decision, stamp: Stamp, version: int, kept: Kept | None = None,
        secrets: bytes | None = None,
    ) -> int:  # fmt: skip
        """Write a decision with all that follows from it. Returns how many deliveries it set off.

        Raises Moved when `version` is no longer the row's, Taken when something that must be unique is not.
        """
        try:
            if following(decision.event.type) or renames(decision):
                return await self._write_with_consequences(decision, stamp, version, kept)
            return await self._write_one(decision, stamp, version, kept, secrets)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "idempotency_pkey":
                raise Moved("A request with this Idempotency-Key was finished a moment ago; repeat it.") from None
            name = str(error.constraint_name)
            detail = TAKEN.get(name, "An object with this id exists already.")
            raise Taken(detail, name) from None
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            raise Moved("Somebody else moved at the same moment; read it again and decide anew.") from None

    async def _write_one(
        self, decision: Decision, stamp: Stamp, version: int, kept: Kept | None, secrets: bytes | None
    ) -> int:
        shelf = SHELVES[decision.machine.subject]
        values = event_values(decision, stamp, version) | changed_values(shelf, decision, stamp, version)
        if kept:
            values |= kept_values(kept, stamp.caller)
        if decision.before is None:
            statement = shelf.make(keyed=kept is not None)
            values["new_secrets"] = secrets
        else:
            said = wording(decision)
            values |= {"said_fields": list(said), "said_texts": list(said.values())}
            ping = decision.event.type == "webhook_endpoint.pinged"
            changed, added = frozenset(decision.changes), frozenset(decision.event.add)
            if secrets:
                changed, values = changed | {"secrets"}, values | {"new_secrets": secrets}
            statement = shelf.write(changed, added, keyed=kept is not None, worded=bool(said), ping=ping)
        row = await self.pool.fetchrow(statement.sql, *statement.args(values))
        if row is None:
            raise Moved("Somebody else moved first; read it again and decide anew.")
        sent: int = row["sent"]
        return sent

    async def _write_with_consequences(self, decision: Decision, stamp: Stamp, version: int, kept: Kept | None) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            done: list[tuple[Decision, int]] = []
            await self._change(connection, decision, stamp, version, done)
            # The practice's counter is drawn last: it is the one row every writer of the practice waits for.
            rows = [event_row(d, stamp, v, i) for i, (d, v) in enumerate(done, 1)]
            sent: int = await connection.fetchval(APPEND, stamp.caller.practice_id, len(done), rows)
            if kept:
                await connection.execute(KEEP, *kept_row(kept, stamp.caller))
        return sent

    async def _change(
        self, connection: Any, decision: Decision, stamp: Stamp, version: int, done: list[tuple[Decision, int]]
    ) -> None:
        shelf = SHELVES[decision.machine.subject]
        values = changed_values(shelf, decision, stamp, version)
        if decision.before is None:
            statement = shelf.insert()
            values["new_secrets"] = None
        else:
            statement = shelf.change(frozenset(decision.changes), frozenset(decision.event.add))
        if await connection.fetchval(statement.sql, *statement.args(values)) is None:
            raise Moved("Somebody else moved first; read it again and decide anew.")
        said = [
            (stamp.caller.practice_id, decision.after.id, version, n, text) for n, text in wording(decision).items()
        ]
        if said:
            await connection.executemany(WORD, said)
        if "external_identifiers" in decision.changes:
            await self._name(connection, shelf, decision, stamp)
        done.append((decision, version))
        for policy in following(decision.event.type):
            await self._follow(connection, policy.machine, policy.move_for(decision.after), policy.where,
                               getattr(decision.after, policy.its), stamp, done)  # fmt: skip

    async def _follow(
        self, connection: Any, machine: Machine, move_name: str, where: str, id: UUID, stamp: Stamp,
        done: list[tuple[Decision, int]],
    ) -> None:  # fmt: skip
        shelf, move = SHELVES[machine.subject], machine.by_name[move_name]
        lock = shelf.lock(where)
        values = {"practice_id": stamp.caller.practice_id, "id": id, "phases": list(move.source)}
        for row in await connection.fetch(lock.sql, *lock.args(values)):
            around = Around(caller=as_policy(stamp.caller), now=stamp.now, relationship=sight(row))
            state = shelf.state(row)
            followed = machine.decide(move, state, move.takes(), around, id=state.id)
            await self._change(connection, followed, stamp, row["version"], done)

    async def _name(self, connection: Any, shelf: Shelf, decision: Decision, stamp: Stamp) -> None:
        practice, subject, id = stamp.caller.practice_id, shelf.machine.subject, decision.after.id
        await connection.execute("DELETE FROM external_id WHERE practice_id = $1 AND subject_id = $2", practice, id)
        names = [(practice, subject, e.system, e.value, id) for e in decision.after.external_identifiers]
        await connection.executemany("INSERT INTO external_id VALUES ($1, $2, $3, $4, $5)", names)

    async def keep(self, caller: Caller, kept: Kept) -> None:
        """Keep a refusal under its Idempotency-Key; of two at once the first stands."""
        await self.pool.execute(f"{KEEP} ON CONFLICT DO NOTHING", *kept_row(kept, caller))

    async def found_practice(self, id: UUID, name: str) -> None:
        """A new practice."""
        await self.pool.execute("INSERT INTO practice (id, name) VALUES ($1, $2)", id, name)


def renames(decision: Decision) -> bool:
    """Whether what other systems call it changes."""
    names = decision.changes.get("external_identifiers")
    return bool(names) or (names is not None and decision.before is not None)


def identity(caller: Caller) -> str:
    """Who a key belongs to: one role of one subject through one API client."""
    return f"{caller.role}:{caller.id}:{caller.origin}"


def subject_of(caller: Caller) -> dict[str, UUID | None]:
    """The person whose sight limits a read."""
    return {"sub": caller.person if caller.role in (Role.THERAPIST, Role.CLIENT) else None}


def as_policy(caller: Caller) -> Caller:
    """The same caller, as the domain's own consequence."""
    return Caller(practice_id=caller.practice_id, role=Role.POLICY, id=caller.id, origin=caller.origin)


def changed_values(shelf: Shelf, decision: Decision, stamp: Stamp, version: int) -> dict[str, Any]:
    """The row's new values, named as the statements take them."""
    added = {n: [plain(getattr(decision.after, n)[-1])] for n in decision.event.add}
    values = {f"new_{n}": v for n, v in (shelf.stored(decision.changes) | added).items()}
    where = {"practice_id": stamp.caller.practice_id, "id": decision.after.id, "version": version, "now": stamp.now}
    return values | where


def event_values(decision: Decision, stamp: Stamp, version: int) -> dict[str, Any]:
    """The event's columns, and its body around the number it has yet to be given."""
    event, caller = decision.event, stamp.caller
    head, tail, lean = body_parts(decision, stamp, version)
    return {
        "type": event.type, "subject": decision.machine.subject, "relationship_id": relationship_of(decision),
        "actor_kind": caller.role.value, "actor_id": caller.id, "origin": caller.origin, "source": event.source,
        "target": event.to, "data": event_data(decision), "head": head, "tail": tail, "lean": lean,
        "wanted": wanted(event.type),
    }  # fmt: skip


def wanted(event_type: str) -> list[str]:
    """The filters that let an event of this type through."""
    return ["*", event_type, f"{event_type.partition('.')[0]}.*"]


def event_data(decision: Decision) -> dict[str, Any]:
    """What an event says besides its phases; empty parts left out."""
    event = decision.event
    parts = {"set": dict(event.set), "add": dict(event.add), "texts": list(event.texts)}
    return {name: part for name, part in parts.items() if part}


def relationship_of(decision: Decision) -> UUID | None:
    """The relationship an event belongs to."""
    if decision.machine.subject == "relationship":
        return decision.after.id  # type: ignore[no-any-return]
    return getattr(decision.after, "relationship_id", None)


def body_parts(decision: Decision, stamp: Stamp, version: int) -> tuple[str, str, str]:
    """A webhook's body up to its number, after it, and after it without the phases."""
    event, caller, machine = decision.event, stamp.caller, decision.machine
    actor = json.dumps({"kind": caller.role.value, "id": caller.id}, separators=(",", ":"))
    at = stamp.now.isoformat().replace("+00:00", "Z")
    head = f'{{"type":"{event.type}","timestamp":"{at}","data":{{"practice_id":"{caller.practice_id}","seq":'
    named = f',"resource":"{machine.subject}","id":"{decision.after.id}","version":{version + 1}'
    phases = f',"from":"{event.source}","to":"{event.to}"'
    href = f'"/v1/{machine.collection}/{decision.after.id}"'
    rest = f',"href":{href},"actor":{actor},"origin":{json.dumps(caller.origin)}}}}}'
    return head, named + phases + rest, named + rest


def wording(decision: Decision) -> dict[str, str]:
    """The texts a decision corrects, as they stood."""
    if decision.before is None:
        return {}
    changed = texts(decision.machine.cls).intersection(decision.changes)
    before = {n: getattr(decision.before, n) for n in sorted(changed)}
    return {
        n: v if isinstance(v, str) else to_json(plain(v)).decode() for n, v in before.items() if v not in (None, ())
    }


def event_row(decision: Decision, stamp: Stamp, version: int, place: int) -> dict[str, Any]:
    """An event as the appending statement takes it."""
    values = event_values(decision, stamp, version)
    return values | {"place": place, "subject_id": decision.after.id, "version": version + 1, "at": stamp.now}


def kept_values(kept: Kept, caller: Caller) -> dict[str, Any]:
    """An answer, named as the statements take it."""
    return {
        "caller": identity(caller), "key": kept.key, "fingerprint": kept.fingerprint, "status": kept.status,
        "headers": kept.headers, "answer": kept.body.decode(),
    }  # fmt: skip


def kept_row(kept: Kept, caller: Caller) -> tuple[Any, ...]:
    """An answer as a row."""
    return (caller.practice_id, *kept_values(kept, caller).values())


KEPT = """
SELECT fingerprint, status, headers, body FROM idempotency WHERE practice_id = $1 AND caller = $2 AND key = $3"""
KEEP = """
INSERT INTO idempotency (practice_id, caller, key, fingerprint, status, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
WORD = "INSERT INTO wording (practice_id, subject_id, version, field, text) VALUES ($1, $2, $3, $4, $5)"
CHANGED = """
SELECT p.seq, s.last, coalesce(s.found, 0) AS found
FROM practice p LEFT JOIN LATERAL (
  SELECT max(seq) AS last, count(*) AS found FROM (
    SELECT seq FROM event WHERE practice_id = $1 AND subject = $2 AND seq > $3 ORDER BY seq LIMIT $4) found) s ON true
WHERE p.id = $1"""
ENDINGS = """
SELECT (SELECT count(*) FROM rupture WHERE practice_id = $1 AND relationship_id = $2
          AND phase IN ('confirmed', 'in_repair')) AS open_ruptures,
       c.outreach_attempts, c.outreach_channels, w.successor_therapist_id
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT outreach_attempts, outreach_channels FROM policy WHERE practice_id = $1
   AND kind = 'no_contact' AND phase = 'current' ORDER BY updated_at DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT successor_therapist_id FROM policy WHERE practice_id = $1
   AND kind = 'professional_will' AND phase = 'current' ORDER BY updated_at DESC LIMIT 1) w ON true"""
# The same appending as in a single decision's statement, for several events of one transaction.
APPEND = """
WITH ticket AS (UPDATE practice SET seq = seq + $2 WHERE id = $1 RETURNING seq - $2 AS base),
logged AS (
  INSERT INTO event (practice_id, seq, type, subject, subject_id, relationship_id, version, at, actor_kind, actor_id,
                     origin, source, target, data, body)
  SELECT $1, base + n.place, n.type, n.subject, n.subject_id, n.relationship_id, n.version, n.at, n.actor_kind,
         n.actor_id, n.origin, n.source, n.target, n.data, n.head || (base + n.place) || n.tail
  FROM ticket, jsonb_to_recordset($3::jsonb) AS n (place int, type text, subject text, subject_id uuid,
    relationship_id uuid, version int, at timestamptz, actor_kind text, actor_id text, origin text, source text,
    target text, data jsonb, head text, tail text)
  RETURNING seq, type, subject_id, version),
fan AS (
  INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, version, body)
  SELECT $1, e.id, l.seq, l.subject_id, l.version,
         CASE WHEN e.payload = 'id_only' THEN n.head || l.seq || n.lean END
  FROM logged l CROSS JOIN ticket JOIN jsonb_to_recordset($3::jsonb) AS n (place int, head text, lean text)
    ON ticket.base + n.place = l.seq
  JOIN webhook_endpoint e ON e.practice_id = $1 AND e.phase = 'enabled'
   AND e.event_types && ARRAY['*', l.type, split_part(l.type, '.', 1) || '.*']::text[]
  RETURNING seq)
SELECT count(*) FROM fan"""
