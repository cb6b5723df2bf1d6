"""The logs are kept in volumes: partitions of a log's table, opened one after the other and dropped as a whole.

The calendar is on nobody's way. Who writes an event takes the number of its volume from the practice, with the event's
own number; who writes an attempt reads it from the list. A spare stands ready before a volume is opened, so no write
can ever miss its partition, and a round that is late, or never comes, only makes a volume longer.

A practice's events of one volume are a range of its numbers: it begins at the practice's milestone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from infra.settings import Settings

LOCK = 7_262_833_002
"""Any number, always the same: of all processes one makes a round."""
PATIENCE = 2.0
"""How long a step waits for those who hold what it needs, in seconds. Then it is left to the next round."""
AT_ONCE = 500
"""How many practices are moved on in one statement: nobody waits longer than that takes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a log is kept."""

    log: str
    """Its table."""
    length: timedelta
    """How long a volume stays open."""
    kept: timedelta | None
    """How long what is in it is kept at least, and at most a volume's length more. None: for ever."""


def rules(settings: Settings) -> tuple[Rule, ...]:
    """How the logs of this installation are kept."""
    days = settings.event_days
    return (
        Rule("event", timedelta(days=settings.event_volume_days), timedelta(days=days) if days else None),
        Rule("attempt", timedelta(days=settings.attempt_volume_days), timedelta(days=settings.attempt_days)),
    )


Expired = Callable[[UUID, UUID], Awaitable[None]]
"""Is told of an endpoint, by its practice and its id, before what waits for it goes with its volume."""


async def silently(practice_id: UUID, endpoint_id: UUID) -> None:
    """Tells nobody."""


async def make_round(dsn: str, kept_by: Sequence[Rule], expired: Expired = silently) -> Sequence[Any]:
    """Make spares, open the volumes that are due, drop those past their time. Returns how each log stands then.

    Any number of processes may call it at once. What was interrupted, by whatever, the next round finishes.
    """
    # A connection of its own: its lock and its waiting end with it, however it ends.
    waits = f"{PATIENCE * 1000:.0f}ms"
    connection = await asyncpg.connect(
        dsn, timeout=5, command_timeout=60,
        server_settings={"application_name": "bravespace", "lock_timeout": waits, "timezone": "UTC"},
    )  # fmt: skip
    try:
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            for rule in kept_by:
                for step in (_open_next, _make_spare, partial(_drop_old, expired)):
                    with suppress(asyncpg.LockNotAvailableError, TimeoutError):
                        await step(connection, rule)
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
        standing: Sequence[Any] = await connection.fetch(STANDING)
        return standing
    finally:
        connection.terminate()


async def _open_next(connection: Any, rule: Rule) -> None:
    """Open the spare once the newest volume is old enough, and anything is in it."""
    row = await connection.fetchrow(DUE, rule.log, rule.length)
    if row is None or not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {rule.log}_{row['newest']})"):
        return
    spare, moves = row["spare"], rule.log == "event"
    while moves and await connection.fetchval(MOVE_ON, spare, AT_ONCE):
        pass
    async with connection.transaction():
        # From here on who founds a practice waits, and finds the new volume: so none is left behind.
        await connection.execute(OPEN, rule.log, spare)
        if moves:
            await connection.execute(MOVE_ON, spare, None)


async def _make_spare(connection: Any, rule: Rule) -> None:
    """The next partition. It counts as a spare only when every write that began without it has ended."""
    log = rule.log
    row = await connection.fetchrow(NEWEST, log)
    if row["spare"]:
        return
    spare = row["newest"] + 1
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", f"{log}_{spare}"):
        async with connection.transaction():
            # Made apart and then attached: that asks for no lock that a write or a read would wait for.
            await connection.execute(f"CREATE TABLE {log}_{spare} (LIKE {log} INCLUDING ALL)")
            await connection.execute(f"ALTER TABLE {log} ATTACH PARTITION {log}_{spare} FOR VALUES IN ({spare})")
    # A statement knows the partitions that there were when it began, and may then wait for its practice's row: opened
    # too soon, that row would send it to a partition it does not know.
    under_way = await connection.fetchval(WRITING, log)
    async with asyncio.timeout(PATIENCE):
        while await connection.fetchval(STILL_WRITING, log, under_way):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)
    await connection.execute("INSERT INTO volume (log, number) VALUES ($1, $2)", log, spare)


