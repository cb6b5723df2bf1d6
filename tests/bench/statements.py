"""The service's own statements, and the values a reference gives them: literally the same SQL on every side."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.access import Role
from domain.catalog import BY_SUBJECT
from infra.shelves import SHELVES
from tests.bench.tokens import Caller

READ = {role.value: SHELVES["repair"].read(role, keyed=False) for role in (Role.THERAPIST, Role.SUPERVISOR)}
LIST = {role.value: SHELVES["repair"].listing(role, (), changed=False) for role in (Role.THERAPIST, Role.SUPERVISOR)}
PARENT = SHELVES["relationship"].read(Role.THERAPIST, keyed=False)
STEP = {
    moved: SHELVES["repair"].write(
        frozenset({"steps", "phase"} if moved else {"steps"}), frozenset({"steps"}), keyed=False, worded=False,
        seen=False,
    )
    for moved in (True, False)
}  # fmt: skip
"""Whether the phase moves as well."""
NAMES = SHELVES["repair"].names
MAKE = SHELVES["rupture"].make(keyed=False)
OPEN_MOVES = {
    (subject, phase.value, role.value): list(machine.open_moves(phase, role))
    for subject, machine in BY_SUBJECT.items() for phase in machine.phases for role in Role
}  # fmt: skip


def body_parts(
    caller: Caller, event: str, subject: str, collection: str, id: UUID, version: int, source: str, target: str,
    now: datetime,
) -> dict[str, str]:  # fmt: skip
    """A webhook's body around its number."""
    at = now.isoformat().replace("+00:00", "Z")
    head = f'{{"type":"{event}","timestamp":"{at}","data":{{"practice_id":"{caller.practice}","seq":'
    named = f',"resource":"{subject}","id":"{id}","version":{version}'
    actor = f'{{"kind":"{caller.role}","id":"{caller.id}"}}'
    rest = f',"href":"/v1/{collection}/{id}","actor":{actor},"origin":"{caller.origin}"}}}}'
    return {"head": head, "tail": f'{named},"from":"{source}","to":"{target}"{rest}'}


def event(
    caller: Caller, name: str, subject: str, collection: str, id: UUID, relationship_id: UUID, version: int,
    source: str, target: str, data: dict[str, Any], now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """The values of the part of a statement that appends to the log."""
    return {
        "practice_id": caller.practice, "id": id, "version": version - 1, "now": now, "type": name, "subject": subject,
        "relationship_id": relationship_id, "actor_kind": caller.role, "actor_id": caller.id, "origin": caller.origin,
        "source": source, "target": target, "data": data, "wanted": ["*", name, f"{subject}.*"],
        **body_parts(caller, name, subject, collection, id, version, source, target, now),
    }  # fmt: skip


def step_taken(note: dict[str, Any], caller: Caller, now: datetime) -> dict[str, Any]:
    """The entry that a step adds."""
    entry = {**note, "step": "recognize", "skipped": False, "by": caller.role, "by_id": caller.id}
    return entry | {"taken_on": note["taken_on"] or now.date().isoformat()}


def step_values(caller: Caller, row: Any, entry: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The values of STEP."""
    told = {name: value for name, value in entry.items() if name != "summary"}
    said = event(
        caller, "repair.recognized", "repair", "repairs", row["id"], row["relationship_id"], row["version"] + 1,
        row["phase"], "recognizing", {"add": {"steps": told}}, now,
    )  # fmt: skip
    return said | {"new_steps": [entry], "new_phase": "recognizing"}


UNSAID = {
    "confirmed_by": None, "confirmer": None, "recurrences": 0, "repair_asked_on": None, "dismissal_reason": None,
    "left_reason": None, "note": None,
}  # fmt: skip
"""What a rupture that was just reported has not yet."""


def rupture_reported(report: dict[str, Any], caller: Caller, id: UUID) -> dict[str, Any]:
    """The fields of a new rupture."""
    named = [{**p, "named_by": p["named_by"] or "therapist"} for p in report["precipitants"]]
    return {
        **report, **UNSAID, "id": id, "precipitants": named, "phase": "confirmed", "reported_by": "therapist",
        "recorded_by": caller.id, "shared_with_client": bool(report["shared_with_client"]),
    }  # fmt: skip


def report_values(caller: Caller, rupture: dict[str, Any], seen: str, now: datetime) -> dict[str, Any]:
    """The values of MAKE, which writes only where the relationship is still in the phase it was `seen` in."""
    set_ = {
        name: rupture[name]
        for name in ("type", "strains", "recorded_by", "reported_by", "precipitants", "shared_with_client")
    }  # fmt: skip
    data = {"set": {**set_, "relationship_id": str(rupture["relationship_id"])}, "texts": ["summary"]}
    said = event(
        caller, "rupture.reported", "rupture", "ruptures", rupture["id"], rupture["relationship_id"], 1, "new",
        "confirmed", data, now,
    )  # fmt: skip
    return {**said, "new_secrets": None, "seen_phase": seen} | {f"new_{name}": value for name, value in rupture.items()}


def now_utc() -> datetime:
    """This moment."""
    return datetime.now(UTC)
