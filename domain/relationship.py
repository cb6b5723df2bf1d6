"""The therapeutic relationship: bond, goals and tasks, held by one client and those who treat them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import CLINICIANS, POLICY, STAFF, Role
from domain.errors import Refused
from domain.machine import Machine
from domain.move import NEW, Around, Move
from domain.people import ExternalIds
from domain.values import Day, Few, Name, Private, Ref, Said, Summary


class Setting(StrEnum):
    """Who is in the room. Each client keeps an alliance, ruptures and an ending of their own."""

    INDIVIDUAL = "individual"
    """One client."""
    COUPLE = "couple"
    """Two partners, each with a relationship of their own."""
    FAMILY = "family"
    """A family, each member with a relationship of their own."""
    GROUP = "group"
    """A group, each member with a relationship of their own."""


class Risk(StrEnum):
    """How much risk the last screening found. A clinical judgement, never computed."""

    NONE = "none"
    """Screened, none found."""
    LOW = "low"
    """Screened, low."""
    MODERATE = "moderate"
    """Screened, moderate."""
    HIGH = "high"
    """Screened, high: blocks every ending but an accepted transfer, an emergency handover or the client's leaving."""
    UNKNOWN = "unknown"
    """Not screened."""


class RelationshipPhase(StrEnum):
    """Where an episode of care is."""

    ACTIVE = "active"
    """The work goes on."""
    ON_HOLD = "on_hold"
    """Paused, with the intention to go on."""
    IN_TRANSITION = "in_transition"
    """The ending is planned or a transfer is under way (founding text: the transition phase)."""
    ENDED = "ended"
    """Over. It was brought to an end by its termination plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(Said):
    """One shared goal or agreed task of the alliance (founding text: goals and tasks)."""

    text: Summary
    """In words both would use. Disclosable, and shown in the client's own app."""
    agreed_by_client: bool = False
    """The client said yes to it."""
    agreed_by_therapist: bool = False
    """The therapist said yes to it."""
    shared_with_client: bool = True
    """Goals and tasks are shared by their nature; false keeps a draft out of the client's app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipDetails(Said):
    """What may be corrected about a relationship."""

    therapist_ids: Annotated[tuple[Annotated[UUID, Ref("therapist")], ...], Few(10, least=1)]
    """Those who treat the client, and so those therapists who see this relationship."""
    setting: Setting = Setting.INDIVIDUAL
    """Who is in the room."""
    modality: Name | None = None
    """The kind of therapy, as the practice names it."""
    started_on: Day | None = None
    """The day the episode of care began."""
    external_identifiers: ExternalIds = ()
    """What other systems call this episode of care."""
    goals: Annotated[tuple[Agreement, ...], Few(50)] = ()
    """The shared objectives of therapy (founding text)."""
    tasks: Annotated[tuple[Agreement, ...], Few(50)] = ()
    """The collaborative work done to achieve the goals (founding text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning(RelationshipDetails):
    """The beginning of a relationship."""

    client_id: Annotated[UUID, Ref("client", above=True)]
    """The one client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship(Beginning):
    """A therapeutic relationship: one episode of care of one client."""

    id: UUID
    phase: RelationshipPhase = RelationshipPhase.ACTIVE
    """Where it is."""
    risk: Annotated[Risk, Private()] = Risk.UNKNOWN
    """What the last screening found."""
    screened_on: Annotated[date | None, Private()] = None
    """The day of the last risk screening."""
    ended_on: date | None = None
    """The day it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession(Said):
    """Somebody takes over from those who treat the client."""

    therapist_id: UUID
    """Who."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScreen(Said):
    """A risk screening."""

    risk: Risk
    """What it found."""
    screened_on: Day | None = None
    """The day it was done; today when left out."""


def includes_themselves(state: Any, body: RelationshipDetails, around: Around) -> None:
    """A therapist does not write themselves out of sight, nor open work for others."""
    if around.caller.role is Role.THERAPIST and around.caller.person not in body.therapist_ids:
        raise Refused(
            "A therapist is one of the therapists of a relationship they begin or revise.", at="therapist_ids"
        )


def has_been(state: Any, body: RiskScreen, around: Around) -> None:
    """A screening to come is none."""
    around.has_come(body.screened_on, "screened_on")


def screened(state: Any, body: RiskScreen, around: Around) -> dict[str, Any]:
    """A screening counts from its day."""
    return {"risk": body.risk, "screened_on": body.screened_on or around.today}


def succeeded(state: Any, body: Succession, around: Around) -> dict[str, Any]:
    """Whoever takes over sees what they take over. Nobody is taken off: that is for `revise`, and for a person."""
    there = body.therapist_id in state.therapist_ids
    return {} if there else {"therapist_ids": (*state.therapist_ids, body.therapist_id)}


def ended(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The day its plan ended it."""
    return {"ended_on": around.today}


def reactivated(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The work goes on, so there is no day it ended."""
    return {"ended_on": None}


P = RelationshipPhase
OPEN = (P.ACTIVE, P.ON_HOLD, P.IN_TRANSITION)

RELATIONSHIP = Machine(
    "relationship", "relationships", Relationship, RelationshipPhase,
    Move("begin", (NEW,), (P.ACTIVE,), "begun", STAFF, Beginning, includes_themselves,
         says="The work begins."),
    Move("revise", OPEN, (), "revised", STAFF, RelationshipDetails, includes_themselves,
         says="Goals, tasks, therapists or details changed.", verb="PATCH"),
    Move("put_on_hold", (P.ACTIVE,), (P.ON_HOLD,), "put_on_hold", STAFF, says="The work pauses."),
    Move("resume", (P.ON_HOLD,), (P.ACTIVE,), "resumed", STAFF, says="The work goes on after a pause."),
    Move("screen_risk", (*OPEN, P.ENDED), (), "risk_screened", CLINICIANS, RiskScreen, has_been, screened,
         "Risk was screened.", private=True),
    Move("enter_transition", (P.ACTIVE, P.ON_HOLD), (P.IN_TRANSITION,), "transition_entered", POLICY,
         says="The transition phase began."),
    Move("reactivate", (P.ON_HOLD, P.IN_TRANSITION, P.ENDED), (P.ACTIVE,), "reactivated", POLICY, effect=reactivated,
         says="The pair returned to the work."),
    Move("add_successor", OPEN, (), "successor_added", POLICY, Succession, effect=succeeded,
         says="Whoever takes over joined those who treat the client."),
    Move("end", OPEN, (P.ENDED,), "ended", POLICY, effect=ended, says="The relationship ended."),
    together=OPEN,
)  # fmt: skip
