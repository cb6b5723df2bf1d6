"""A repair: one attempt at mending one rupture, in the five steps of the brave space.

The order is advised, never enforced: experts order the moves (Eubanks, Burckell & Goldfried 2018), a task analysis
found them combined in no consistent sequence (PMC9712586). A step out of the advised order succeeds and says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

from domain.access import STAFF, Role
from domain.errors import Incomplete, Refused
from domain.grounds import second_hand
from domain.machine import Machine
from domain.move import NEW, Added, Advisory, Around, Effect, Move, Rule
from domain.returning import ScoreRule, insist_returned, score_alone
from domain.rupture import MENDABLE, Rupture, RupturePhase
from domain.skills import PATTERN_LINKING, Skill, Strategy
from domain.values import Day, Few, Private, Ref, Said, Scale, Summary, Token


class Step(StrEnum):
    """The five steps of the brave space, in the founding text's order."""

    RECOGNIZE = "recognize"
    """Acknowledge the misattunement, even if subtle (founding text)."""
    STAY_PRESENT = "stay_present"
    """Avoid defensiveness or rushing to fix the issue (founding text)."""
    INVITE_REFLECTION = "invite_reflection"
    """Ask the client how they experienced the moment (founding text)."""
    VALIDATE_EMOTIONS = "validate_emotions"
    """Affirm their feelings without minimizing or explaining them away (founding text)."""
    OFFER_REPAIR = "offer_repair"
    """Take responsibility, clarify misunderstandings, co-create a path forward (founding text)."""


class Outcome(StrEnum):
    """How a repair came out."""

    REPAIRED = "repaired"
    """Mended. Needs the client's own view, or a named score-return rule that the client's scores meet."""
    PARTIALLY_REPAIRED = "partially_repaired"
    """Mended in part."""
    NOT_REPAIRED = "not_repaired"
    """Not mended this time."""


