"""A session: one client's seat at a meeting."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import STAFF, Role
from domain.errors import Refused
from domain.machine import Machine
from domain.move import NEW, Around, Move, as_said
from domain.people import ExternalIds
from domain.values import Between, Id, Instant, Ref, Said


class Medium(StrEnum):
    """How they met."""

    IN_PERSON = "in_person"
    """In one room."""
    VIDEO = "video"
    """By video."""
    PHONE = "phone"
    """By telephone."""


class SessionPhase(StrEnum):
    """What became of the meeting. A cancelled appointment is not a rupture."""

    PLANNED = "planned"
    """Booked."""
    HELD = "held"
    """It took place."""
    MISSED = "missed"
    """The client did not come."""
    LATE_CANCELLED = "late_cancelled"
    """Cancelled within the practice's late-cancellation window."""
    CANCELLED = "cancelled"
    """Cancelled in good time."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails(Said):
    """What may be corrected about a session."""

    starts_at: Instant
    """When it starts, with its time zone."""
    duration_minutes: Annotated[int, Between(1, 1440)] | None = None
    """How long it is meant to take, or took."""
    medium: Medium = Medium.IN_PERSON
    """How they meet."""
    meeting_id: Id | None = None
    """Shared by the seats of one couple, family or group meeting: one partner may miss it."""
    external_identifiers: ExternalIds = ()
    """What other systems call this session: the appointment or encounter id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord(SessionDetails):
    """A session as it is recorded."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """Whose seat it is."""
    status: SessionPhase = SessionPhase.PLANNED
    """What is known of it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(SessionDetails):
    """One client's seat at a meeting."""

    id: UUID
    relationship_id: UUID
    """Whose seat it is."""
    phase: SessionPhase = SessionPhase.PLANNED
    """What became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Said):
    """What a session's attendance really was."""

    status: SessionPhase
    """The right status."""


def recorded(state: Any, body: SessionRecord | Correction, around: Around) -> dict[str, Any]:
    """A sync script may record what already took place, and correct it: the status is the phase."""
    said = dict(as_said(state, body, around))
    status = said.pop("status")
    return {**said, "phase": status}


def plausible(state: Any, body: SessionRecord | Correction, around: Around) -> None:
    """What has not begun was not held."""
    if body.status is SessionPhase.HELD:
        starts_at = body.starts_at if isinstance(body, SessionRecord) else state.starts_at
        around.has_come(starts_at.date(), "status")
    if body.status is SessionPhase.ENTERED_IN_ERROR:
        raise Refused("To mark a session as entered in error, DELETE it.", at="status")


def has_begun(state: Session, body: Any, around: Around) -> None:
    """A session that lies in the future cannot be held."""
    around.has_come(state.starts_at.date(), "")


def stays_plausible(state: Session, body: SessionDetails, around: Around) -> None:
    """A session that was held does not move into the future."""
    if state.phase is SessionPhase.HELD:
        around.has_come(body.starts_at.date(), "starts_at")


P = SessionPhase
RECORDED = (P.PLANNED, P.HELD, P.MISSED, P.LATE_CANCELLED, P.CANCELLED)

SESSION = Machine(
    "session", "sessions", Session, SessionPhase,
    Move("record", (NEW,), RECORDED, "recorded", STAFF, SessionRecord, plausible, recorded,
         "A session is booked, or recorded after the fact."),
    Move("revise", RECORDED, (), "revised", STAFF, SessionDetails, stays_plausible,
         says="Time, medium or identifiers changed.",
         verb="PATCH"),
    Move("hold", (P.PLANNED,), (P.HELD,), "held", STAFF, guard=has_begun, says="It took place."),
    Move("miss", (P.PLANNED,), (P.MISSED,), "missed", STAFF, says="The client did not come."),
    Move("cancel", (P.PLANNED,), (P.CANCELLED,), "cancelled", STAFF | {Role.CLIENT}, says="Cancelled in good time."),
    Move("cancel_late", (P.PLANNED,), (P.LATE_CANCELLED,), "late_cancelled", STAFF | {Role.CLIENT},
         says="Cancelled late."),
    Move("correct", RECORDED, RECORDED, "corrected", STAFF, Correction, plausible, recorded,
         "The attendance was recorded wrongly."),
    Move("mark_in_error", RECORDED, (P.ENTERED_IN_ERROR,), "entered_in_error", STAFF,
         says="Recorded by mistake; kept and out of count.", verb="DELETE"),
    together=RECORDED,
)  # fmt: skip
