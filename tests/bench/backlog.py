"""What there is to deliver, put into the tables in bulk: the service's and those of the usual way.

Here alone the bench of webhooks knows a table, the sender of the usual way apart, which has its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet

from infra.deliveries import webhook_id
from infra.secrets import added
from tests.bench.seed import COURSE, TEMPLATE, Size
from tests.bench.servers import BenchError

SIZE = Size(practices=200, relationships=10, ruptures=10)
"""200 endpoints, one in each practice."""
EACH = SIZE.relationships * SIZE.ruptures * COURSE
"""Events for each of them: those of ruptures and of their repairs."""

FURNISH = "UPDATE webhook_endpoint SET phase = 'enabled', secrets = $1"
ENDPOINTS = "SELECT id FROM webhook_endpoint WHERE practice_id <> $1 ORDER BY id"
AIM = """
UPDATE webhook_endpoint n SET url = a.url
FROM unnest($1::uuid[], $2::text[]) a (id, url) WHERE n.id = a.id"""
EMPTY = "TRUNCATE delivery, attempt, dead, lane"
WANTED = """
FROM webhook_endpoint n CROSS JOIN LATERAL (
  SELECT * FROM event e WHERE e.practice_id = n.practice_id AND e.subject IN ('rupture', 'repair')
  ORDER BY e.seq LIMIT $2) e
WHERE n.id = ANY ($1)"""
# As on an ordinary day: the events of different practices come in turn.
ORDER = "ORDER BY e.seq, n.id"
FILL = f"""
INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, volume)
SELECT n.practice_id, n.id, e.seq, e.subject_id, e.volume {WANTED} {ORDER}"""
BODIES = f"SELECT n.url, e.practice_id, e.seq, e.body {WANTED} {ORDER}"
OUTCOMES = """
SELECT count(*) AS attempts,
       count(DISTINCT (practice_id, endpoint_id, seq)) FILTER (WHERE outcome = 'delivered') AS delivered FROM attempt"""
WRITTEN = "SELECT practice_id, seq, at FROM event WHERE seq > $1 AND practice_id <> $2"

USUAL_ID = "format('evt_%s_%s', replace(e.practice_id::text, '-', ''), e.seq)"
USUAL_EMPTY = "TRUNCATE usual_delivery, usual_attempt, usual_event, usual_endpoint"
USUAL_ENDPOINTS = """
INSERT INTO usual_endpoint (id, url, secret) SELECT id, url, $2 FROM webhook_endpoint WHERE id = ANY ($1)"""
USUAL_EVENTS = f"INSERT INTO usual_event (id, body) SELECT {USUAL_ID}, e.body {WANTED}"
USUAL_FILL = f"INSERT INTO usual_delivery (event_id, endpoint_id) SELECT {USUAL_ID}, n.id {WANTED} {ORDER}"
USUAL_ONE = "INSERT INTO usual_delivery (event_id, endpoint_id) VALUES ($1, $2)"
USUAL_OUTCOMES = """
SELECT count(*) AS attempts,
       count(DISTINCT delivery_id) FILTER (WHERE status BETWEEN 200 AND 299) AS delivered FROM usual_attempt"""


async def furnish(pool: Any, seal: Fernet, secret: str) -> list[UUID]:
    """Every endpoint can be sent to, with this secret. Returns all but the template's."""
    await pool.execute(FURNISH, added(seal, None, secret))
    return [row["id"] for row in await pool.fetch(ENDPOINTS, TEMPLATE)]


async def aim(pool: Any, addresses: Mapping[UUID, str]) -> None:
    """Endpoints lead there, and nothing is remembered of how they did."""
    await pool.execute(AIM, list(addresses), list(addresses.values()))


async def fill(pool: Any, endpoints: Sequence[UUID], each: int) -> int:
    """So many deliveries are due at each of these endpoints, and none besides. Returns how many in all."""
    await pool.execute(EMPTY)
    await pool.execute(FILL, endpoints, each, timeout=300)
    await settle(pool, "delivery", "webhook_endpoint")
    return await counted(pool, "delivery", len(endpoints) * each)


async def fill_usual(pool: Any, endpoints: Sequence[UUID], secret: str, each: int, *, due: bool = True) -> int:
    """The same in the tables of the usual way. Without `due` only endpoints and events."""
    await pool.execute(USUAL_EMPTY)
    await pool.execute(USUAL_ENDPOINTS, endpoints, secret)
    await pool.execute(USUAL_EVENTS, endpoints, each, timeout=300)
    if due:
        await pool.execute(USUAL_FILL, endpoints, each, timeout=300)
    await settle(pool, "usual_delivery", "usual_event", "usual_endpoint")
    return await counted(pool, "usual_delivery", len(endpoints) * each if due else 0)


async def empty(pool: Any) -> None:
    """Nothing is due."""
    await pool.execute(EMPTY)


async def settle(pool: Any, *tables: str) -> None:
    """What was filled is vacuumed now, and not meanwhile."""
    for table in tables:
        await pool.execute(f"VACUUM (ANALYZE) {table}", timeout=300)
    await pool.execute("CHECKPOINT", timeout=300)


async def counted(pool: Any, table: str, expected: int) -> int:
    """How many rows a table has. Raises BenchError if not as many as expected."""
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    if found != expected:
        raise BenchError(f"{table} has {found} rows instead of {expected}: events are no longer those of the seed.")
    return found


async def bodies(pool: Any, endpoints: Sequence[UUID], each: int) -> list[tuple[str, str, bytes]]:
    """Address, webhook-id and body of the same deliveries, for who has no table."""
    rows = await pool.fetch(BODIES, endpoints, each, timeout=300)
    return [(row["url"], webhook_id(row["practice_id"], row["seq"]), row["body"].encode()) for row in rows]


async def outcomes(pool: Any, *, usual: bool = False) -> Any:
    """How many attempts were made, and how many deliveries succeeded."""
    return await pool.fetchrow(USUAL_OUTCOMES if usual else OUTCOMES)


async def written(pool: Any) -> dict[str, float]:
    """When each event that came after the seed was written, by webhook-id, in seconds since 1970."""
    rows = await pool.fetch(WRITTEN, SIZE.events_each, TEMPLATE)
    return {webhook_id(row["practice_id"], row["seq"]): row["at"].timestamp() for row in rows}


async def one_usual(pool: Any, id: str, endpoint: UUID) -> None:
    """One more delivery is due in the usual way's table, of the event with this webhook-id."""
    await pool.execute(USUAL_ONE, id, endpoint)
