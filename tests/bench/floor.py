"""F, the floor of the stack: the smallest ordinary FastAPI application that does the same SQL on asyncpg.

Path functions, a dependency that remembers verified tokens, pydantic models in and out, a frozen and relaxed collector,
no reset of pooled connections. No roles, scopes, conditions, problem details, request ids or metrics.
"""

import base64
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from uuid_utils.compat import uuid7

from infra.database import open_pool
from tests.bench import statements as sql
from tests.bench.shapes import MovedRepair, Note, Repair, Repairs, Report, Rupture
from tests.bench.tokens import CONFIG, DSN, Caller, verified

known: dict[str, Caller] = {}
pool: Any = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The pool, and the collector's setting."""
    global pool
    pool = await open_pool(DSN, CONFIG.pool_size)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    yield
    await pool.close()


app = FastAPI(lifespan=lifespan)


async def asking(authorization: Annotated[str, Header()]) -> Caller:
    """Who is asking; a token is checked once."""
    found = known.get(authorization)
    if found is None or found.expires < time.time():
        try:
            found = known[authorization] = verified(authorization)
        except jwt.PyJWTError:
            raise HTTPException(401) from None
    return found


Asking = Annotated[Caller, Depends(asking)]


async def one(statement: Any, caller: Caller, id: UUID) -> Any:
    """The row the caller may see."""
    values = {"practice_id": caller.practice, "id": id, "sub": caller.person}
    row = await pool.fetchrow(statement.sql, *statement.args(values))
    if row is None:
        raise HTTPException(404)
    return row


def shown(row: Any, caller: Caller) -> dict[str, Any]:
    """A row as it is sent."""
    return {**row, "open_moves": sql.OPEN_MOVES["repair", row["phase"], caller.role]}


@app.get("/v1/repairs/{id}", response_model=Repair)
async def read(id: UUID, caller: Asking) -> Any:
    """One repair."""
    return shown(await one(sql.READ[caller.role], caller, id), caller)


@app.get("/v1/repairs", response_model=Repairs)
async def browse(caller: Asking, cursor: str, limit: int = 50) -> Any:
    """A page of repairs."""
    after = UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    values = {"practice_id": caller.practice, "sub": caller.person, "after": after, "limit": limit + 1}
    statement = sql.LIST[caller.role]
    rows = await pool.fetch(statement.sql, *statement.args(values))
    last = rows[limit - 1]["id"].bytes if len(rows) > limit else b""
    following = base64.urlsafe_b64encode(last).decode().rstrip("=") or None
    return {"items": [shown(row, caller) for row in rows[:limit]], "next_cursor": following}


@app.post("/v1/repairs/{id}/recognize", response_model=MovedRepair)
async def recognize(id: UUID, note: Note, caller: Asking) -> Any:
    """The first step: a read, and the one statement that writes."""
    row, now = await one(sql.READ[caller.role], caller, id), sql.now_utc()
    entry = sql.step_taken(note.model_dump(mode="json"), caller, now)
    statement = sql.STEP[row["phase"] != "recognizing"]
    if await pool.fetchrow(statement.sql, *statement.args(sql.step_values(caller, row, entry, now))) is None:
        raise HTTPException(409)
    return {
        **row, "steps": [*row["steps"], entry], "phase": "recognizing", "version": row["version"] + 1,
        "updated_at": now, "open_moves": sql.OPEN_MOVES["repair", "recognizing", caller.role], "advisories": [],
    }  # fmt: skip


@app.post("/v1/ruptures", response_model=Rupture, status_code=201)
async def report(report: Report, caller: Asking) -> Any:
    """A new rupture: its parent is read, and one statement creates it."""
    now = sql.now_utc()
    parent = await one(sql.PARENT, caller, report.relationship_id)
    rupture = sql.rupture_reported(report.model_dump(), caller, uuid7())
    await pool.fetchrow(sql.MAKE.sql, *sql.MAKE.args(sql.report_values(caller, rupture, parent["phase"], now)))
    return {
        **rupture, "version": 1, "created_at": now, "updated_at": now,
        "open_moves": sql.OPEN_MOVES["rupture", "confirmed", caller.role],
    }  # fmt: skip
