"""Delivery: what the log set off is signed and sent, at least once, in the order of each resource."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from infra.addresses import Forbidden, PublicOnly
from infra.database import UNREACHABLE
from infra.secrets import key_of, live, opened, signature
from infra.settings import Settings

SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds from each failed attempt to the next (Standard Webhooks' example); after the last it is given up."""
JITTER = 0.2
IN_FLIGHT = 64
EACH = 16
"""How many deliveries of one endpoint are claimed at once."""
IDLE = 0.5
"""How long another process's deliveries may wait to be seen, in seconds."""
GRACE = 15
"""How much longer than an attempt its lease lasts, in seconds."""
READ = 64 * 1024
STATES = ("pending", "delivered", "dead")


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt went."""

    row: Mapping[str, Any]
    outcome: str
    status: int | None
    took_ms: int


def webhook_id(practice_id: UUID, seq: int) -> str:
    """The `webhook-id`: the same for every attempt and every recovery of an event."""
    return f"evt_{practice_id.hex}_{seq}"


class Dispatcher:
    """Sends what is due. Any number of them may work on one database."""

    def __init__(self, pool: Any, seal: Fernet, settings: Settings, attempted: Callable[[str], None]) -> None:
        """`attempted` counts outcomes."""
        self._pool, self._settings, self._attempted = pool, settings, attempted
        self._wake = asyncio.Event()
        self._results: asyncio.Queue[Result] = asyncio.Queue()
        self._flying: set[asyncio.Task[None]] = set()
        self._client: Any = None
        # Opening a seal costs more than signing; what is live is asked anew each time.
        self._opened = lru_cache(1024)(partial(opened, seal))

    def wake(self) -> None:
        """There may be something to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; then let what is under way finish."""
        finisher = asyncio.create_task(self._finish_for_ever())
        try:
            while True:
                full = await self._round()
                if not full:
                    # Not wait_for: in Python 3.11 it swallows a cancellation that comes with its result.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(IDLE):
                            await self._wake.wait()
        finally:
            if self._flying:
                await asyncio.wait(self._flying, timeout=5)
            with suppress(*UNREACHABLE):
                await self._finish(self._drained())
            finisher.cancel()
            if self._client:
                await self._client.close()

    async def _round(self) -> bool:
        """Claim what there is room for. True when there may be more at once."""
        self._wake.clear()
        room = IN_FLIGHT - len(self._flying)
        if room <= 0:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            return True
        lease = self._settings.webhook_timeout + GRACE
        try:
            rows = await self._pool.fetch(CLAIM, room, EACH, lease, uuid4())
        except UNREACHABLE:
            await asyncio.sleep(1)
            return True
        for row in rows:
            task = asyncio.create_task(self._attempt(row))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        return bool(rows)

    async def _attempt(self, row: Mapping[str, Any]) -> None:
        started = time.monotonic()
        outcome, status = await self._post(row)
        self._attempted(outcome)
        self._results.put_nowait(Result(row, outcome, status, round((time.monotonic() - started) * 1000)))

    async def _post(self, row: Mapping[str, Any]) -> tuple[str, int | None]:
        import aiohttp

        if self._client is None:
            resolver: Any = PublicOnly(aiohttp.ThreadedResolver(), allow_loopback=self._settings.webhook_allow_loopback)
            connector = aiohttp.TCPConnector(
                limit=IN_FLIGHT, limit_per_host=EACH, keepalive_timeout=30, resolver=resolver
            )  # fmt: skip
            self._client = aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=False)
        id, now, body = webhook_id(row["practice_id"], row["seq"]), int(time.time()), row["body"].encode()
        headers = {
            "content-type": "application/json", "user-agent": "bravespace-webhooks", "webhook-id": id,
            "webhook-timestamp": str(now), "webhook-signature": signature(self._keys(row["secrets"]), id, now, body),
        }  # fmt: skip
        deadline = aiohttp.ClientTimeout(total=self._settings.webhook_timeout, connect=5)
        try:
            async with self._client.post(
                row["url"], data=body, headers=headers, allow_redirects=False, timeout=deadline
            ) as answer:  # fmt: skip
                await answer.content.read(READ)
                return ("delivered" if 200 <= answer.status < 300 else f"http_{answer.status // 100}xx"), answer.status
        except TimeoutError:
            return "timeout", None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__ or error, Forbidden):
                return "forbidden_address", None
            return ("tls" if isinstance(error, aiohttp.ClientSSLError) else "connection"), None

    def _keys(self, sealed: bytes) -> list[bytes]:
        return [key_of(entry["secret"]) for entry in live(self._opened(sealed), time.time())]

    async def _finish_for_ever(self) -> None:
        while True:
            results = [await self._results.get(), *self._drained()]
            while True:
                try:
                    await self._finish(results)
                    break
                except UNREACHABLE:
                    # A lost result only means that the same event is sent once more.
                    await asyncio.sleep(1)
            self._wake.set()

    def _drained(self) -> list[Result]:
        return [self._results.get_nowait() for _ in range(self._results.qsize())]

    async def _finish(self, results: list[Result]) -> None:
        if not results:
            return
        rows = []
        for result in results:
            row, number = result.row, result.row["attempt"]
            over = result.outcome == "delivered" or number > len(SCHEDULE)
            wait = None if over else SCHEDULE[number - 1] * self._settings.webhook_base_delay / SCHEDULE[0]
            rows.append({
                "practice_id": row["practice_id"], "endpoint_id": row["endpoint_id"], "seq": row["seq"],
                "number": number, "lease": row["lease"], "outcome": result.outcome, "status": result.status,
                "took_ms": result.took_ms,
                "wait": wait and wait * random.uniform(1 - JITTER, 1 + JITTER),  # noqa: S311 - jitter is no secret
            })  # fmt: skip
        await self._pool.execute(FINISH, rows)


# Fair over endpoints: each gives a few. Ordered per resource: a version waits while an earlier one is still there.
CLAIM = """
WITH lanes AS (
  SELECT practice_id, id FROM webhook_endpoint WHERE phase = 'enabled' AND paused_until <= now() ORDER BY random()),
