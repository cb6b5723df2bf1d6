"""The therapeutic relationship: bond, goals and tasks, held by one client and those who treat them.

What the detectors have to know of its course stands here, dated, and not in the log alone, which a practice may keep
for a while only: when other therapists or another modality came in, and where a clinician had a new baseline begin.
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import CLINICIANS, POLICY, STAFF, Role
from domain.errors import Refused
from domain.machine import Machine
from domain.move import NEW, Added, Around, Move, as_said
from domain.people import ExternalIds
from domain.values import Day, Few, Name, Private, Ref, Said, Summary, Token


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


class Changed(StrEnum):
    """What became another, so that ratings before and after it are not compared."""

    THERAPISTS = "therapists"
    """Who treats the client."""
    MODALITY = "modality"
    """The kind of therapy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentChange(Said):
    """A day from which others treat the client, or in another way. Ratings from it on are a run of their own."""

    since: Day
    """The first day (UTC) on which it was so."""
    changed: Annotated[tuple[Changed, ...], Few(2, least=1, distinct=True)]
    """What changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(Said):
    """A day from which a clinician had a new baseline begin."""

    since: Day
    """The first session on this day (UTC) or after it that is scored is the first of the baseline."""
    begun_by: Token
    """The token subject that had it begin."""
    reason: Summary | None = None
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Said):
    """A time in the transition phase."""

    begun_on: date
    """The day it began."""
    over_on: date | None = None
    """The day it was over: the pair went back to work, or the therapy ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipDetails(Said):
    """What may be corrected about a relationship."""

    therapist_ids: Annotated[tuple[Annotated[UUID, Ref("therapist")], ...], Few(10, least=1, distinct=True)]
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
    treatment_changes: Annotated[tuple[TreatmentChange, ...], Few(200)] = ()
    """When other therapists or another modality came in. A revision that changes either is added, as of today; send the
    list to date it otherwise, to import a history, or to take back what was only a correction."""


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
    transitions: tuple[Transition, ...] = ()
    """Its times in the transition phase."""
    baselines: Annotated[tuple[Baseline, ...], Private()] = ()
    """Where clinicians had a new baseline begin."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineBeginning(Said):
    """A new baseline, where the old one says nothing any more."""

    since: Day | None = None
    """The day (UTC) whose session, or the next that is scored, is its first; today when left out."""
    reason: Summary | None = None
    """Why: a life event, a new frame, a form explained anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineWithdrawal(Said):
    """A baseline that was begun by mistake."""

    since: Day
    """The day it began."""


def includes_themselves(state: Any, body: RelationshipDetails, around: Around) -> None:
    """A therapist does not write themselves out of sight, nor open work for others."""
    if around.caller.role is Role.THERAPIST and around.caller.person not in body.therapist_ids:
        raise Refused(
            "A therapist is one of the therapists of a relationship they begin or revise.", at="therapist_ids"
        )


def has_begun(state: Any, body: RelationshipDetails, around: Around) -> None:
    """Those who treat the client are known, and so is when they began to."""
    includes_themselves(state, body, around)
    for place, change in enumerate(body.treatment_changes):
        around.has_come(change.since, f"treatment_changes/{place}/since")


def revised(state: Relationship, body: RelationshipDetails, around: Around) -> dict[str, Any]:
    """The new details; what changed of the treatment is dated, unless it was said when."""
    said = {**as_said(state, body, around)}
    changed = what_changed(state, body)
    if changed and body.treatment_changes == state.treatment_changes:
        said["treatment_changes"] = Added(TreatmentChange(since=around.today, changed=changed))
    return said


def what_changed(state: Relationship, body: RelationshipDetails) -> tuple[Changed, ...]:
    """What of the treatment is another now. A modality that nobody had named, or nobody names any more, is no other."""
    others = {
        Changed.THERAPISTS: set(state.therapist_ids) != set(body.therapist_ids),
        Changed.MODALITY: state.modality and body.modality and state.modality != body.modality,
    }
    return tuple(what for what, other in others.items() if other)


def is_a_first(state: Relationship, body: BaselineBeginning, around: Around) -> None:
    """A baseline begins on a day that has come, and once."""
    around.has_come(body.since, "since")
    if (body.since or around.today) in {baseline.since for baseline in state.baselines}:
        raise Refused("A baseline begins on that day already.", at="since")


