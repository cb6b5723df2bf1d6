"""The data: one relationship made over HTTP by the service itself, then multiplied in SQL into as many as are wanted.

So every row and every event has the shape the service gives it, whatever columns it has today: only ids and numbers
differ. `bravespace verify` finds no fault in the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from domain.access import Role
from infra.keys import Keys
from tests.bench.servers import BenchError

TEMPLATE = UUID(int=1)
"""The practice that the others are made after. No load goes there."""
THERAPISTS = 4
"""In each practice."""
REPORT = {
    "precipitants": [{"kind": "felt_unseen"}, {"kind": "missed_cue", "named_by": "client"}], "type": "withdrawal",
    "strains": ["bond"], "summary": "Went quiet when I moved on to the homework.",
}  # fmt: skip
NOTE = {
    "skills": ["describe"], "strategies": ["acknowledge_contribution"],
    "summary": "Named the moment I looked at the clock and what it may have said.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    practices: int
    relationships: int
    """In each practice."""
    ruptures: int
    """In each relationship, each with a repair under way and two steps taken."""

    @property
    def events_each(self) -> int:
        """How many events each practice has: its counter stands there."""
        return THERAPISTS + 1 + self.relationships * (2 + 5 * self.ruptures)


SMALL = Size(practices=32, relationships=25, ruptures=10)
"""42,000 events."""
BIG = Size(practices=200, relationships=62, ruptures=16)
"""1,018,000 events."""


async def begin(pool: Any, keys: Keys, port: int) -> None:
    """The template: one of each, by way of the service."""
    await pool.execute("INSERT INTO practice (id, name) VALUES ($1, 'Template')", TEMPLATE)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1/") as http:

        def as_(role: Role, subject: str) -> Callable[..., Any]:
            token = keys.issue(TEMPLATE, role, subject, None, 3600)

            async def post(path: str, body: dict[str, Any]) -> str:
                answer = await http.post(path, json=body, headers={"authorization": f"Bearer {token}"})
                if answer.is_error:
                    raise BenchError(f"The template could not be made: {path}: {answer.text}")
                return str(answer.json()["id"])

            return post

        desk = as_(Role.INTEGRATION, "seed")
        therapist = await desk("therapists", {"display_name": "T."})
        await desk("webhook-endpoints", {"url": "https://example.org/hook", "event_types": ["repair.*", "rupture.*"]})
        treats = as_(Role.THERAPIST, therapist)
        client = await treats("clients", {"label": "C."})
        goal = {"text": "Sleep through the night", "agreed_by_client": True, "agreed_by_therapist": True}
        begun = {"client_id": client, "therapist_ids": [therapist], "goals": [goal]}
        relationship = await treats("relationships", begun)
        rupture = await treats("ruptures", {"relationship_id": relationship, **REPORT})
        repair = await treats("repairs", {"rupture_id": rupture})
        for step in ("recognize", "stay-present"):
            await treats(f"repairs/{repair}/{step}", NOTE)


IDS = """
CREATE TEMP TABLE old ON COMMIT DROP AS
SELECT p.id AS practice, therapist.id AS therapist, client.id AS client, relationship.id AS relationship,
       rupture.id AS rupture, repair.id AS repair, webhook_endpoint.id AS endpoint
FROM practice p, therapist, client, relationship, rupture, repair, webhook_endpoint WHERE p.id = '{template}'"""
# Things of different practices come about in turn, so that they lie mixed on disk as they would after years of use.
NEW = (
    """CREATE TEMP TABLE new_practice ON COMMIT DROP AS
    SELECT n, gen_random_uuid() AS practice, uuidv7() AS endpoint FROM generate_series(1, {practices}) n""",
    """CREATE TEMP TABLE new_therapist ON COMMIT DROP AS
    SELECT n, practice, t, uuidv7() AS therapist
    FROM generate_series(0, {therapists} - 1) t, new_practice ORDER BY t, n""",
    """CREATE TEMP TABLE new_relationship ON COMMIT DROP AS
    SELECT n, practice, k, therapist, uuidv7() AS client, uuidv7() AS relationship
    FROM generate_series(1, {relationships}) k JOIN new_therapist ON t = k % {therapists} ORDER BY k, n""",
    """CREATE TEMP TABLE new_rupture ON COMMIT DROP AS
    SELECT n, practice, k, therapist, client, relationship, j, uuidv7() AS rupture, uuidv7() AS repair
    FROM generate_series(1, {ruptures}) j, new_relationship ORDER BY j, k, n""",
)
ROWS = {
    "practice": "new_practice m, practice o WHERE o.id = old.practice ORDER BY n",
    "webhook_endpoint": "new_practice m, webhook_endpoint o WHERE o.practice_id = old.practice ORDER BY n",
    "therapist": "new_therapist m, therapist o WHERE o.practice_id = old.practice ORDER BY t, n",
    "client": "new_relationship m, client o WHERE o.practice_id = old.practice ORDER BY k, n",
    "relationship": "new_relationship m, relationship o WHERE o.practice_id = old.practice ORDER BY k, n",
    "rupture": "new_rupture m, rupture o WHERE o.practice_id = old.practice ORDER BY j, k, n",
    "repair": "new_rupture m, repair o WHERE o.practice_id = old.practice ORDER BY j, k, n",
}
"""Where the rows of each table come from."""
OWN = {
    "practice": ("practice",), "webhook_endpoint": ("practice", "endpoint"), "therapist": ("practice", "therapist"),
    "client": ("practice", "therapist", "client"), "relationship": ("practice", "therapist", "client", "relationship"),
    "rupture": ("practice", "therapist", "relationship", "rupture"),
    "repair": ("practice", "therapist", "relationship", "rupture", "repair"),
}  # fmt: skip
"""Which ids a row of each table may hold."""
EVENTS = """
INSERT INTO event (practice_id, seq, type, subject, subject_id, relationship_id, version, at, actor_kind, actor_id,
                   origin, source, target, data, body)
