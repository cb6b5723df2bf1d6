"""A decision that has consequences: several objects move in one transaction, and the log is written at its end."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.access import Caller, Role
from domain.machine import Machine
from domain.move import Around, Decision
from domain.policies import SEEN_ANEW, Opening, Policy, following, opening
from domain.signal import SIGNAL
from infra.clauses import WANTS
from infra.conflicts import Moved
from infra.rows import (
    Kept,
    changed_values,
    event_row,
    kept_row,
    relationship_of,
    sight,
    wording,
)  # fmt: skip
from infra.shelves import SHELVES, Shelf
from infra.watch import WHOLE, Part, look, touched


class Together:
    """Writes a decision with all that follows from it by policy."""

    def __init__(self, pool: Any, *, held: bool) -> None:
        """`pool` leads to a migrated database; `held`: it is one connection, in a transaction already."""
        self.pool, self._held = pool, held

    async def write(
        self, decision: Decision, around: Around, version: int, kept: Kept | None, secrets: bytes | None
    ) -> int:
        """Write everything. Raises Moved when the object or its relationship is not where it was seen."""
        if self._held:
            return await self._write(self.pool, decision, around, version, kept, secrets)
        async with self.pool.acquire() as connection, connection.transaction():
            return await self._write(connection, decision, around, version, kept, secrets)

    async def _write(
        self,
        connection: Any,
        decision: Decision,
        around: Around,
        version: int,
        kept: Kept | None,
        secrets: bytes | None,
    ) -> int:
        await self._hold(connection, decision, around)
        done: list[tuple[Decision, int]] = []
        await self._change(connection, decision, around, version, done, secrets)
        if anew := next((d for d, _ in done if d.event.type in SEEN_ANEW), None):
            await self._look(connection, relationship_of(anew), around, done, touched(anew))
        sent = await self._append(connection, around, done)
        if kept:
            await connection.execute(KEEP, *kept_row(kept, around.caller))
        return sent

    async def look_again(self, relationship_id: UUID, around: Around) -> list[str]:
        """Look at a relationship though nothing about it has changed. Returns the types of the events that came of it.

        Raises Moved when one of its signals was moved by somebody else at the same moment.
        """
        done: list[tuple[Decision, int]] = []
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD, around.caller.practice_id, relationship_id)
            await self._look(connection, relationship_id, around, done, WHOLE)
            if done:
                await self._append(connection, around, done)
        return [decision.event.type for decision, _ in done]

    async def _append(self, connection: Any, around: Around, done: list[tuple[Decision, int]]) -> int:
        # The practice's counter is drawn last: it is the one row every writer of the practice waits for.
        rows = [event_row(d, around, v, i) for i, (d, v) in enumerate(done, 1)]
        sent: int = await connection.fetchval(APPEND, around.caller.practice_id, len(done), rows)
        return sent

    async def _hold(self, connection: Any, decision: Decision, around: Around) -> None:
        """Everything about one relationship that has consequences goes one after the other, in one order of locks."""
        place = around.relationship
        id = relationship_of(decision)
        if place is None or id is None:
            return
        if await connection.fetchval(HOLD, around.caller.practice_id, id) != place.version:
            raise Moved("Something about this relationship changed at the same moment; read it again.")

    async def _change(
        self,
        connection: Any,
        decision: Decision,
        stamp: Around,
        version: int,
        done: list[tuple[Decision, int]],
        secrets: bytes | None = None,
    ) -> None:
        shelf = SHELVES[decision.machine.subject]
        values = changed_values(shelf, decision, stamp, version)
        if decision.before is None:
            statement = shelf.insert()
            values["new_secrets"] = secrets
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
            await self._follow(connection, policy, decision.after, stamp, done)
        for wanted in opening(decision.event.type):
            await self._open(connection, wanted, decision.after, stamp, done)

    async def _follow(
        self, connection: Any, policy: Policy, subject: Any, stamp: Around, done: list[tuple[Decision, int]]
    ) -> None:
        machine, shelf = policy.machine, SHELVES[policy.machine.subject]
        move, lock = machine.by_name[policy.move_for(subject)], shelf.lock(policy.where)
        id = getattr(subject, policy.its)
        values = {"practice_id": stamp.caller.practice_id, "id": id, "phases": list(move.source)}
        rows = await connection.fetch(lock.sql, *lock.args(values))
        if policy.certain and not rows:
            raise Moved("What this rests on was moved by somebody else at the same moment; read it again.")
        for row in rows:
            around = Around(caller=as_policy(stamp.caller), now=stamp.now, relationship=sight(row))
            if followed := policy.draw(subject, shelf.state(row), around):
                await self._change(connection, followed, stamp, row["version"], done)

    async def _open(
        self, connection: Any, wanted: Opening, subject: Any, stamp: Around, done: list[tuple[Decision, int]]
    ) -> None:
        machine, id = wanted.machine, getattr(subject, wanted.its)
        if id is None or await connection.fetchval(there(machine), stamp.caller.practice_id, id):
            return
        decision = machine.decide(machine.begin, None, wanted.body(subject), stamp, id=id)
        await self._change(connection, decision, stamp, 0, done)

    async def _look(
        self,
        connection: Any,
        relationship_id: UUID | None,
        around: Around,
        done: list[tuple[Decision, int]],
        part: Part,
    ) -> None:
        assert relationship_id
        seen = await look(connection, around.caller.practice_id, relationship_id, part)
        known = Around(caller=as_policy(around.caller), now=around.now, relationship=around.relationship)
        for change in seen.changes:
            before = change.signal
            id, version = (before.id, seen.versions[before.id]) if before else (uuid7(), 0)
            followed = SIGNAL.decide(change.move, before, change.body, known, id=id)
            await self._change(connection, followed, around, version, done)

    async def _name(self, connection: Any, shelf: Shelf, decision: Decision, stamp: Around) -> None:
        practice, subject, id = stamp.caller.practice_id, shelf.machine.subject, decision.after.id
        await connection.execute("DELETE FROM external_id WHERE practice_id = $1 AND subject_id = $2", practice, id)
        names = [(practice, subject, e.system, e.value, id) for e in decision.after.external_identifiers]
        await connection.executemany("INSERT INTO external_id VALUES ($1, $2, $3, $4, $5)", names)


def as_policy(caller: Caller) -> Caller:
    """The same caller, as the domain's own consequence."""
    return Caller(practice_id=caller.practice_id, role=Role.POLICY, id=caller.id, origin=caller.origin)