def rebased(state: Relationship, body: BaselineBeginning, around: Around) -> dict[str, Any]:
    """One baseline more."""
    since = body.since or around.today
    return {"baselines": Added(Baseline(since=since, begun_by=around.caller.id, reason=body.reason))}


def is_there(state: Relationship, body: BaselineWithdrawal, around: Around) -> None:
    """Only what a clinician began is taken back: a run's own first baseline, and a repair's, are not."""
    if body.since not in (days := [baseline.since for baseline in state.baselines]):
        there = ", ".join(map(str, sorted(days))) or "none"
        raise Refused(f"No clinician had a baseline begin on that day; the days there are: {there}.", at="since")


def unbased(state: Relationship, body: BaselineWithdrawal, around: Around) -> dict[str, Any]:
    """One baseline less."""
    return {"baselines": tuple(baseline for baseline in state.baselines if baseline.since != body.since)}


def has_been(state: Any, body: RiskScreen, around: Around) -> None:
    """A screening to come is none."""
    around.has_come(body.screened_on, "screened_on")


def screened(state: Any, body: RiskScreen, around: Around) -> dict[str, Any]:
    """A screening counts from its day."""
    return {"risk": body.risk, "screened_on": body.screened_on or around.today}


def succeeded(state: Relationship, body: Succession, around: Around) -> dict[str, Any]:
    """Whoever takes over sees what they take over. Nobody is taken off: that is for `revise`, and for a person."""
    if body.therapist_id in state.therapist_ids:
        return {}
    another = TreatmentChange(since=around.today, changed=(Changed.THERAPISTS,))
    return {"therapist_ids": (*state.therapist_ids, body.therapist_id), "treatment_changes": Added(another)}


def in_transition(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The day the transition phase began."""
    return {"transitions": Added(Transition(begun_on=around.today))}


def ended(state: Relationship, body: Any, around: Around) -> dict[str, Any]:
    """The day its plan ended it."""
    return {"ended_on": around.today, **out_of_transition(state, around)}


def reactivated(state: Relationship, body: Any, around: Around) -> dict[str, Any]:
    """The work goes on, so there is no day it ended."""
    return {"ended_on": None, **out_of_transition(state, around)}


def out_of_transition(state: Relationship, around: Around) -> dict[str, Any]:
    """The transition phase is over, where they were in it."""
    return {"transitions": tuple(t if t.over_on else replace(t, over_on=around.today) for t in state.transitions)}


P = RelationshipPhase
OPEN = (P.ACTIVE, P.ON_HOLD, P.IN_TRANSITION)

RELATIONSHIP = Machine(
    "relationship", "relationships", Relationship, RelationshipPhase,
    Move("begin", (NEW,), (P.ACTIVE,), "begun", STAFF, Beginning, has_begun,
         says="The work begins."),
    Move("revise", OPEN, (), "revised", STAFF, RelationshipDetails, has_begun, revised,
         "Goals, tasks, therapists or details changed.", verb="PATCH"),
    Move("put_on_hold", (P.ACTIVE,), (P.ON_HOLD,), "put_on_hold", STAFF, says="The work pauses."),
    Move("resume", (P.ON_HOLD,), (P.ACTIVE,), "resumed", STAFF, says="The work goes on after a pause."),
    Move("screen_risk", (*OPEN, P.ENDED), (), "risk_screened", CLINICIANS, RiskScreen, has_been, screened,
         "Risk was screened.", private=True),
    Move("begin_baseline", OPEN, (), "baseline_begun", CLINICIANS, BaselineBeginning, is_a_first, rebased,
         "A clinician has the ratings measured against a new baseline from a day on.", private=True),
    Move("withdraw_baseline", OPEN, (), "baseline_withdrawn", CLINICIANS, BaselineWithdrawal, is_there, unbased,
         "A baseline that a clinician had begun is taken back.", private=True),
    Move("enter_transition", (P.ACTIVE, P.ON_HOLD), (P.IN_TRANSITION,), "transition_entered", POLICY,
         effect=in_transition, says="The transition phase began."),
    Move("reactivate", (P.ON_HOLD, P.IN_TRANSITION, P.ENDED), (P.ACTIVE,), "reactivated", POLICY, effect=reactivated,
         says="The pair returned to the work."),
    Move("add_successor", OPEN, (), "successor_added", POLICY, Succession, effect=succeeded,
         says="Whoever takes over joined those who treat the client."),
    Move("end", OPEN, (P.ENDED,), "ended", POLICY, effect=ended, says="The relationship ended."),
    together=OPEN,
)  # fmt: skip