SELECT w.practice, number, type, subject, own, w.relationship, version, at, actor_kind,
       CASE WHEN actor_kind = 'therapist' THEN w.therapist::text ELSE actor_id END, origin, source, target,
       {data}::jsonb, replace({body}, '"seq":' || seq || ',', '"seq":' || number || ',')
FROM (SELECT e.*, m.*, row_number() OVER (PARTITION BY m.practice ORDER BY k, j, e.seq, own) AS number
      FROM event e JOIN (
        SELECT 'webhook_endpoint' AS kind, 0 AS k, 0 AS j, practice, NULL::uuid AS therapist, NULL::uuid AS client,
               NULL::uuid AS relationship, NULL::uuid AS rupture, NULL::uuid AS repair, endpoint AS own, endpoint
        FROM new_practice
        UNION ALL SELECT 'therapist', 0, 0, practice, therapist, NULL, NULL, NULL, NULL, therapist, NULL
        FROM new_therapist
        UNION ALL SELECT 'client', k, 0, practice, therapist, client, NULL, NULL, NULL, client, NULL
        FROM new_relationship
        UNION ALL SELECT 'relationship', k, 0, practice, therapist, client, relationship, NULL, NULL, relationship, NULL
        FROM new_relationship
        UNION ALL SELECT 'rupture', k, j, practice, therapist, client, relationship, rupture, repair, rupture, NULL
        FROM new_rupture
        UNION ALL SELECT 'repair', k, j, practice, therapist, client, relationship, rupture, repair, repair, NULL
        FROM new_rupture) m ON e.subject = m.kind
      WHERE e.practice_id = $1) w, old"""
ALL = ("practice", "therapist", "client", "relationship", "rupture", "repair", "endpoint")


def renamed(text: str, source: str, names: tuple[str, ...]) -> str:
    """SQL for a text in which the template's ids have become those of a row of `source`."""
    for name in names:
        text = f"replace({text}, old.{name}::text, coalesce({source}.{name}::text, ''))"
    return text


async def multiply(pool: Any, size: Size) -> None:
    """As much data as `size` says, beside the template."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL work_mem = '256MB'; SET LOCAL synchronous_commit = off")
        await connection.execute(IDS.format(template=TEMPLATE))
        for statement in NEW:
            await connection.execute(
                statement.format(practices=size.practices, therapists=THERAPISTS, relationships=size.relationships,
                                 ruptures=size.ruptures))  # fmt: skip
        for table, source in ROWS.items():
            record = f"jsonb_populate_record(NULL::{table}, {renamed('to_jsonb(o)::text', 'm', OWN[table])}::jsonb)"
            await connection.execute(f"INSERT INTO {table} SELECT ({record}).* FROM old, {source}", timeout=600)
        data, body = renamed("w.data::text", "w", ALL), renamed("w.body", "w", ALL)
        await connection.execute(EVENTS.format(data=data, body=body), TEMPLATE, timeout=600)
        await connection.execute("UPDATE practice SET seq = $1 WHERE id <> $2", size.events_each, TEMPLATE)
    for table in ("event", *ROWS):
        await pool.execute(f"VACUUM (ANALYZE) {table}", timeout=600)
    await pool.execute("CHECKPOINT", timeout=600)


RESET = """
TRUNCATE delivery, idempotency;
DELETE FROM event e USING practice p WHERE p.id = e.practice_id AND p.id <> '{template}' AND e.seq > {events};
DELETE FROM rupture WHERE phase = 'confirmed';
UPDATE repair r SET steps = jsonb_path_query_array(r.steps, '$[0 to 1]'), phase = o.phase, version = o.version
FROM repair o WHERE o.practice_id = '{template}' AND r.version > o.version;
UPDATE practice SET seq = {events} WHERE seq > {events} AND id <> '{template}'"""


async def reset(pool: Any, size: Size) -> None:
    """As it was before anybody moved: rows grow with each step, and every run should find the same."""
    await pool.execute(RESET.format(template=TEMPLATE, events=size.events_each), timeout=600)
    for table in ("event", "rupture", "repair", "practice"):
        await pool.execute(f"VACUUM {table}", timeout=600)
    await pool.execute("CHECKPOINT", timeout=600)
