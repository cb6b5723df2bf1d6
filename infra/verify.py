"""The proof that the log and the rows agree."""

from typing import Any
from uuid import UUID

from domain.move import Event
from domain.values import plain, texts
from infra.shelves import SHELVES, Shelf

DENSE = """
SELECT coalesce(p.id, e.practice_id) AS id, coalesce(p.seq, 0) AS seq, coalesce(e.found, 0) AS found,
  coalesce(e.low, 1) AS low, coalesce(e.high, 0) AS high
FROM practice p FULL JOIN (
  SELECT practice_id, count(*) AS found, min(seq) AS low, max(seq) AS high FROM event GROUP BY practice_id
) e ON e.practice_id = p.id
WHERE (coalesce(p.seq, 0), coalesce(p.seq, 0), 1) <> (coalesce(e.found, 0), coalesce(e.high, 0), coalesce(e.low, 1))"""
PRACTICES = "SELECT id FROM practice UNION SELECT DISTINCT practice_id FROM event"
ORPHANS = """
SELECT d.practice_id, d.endpoint_id, d.seq FROM delivery d
LEFT JOIN event e ON e.practice_id = d.practice_id AND e.seq = d.seq
LEFT JOIN webhook_endpoint n ON n.practice_id = d.practice_id AND n.id = d.endpoint_id
WHERE e.seq IS NULL OR n.id IS NULL"""
EVENTS = """
SELECT subject_id, version, type, source, target, data FROM event
WHERE practice_id = $1 AND subject = $2 ORDER BY subject_id, version"""
NAMES = "SELECT system, value, subject_id FROM external_id WHERE practice_id = $1 AND subject = $2"
MOST = 100
"""How many faults are told one by one."""


async def verified(pool: Any) -> dict[str, Any]:
    """Every fault found, and what was counted."""
    faults: list[str] = []
    counted = {"practices": 0, "objects": 0, "events": 0}
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        for row in await connection.fetch(DENSE):
            faults.append(f"practice {row['id']}: counted to {row['seq']}, has {row['found']} events to {row['high']}")
        for row in await connection.fetch(ORPHANS):
            faults.append(f"delivery of event {row['seq']} to {row['endpoint_id']} has lost its event or endpoint")
        for practice in await connection.fetch(PRACTICES):
            counted["practices"] += 1
            for shelf in SHELVES.values():
                await compare(connection, practice["id"], shelf, faults, counted)
    more = [f"and {len(faults) - MOST} more"] if len(faults) > MOST else []
    return {"faults": faults[:MOST] + more, "counted": counted}


async def compare(connection: Any, practice_id: UUID, shelf: Shelf, faults: list[str], counted: dict[str, int]) -> None:
    """Fold every object of a kind from its events, and hold it against its row."""
    machine = shelf.machine
    logged: dict[UUID, list[Event]] = {}
    versions: dict[UUID, list[int]] = {}
    async for row in connection.cursor(EVENTS, practice_id, machine.subject):
        data = row["data"]
        event = Event(
            type=row["type"], source=row["source"], to=row["target"], set=data.get("set", {}), add=data.get("add", {})
        )  # fmt: skip
        logged.setdefault(row["subject_id"], []).append(event)
        versions.setdefault(row["subject_id"], []).append(row["version"])
        counted["events"] += 1
    rows = {r["id"]: r async for r in connection.cursor(
        f"SELECT * FROM {shelf.table.name} WHERE practice_id = $1", practice_id)}  # fmt: skip
    counted["objects"] += len(rows)
    if "external_identifiers" in shelf.names:
        await compare_names(connection, practice_id, shelf, rows, faults)
    for id in rows.keys() | logged.keys():
        place = f"{machine.subject} {id}"
        if id not in rows or id not in logged:
            faults.append(f"{place}: has {'events and no row' if id in logged else 'a row and no events'}")
            continue
        if versions[id] != list(range(1, rows[id]["version"] + 1)):
            faults.append(f"{place}: versions are not 1 to {rows[id]['version']}")
        folded, held = machine.fold(id, logged[id]), facts(shelf, rows[id])
        faults += [f"{place}: {name} differs from its events" for name in held if held[name] != folded[name]]


async def compare_names(
    connection: Any, practice_id: UUID, shelf: Shelf, rows: dict[UUID, Any], faults: list[str]
) -> None:
    """Hold the index of what other systems call things against the things."""
    subject = shelf.machine.subject
    named = {(n["system"], n["value"], id) for id, row in rows.items() for n in row["external_identifiers"]}
    indexed = {tuple(row) for row in await connection.fetch(NAMES, practice_id, subject)}
    faults += [f"{subject} {id}: its external identifier is not what it is found by" for _, _, id in named ^ indexed]


def facts(shelf: Shelf, row: Any) -> dict[str, Any]:
    """A row's fields but for free text, as events tell them."""
    state = shelf.state(row)
    words = texts(shelf.machine.cls)
    return {name: plain(getattr(state, name), words=False) for name in shelf.names if name not in words}
