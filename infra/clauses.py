"""The parts that statements are put together from: tables, parameters, and the steps of a decision."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from domain.access import Role
from domain.webhook import FED, WEBHOOK_ENDPOINT
from infra import tables


def table_of(model: type[SQLModel]) -> Any:
    """The Core table behind a SQLModel class."""
    return model.__table__  # type: ignore[attr-defined]


RELATIONSHIP, PRACTICE, EVENT = table_of(tables.Relationship), table_of(tables.Practice), table_of(tables.Event)
DELIVERY, ENDPOINT, WORDING = table_of(tables.Delivery), table_of(tables.WebhookEndpoint), table_of(tables.Wording)
IDEMPOTENCY = table_of(tables.Idempotency)

PRACTICE_ID, ID, SUB = (
    bindparam("practice_id", type_=Uuid()),
    bindparam("id", type_=Uuid()),
    bindparam("sub", type_=Uuid()),
)
CALLER, KEY = bindparam("caller", type_=Text()), bindparam("key", type_=Text())
VERSION, NOW = bindparam("version", type_=Integer()), bindparam("now", type_=DateTime(timezone=True))
SEEN = ("client_id", "therapist_ids", "phase", "risk", "screened_on", "version")
HELD: Any = literal_column("'held'")
ID_ONLY: Any = literal_column("'id_only'")
ONE: Any = literal_column("1")
EXTERNAL_ID = table_of(tables.ExternalId)
PINGED = WEBHOOK_ENDPOINT.type_of(WEBHOOK_ENDPOINT.by_name["ping"])
FED_PHASES = ", ".join(f"'{phase}'" for phase in FED)


# What no longer holds is looked at no more, so whether it is private is asked of what it was seen in.
WAS_SHARED = """signal.phase = 'superseded' AND signal.outcome_score_id IS NULL
  AND (signal.rater IS NULL OR signal.rater = 'client') AND EXISTS (SELECT FROM alliance_rating kept
    WHERE kept.practice_id = signal.practice_id AND kept.relationship_id = signal.relationship_id
      AND kept.rater = 'client' AND NOT kept.shared_with_therapist)"""
IN_SIGHT: dict[str, dict[Role, Any]] = {
    "alliance_rating": {
        Role.CLIENT: literal_column("alliance_rating.rater = 'client'"),
        Role.THERAPIST: literal_column("(alliance_rating.rater <> 'client' OR alliance_rating.shared_with_therapist)"),
    },
    "signal": {Role.THERAPIST: literal_column(f"(NOT signal.private_to_client AND NOT ({WAS_SHARED}))")},
}
"""What of their relationship a person does not see all of: a client their own ratings, a therapist of a client's what
is shared, and what was seen in that."""


def bool_of(clause: Any) -> ColumnElement[bool]:
    """SQLAlchemy's comparison operators, which are typed as plain bool on untyped columns."""
    return clause  # type: ignore[no-any-return]


def relationship_seen() -> Any:
    """The relationship, held where the decision saw it until the decision is committed."""
    r = RELATIONSHIP.c
    found = select(r.id).where(
        r.practice_id == PRACTICE_ID, r.id == bindparam("relationship_id", type_=Uuid()),
        r.phase == bindparam("seen_phase", type_=Text()),
    )  # fmt: skip
    return found.with_for_update(read=True).cte("seen")


def log_clause(ticket: Any) -> Any:
    """One event, numbered by the ticket; its body is built around the number, once and for every attempt."""
    e = EVENT.c
    names = ("type", "subject", "actor_kind", "actor_id", "origin", "source", "target", "head", "tail")
    text_of = {n: bindparam(n, type_=Text()) for n in names}
    seq = ticket.c.seq
    values = {
        e.practice_id: PRACTICE_ID, e.seq: seq, e.type: text_of["type"], e.subject: text_of["subject"],
        e.subject_id: ID, e.relationship_id: bindparam("relationship_id", type_=Uuid()), e.version: VERSION + ONE,
        e.at: NOW, e.actor_kind: text_of["actor_kind"], e.actor_id: text_of["actor_id"], e.origin: text_of["origin"],
        e.source: text_of["source"], e.target: text_of["target"], e.data: bindparam("data", type_=JSONB()),
        e.body: text_of["head"] + cast(seq, Text) + text_of["tail"], e.volume: ticket.c.volume,
    }  # fmt: skip
    return insert(EVENT).from_select(list(values), select(*values.values())).returning(
        e.practice_id, e.seq, e.type, e.subject_id, e.relationship_id, e.target, e.volume
    ).cte("logged")  # fmt: skip


