"""What became of deliveries, for those who operate an endpoint."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from infra.clauses import PINGED
from infra.store import Store

STATES = ("pending", "delivered", "dead")
OUTCOMES = (
    "delivered", "gone", "redirect", "throttled", "http_4xx", "http_5xx", "timeout", "dns", "connection", "tls",
    "forbidden_address", "protocol",
)  # fmt: skip
CAUSES = ("event", "redelivery", "recovery")


class DeliveryLog:
    """Deliveries and every attempt at them."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self.pool = pool

    async def page(self, practice_id: UUID, endpoint_id: UUID, state: str | None, before: int, limit: int) -> list[Any]:
        """Deliveries of an endpoint, newest first."""
        rows: list[Any] = await self.pool.fetch(LIST, practice_id, endpoint_id, state, before, limit)
        return rows

    async def one(self, practice_id: UUID, endpoint_id: UUID, seq: int) -> tuple[Any, list[Any]]:
        """One delivery, and every attempt at it; None when there never was one."""
        rows = await self.pool.fetch(LIST, practice_id, endpoint_id, None, seq + 1, 1)
        found = rows[0] if rows and rows[0]["seq"] == seq else None
        return found, await self.pool.fetch(ATTEMPTS, practice_id, endpoint_id, seq)

    async def backlog(self) -> Mapping[str, float]:
        """How much there is to deliver on the whole database, by state, and for how long the oldest has been due."""
        row: Mapping[str, float] = await self.pool.fetchrow(BACKLOG)
        return row

    @asynccontextmanager
    async def redelivered(self, practice_id: UUID, endpoint_id: UUID, seq: int) -> AsyncIterator[tuple[Any, Store]]:
        """An event that is sent once more: the same id and the same bytes. None when there is no such event.

        It is sent once this has ended; what the store that comes with it writes, is written with it or not at all.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            found = None
            if await connection.fetchval(REDELIVER, practice_id, endpoint_id, seq) is not None:
                found, _ = await DeliveryLog(connection).one(practice_id, endpoint_id, seq)
            yield found, Store(connection, held=True)


# Each branch is read from its newest end and no further than a page needs, however long the log is.
LIST = """
WITH pending AS (
  SELECT seq, 1 AS rank, 'pending' AS state, attempt AS attempts, next_at FROM delivery
  WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4 AND coalesce($3, 'pending') = 'pending'
  ORDER BY seq DESC LIMIT $5),
buried AS (
  SELECT seq, 2, 'dead', attempts, NULL::timestamptz FROM dead
  WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4 AND coalesce($3, 'dead') = 'dead'
  ORDER BY seq DESC LIMIT $5),
delivered AS (
  SELECT DISTINCT ON (seq) seq, 3, 'delivered', number, NULL::timestamptz FROM attempt a
  WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4 AND outcome = 'delivered'
   AND coalesce($3, 'delivered') = 'delivered'
   AND ($3 IS NULL OR NOT EXISTS (
     SELECT 1 FROM delivery d WHERE d.practice_id = $1 AND d.endpoint_id = $2 AND d.seq = a.seq
     UNION ALL SELECT 1 FROM dead d WHERE d.practice_id = $1 AND d.endpoint_id = $2 AND d.seq = a.seq))
  ORDER BY seq DESC, number DESC LIMIT $5)
SELECT s.*, e.type, e.subject, e.subject_id, e.version, e.at FROM (
  SELECT DISTINCT ON (seq) * FROM (
    SELECT * FROM pending UNION ALL SELECT * FROM buried UNION ALL SELECT * FROM delivered) every
  ORDER BY seq DESC, rank LIMIT $5) s
JOIN event e ON e.practice_id = $1 AND e.seq = s.seq
ORDER BY s.seq DESC"""
ATTEMPTS = """
SELECT number, at, outcome, status, took_ms, cause FROM attempt
WHERE practice_id = $1 AND endpoint_id = $2 AND seq = $3 ORDER BY at, number"""
# Whatever the endpoint asked to hear of: who operates it says what it is to be sent once more. Of its own affairs these
# are pings alone, and those go to nobody else.
REDELIVER = f"""
WITH queued AS (
  INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, lean, volume, cause)
  SELECT $1, n.id, e.seq, e.subject_id, n.payload = 'id_only', e.volume, 'redelivery'
  FROM webhook_endpoint n JOIN event e ON e.practice_id = $1 AND e.seq = $3
  WHERE n.practice_id = $1 AND n.id = $2 AND (e.subject_id = n.id) = (e.type = '{PINGED}')
  ON CONFLICT (practice_id, endpoint_id, seq) DO UPDATE SET next_at = NULL, cause = 'redelivery'
  RETURNING practice_id, endpoint_id, seq),
raised AS (
  DELETE FROM dead d USING queued q
  WHERE d.practice_id = q.practice_id AND d.endpoint_id = q.endpoint_id AND d.seq = q.seq)
SELECT seq FROM queued"""
BACKLOG = """
SELECT count(*) FILTER (WHERE n.phase = 'enabled' AND d.next_at IS NULL) AS ready,
  count(*) FILTER (WHERE n.phase = 'enabled' AND d.next_at IS NOT NULL) AS waiting,
  count(*) FILTER (WHERE n.phase <> 'enabled') AS held,
  coalesce(extract(epoch FROM now() - min(coalesce(d.next_at, d.first_at)) FILTER (
    WHERE n.phase = 'enabled' AND coalesce(d.next_at <= now(), true))), 0)::float AS oldest_due,
  (SELECT count(*) FROM dead) AS dead,
  (SELECT count(*) FROM lane WHERE trips > 0) AS open_breakers
FROM delivery d JOIN webhook_endpoint n ON n.practice_id = d.practice_id AND n.id = d.endpoint_id"""
