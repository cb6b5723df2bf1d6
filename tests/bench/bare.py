"""B, what Python itself allows: the same SQL from a bare ASGI function, with no framework and no validation."""

import base64
import gc
import time
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic_core import from_json, to_json
from uuid_utils.compat import uuid7

from infra.database import open_pool
from tests.bench import statements as sql
from tests.bench.tokens import CONFIG, DSN, Caller, verified

known: dict[str, Caller] = {}
pool: Any = None


async def lifespan(receive: Any, send: Any) -> None:
    """The pool, and the collector's setting."""
    global pool
    await receive()
    pool = await open_pool(DSN, CONFIG.pool_size)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    header = dict(scope["headers"])[b"authorization"].decode("latin-1")
    caller = known.get(header)
    if caller is None or caller.expires < time.time():
        caller = known[header] = verified(header)
    parts = scope["path"].split("/")
    status, shown = 200, None
    if scope["method"] == "POST":
        body = from_json((await receive())["body"])
        if len(parts) > 3:
            shown = await recognize(caller, UUID(parts[3]), body)
        else:
            status, shown = 201, await report(caller, body)
    elif len(parts) > 3:
        shown = await read(caller, UUID(parts[3]))
    else:
        shown = await browse(caller, dict(parse_qsl(scope["query_string"].decode())))
    raw = to_json(shown)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


NAMES = (*sql.NAMES, "version", "created_at", "updated_at")


def represented(row: Any, caller: Caller) -> dict[str, Any]:
    """A row as it is sent."""
    shown = {name: row[name] for name in NAMES}
    shown["open_moves"] = sql.OPEN_MOVES["repair", row["phase"], caller.role]
    shown["rests_on"] = None
    return shown


async def one(statement: Any, caller: Caller, id: UUID) -> Any:
    """The row the caller may see."""
    values = {"practice_id": caller.practice, "id": id, "sub": caller.person}
    return await pool.fetchrow(statement.sql, *statement.args(values))


async def read(caller: Caller, id: UUID) -> Any:
    """One repair."""
    return represented(await one(sql.READ[caller.role], caller, id), caller)


async def browse(caller: Caller, query: dict[str, str]) -> Any:
    """A page of repairs."""
    after, limit = UUID(bytes=base64.urlsafe_b64decode(query["cursor"] + "==")), int(query["limit"])
    values = {"practice_id": caller.practice, "sub": caller.person, "after": after, "limit": limit + 1}
    statement = sql.LIST[caller.role]
    rows = await pool.fetch(statement.sql, *statement.args(values))
    last = rows[limit - 1]["id"].bytes if len(rows) > limit else b""
    following = base64.urlsafe_b64encode(last).decode().rstrip("=") or None
    return {"items": [represented(row, caller) for row in rows[:limit]], "next_cursor": following}


NOTHING: dict[str, Any] = {
    "session_id": None, "taken_on": None, "skills": [], "strategies": [], "summary": None, "shared_with_client": False
}  # fmt: skip


async def recognize(caller: Caller, id: UUID, note: dict[str, Any]) -> Any:
    """The first step: a read, and the one statement that writes."""
    row, now = await one(sql.READ[caller.role], caller, id), sql.now_utc()
    entry = sql.step_taken(NOTHING | note, caller, now)
    statement = sql.STEP[row["phase"] != "recognizing"]
    await pool.fetchrow(statement.sql, *statement.args(sql.step_values(caller, row, entry, now)))
    shown = represented(row, caller)
    shown |= {"steps": [*row["steps"], entry], "phase": "recognizing", "version": row["version"] + 1, "updated_at": now}
    return shown | {"advisories": []}


UNSAID: dict[str, Any] = {
    "policy_id": None, "type": "unspecified", "markers": [], "strains": [], "client_intensity": None,
    "therapist_intensity": None, "echoes_past": "unknown", "session_id": None, "happened_on": None, "summary": None,
    "shared_with_client": None,
}  # fmt: skip


async def report(caller: Caller, body: dict[str, Any]) -> Any:
    """A new rupture: its parent is read, and one statement creates it."""
    now, said = sql.now_utc(), UNSAID | body
    said["relationship_id"] = UUID(said["relationship_id"])
    said["precipitants"] = [{"named_by": None} | p for p in said["precipitants"]]
    parent = await one(sql.PARENT, caller, said["relationship_id"])
    rupture = sql.rupture_reported(said, caller, uuid7())
    await pool.fetchrow(sql.MAKE.sql, *sql.MAKE.args(sql.report_values(caller, rupture, parent["phase"], now)))
    open_moves = sql.OPEN_MOVES["rupture", "confirmed", caller.role]
    return rupture | {"version": 1, "created_at": now, "updated_at": now, "open_moves": open_moves}
