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
    case,
    cast,
    column,
    func,
    insert,
    literal_column,
    null,
    select,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

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
ENABLED: Any = literal_column("'enabled'")
ID_ONLY: Any = literal_column("'id_only'")
ONE: Any = literal_column("1")
EXTERNAL_ID = table_of(tables.ExternalId)


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
        e.practice_id, e.seq, e.subject_id, e.version, e.volume
    ).cte("logged")  # fmt: skip


def fan_clause(logged: Any, *, ping: bool) -> Any:
    """A delivery for every enabled endpoint that wants the event; a ping goes to its own endpoint alone."""
    n, d, log = ENDPOINT.c, DELIVERY.c, logged.c
    wants = n.id == ID if ping else n.event_types.op("&&")(bindparam("wanted", type_=ARRAY(Text)))
    lean = bindparam("head", type_=Text()) + cast(log.seq, Text) + bindparam("lean", type_=Text())
    rows = select(
        log.practice_id, n.id, log.seq, log.subject_id, log.version, case((n.payload == ID_ONLY, lean), else_=null()),
        log.volume,
    ).where(n.practice_id == log.practice_id, n.phase == ENABLED, wants)  # fmt: skip
    into = [d.practice_id, d.endpoint_id, d.seq, d.subject_id, d.version, d.body, d.volume]
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