async def _drop_old(expired: Expired, connection: Any, rule: Rule) -> None:
    """Drop what is past its time, oldest first. Each step is one that can be found done already."""
    for row in await connection.fetch(PAST, rule.log, rule.kept):
        number, name = row["number"], f"{rule.log}_{row['number']}"
        async with connection.transaction():
            await connection.execute(CLOSE, rule.log, number)
            if rule.log == "event":
                # Readers are told first; from then on nobody takes silence for emptiness.
                await connection.execute("DELETE FROM milestone WHERE volume <= $1", number)
        pending = await connection.fetchval(ATTACHED, rule.log, name)
        if pending is not None:
            how = "FINALIZE" if pending else "CONCURRENTLY"
            await connection.execute(f"ALTER TABLE {rule.log} DETACH PARTITION {name} {how}")
        if rule.log == "event" and await _deliveries_left(expired, connection, number):
            return
        async with connection.transaction():
            if rule.log == "event":
                # What was given up is kept as long as its event: nobody could be shown it, or send it again.
                await connection.execute(BURY)
            await connection.execute(f"DROP TABLE IF EXISTS {name}")
            await connection.execute("DELETE FROM volume WHERE log = $1 AND number = $2", rule.log, number)


async def _deliveries_left(expired: Expired, connection: Any, number: int) -> bool:
    """End what was still to be delivered of a volume. True where somebody holds some of it just now.

    It does not keep its volume: else one endpoint that is paused for ever would keep the log of every practice for
    ever. It ends once the volume is detached: nobody can queue anything of it after that.
    """
    for row in await connection.fetch(WAITED, number):
        await expired(row["practice_id"], row["endpoint_id"])
    await connection.execute(GIVE_UP, number)
    left: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM delivery WHERE volume = $1)", number)
    return left


DUE = """
SELECT max(number) FILTER (WHERE opened_at IS NOT NULL) AS newest, min(number) FILTER (WHERE opened_at IS NULL) AS spare
FROM volume WHERE log = $1 HAVING max(opened_at) <= now() - $2::interval AND count(*) > count(opened_at)"""
NEWEST = "SELECT max(number) AS newest, count(*) > count(opened_at) AS spare FROM volume WHERE log = $1"
# The row is locked before it is read: no number is given between the one that is read and the milestone after it.
MOVE_ON = """
WITH behind AS MATERIALIZED (
  SELECT id FROM practice WHERE volume < $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE),
moved AS (UPDATE practice p SET volume = $1 FROM behind WHERE p.id = behind.id RETURNING p.id, p.seq),
passed AS (INSERT INTO milestone (practice_id, volume, first_seq) SELECT id, $1, seq + 1 FROM moved)
SELECT count(*) FROM moved"""
OPEN = "UPDATE volume SET opened_at = now() WHERE log = $1 AND number = $2"
WRITING = """
SELECT coalesce(array_agg(virtualtransaction), '{}') FROM pg_locks
WHERE relation = to_regclass($1) AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
 AND mode = 'RowExclusiveLock'"""
STILL_WRITING = f"SELECT $2 && ({WRITING.strip()})"
PAST = """
SELECT v.number FROM volume v WHERE v.log = $1 AND (v.closed_at IS NOT NULL OR EXISTS (
  SELECT FROM volume later WHERE later.log = v.log AND later.number > v.number
   AND later.opened_at <= now() - $2::interval))
ORDER BY v.number"""
CLOSE = "UPDATE volume SET closed_at = coalesce(closed_at, now()) WHERE log = $1 AND number = $2"
ATTACHED = """
SELECT inhdetachpending FROM pg_inherits WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)"""
WAITED = "SELECT DISTINCT practice_id, endpoint_id FROM delivery WHERE volume = $1"
GIVE_UP = """
WITH late AS (
  SELECT practice_id, endpoint_id, seq FROM delivery WHERE volume = $1 FOR UPDATE SKIP LOCKED)
DELETE FROM delivery d USING late l
WHERE d.practice_id = l.practice_id AND d.endpoint_id = l.endpoint_id AND d.seq = l.seq"""
BURY = """
DELETE FROM dead d USING (SELECT practice_id, min(first_seq) AS oldest FROM milestone GROUP BY practice_id) kept
WHERE d.practice_id = kept.practice_id AND d.seq < kept.oldest"""
STANDING = """
SELECT log, count(*) - count(opened_at) AS ahead, extract(epoch FROM now() - min(opened_at))::float AS oldest
FROM volume GROUP BY log"""