class RepairPhase(StrEnum):
    """The latest step, or where the repair rests."""

    OPENED = "opened"
    """Begun, no step taken."""
    RECOGNIZING = "recognizing"
    """The misattunement is acknowledged."""
    STAYING_PRESENT = "staying_present"
    """Nobody defends or rushes."""
    REFLECTING = "reflecting"
    """The client is asked how it was."""
    VALIDATING = "validating"
    """Feelings are affirmed."""
    OFFERING = "offering"
    """Responsibility, clarity, a path forward."""
    SET_ASIDE = "set_aside"
    """Rests; may be taken up again."""
    CONCLUDED = "concluded"
    """Over, with an outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNote(Said):
    """What to record of a step."""

    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it was taken in."""
    taken_on: Day | None = None
    """The day it was taken; today when left out."""
    skills: Annotated[tuple[Skill, ...], Few(4, distinct=True), Private()] = ()
    """The interpersonal-effectiveness skills it leaned on."""
    strategies: Annotated[tuple[Strategy, ...], Few(10, distinct=True), Private()] = ()
    """The 3RS resolution strategies used."""
    summary: Summary | None = None
    """Up to 280 characters of ordinary record, not process notes."""
    shared_with_client: bool = False
    """Whether the summary is shown in the client's own app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTaken(StepNote):
    """A step that was taken, or skipped with a reason. Taking it again adds another."""

    step: Step
    """Which of the five."""
    skipped: bool = False
    """True when it was left out on purpose; the summary says why."""
    by: Role = Role.THERAPIST
    """The role that recorded it."""
    by_id: Annotated[Token | None, Private()] = None
    """The token subject that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Said):
    """What the offer of repair comes to."""

    responsibility_taken: bool | None = None
    """The therapist took responsibility for their part."""
    misunderstanding_clarified: bool | None = None
    """What was misunderstood was made clear."""
    path_forward: Summary | None = None
    """What the two agreed to do differently."""
    co_created: bool | None = None
    """The client had a hand in the path forward."""
    shared_with_client: bool = False
    """Whether the path forward is shown in the client's own app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Terms):
    """One attempt at mending one rupture."""

    id: UUID
    rupture_id: UUID
    """The rupture it is to mend."""
    relationship_id: UUID
    """The relationship both belong to."""
    phase: RepairPhase = RepairPhase.OPENED
    """Where the pair is on the path."""
    steps: tuple[StepTaken, ...] = ()
    """Every step taken or skipped, in order."""
    client_resolution: Scale | None = None
    """How resolved it is as the client sees it, 1 to 5."""
    client_recorded_view: bool = False
    """True when the client gave that view themselves, in their own app."""
    wants_to_talk_more: bool | None = None
    """Whether the client would like to talk about it more."""
    therapist_resolution: Annotated[Scale | None, Private()] = None
    """How resolved it is as the therapist sees it, 1 to 5. Never blended with the client's."""
    outcome: Outcome | None = None
    """How it came out."""
    score_rule: ScoreRule | None = None
    """The rule by which the client's scores returned, where the outcome rests on one."""
    within_session: bool | None = None
    """True when it was mended in the session it happened in; such a repair leaves no trace in any score."""
    concluded_on: date | None = None
    """The day it was concluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Said):
    """The beginning of a repair."""

    rupture_id: Annotated[UUID, Ref("rupture", above=True)]
    """The rupture it is to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(StepNote):
    """The fifth step: responsibility, clarity, and a path forward made by both."""

    responsibility_taken: bool | None = None
    """The therapist took responsibility for their part."""
    misunderstanding_clarified: bool | None = None
    """What was misunderstood was made clear."""
    path_forward: Summary | None = None
    """What the two agreed to do differently."""
    co_created: bool | None = None
    """The client had a hand in the path forward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip(Said):
    """A step left out on purpose."""

    step: Step
    """Which of the five."""
    reason: Summary
    """Why it was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Said):
    """How the client sees it, in their own app."""

    resolution: Scale
    """How resolved it feels: 1 not at all, 5 fully."""
    wants_to_talk_more: bool | None = None
    """Whether they would like to talk about it more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion(Said):
    """The end of an attempt, and how it came out."""

    outcome: Outcome
    """How it came out."""
    client_resolution: Scale | None = None
    """How resolved it is as the client told it, 1 to 5. What the client recorded themselves stands over it."""
    therapist_resolution: Scale | None = None
    """How resolved it is as the therapist sees it, 1 to 5."""
    score_rule: ScoreRule | None = None
    """The rule by which the client's scores returned, where the outcome rests on one."""
    within_session: bool | None = None
    """True when it was mended in the session it happened in."""


PHASE_OF = {
    Step.RECOGNIZE: RepairPhase.RECOGNIZING,
    Step.STAY_PRESENT: RepairPhase.STAYING_PRESENT,
    Step.INVITE_REFLECTION: RepairPhase.REFLECTING,
    Step.VALIDATE_EMOTIONS: RepairPhase.VALIDATING,
    Step.OFFER_REPAIR: RepairPhase.OFFERING,
}
RESOLVED = 4
"""From here the client's own view carries `repaired` (clinical reference §9: resolution at least 4 of 5)."""
ORDER_SOURCE = "Founding text; Eubanks, Burckell & Goldfried 2018. Advice, not a rule: PMC9712586 found no fixed order."


def falls_short(outcome: Outcome | None, view: int | None) -> bool:
    """Whether the client's view, as it is now, is not the one that `repaired` needs."""
    return outcome is Outcome.REPAIRED and view is not None and view < RESOLVED


def mendable(state: Any, body: Opening, around: Around) -> None:
    """There is something to mend."""
    rupture: Rupture = around.parent
    if rupture.phase in MENDABLE:
        return
    way = {
        RupturePhase.SUSPECTED: "confirm it first",
        RupturePhase.DISMISSED: "reconsider it first",
        RupturePhase.IN_REPAIR: "go on with the repair it has",
        RupturePhase.REPAIRED: "if it came back, let it recur first",
        RupturePhase.ENDED_UNREPAIRED: "reopen the termination plan first",
    }.get(rupture.phase, "report it anew")
    raise Refused(f"The rupture is {rupture.phase}: {way}.", at="rupture_id")


def opened(state: Any, body: Opening, around: Around) -> dict[str, Any]:
    """A repair belongs where its rupture belongs."""
    return {"rupture_id": body.rupture_id, "relationship_id": around.parent.relationship_id}


