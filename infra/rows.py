"""How a decision becomes the parameters of statements, and how a row shows its relationship."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from domain.access import Caller, Role, Stamp
from domain.move import Decision
from domain.relationship import RelationshipPhase, Risk
from domain.values import plain, spoken
from infra.shelves import Shelf


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer under an Idempotency-Key."""

    key: str
    fingerprint: bytes
    status: int = 0
    headers: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sight:
    """A relationship as guards and policies see it."""

    client_id: UUID
    therapist_ids: list[UUID]
    phase: RelationshipPhase
    risk: Risk
    screened_on: date | None
    version: int


def sight(row: Mapping[str, Any]) -> Sight | None:
    """The relationship a row was read with."""
    if "_client_id" not in row:
        return None
    return Sight(
        client_id=row["_client_id"],
        therapist_ids=row["_therapist_ids"],
        phase=RelationshipPhase(row["_phase"]),
        risk=Risk(row["_risk"]),
        screened_on=row["_screened_on"],
        version=row["_version"],
    )


def renames(decision: Decision) -> bool:
    """Whether what other systems call it changes."""
    names = decision.changes.get("external_identifiers")
    return bool(names) or (names is not None and decision.before is not None)


def changed_values(shelf: Shelf, decision: Decision, stamp: Stamp, version: int) -> dict[str, Any]:
    """The row's new values, named as the statements take them."""
    added = decision.entries
    replaced = {n: v for n, v in decision.changes.items() if n not in added}
    values = {f"new_{n}": v for n, v in shelf.stored(replaced).items()} | {f"new_{n}": [v] for n, v in added.items()}
    where = {"practice_id": stamp.caller.practice_id, "id": decision.after.id, "version": version, "now": stamp.now}
    return values | where


def event_values(decision: Decision, stamp: Stamp, version: int) -> dict[str, Any]:
    """The event's columns, and its body around the number it has yet to be given."""
    event, caller = decision.event, stamp.caller
    head, tail = body_parts(decision, stamp, version)
    return {
        "type": event.type, "subject": decision.machine.subject, "relationship_id": relationship_of(decision),
        "actor_kind": caller.role.value, "actor_id": caller.id, "origin": caller.origin, "source": event.source,
        "target": event.to, "data": event_data(decision), "head": head, "tail": tail,
    }  # fmt: skip


def event_data(decision: Decision) -> dict[str, Any]:
    """What an event says besides its phases; empty parts left out."""
    event = decision.event
    parts = {"set": dict(event.set), "add": dict(event.add), "texts": list(event.texts)}
    return {name: part for name, part in parts.items() if part}


def relationship_of(decision: Decision) -> UUID | None:
    """The relationship an event belongs to."""
    if decision.machine.subject == "relationship":
        return decision.after.id  # type: ignore[no-any-return]
    return getattr(decision.after, "relationship_id", None)


@lru_cache(10_000)
def signature(role: Role, id: str, origin: str) -> str:
    """Who did it, as a body tells it."""
    actor = json.dumps({"kind": role.value, "id": id}, separators=(",", ":"))
    return f'"actor":{actor},"origin":{json.dumps(origin)}'


def body_parts(decision: Decision, stamp: Stamp, version: int) -> tuple[str, str]:
    """A webhook's body up to its number, and after it."""
    event, caller, machine = decision.event, stamp.caller, decision.machine
    signed = signature(caller.role, caller.id, caller.origin)
    at = stamp.now.isoformat().replace("+00:00", "Z")
    head = f'{{"type":"{event.type}","timestamp":"{at}","data":{{"practice_id":"{caller.practice_id}","seq":'
    named = f',"resource":"{machine.subject}","id":"{decision.after.id}","version":{version + 1}'
    phases = f',"from":"{event.source}","to":"{event.to}"'
    href = f'"/v1/{machine.collection}/{decision.after.id}"'
    return head, f'{named}{phases},"href":{href},{signed}}}}}'


def wording(decision: Decision) -> dict[str, str | None]:
    """The texts a decision corrects, as they stood; an empty one is a wording too. Lists and records go as JSON."""
    if decision.before is None:
        return {}
    corrected = spoken(decision.machine.cls).intersection(decision.changes) - decision.event.add.keys()
    before = {n: getattr(decision.before, n) for n in sorted(corrected)}
    return {n: v if isinstance(v, str | None) else to_json(plain(v)).decode() for n, v in before.items()}


def event_row(decision: Decision, stamp: Stamp, version: int, place: int) -> dict[str, Any]:
    """An event as the appending statement takes it."""
    values = event_values(decision, stamp, version)
    return values | {"place": place, "subject_id": decision.after.id, "version": version + 1, "at": stamp.now}


def kept_values(kept: Kept, caller: Caller) -> dict[str, Any]:
    """An answer, named as the statements take it."""
    return {
        "caller": identity(caller), "key": kept.key, "fingerprint": kept.fingerprint, "status": kept.status,
        "headers": kept.headers, "answer": kept.body.decode(),
    }  # fmt: skip


def kept_row(kept: Kept, caller: Caller) -> tuple[Any, ...]:
    """An answer as a row."""
    return (caller.practice_id, *kept_values(kept, caller).values())


def identity(caller: Caller) -> str:
    """Who a key belongs to: one role of one subject through one API client."""
    return "\n".join((caller.role, caller.id, caller.origin))


def subject_of(caller: Caller) -> dict[str, UUID | None]:
    """The person whose sight limits a read."""
    return {"sub": caller.person if caller.role in (Role.THERAPIST, Role.CLIENT) else None}
