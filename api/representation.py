"""What a caller is shown of a row: the object's fields, what is open to them, and nothing that is not theirs to see."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from domain.access import Caller, Role
from domain.attachment import AttachmentPattern
from domain.closure import kept_from
from domain.endings import EndingKind, Reason, Timing, bha_codes, nhs_code, reasons_for_client
from domain.grounds import ground
from domain.machine import Machine
from domain.move import Advisory, Decision
from domain.repair import Outcome, falls_short
from domain.review import Review, facts_for_client
from domain.rupture import Rupture, named_by_client
from domain.termination import TerminationPlan
from domain.values import OnceShared, Private, ids, marked, plain, records, texts

ENVELOPE = ("id", "phase", "version", "open_moves", "created_at", "updated_at")


def represent(machine: Machine, row: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A row as this caller may see it."""
    may_read = caller.role in machine.read_by and machine.read_scope in caller.scopes
    names = machine.field_names if may_read else ("id", "phase")
    shown: dict[str, Any] = {name: row[name] for name in names}
    for name in ids(machine.cls):
        # The driver's ids are no plain strings, and the encoder takes five times as long to find out what they are.
        if (value := shown.get(name)) is not None:
            shown[name] = [str(one) for one in value] if isinstance(value, list) else str(value)
    shown |= derived(machine.subject, row) if len(names) > 2 else {}
    if "reflections" in shown:
        shown["reflections"] = for_its_readers(shown["reflections"], shown["reflections"], caller.role)
    if caller.role is Role.CLIENT:
        shown = for_client(machine.cls, shown)
    shown["version"] = row["version"]
    may_write = machine.write_scope in caller.scopes
    shown["open_moves"] = machine.open_moves(row["phase"], caller.role) if may_write else ()
    shown["created_at"], shown["updated_at"] = row["created_at"], row["updated_at"]
    return shown


def derived(subject: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from the fields and is shown with them."""
    if subject == "termination_plan":
        kind = row["kind"] and EndingKind(row["kind"])
        timing = row["timing"] and Timing(row["timing"])
        reasons = tuple(Reason(r) for r in row["reasons"])
        return {"nhs_code": nhs_code(kind, timing), "bha_codes": bha_codes(kind, reasons)}
    if subject == "repair":
        outcome, view = row["outcome"] and Outcome(row["outcome"]), row["client_resolution"]
        holds = outcome is Outcome.REPAIRED and not falls_short(outcome, view)
        return {"rests_on": ground(own=row["client_recorded_view"], told=view is not None) if holds else None}
    if subject == "attachment_profile":
        return {"field_word": AttachmentPattern(row["pattern"]).field_word}
    if subject == "session":
        # Not after a write: it would take another read to know.
        return {"ordinal": row["ordinal"]} if "ordinal" in row else {}
    if subject == "webhook_endpoint":
        return {name: in_utc(row[name]) for name in ("recovery", "health") if name in row}
    return {}


def in_utc(value: Any) -> Any:
    """A moment that came as JSON, or a record of such, in the spelling that all others have. It has no other texts."""
    if isinstance(value, Mapping):
        return {name: part if name == "breaker" else in_utc(part) for name, part in value.items()}
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def for_client(cls: type, shown: Mapping[str, Any], *, silent: bool = False) -> dict[str, Any]:
    """Without what is for clinicians, and without what is not shared; `silent`: what it is part of is not."""
    hidden, inner = marked(cls, Private), records(cls)
    silent = silent or not shown.get("shared_with_client", True)
    if silent:
        hidden |= marked(cls, OnceShared)
    mute = texts(cls) if silent else frozenset()
    if cls is Rupture and silent and "precipitants" in shown:
        shown = {**shown, "precipitants": named_by_client(shown["precipitants"])}
    if cls is Review:
        shown = {**shown, "facts": facts_for_client(shown["facts"], shown["by"])}
    if cls is TerminationPlan and "reasons" in shown:
        shown = {**shown, "reasons": reasons_for_client(shown["reasons"])}
    return {
        name: None if name in mute else within(inner[name], value, silent=silent) if name in inner else value
        for name, value in shown.items() if name not in hidden
    }  # fmt: skip


def for_its_readers(
    reflections: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], reader: Role
) -> list[dict[str, Any]]:
    """Reflections, without the words of those that are not for this reader as the choices are `now`."""
    return [
        {**one, "words": None if kept_from(one["by"], chosen["shared"], reader) else one["words"]}
        for one, chosen in zip(reflections, now, strict=False)
    ]


def within(cls: type, value: Any, *, silent: bool = False) -> Any:
    """The same for a record, or a list of them. A record that decides for itself is not silenced from above."""
    if isinstance(value, Mapping):
        return for_client(cls, value, silent=silent and "shared_with_client" not in value)
    return [within(cls, entry, silent=silent) for entry in value] if isinstance(value, Sequence) else value


def after(row: Mapping[str, Any] | None, decision: Decision, version: int, now: datetime) -> dict[str, Any]:
    """The row as a decision leaves it."""
    left: dict[str, Any] = {n: v for n, v in row.items() if n != "ordinal"} if row else {"created_at": now}
    for name, value in decision.changes.items():
        if name in decision.entries:
            left[name] = [*left[name], decision.entries[name]]
        else:
            left[name] = value if type(value) in KEPT else plain(value)
    return left | {"version": version + 1, "updated_at": now}


KEPT = frozenset({str, int, bool, type(None), UUID, date, datetime})
"""What a row holds as the domain does."""


def advice(advisories: Sequence[Advisory]) -> list[dict[str, str]]:
    """Advisories as they are sent."""
    return [{"code": a.code, "detail": a.detail, "source": a.source} for a in advisories]