pick AS MATERIALIZED (
  SELECT d.practice_id, d.endpoint_id, d.seq, d.volume FROM lanes l CROSS JOIN LATERAL (
    SELECT d.practice_id, d.endpoint_id, d.seq, d.volume FROM delivery d
    WHERE d.practice_id = l.practice_id AND d.endpoint_id = l.id AND d.next_at <= now()
      AND NOT EXISTS (SELECT 1 FROM delivery earlier WHERE earlier.practice_id = d.practice_id
        AND earlier.endpoint_id = d.endpoint_id AND earlier.subject_id = d.subject_id AND earlier.version < d.version)
    ORDER BY d.next_at, d.seq LIMIT $2 FOR UPDATE SKIP LOCKED) d LIMIT $1)
UPDATE delivery d SET next_at = now() + make_interval(secs => $3), lease = $4, attempt = d.attempt + 1
FROM pick p
JOIN webhook_endpoint n ON n.practice_id = p.practice_id AND n.id = p.endpoint_id
JOIN event e ON e.practice_id = p.practice_id AND e.seq = p.seq AND e.volume = p.volume
WHERE d.practice_id = p.practice_id AND d.endpoint_id = p.endpoint_id AND d.seq = p.seq
RETURNING d.practice_id, d.endpoint_id, d.seq, d.attempt, d.lease, coalesce(d.body, e.body) AS body, n.url, n.secrets"""
# The lease is the fence: the result of an attempt that outlived it changes nothing but the record of attempts.
FINISH = """
WITH done AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS x (practice_id uuid, endpoint_id uuid, seq bigint,
  number int, lease uuid, outcome text, status int, took_ms int, wait float)),
recorded AS (
  INSERT INTO attempt (practice_id, endpoint_id, seq, number, at, outcome, status, took_ms, volume)
  SELECT practice_id, endpoint_id, seq, number, now(), outcome, status, took_ms, (SELECT max(v.number) FROM volume v
         WHERE v.log = 'attempt' AND v.opened_at IS NOT NULL) FROM done ON CONFLICT DO NOTHING),
