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
from infra.store import Store
from tests.bench.servers import BenchError

TEMPLATE = UUID(int=1)
"""The practice that the others are made after. No load goes there."""
THERAPISTS = 4
"""In each practice."""
REGISTERED = 2
"""Events of a webhook endpoint: registered, and pinged."""
COURSE = 5
"""Events of a rupture and its repair: reported, begun, the rupture's own, and two steps."""
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
        return THERAPISTS + REGISTERED + self.relationships * (2 + COURSE * self.ruptures)


SMALL = Size(practices=32, relationships=25, ruptures=10)
"""42,000 events."""
BIG = Size(practices=200, relationships=62, ruptures=16)
"""1,018,000 events."""


async def begin(pool: Any, keys: Keys, port: int) -> None:
    """The template: one of each, by way of the service."""
    await Store(pool).found_practice(TEMPLATE, "Template")
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


OLD = """
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
    FROM generate_series(0, {relationships} - 1) k JOIN new_therapist ON t = k % {therapists} ORDER BY k, n""",
    """CREATE TEMP TABLE new_rupture ON COMMIT DROP AS
    SELECT n, practice, k, therapist, client, relationship, j, uuidv7() AS rupture, uuidv7() AS repair
    FROM generate_series(0, {ruptures} - 1) j, new_relationship ORDER BY j, k, n""",
)
IDS = ("practice", "therapist", "client", "relationship", "rupture", "repair", "endpoint")
KNOWN = {
    "new_practice": ("practice", "endpoint"), "new_therapist": ("practice", "therapist"),
    "new_relationship": ("practice", "therapist", "client", "relationship"),
    "new_rupture": ("practice", "therapist", "client", "relationship", "rupture", "repair"),
}  # fmt: skip
"""Which ids each of these tables has."""
ROWS = {
    "practice": "new_practice", "webhook_endpoint": "new_practice", "therapist": "new_therapist",
    "client": "new_relationship", "relationship": "new_relationship", "rupture": "new_rupture", "repair": "new_rupture",
}  # fmt: skip
"""Which of them gives a table its rows."""
ROW = """
WITH one AS MATERIALIZED (SELECT {form} AS form FROM {table} o, old WHERE o.{tenant} = old.practice)
INSERT INTO {table}
SELECT r.* FROM {source} m, one, LATERAL jsonb_populate_record(NULL::{table}, format(one.form, {ids})::jsonb) r"""
EVENTS = (
    ("e.subject = 'webhook_endpoint'", "new_practice", "m.endpoint", "e.version"),
    ("e.subject = 'therapist'", "new_therapist", "m.therapist", "{registered} + 1 + m.t"),
    ("e.subject = 'client'", "new_relationship", "m.client", "{before} + 1"),
    ("e.subject = 'relationship'", "new_relationship", "m.relationship", "{before} + 2"),
    ("e.subject IN ('rupture', 'repair')", "new_rupture",
     "CASE e.subject WHEN 'rupture' THEN m.rupture ELSE m.repair END", "{before} + {course} * m.j + e.seq - {registered} - 1"),
)  # fmt: skip
"""Which events of the template there are for each row of what, of whom, and their numbers: dense in every practice."""
EVENT = """
WITH e AS MATERIALIZED (
  SELECT o.*, {data} AS data_form, replace({body}, '"seq":' || o.seq || ',', '"seq":%8$s,') AS body_form
  FROM event o, old WHERE o.practice_id = old.practice),
numbered AS (
  SELECT e.*, m.*, {own} AS own, {number} AS number, {relationship} AS place FROM {source} m, e WHERE {which})
INSERT INTO event (practice_id, seq, type, subject, subject_id, relationship_id, version, at, actor_kind, actor_id,
                   origin, source, target, data, body, volume)
SELECT practice, number, type, subject, own, place, version, at, actor_kind, {actor}, origin, source, target,
       format(data_form, {ids})::jsonb, format(body_form, {ids}, number), volume FROM numbered m"""


def form(text: str) -> str:
    """SQL for a text with places for new ids where the template's ids are."""
    text = f"replace({text}, '%', '%%')"
    for place, name in enumerate(IDS, 1):
        text = f"replace({text}, old.{name}::text, '%{place}$s')"
    return text


def ids(source: str) -> str:
    """The ids that go into those places."""
    return ", ".join(f"m.{name}" if name in KNOWN[source] else "NULL" for name in IDS)


async def multiply(pool: Any, size: Size) -> None:
    """As much data as `size` says, beside the template."""
    numbers = {
        "practices": size.practices, "therapists": THERAPISTS, "relationships": size.relationships,
        "ruptures": size.ruptures,
    }  # fmt: skip
    before = f"{THERAPISTS + REGISTERED} + m.k * {2 + COURSE * size.ruptures}"
    async with pool.acquire() as connection, connection.transaction():

        async def run(statement: str) -> None:
            await connection.execute(statement, timeout=900)

        # Replica: references are right by the way the rows are made, and are not checked one by one.
        await run("SET LOCAL synchronous_commit = off; SET LOCAL session_replication_role = replica")
        await run(OLD.format(template=TEMPLATE))
        for statement in NEW:
            await run(statement.format(**numbers))
        for table, source in ROWS.items():
            tenant = "id" if table == "practice" else "practice_id"
            await run(
                ROW.format(form=form("to_jsonb(o)::text"), table=table, tenant=tenant, source=source, ids=ids(source))
            )
        for which, source, own, number in EVENTS:
            relationship = "m.relationship" if "relationship" in own or "rupture" in own else "NULL::uuid"
            therapist = "m.therapist::text" if "therapist" in KNOWN[source] else "actor_id"
            await run(EVENT.format(
                data=form("o.data::text"), body=form("o.body"), which=which, source=source, own=own,
                number=number.format(before=before, course=COURSE, registered=REGISTERED), relationship=relationship, ids=ids(source),
                actor=f"CASE actor_kind WHEN 'therapist' THEN {therapist} ELSE actor_id END",
            ))  # fmt: skip
        await run("INSERT INTO milestone SELECT id, volume, 1 FROM practice, old WHERE id <> old.practice")
        await connection.execute("UPDATE practice SET seq = $1 WHERE id <> $2", size.events_each, TEMPLATE)
    for table in ("event", *ROWS):
        await pool.execute(f"VACUUM (ANALYZE) {table}", timeout=900)
    await pool.execute("CHECKPOINT", timeout=900)
    await check(pool, size)


async def check(pool: Any, size: Size) -> None:
    """Raises BenchError if the service no longer writes what this counts on."""
    found = await pool.fetchrow("SELECT count(*) AS all, max(seq) AS last FROM event WHERE practice_id <> $1", TEMPLATE)
    if (found["all"], found["last"]) != (size.practices * size.events_each, size.events_each):
        raise BenchError(f"A rupture and its repair, two steps in, are no longer {COURSE} events: {dict(found)}")


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
