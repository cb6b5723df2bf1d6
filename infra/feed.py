"""Reading the log: the change feed, an object's history, a relationship's timeline."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from domain.access import Caller, Role
from domain.catalog import EVENT_TYPES, MACHINES
from infra.clauses import IN_SIGHT
from infra.milestones import Book, at_most, page
from infra.rows import subject_of

ELSEWHERE = 0.5
"""How long a waiting reader may take to see what another process wrote, in seconds."""
FIELDS = (
    "e.seq, e.type, e.subject, e.subject_id, e.relationship_id, e.version, e.source, e.target, e.at, e.actor_kind, "
    "e.actor_id, e.origin, e.data"
)  # fmt: skip
PRIVATE = sorted(t for m in MACHINES for t in m.private_types)
LIMITED = {
    role: " ".join(
        f"""AND (e.subject <> '{subject}' OR EXISTS (SELECT FROM {subject}
          WHERE {subject}.practice_id = $1 AND {subject}.id = e.subject_id AND {seen[role]}))"""
        for subject, seen in IN_SIGHT.items() if role in seen
    )
    for role in (Role.THERAPIST, Role.CLIENT)
}  # fmt: skip
WITHIN = {
    Role.THERAPIST: f"""CASE WHEN e.relationship_id IS NOT NULL THEN $3 = ANY (r.therapist_ids)
        WHEN e.subject = 'client' THEN e.actor_id = $3::text OR EXISTS (SELECT 1 FROM relationship o
          WHERE o.practice_id = $1 AND o.client_id = e.subject_id AND $3 = ANY (o.therapist_ids)) ELSE true END
        {LIMITED[Role.THERAPIST]}""",
    Role.CLIENT: f"""e.type NOT IN ({", ".join(f"'{t}'" for t in PRIVATE)}) AND CASE
        WHEN e.relationship_id IS NOT NULL THEN r.client_id = $3
        WHEN e.subject = 'client' THEN e.subject_id = $3
        WHEN e.subject = 'therapist' THEN EXISTS (SELECT 1 FROM relationship o WHERE o.practice_id = $1
          AND o.client_id = $3 AND e.subject_id = ANY (o.therapist_ids)) ELSE true END
        {LIMITED[Role.CLIENT]}""",
}
"""What of the log is in a person's sight; the others are limited by the kinds of things they may read alone."""


@cache
def reading(role: Role, narrowed: str, volumes: str, most: int) -> str:
    """The stretch of the log that a role may see, within some volumes."""
    sight = WITHIN.get(role, "$3::uuid IS NULL")
    return f"""SELECT {FIELDS} FROM event e
  LEFT JOIN relationship r ON r.practice_id = e.practice_id AND r.id = e.relationship_id
  WHERE e.practice_id = $1 AND e.volume {volumes} AND e.seq > $2 AND e.subject = ANY ($4::text[]) AND ({sight})
    AND {narrowed} ORDER BY e.seq LIMIT {most}"""


def readable(caller: Caller) -> list[str]:
    """The kinds of things this caller may read, and so hear of."""
    return [m.subject for m in MACHINES if caller.role in m.read_by and m.read_scope in caller.scopes]


def known_types(filters: Sequence[str]) -> list[str]:
    """The event types that filters name. Raises ValueError with the filter that names none."""
    found: list[str] = []
    for wanted in filters:
        prefix = wanted.removesuffix("*")
        names = [
            t
            for t in EVENT_TYPES
            if t == wanted or (wanted != prefix and prefix[-1:] in ("", ".") and t.startswith(prefix))
        ]
        if not names:
            raise ValueError(wanted)
        found += names
    return found


@dataclass(frozen=True, slots=True)
class History:
    """What the log has of one object."""

    events: Sequence[Mapping[str, Any]]
    """Versions, in order."""
    wordings: Sequence[Mapping[str, Any]]
    """Every earlier wording of its texts, with the last version it stood in."""
    sharing: Sequence[Mapping[str, Any]]
    """Every version in which it was decided whether its texts are shared with the client."""


class Feed:
    """The log, read."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self.pool, self._book = pool, Book(pool)
        self._waiting: dict[UUID, asyncio.Event] = {}

    def wake(self, practice_id: UUID) -> None:
        """Tell those who wait in this process that the practice's log grew."""
        if event := self._waiting.pop(practice_id, None):
            event.set()

    async def read(
        self, caller: Caller, after: int, limit: int, types: Sequence[str], wait: float
    ) -> tuple[list[Mapping[str, Any]], int]:
        """Events after a number, and the number to go on from; waits up to `wait` seconds for the first.

        Raises HistoryGone when events after that number are no longer kept.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            event = self._waiting.setdefault(caller.practice_id, asyncio.Event()) if wait else None
            rows, upto = await self._stretch(caller, after, limit, types)
            left = until - loop.time()
            if rows or event is None or left <= 0:
                return rows, (rows[-1]["seq"] if len(rows) == limit else max(upto, after))
            # What was looked through is done with: a reader of rare types would go through it all at each turn.
            after = max(upto, after)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, ELSEWHERE)):
                    await event.wait()

    async def _stretch(
        self, caller: Caller, after: int, limit: int, types: Sequence[str]
    ) -> tuple[list[Mapping[str, Any]], int]:
        narrowed = "e.type = ANY ($5::text[])" if types else "$5::text[] IS NULL"
        sub = subject_of(caller)["sub"]

        def statement(volume: int, most: int) -> str:
            return page(volume, reading(caller.role, narrowed, f"= {volume}", most))

        args = (sub, readable(caller), types or None)
        return await self._book.read(caller.practice_id, after, limit, statement, *args)

    async def timeline(
        self, caller: Caller, relationship_id: UUID, after: int, limit: int
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """What happened in a relationship, in order, and whether all of it after that number is still kept."""
        practice_id = caller.practice_id
        known = await self._book.milestones(practice_id)
        if known is None:
            return [], True
        sql = reading(caller.role, "e.relationship_id = $5", f">= {known.volume_after(after)}", at_most(limit))
        sub = subject_of(caller)["sub"]
        rows = await self.pool.fetch(sql, practice_id, after, sub, readable(caller), relationship_id)
        return rows[:limit], await self.pool.fetchval(WHOLE, practice_id, relationship_id, after)

    async def history(self, practice_id: UUID, id: UUID, after: int, limit: int) -> History:
        """The versions of an object after one."""
        events = await self.pool.fetch(HISTORY, practice_id, id, after, limit)
        wordings = await self.pool.fetch(WORDINGS, practice_id, id)
        return History(events, wordings, await self.pool.fetch(SHARING, practice_id, id))


WHOLE = """
SELECT EXISTS (SELECT FROM milestone WHERE practice_id = $1 AND first_seq <= $3::bigint + 1)
  OR EXISTS (SELECT FROM event WHERE practice_id = $1 AND subject_id = $2 AND version = 1)"""
"""Whether the log still goes back so far, or to the relationship's own beginning; asked after what is left was read."""
HISTORY = f"""SELECT {FIELDS} FROM event e
WHERE e.practice_id = $1 AND e.subject_id = $2 AND e.version > $3 ORDER BY e.version LIMIT $4"""
WORDINGS = "SELECT version, field, text FROM wording WHERE practice_id = $1 AND subject_id = $2 ORDER BY field, version"
SHARING = """SELECT version, (data -> 'set' ->> 'shared_with_client')::boolean AS shared FROM event
WHERE practice_id = $1 AND subject_id = $2 AND data -> 'set' ? 'shared_with_client' ORDER BY version"""