WANTS = f"""
webhook_endpoint.practice_id = logged.practice_id AND CASE WHEN logged.type = '{PINGED}'
  THEN webhook_endpoint.id = logged.subject_id
  ELSE webhook_endpoint.id <> logged.subject_id AND webhook_endpoint.phase IN ({FED_PHASES})
   AND webhook_endpoint.event_types && ARRAY['*', logged.type, split_part(logged.type, '.', 1) || '.*']::text[]
   AND (webhook_endpoint.relationship_ids = '{{}}' OR logged.relationship_id = ANY (webhook_endpoint.relationship_ids))
   AND (webhook_endpoint.phases = '{{}}' OR logged.target = ANY (webhook_endpoint.phases)) END"""
"""Which endpoints are told of an event called `logged`. A ping goes to its own alone; of itself none is told."""


def fan_clause(logged: Any) -> Any:
    """A delivery for every endpoint that wants the event."""
    n, d, log = ENDPOINT.c, DELIVERY.c, logged.c
    rows = select(log.practice_id, n.id, log.seq, log.subject_id, n.payload == ID_ONLY, log.volume).where(text(WANTS))
    into = [d.practice_id, d.endpoint_id, d.seq, d.subject_id, d.lean, d.volume]
    return insert(DELIVERY).from_select(into, rows).returning(d.seq).cte("fan")


def keep_clause(logged: Any) -> Any:
    """The answer, kept under its Idempotency-Key in the same statement as the effect."""
    i = IDEMPOTENCY.c
    row = select(
        PRACTICE_ID, CALLER, KEY, bindparam("fingerprint", type_=LargeBinary()), bindparam("status", type_=Integer()),
        bindparam("headers", type_=Text()), bindparam("answer", type_=Text()),
    ).select_from(logged)  # fmt: skip
    return insert(IDEMPOTENCY).from_select(
        [i.practice_id, i.caller, i.key, i.fingerprint, i.status, i.headers, i.body], row
    )  # fmt: skip


def wording_clause(touched: Any) -> Any:
    """What the corrected texts said before."""
    w = WORDING.c
    fields_, texts_ = (bindparam(n, type_=ARRAY(Text)) for n in ("said_fields", "said_texts"))
    said = func.unnest(fields_, texts_).table_valued(column("field", Text), column("text", Text)).render_derived()
    row = select(PRACTICE_ID, touched.c.id, VERSION, said.c.field, said.c.text)
    return insert(WORDING).from_select([w.practice_id, w.subject_id, w.version, w.field, w.text], row)


HEALTH: Any = literal_column(
    """(
SELECT jsonb_build_object(
  'breaker', CASE WHEN coalesce(l.trips, 0) = 0 THEN 'closed'
    WHEN l.paused_until > now() THEN 'open' ELSE 'half_open' END,
  'paused_until', CASE WHEN l.paused_until > now() THEN l.paused_until END,
  'last_success_at', l.last_success_at, 'last_failure_at', l.last_failure_at, 'failing_since', l.first_failure_at,
  'success_rate', (SELECT round(avg((outcome = 'delivered')::int), 3) FROM (SELECT outcome FROM attempt a
    WHERE a.practice_id = n.practice_id AND a.endpoint_id = n.id ORDER BY at DESC LIMIT 100) recent),
  'backlog', (SELECT count(*) FROM (SELECT 1 FROM delivery d
    WHERE d.practice_id = n.practice_id AND d.endpoint_id = n.id LIMIT 10000) waiting),
  'oldest_due_at', least((SELECT min(first_at) FROM (SELECT d.first_at FROM delivery d
      WHERE d.practice_id = n.practice_id AND d.endpoint_id = n.id AND d.next_at IS NULL
      ORDER BY d.seq LIMIT 1000) ready),
    (SELECT min(d.next_at) FROM delivery d
      WHERE d.practice_id = n.practice_id AND d.endpoint_id = n.id AND d.next_at <= now())),
  'dead', (SELECT count(*) FROM (SELECT 1 FROM dead d
    WHERE d.practice_id = n.practice_id AND d.endpoint_id = n.id LIMIT 10000) dead),
  'recovered_to', CASE WHEN jsonb_typeof(n.recovery) = 'object' THEN l.recovered_to END)
FROM (SELECT webhook_endpoint.practice_id, webhook_endpoint.id, webhook_endpoint.recovery) n
LEFT JOIN lane l ON l.practice_id = n.practice_id AND l.endpoint_id = n.id)""",
    JSONB(),
)
"""How an endpoint fares: what its last hundred attempts came to, and what is waiting (counted to 10,000).

What is ready is in the order of its numbers, so the first thousand hold the one that is ready longest: what comes out
of its order comes by a recovery, which never has a thousand waiting. So no part of this goes through a backlog.
"""
