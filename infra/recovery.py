"""Recovery: a stretch of the log is put in an endpoint's queue once more, a piece at a time.

How far it has come stands beside the endpoint and moves on in the transaction that queues a piece, so it goes on where
it was after any crash, whoever goes on with it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.webhook import FED, WEBHOOK_ENDPOINT, RecoveryUnderWay
from infra.clauses import PINGED, WANTS
from infra.loops import survived
from infra.milestones import Horizon, horizon
from infra.reviving import reader
from infra.upkeep import Upkeep

PIECE = 500
"""How many events are looked at in one step."""
ENOUGH = 500
"""No more is queued while so many are waiting: what happens now is not to wait long behind what happened once."""
GRACE = timedelta(minutes=1)
"""Events are numbered as they are committed, not quite in the order of their times: so much more is looked at."""


class Recoveries:
    """Goes on with every recovery under way."""

    def __init__(self, pool: Any, upkeep: Upkeep) -> None:
        """`pool` leads to a migrated database."""
        self._pool, self._upkeep = pool, upkeep

    async def step(self) -> bool:
        """One piece of each. True when there may be more to queue at once."""
        more = False
        for row in await self._pool.fetch(UNDER_WAY, list(FED)):
            one = self._one(row["practice_id"], row["id"], reader(RecoveryUnderWay)(row["recovery"]))
            # What is wrong with one is not the others' fault.
            more |= await survived("recovering", one, otherwise=False)
        return more

    async def _one(self, practice_id: UUID, endpoint_id: UUID, asked: RecoveryUnderWay) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            lane = await connection.fetchrow(HOLD, practice_id, endpoint_id)
            at, until, full = lane["recovered_to"], lane["recovers_until"], bool(lane["waiting"] >= ENOUGH)
            if lane["recovery_asked_at"] != asked.asked_at:
                at, until = await self._stretch(connection, practice_id, endpoint_id, asked)
                full = False
            at = after = max(at, asked.went_on_after or 0)
            if after < until and not full:
                at = await connection.fetchval(
                    QUEUE, practice_id, endpoint_id, after, until, PIECE, asked.since, asked.until
                )  # fmt: skip
            # Looked at once the piece is read: what is kept now was kept then.
            begins = (await horizon(connection, practice_id)).oldest - 1
            lost = bool(after < min(begins, until))
            if not lost:
                await connection.execute(GO_ON, practice_id, endpoint_id, asked.asked_at, at, until)
        said = {"asked_at": asked.asked_at}
        if lost:
            # Told before it goes on: whatever happens in between, nobody takes a part for the whole.
            await self._upkeep.tell(practice_id, endpoint_id, "shorten_recovery", said | {"went_on_after": begins})
        elif at >= until:
            await self._upkeep.tell(practice_id, endpoint_id, "finish_recovery", said)
            return False
        return lost or not full

    async def _stretch(
        self, connection: Any, practice_id: UUID, endpoint_id: UUID, asked: RecoveryUnderWay
    ) -> tuple[int, int]:
        """From which number, and up to which."""
        kept = await horizon(connection, practice_id)
        # What came after it was asked for was queued when it happened.
        newest = await connection.fetchval(ASKED, practice_id, endpoint_id)
        if newest is None:  # asked for so long ago that it is not kept itself
            newest = kept.oldest - 1
        start = asked.after_seq or 0
        if asked.since and not kept.hides(None, asked.since):
            start = await self._before(connection, practice_id, asked.since - GRACE, kept)
        end = asked.until_seq
        if asked.until:
            end = await self._before(connection, practice_id, asked.until + GRACE, kept)
        return start, min(newest if end is None else end, newest)

    async def _before(self, connection: Any, practice_id: UUID, moment: datetime, kept: Horizon) -> int:
        """The last number before a time, found by halving."""
        low, high = kept.oldest - 1, kept.newest
        while low < high:
            middle = (low + high + 1) // 2
            if await connection.fetchval(AT, practice_id, middle) < moment:
                low = middle
            else:
                high = middle - 1
        return int(low)


RECOVERY_ASKED = WEBHOOK_ENDPOINT.type_of(WEBHOOK_ENDPOINT.by_name["recover"])
UNDER_WAY = """
SELECT practice_id, id, recovery FROM webhook_endpoint
WHERE jsonb_typeof(recovery) = 'object' AND phase = ANY ($1::text[])"""
HOLD = """
WITH waiting AS (SELECT count(*) AS waiting FROM (
  SELECT 1 FROM delivery WHERE practice_id = $1 AND endpoint_id = $2 AND next_at IS NULL LIMIT 500) ready)
INSERT INTO lane AS l (practice_id, endpoint_id) VALUES ($1, $2)
ON CONFLICT (practice_id, endpoint_id) DO UPDATE SET recovered_to = l.recovered_to
RETURNING recovery_asked_at, recovered_to, recovers_until, (SELECT waiting FROM waiting)"""
# A ping is no news that anybody missed. What waits for a later attempt waits no more.
QUEUE = f"""
WITH piece AS (SELECT * FROM event WHERE practice_id = $1 AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5),
wanted AS (
  SELECT logged.practice_id, webhook_endpoint.id, logged.seq, logged.subject_id, webhook_endpoint.payload = 'id_only',
    logged.volume
  FROM piece logged, webhook_endpoint WHERE webhook_endpoint.id = $2 AND logged.type <> '{PINGED}'
   AND coalesce(logged.at >= $6::timestamptz, true) AND coalesce(logged.at <= $7::timestamptz, true) AND {WANTS}),
queued AS (
  INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, lean, volume, cause)
  SELECT w.*, 'recovery' FROM wanted w
  ON CONFLICT (practice_id, endpoint_id, seq) DO UPDATE SET next_at = NULL WHERE delivery.next_at IS NOT NULL),
raised AS (
  DELETE FROM dead d USING wanted w WHERE d.practice_id = w.practice_id AND d.endpoint_id = $2 AND d.seq = w.seq)
SELECT coalesce(max(seq), $4) FROM piece"""
GO_ON = """
UPDATE lane SET recovery_asked_at = $3, recovered_to = $4, recovers_until = $5
WHERE practice_id = $1 AND endpoint_id = $2"""
ASKED = f"""
SELECT max(seq) FROM event WHERE practice_id = $1 AND subject_id = $2 AND type = '{RECOVERY_ASKED}'"""
AT = "SELECT at FROM event WHERE practice_id = $1 AND seq = $2"
