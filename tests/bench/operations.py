"""The five operations, as the requests that the load generator sends."""

import base64
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from domain.access import Role
from infra.keys import Keys
from tests.bench.load import Request
from tests.bench.seed import NOTE, REPORT, TEMPLATE

CONNECTIONS = 32
SAMPLE = 400
"""The most repairs of a practice that are asked for."""
PEOPLE = """
SELECT r.practice_id, l.therapist_ids[1] AS therapist_id, array_agg(DISTINCT r.relationship_id) AS relationships,
       array_agg(r.id) AS repairs
FROM (SELECT *, row_number() OVER (PARTITION BY practice_id ORDER BY hashtext(id::text)) AS place FROM repair) r
JOIN relationship l ON l.practice_id = r.practice_id AND l.id = r.relationship_id
WHERE r.practice_id <> $1 AND r.place <= $2 GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Person:
    """A therapist with a token, and what is theirs."""

    headers: bytes
    overseer: bytes
    """The headers of the supervisor of the same practice."""
    repairs: list[UUID]
    relationships: list[UUID]


async def people(pool: Any, keys: Keys) -> list[list[Person]]:
    """The therapists of each practice."""
    found: dict[UUID, list[Person]] = defaultdict(list)
    for row in await pool.fetch(PEOPLE, TEMPLATE, SAMPLE, timeout=600):
        practice = row["practice_id"]
        own = headers(keys.issue(practice, Role.THERAPIST, str(row["therapist_id"]), None, 7200))
        overseer = headers(keys.issue(practice, Role.SUPERVISOR, "overseer", None, 7200))
        if found[practice]:
            overseer = found[practice][0].overseer
        found[practice].append(Person(own, overseer, row["repairs"], row["relationships"]))
    return list(found.values())


def fewer(practices: list[list[Person]], repairs: int) -> list[list[Person]]:
    """The same people with so many repairs in all: rows grow with each move, so what is compared has as many of them."""
    each = max(1, repairs // sum(map(len, practices)))
    return [[replace(person, repairs=person.repairs[:each]) for person in staff] for staff in practices]


def headers(token: str) -> bytes:
    """What many requests have in common."""
    return f"host: 127.0.0.1\r\nauthorization: Bearer {token}\r\n".encode()


def get(path: str, shared: bytes) -> Request:
    """A request without a body."""
    return f"GET {path} HTTP/1.1\r\n".encode(), shared, b"\r\n"


def post(path: str, shared: bytes, body: dict[str, Any]) -> Request:
    """A request with one."""
    raw = json.dumps(body).encode()
    rest = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(raw), raw)
    return f"POST {path} HTTP/1.1\r\n".encode(), shared, rest


def reads(person: Person) -> list[Request]:
    """One repair by id."""
    return [get(f"/v1/repairs/{id}", person.headers) for id in person.repairs]


def pages(person: Person) -> list[Request]:
    """Fifty repairs of the practice, from anywhere but its end."""
    starts = sorted(person.repairs)[: len(person.repairs) * 7 // 10]
    cursors = (base64.urlsafe_b64encode(id.bytes).decode().rstrip("=") for id in starts)
    return [get(f"/v1/repairs?limit=50&cursor={cursor}", person.overseer) for cursor in cursors]


def moves(person: Person) -> list[Request]:
    """One step of a repair."""
    return [post(f"/v1/repairs/{id}/recognize", person.headers, NOTE) for id in person.repairs]


def reports(person: Person) -> list[Request]:
    """One new rupture."""
    return [post("/v1/ruptures", person.headers, {"relationship_id": str(id), **REPORT}) for id in person.relationships]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is measured."""

    name: str
    says: str
    requests: Callable[[Person], list[Request]]
    writes: bool = False
    keyed: bool = False
    """Every request carries an Idempotency-Key of its own."""


OPERATIONS = (
    Operation("read", "read one repair by id", reads),
    Operation("list", "list 50 repairs of a practice", pages),
    Operation("move", "make one move: a step of a repair", moves, writes=True),
    Operation("keyed", "the same move with an Idempotency-Key", moves, writes=True, keyed=True),
    Operation("create", "create a rupture", reports, writes=True),
)


def spread(operation: Operation, practices: list[list[Person]], connections: int = CONNECTIONS) -> list[list[Request]]:
    """The requests of each connection, in random order: no two share a practice unless there are too few.

    One request with each token comes first, for the warm-up: a window does not measure how tokens are met.
    """
    order = random.Random(7)
    lanes: list[list[Request]] = [[] for _ in range(connections)]
    for place, staff in enumerate(practices):
        mine = [request for person in staff for request in operation.requests(person)]
        order.shuffle(mine)
        step = min(connections, len(practices))
        own = lanes[place % connections :: step] if step < connections else [lanes[place % connections]]
        for number, lane in enumerate(own):
            lane += mine[number :: len(own)]
    for lane in lanes:
        order.shuffle(lane)
        first = {request[1]: place for place, request in reversed(list(enumerate(lane)))}
        lane[:] = [lane[place] for place in first.values()] + lane
    return lanes