gone AS (
  DELETE FROM delivery d USING done x WHERE x.wait IS NULL AND d.practice_id = x.practice_id
   AND d.endpoint_id = x.endpoint_id AND d.seq = x.seq AND d.lease = x.lease
  RETURNING x.*),
buried AS (
  INSERT INTO dead (practice_id, endpoint_id, seq, at, attempts, outcome)
  SELECT practice_id, endpoint_id, seq, now(), number, outcome FROM gone WHERE outcome <> 'delivered'
  ON CONFLICT (practice_id, endpoint_id, seq) DO UPDATE SET at = now(), attempts = excluded.attempts),
health AS (
  UPDATE webhook_endpoint n SET last_success_at = CASE WHEN x.ok THEN now() ELSE n.last_success_at END,
    first_failure_at = CASE WHEN x.ok THEN NULL ELSE coalesce(n.first_failure_at, now()) END
  FROM (SELECT practice_id, endpoint_id, bool_or(outcome = 'delivered') AS ok FROM done GROUP BY 1, 2) x
  WHERE n.practice_id = x.practice_id AND n.id = x.endpoint_id
   AND (CASE WHEN x.ok THEN n.first_failure_at IS NOT NULL OR n.last_success_at IS NULL
             OR n.last_success_at < now() - interval '10 seconds' ELSE n.first_failure_at IS NULL END))
UPDATE delivery d SET next_at = now() + make_interval(secs => x.wait), lease = NULL FROM done x
WHERE x.wait IS NOT NULL AND d.practice_id = x.practice_id AND d.endpoint_id = x.endpoint_id AND d.seq = x.seq
 AND d.lease = x.lease"""


class Deliveries:
    """What became of deliveries, for those who operate an endpoint."""

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

    async def redeliver(self, practice_id: UUID, endpoint_id: UUID, seq: int) -> bool:
        """Send an event once more: the same id and the same bytes. False when there is no such event."""
        return await self.pool.fetchval(REDELIVER, practice_id, endpoint_id, seq) is not None


LIST = """
SELECT s.*, e.type, e.subject, e.subject_id, e.version, e.at FROM (
  SELECT DISTINCT ON (seq) * FROM (
    SELECT seq, 1 AS rank, 'pending' AS state, attempt AS attempts, next_at FROM delivery
     WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4
    UNION ALL SELECT seq, 2, 'delivered', number, NULL FROM attempt
     WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4 AND outcome = 'delivered'
    UNION ALL SELECT seq, 3, 'dead', attempts, NULL FROM dead WHERE practice_id = $1 AND endpoint_id = $2 AND seq < $4
  ) every ORDER BY seq DESC, rank) s
JOIN event e ON e.practice_id = $1 AND e.seq = s.seq
WHERE $3::text IS NULL OR s.state = $3
ORDER BY s.seq DESC LIMIT $5"""
ATTEMPTS = """
SELECT number, at, outcome, status, took_ms FROM attempt WHERE practice_id = $1 AND endpoint_id = $2 AND seq = $3
ORDER BY at, number"""
REDELIVER = """
WITH n AS (SELECT id, payload FROM webhook_endpoint WHERE practice_id = $1 AND id = $2 AND phase = 'enabled'),
gone AS (DELETE FROM dead WHERE practice_id = $1 AND endpoint_id = $2 AND seq = $3)
INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, version, volume, body)
SELECT $1, n.id, e.seq, e.subject_id, e.version, e.volume, CASE WHEN n.payload = 'id_only' THEN
  regexp_replace(e.body, ',"from":"[a-z_]*","to":"[a-z_]*"', '') END
FROM n JOIN event e ON e.practice_id = $1 AND e.seq = $3
ON CONFLICT (practice_id, endpoint_id, seq) DO UPDATE SET next_at = now(), lease = NULL, attempt = 0
RETURNING seq"""