def in_order(step: Step) -> Rule:
    """Advice on the order of steps; it refuses only what lies in the future."""

    def advise(state: Repair, body: StepNote, around: Around) -> Iterator[Advisory]:
        """The order is advised, never enforced; a step may be taken at any time and again."""
        around.has_come(body.taken_on, "taken_on")
        return advisories(step, state, body)

    return advise


def advisories(step: Step, state: Repair, body: StepNote) -> Iterator[Advisory]:
    """What experts would do first, and has not been done."""
    seen = {s.step for s in state.steps}
    order = list(Step)
    earlier = [s for s in order[: order.index(step)] if s not in seen]
    if earlier:
        names = ", ".join(s.replace("_", " ") for s in earlier)
        detail = f"Advised before this: {names}. It counts all the same; you may still come to it."
        yield Advisory(code="out_of_advised_order", detail=detail, source=ORDER_SOURCE)
    if Strategy.REDIRECT in body.strategies and Step.INVITE_REFLECTION not in seen | {step}:
        detail = "Redirecting before the client was asked how it was can read as not wanting to hear it."
        yield Advisory(code="redirect_before_reflection", detail=detail, source=ORDER_SOURCE)
    if PATTERN_LINKING.intersection(body.strategies) and Step.VALIDATE_EMOTIONS not in seen | {step}:
        detail = "Linking to patterns is best kept for later, once the feelings of this moment were affirmed."
        yield Advisory(code="pattern_linking_before_validation", detail=detail, source=ORDER_SOURCE)


def step_taken(step: Step) -> Effect:
    """The step joins the list, and the phase says it was the latest."""

    def take(state: Repair, body: StepNote, around: Around) -> dict[str, Any]:
        note = {name: getattr(body, name) for name in StepNote.__dataclass_fields__}
        note["taken_on"] = body.taken_on or around.today
        taken = StepTaken(**note, step=step, by=around.caller.role, by_id=around.caller.id)
        terms = {n: getattr(body, n) for n in TERMS} if isinstance(body, Offer) else {}
        said = {n: v for n, v in terms.items() if v is not None}
        if "path_forward" in said:
            said["shared_with_client"] = body.shared_with_client
        return {**said, "steps": Added(taken)}

    return take


TERMS = tuple(n for n in Offer.__dataclass_fields__ if n not in StepNote.__dataclass_fields__)


def skipped(state: Any, body: Skip, around: Around) -> dict[str, Any]:
    """A step left out is on record with its reason."""
    by = around.caller
    entry = StepTaken(
        step=body.step, skipped=True, summary=body.reason, taken_on=around.today, by=by.role, by_id=by.id
    )  # fmt: skip
    return {"steps": Added(entry)}


def where_it_was(state: Repair, body: Any, around: Around) -> dict[str, Any]:
    """Back to the latest step that was taken."""
    last = next((s.step for s in reversed(state.steps) if not s.skipped), None)
    return {"phase": PHASE_OF[last] if last else RepairPhase.OPENED}


def can_mend_again(state: Any, body: Any, around: Around) -> None:
    """The rupture is still there to be mended."""
    if around.parent.phase not in (*MENDABLE, RupturePhase.IN_REPAIR):
        raise Refused(f"Its rupture is {around.parent.phase}; there is nothing to take up.")


def viewed(state: Any, body: View, around: Around) -> dict[str, Any]:
    """The client's own view, marked as their own when it came from their app."""
    own = around.caller.role is Role.CLIENT or state.client_recorded_view
    return {
        "client_resolution": body.resolution, "wants_to_talk_more": body.wants_to_talk_more,
        "client_recorded_view": own,
    }  # fmt: skip


