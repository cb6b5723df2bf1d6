"""U, the usual way: FastAPI with SQLModel's async session, ORM objects and every default.

The token's signature is checked on each request, the objects are loaded, changed and committed as the manuals show it.
It writes the same rows: the repair or rupture, the practice's counter under a lock, the event, and its deliveries.
"""

import base64
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from domain.webhook import FED
from infra import tables
from tests.bench import statements as sql
from tests.bench.shapes import MovedRepair, Note, Repair, Repairs, Report, Rupture
from tests.bench.tokens import DSN, Caller, verified

engine = create_async_engine(DSN.replace("postgresql://", "postgresql+asyncpg://"))
sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
app = FastAPI()


async def opened() -> AsyncIterator[AsyncSession]:
    """A session for each request."""
    async with sessions() as session:
        yield session


async def asking(authorization: Annotated[str, Header()]) -> Caller:
    """Who is asking."""
    try:
        return verified(authorization)
    except jwt.PyJWTError:
        raise HTTPException(401) from None


Asking = Annotated[Caller, Depends(asking)]
Session = Annotated[AsyncSession, Depends(opened)]


async def seen(session: AsyncSession, caller: Caller, id: UUID) -> tables.Repair:
    """The repair, if it is in the caller's sight."""
    query = select(tables.Repair, tables.Relationship).where(
        tables.Repair.practice_id == caller.practice, tables.Repair.id == id,
        tables.Relationship.practice_id == caller.practice, tables.Relationship.id == tables.Repair.relationship_id,
    )  # fmt: skip
    found = (await session.exec(query)).first()
    if found is None or caller.person not in found[1].therapist_ids:
        raise HTTPException(404)
    return found[0]


def shown(repair: tables.Repair, caller: Caller) -> dict[str, Any]:
    """A repair as it is sent."""
    return repair.model_dump() | {"open_moves": sql.OPEN_MOVES["repair", repair.phase, caller.role]}


TOLD = (
    "practice_id", "type", "subject", "relationship_id", "actor_kind", "actor_id", "origin", "source", "target", "data"
)  # fmt: skip


async def log(session: AsyncSession, caller: Caller, values: dict[str, Any]) -> None:
    """The event with the practice's next number, and a delivery for every endpoint that wants it."""
    practice = await session.get_one(tables.Practice, caller.practice, with_for_update=True)
    practice.seq += 1
    own = {name: values[name] for name in TOLD}
    version, body = values["version"] + 1, f"{values['head']}{practice.seq}{values['tail']}"
    about = {"subject_id": values["id"], "version": version, "at": values["now"], "body": body}
    session.add(tables.Event(**own, **about, seq=practice.seq, volume=practice.volume))
    endpoints = select(tables.WebhookEndpoint).where(
        tables.WebhookEndpoint.practice_id == caller.practice, col(tables.WebhookEndpoint.phase).in_(FED)
    )  # fmt: skip
    for endpoint in await session.exec(endpoints):
        if set(endpoint.event_types) & set(values["wanted"]):
            session.add(tables.Delivery(practice_id=caller.practice, endpoint_id=endpoint.id, seq=practice.seq,
                                        subject_id=values["id"], lean=False, cause="event",
                                        first_at=values["now"], volume=practice.volume))  # fmt: skip


@app.get("/v1/repairs/{id}", response_model=Repair)
async def read(id: UUID, caller: Asking, session: Session) -> Any:
    """One repair."""
    return shown(await seen(session, caller, id), caller)


@app.get("/v1/repairs", response_model=Repairs)
async def browse(caller: Asking, session: Session, cursor: str, limit: int = 50) -> Any:
    """A page of repairs."""
    after = UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    query = select(tables.Repair).where(tables.Repair.practice_id == caller.practice, tables.Repair.id > after)
    repairs = (await session.exec(query.order_by(tables.Repair.id).limit(limit + 1))).all()  # type: ignore[arg-type]
    more = len(repairs) > limit
    following = base64.urlsafe_b64encode(repairs[limit - 1].id.bytes).decode().rstrip("=") if more else None
    return {"items": [shown(repair, caller) for repair in repairs[:limit]], "next_cursor": following}


@app.post("/v1/repairs/{id}/recognize", response_model=MovedRepair)
async def recognize(id: UUID, note: Note, caller: Asking, session: Session) -> Any:
    """The first step."""
    repair, now = await seen(session, caller, id), sql.now_utc()
    entry = sql.step_taken(note.model_dump(mode="json"), caller, now)
    row = {"id": id, "relationship_id": repair.relationship_id, "version": repair.version, "phase": repair.phase}
    repair.steps = [*repair.steps, entry]
    repair.phase, repair.version, repair.updated_at = "recognizing", repair.version + 1, now
    session.add(repair)
    await log(session, caller, sql.step_values(caller, row, entry, now))
    await session.commit()
    return shown(repair, caller) | {"advisories": []}


@app.post("/v1/ruptures", response_model=Rupture, status_code=201)
async def report(report: Report, caller: Asking, session: Session) -> Any:
    """A new rupture."""
    relationship = await session.get(tables.Relationship, (caller.practice, report.relationship_id))
    if relationship is None or caller.person not in relationship.therapist_ids:
        raise HTTPException(404)
    now = sql.now_utc()
    fields = sql.rupture_reported(report.model_dump(), caller, uuid7())
    rupture = tables.Rupture(**fields, practice_id=caller.practice, version=1, created_at=now, updated_at=now)
    session.add(rupture)
    await log(session, caller, sql.report_values(caller, fields, relationship.phase, now))
    await session.commit()
    return rupture.model_dump() | {"open_moves": sql.OPEN_MOVES["rupture", "confirmed", caller.role]}