def there(machine: Machine) -> str:
    """Whether there is one."""
    return f"SELECT 1 FROM {machine.subject} WHERE practice_id = $1 AND id = $2"


HOLD = "SELECT version FROM relationship WHERE practice_id = $1 AND id = $2 FOR NO KEY UPDATE"
KEEP = """
INSERT INTO idempotency (practice_id, caller, key, fingerprint, status, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
WORD = "INSERT INTO wording (practice_id, subject_id, version, field, text) VALUES ($1, $2, $3, $4, $5)"
# The same appending as in a single decision's statement, for several events of one transaction.
APPEND = f"""
WITH ticket AS (UPDATE practice SET seq = seq + $2 WHERE id = $1 RETURNING seq - $2 AS base, volume),
logged AS (
  INSERT INTO event (practice_id, seq, type, subject, subject_id, relationship_id, version, at, actor_kind, actor_id,
                     origin, source, target, data, body, volume)
  SELECT $1, base + n.place, n.type, n.subject, n.subject_id, n.relationship_id, n.version, n.at, n.actor_kind,
         n.actor_id, n.origin, n.source, n.target, n.data, n.head || (base + n.place) || n.tail, volume
  FROM ticket, jsonb_to_recordset($3::jsonb) AS n (place int, type text, subject text, subject_id uuid,
    relationship_id uuid, version int, at timestamptz, actor_kind text, actor_id text, origin text, source text,
    target text, data jsonb, head text, tail text)
  RETURNING practice_id, seq, type, subject_id, relationship_id, target, volume),
fan AS (
  INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, lean, volume)
  SELECT logged.practice_id, webhook_endpoint.id, logged.seq, logged.subject_id, webhook_endpoint.payload = 'id_only',
         logged.volume
  FROM logged, webhook_endpoint WHERE {WANTS}
  RETURNING seq)
SELECT count(*) FROM fan"""
