"""The proof that the log and the rows agree."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any
from uuid import UUID

from domain.move import Event
from domain.values import plain, records, texts
from infra.shelves import SHELVES, Shelf

PRACTICES = """
SELECT every.id, coalesce(p.seq, 0) AS seq, coalesce(m.horizon, 1) AS horizon, e.found, e.low, e.high,
  p.id IS NULL OR p.volume IS NOT DISTINCT FROM m.newest AS settled
FROM (SELECT id FROM practice UNION SELECT practice_id FROM event) every
LEFT JOIN practice p ON p.id = every.id
LEFT JOIN (
  SELECT practice_id, min(first_seq) AS horizon, max(volume) AS newest FROM milestone GROUP BY practice_id
) m ON m.practice_id = every.id
CROSS JOIN LATERAL (
  SELECT count(*) AS found, min(seq) AS low, max(seq) AS high FROM event
  WHERE practice_id = every.id AND seq >= coalesce(m.horizon, 1)) e"""
# A volume on its way out is no part of the log any more, though it may still be there.
GOING = "(SELECT number FROM volume WHERE log = 'event' AND closed_at IS NOT NULL)"
ASTRAY = f"""
SELECT e.practice_id, e.volume FROM (
  SELECT practice_id, volume, min(seq) AS low, max(seq) AS high FROM event GROUP BY practice_id, volume) e
LEFT JOIN (
  SELECT practice_id, volume, first_seq, lead(first_seq) OVER (PARTITION BY practice_id ORDER BY volume) AS ends
  FROM milestone) m ON m.practice_id = e.practice_id AND m.volume = e.volume
WHERE (m.volume IS NULL OR e.low < m.first_seq OR e.high >= m.ends) AND e.volume NOT IN {GOING}"""
ORPHANS = f"""
SELECT d.practice_id, d.endpoint_id, d.seq FROM delivery d
LEFT JOIN event e ON e.practice_id = d.practice_id AND e.seq = d.seq AND e.volume = d.volume
LEFT JOIN webhook_endpoint n ON n.practice_id = d.practice_id AND n.id = d.endpoint_id
WHERE (e.seq IS NULL OR n.id IS NULL) AND d.volume NOT IN {GOING}"""
EVENTS = """
SELECT subject_id, version, type, source, target, data FROM event
WHERE practice_id = $1 AND subject = $2 AND seq >= $3 ORDER BY subject_id, version"""
NAMES = "SELECT system, value, subject_id FROM external_id WHERE practice_id = $1 AND subject = $2"
MOST = 100
"""How many faults are told one by one."""


async def verified(pool: Any) -> dict[str, Any]:
    """Every fault found, and what was counted."""
    faults: list[str] = []
    counted = {"practices": 0, "objects": 0, "events": 0}
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        practices = await connection.fetch(PRACTICES)
        for practice in practices:
            faults += uncounted(practice)
        for row in await connection.fetch(ASTRAY):
            faults.append(f"practice {row['practice_id']}: volume {row['volume']} has events of another")
        for row in await connection.fetch(ORPHANS):
            faults.append(f"delivery of event {row['seq']} to {row['endpoint_id']} has lost its event or endpoint")
        for practice in practices:
            counted["practices"] += 1
            for shelf in SHELVES.values():
                await compare(connection, practice, shelf, faults, counted)
    more = [f"and {len(faults) - MOST} more"] if len(faults) > MOST else []
    return {"faults": faults[:MOST] + more, "counted": counted}


def uncounted(practice: Any) -> list[str]:
    """Whether a practice's log is as long as its counter says, from its horizon on, and written where it should be."""
    seq, horizon, found, high = (practice[n] for n in ("seq", "horizon", "found", "high"))
    faults = []
    if found != seq - horizon + 1 or (found and (practice["low"], high) != (horizon, seq)):
        faults.append(f"practice {practice['id']}: counted to {seq}, has {found} events from {horizon} to {high}")
    if not practice["settled"]:
        faults.append(f"practice {practice['id']}: writes into another volume than its newest")
    return faults


async def compare(connection: Any, practice: Any, shelf: Shelf, faults: list[str], counted: dict[str, int]) -> None:
    """Fold every object of a kind from its events, and hold it against its row."""
    machine, practice_id, whole = shelf.machine, practice["id"], practice["horizon"] == 1
    logged: dict[UUID, list[Event]] = {}
    versions: dict[UUID, list[int]] = {}
    async for row in connection.cursor(EVENTS, practice_id, machine.subject, practice["horizon"]):
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
        if id not in rows or (whole and id not in logged):
            faults.append(f"{place}: has {'events and no row' if id in logged else 'a row and no events'}")
            continue
        if id not in logged:
            continue
        first, last = 1 if whole else versions[id][0], rows[id]["version"]
        if versions[id] != list(range(first, last + 1)):
            faults.append(f"{place}: versions are not {first} to {last}")
        held = facts(shelf, rows[id])
        told = machine.fold(id, logged[id]) if first == 1 else told_since(logged[id], held)
        known = grown(machine.cls, told)
        faults += [f"{place}: {name} differs from its events" for name in known if held[name] != known[name]]


def told_since(events: list[Event], held: dict[str, Any]) -> dict[str, Any]:
    """The facts that an object's last events tell of it; of a list that began before them, how it goes on."""
    told: dict[str, Any] = {}
    began_before: set[str] = set()
    for event in events:
        told |= {"phase": event.to, **event.set}
        began_before = (began_before - event.set.keys()) | (event.add.keys() - told.keys())
        told |= {name: [*(told.get(name) or []), entry] for name, entry in event.add.items()}
    return told | {n: held[n][: -len(told[n])] + told[n] for n in began_before if len(told[n]) <= len(held[n])}


def grown(cls: type, told: Mapping[str, Any]) -> dict[str, Any]:
    """What was told of a record; what was added to the records in it since is at its default, as a row is read."""
    found = dict(told)
    for name, inner in records(cls).items():
        value = told.get(name)
        if isinstance(value, list):
            found[name] = [usual(inner) | grown(inner, entry) for entry in value]
        elif isinstance(value, dict):
            found[name] = usual(inner) | grown(inner, value)
    return found


@cache
def usual(record: type) -> dict[str, Any]:
    """The defaults of a record, but for texts."""
    words = texts(record)
    kept = [f for f in fields(record) if f.name not in words]
    return {f.name: plain(f.default, words=False) for f in kept if f.default is not MISSING}


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