def client_agrees(state: Repair, body: Conclusion, around: Around) -> Iterator[Advisory]:
    """`repaired` needs the client's own view or a named score-return rule; a therapist's claim alone is refused.

    A rule that is named has to be met by the client's scores since the rupture, as far as the caller sees them.
    """
    told = body.client_resolution
    if state.client_recorded_view and told not in (None, state.client_resolution):
        raise Refused(
            "The client recorded their own view; leave this out and let it stand.", at="client_resolution"
        )  # fmt: skip
    if around.parent.phase is not RupturePhase.IN_REPAIR:
        raise Refused(f"Its rupture is {around.parent.phase}, no longer in repair; take the repair up again first.")
    view = told if told is not None else state.client_resolution
    if body.outcome is Outcome.REPAIRED:
        if view is None and body.score_rule is None:
            detail = "The client's own view, 4 or 5, or a named score_rule: the therapist's view alone is not enough."
            raise Incomplete([("client_resolution", detail)])
        if view is not None and view < RESOLVED:
            raise Refused(
                f"The client sees it at {view} of 5; `repaired` needs {RESOLVED}. Conclude it as partially_repaired, "
                "or stay with it.", at="outcome",
            )  # fmt: skip
    if body.score_rule:
        insist_returned(body.score_rule, around)
    return chain(
        talk_more(state), second_hand(told, own=state.client_recorded_view), score_alone(body.score_rule, view)
    )


def talk_more(state: Repair) -> Iterator[Advisory]:
    """A client who wants to talk more is not done."""
    if state.wants_to_talk_more:
        detail = "The client said they would like to talk about it more."
        yield Advisory(code="client_wants_to_talk_more", detail=detail, source="The client's own view")


def concluded(state: Repair, body: Conclusion, around: Around) -> dict[str, Any]:
    """Both views are kept side by side."""
    said = {n: getattr(body, n) for n in Conclusion.__dataclass_fields__}
    kept = {n: v for n, v in said.items() if v is not None}
    return {**kept, "concluded_on": around.today}


P = RepairPhase
ACTIVE = (P.OPENED, *PHASE_OF.values())
RECORDERS = frozenset({Role.THERAPIST, Role.INTEGRATION})
SEES = frozenset({Role.CLIENT, Role.INTEGRATION})


def step(which: Step, event: str, says: str, takes: type = StepNote) -> Move:
    """One of the five steps: open from every active phase, again and again. `says` is an account, and whose it is."""
    told = f"The therapist noted: {says}"
    return Move(which, ACTIVE, (PHASE_OF[which],), event, RECORDERS, takes, in_order(which), step_taken(which), told)


REPAIR = Machine(
    "repair", "repairs", Repair, RepairPhase,
    Move("begin", (NEW,), (P.OPENED,), "begun", STAFF, Opening, mendable, opened, "A repair begins.",
         knows="parent"),
    step(Step.RECOGNIZE, "recognized", "acknowledged what went amiss, even if subtle."),
    step(Step.STAY_PRESENT, "stayed_present", "stayed present, without defending or rushing to fix."),
    step(Step.INVITE_REFLECTION, "reflection_invited", "asked the client how they experienced the moment."),
    step(Step.VALIDATE_EMOTIONS, "emotions_validated", "affirmed feelings, not minimized or explained away."),
    step(Step.OFFER_REPAIR, "offered", "offered to mend it, and spoke of a path forward.", Offer),
    Move("skip", ACTIVE, (), "step_skipped", RECORDERS, Skip, effect=skipped,
         says="A step is left out on purpose, with a reason."),
    Move("record_view", (*ACTIVE, P.SET_ASIDE, P.CONCLUDED), (), "view_recorded", SEES, View, effect=viewed,
         says="The client says how resolved it feels."),
    Move("set_aside", ACTIVE, (P.SET_ASIDE,), "set_aside", RECORDERS | {Role.POLICY}, says="The repair rests for now."),
    Move("take_up", (P.SET_ASIDE,), ACTIVE, "taken_up", RECORDERS, guard=can_mend_again, effect=where_it_was,
         says="The pair comes back to it.", knows="parent"),
    Move("conclude", (*ACTIVE, P.SET_ASIDE), (P.CONCLUDED,), "concluded", RECORDERS, Conclusion, client_agrees,
         concluded, "The attempt is over, with an outcome.", knows="scores"),
    Move("revise", (*ACTIVE, P.SET_ASIDE, P.CONCLUDED), (), "revised", RECORDERS, Terms,
         says="The terms of the offer changed.", verb="PATCH"),
    together=ACTIVE,
)  # fmt: skip
